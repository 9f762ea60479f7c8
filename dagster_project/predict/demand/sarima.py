"""Seasonal ARIMA by conditional sum of squares.

Box and Jenkins (1976), chapters 7 and 9; Hyndman and Athanasopoulos (2021), Forecasting:
Principles and Practice, sections 9.6 to 9.9. With a season of 52 weeks a Kalman filter carries
54 states and needs seconds per series; the conditional sum of squares is two recursions and needs
milliseconds, and a test holds its forecasts to those of statsmodels.
"""

from dataclasses import dataclass

import numpy as np

from dagster_project.predict.likelihood import Array, NotFitted

# Coefficients stay inside the unit circle with this margin, so that a fit on few weeks neither
# explodes nor pretends to a perfect memory.
WIDEST = 0.97


@dataclass(frozen=True)
class Order:
    """ARIMA(p, d, q)(P, D, Q) with ``season`` periods; each of the six is 0 or 1."""

    p: int
    d: int
    q: int
    seasonal_p: int = 0
    seasonal_d: int = 0
    seasonal_q: int = 0
    season: int = 1

    def __str__(self) -> str:
        name = f"arima({self.p},{self.d},{self.q})"
        if self.seasonal_p or self.seasonal_d or self.seasonal_q:
            name += f"({self.seasonal_p},{self.seasonal_d},{self.seasonal_q})[{self.season}]"
        return name

    @property
    def has_mean(self) -> bool:
        return self.d + self.seasonal_d == 0


@dataclass(frozen=True)
class SarimaFit:
    """Lag polynomials (coefficient of the present first), mean, innovation variance."""

    order: Order
    ar: Array
    ma: Array
    mean: float
    variance: float


def _polynomials(order: Order, theta: Array) -> tuple[Array, Array]:
    """AR and MA polynomials 1 - phi B ... and 1 + theta B ... from p, q, P, Q coefficients."""
    values = iter(theta)

    def factor(present: int, lag: int, sign: float) -> Array:
        polynomial = np.zeros(lag + 1 if present else 1)
        polynomial[0] = 1.0
        if present:
            polynomial[lag] = sign * next(values)
        return polynomial

    ar = factor(order.p, 1, -1.0)
    ma = factor(order.q, 1, 1.0)
    ar = np.convolve(ar, factor(order.seasonal_p, order.season, -1.0))
    ma = np.convolve(ma, factor(order.seasonal_q, order.season, 1.0))
    return ar, ma


def _difference_polynomial(order: Order) -> Array:
    polynomial = np.ones(1)
    if order.d:
        polynomial = np.convolve(polynomial, [1.0, -1.0])
    if order.seasonal_d:
        seasonal = np.zeros(order.season + 1)
        seasonal[0], seasonal[-1] = 1.0, -1.0
        polynomial = np.convolve(polynomial, seasonal)
    return polynomial


def minimum_length(order: Order) -> int:
    """Observations below which an order is not tried: what it consumes, and 20 to learn from."""
    consumed = order.d + order.p + order.season * (order.seasonal_d + order.seasonal_p)
    return consumed + 20


def fit(series: Array, order: Order) -> SarimaFit:
    """Fit by least squares of one-step errors, given the first p + P season observations.

    Raises NotFitted when the series is too short for the order, or constant.
    """
    from scipy.optimize import minimize
    from scipy.signal import lfilter

    if len(series) < minimum_length(order):
        raise NotFitted(f"{len(series)} periods; {order} needs {minimum_length(order)}")
    changes = np.convolve(series, _difference_polynomial(order), mode="valid")
    if np.ptp(changes) < 1e-12:
        raise NotFitted("the series does not vary")
    skipped = order.p + order.season * order.seasonal_p
    coefficients = order.p + order.q + order.seasonal_p + order.seasonal_q
    spread = float(changes.std())
    centre = float(changes.mean()) if order.has_mean else 0.0

    def errors(free: Array) -> Array:
        ar, ma = _polynomials(order, WIDEST * np.tanh(free[:coefficients]))
        mean = centre + spread * free[-1] if order.has_mean else 0.0
        # Before the start the process is at its mean; errors that still depend on it are dropped.
        return np.asarray(lfilter(ar, ma, changes - mean))[skipped:]

    def cost(free: Array) -> float:
        error = errors(free)
        return float(np.log(error @ error / len(error) / spread**2))

    start = np.full(coefficients + order.has_mean, 0.1)
    if order.has_mean:
        start[-1] = 0.0
    free = minimize(cost, start, method="L-BFGS-B").x if len(start) else start
    error = errors(free)
    ar, ma = _polynomials(order, WIDEST * np.tanh(free[:coefficients]))
    mean = centre + spread * float(free[-1]) if order.has_mean else 0.0
    degrees = max(1, len(error) - len(start))
    return SarimaFit(order, ar, ma, mean, float(error @ error) / degrees)


def forecast(model: SarimaFit, series: Array, steps: int) -> tuple[Array, Array]:
    """Expected values and standard errors of the next ``steps`` periods.

    Standard errors take the parameters as known: variance * sum of squared psi weights.
    """
    from scipy.signal import lfilter

    changes = np.convolve(series, _difference_polynomial(model.order), mode="valid")
    errors = np.asarray(lfilter(model.ar, model.ma, changes - model.mean))
    full = np.convolve(model.ar, _difference_polynomial(model.order))
    constant = model.mean * float(model.ar.sum()) if model.order.has_mean else 0.0
    known = np.concatenate([series, np.zeros(steps)])
    padded = np.zeros(len(known))
    padded[len(series) - len(errors) : len(series)] = errors
    for step in range(len(series), len(known)):
        past = known[step - len(full) + 1 : step][::-1] if len(full) > 1 else np.zeros(0)
        shocks = padded[step - len(model.ma) + 1 : step][::-1] if len(model.ma) > 1 else np.zeros(0)
        known[step] = constant - full[1:] @ past + model.ma[1:] @ shocks
    impulse = np.zeros(steps)
    impulse[0] = 1.0
    weights = np.asarray(lfilter(model.ma, full, impulse))
    return known[len(series) :], np.sqrt(model.variance * np.cumsum(weights**2))
