"""Gamma-Gamma: what an order of a customer is worth.

Fader, Hardie and Lee (2005), RFM and CLV: Using Iso-Value Curves for Customer Base Analysis,
Journal of Marketing Research 42(4), in the notation of Fader and Hardie (2013), The Gamma-Gamma
Model of Monetary Value. Purchases of a customer are Gamma(p, nu), nu is Gamma(q, gamma).

Here a purchase is an order, its value the order's net revenue; the first counts like all others.
"""

import numpy as np

from dagster_project.predict.likelihood import Array, Fit, NotFitted, maximise

NAMES = ("p", "q", "gamma")
MINIMUM_CUSTOMERS = 30
# Means that differ by less than this share do not differ.
SAME = 1e-9


class _Likelihood:
    """Equation 1a of Fader and Hardie (2013), and its derivatives, per distinct (x, mean)."""

    def __init__(self, purchases: Array, mean_value: Array) -> None:
        pairs, counts = np.unique(purchases + 1j * mean_value, return_counts=True)
        self.n = counts.astype(np.float64)
        self.pair_x = pairs.real
        self.total_value = pairs.real * pairs.imag
        self.log_value = np.log(self.total_value)
        self.log_mean = np.log(pairs.imag)
        self.total = float(self.n.sum())
        self.x, index = np.unique(self.pair_x, return_inverse=True)
        self.per_x = np.bincount(index, weights=self.n)

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        from scipy.special import gammaln, psi

        p, q, gamma = theta
        px = p * self.x
        log_sum = np.log(gamma + self.total_value)
        each = p * self.pair_x * self.log_value - self.log_mean - (p * self.pair_x + q) * log_sum
        value = self.per_x @ (gammaln(px + q) - gammaln(px)) + self.n @ each
        value += self.total * (q * np.log(gamma) - gammaln(q))
        digamma = psi(px + q)
        gradient = np.array(
            [
                self.per_x @ (self.x * (digamma - psi(px)))
                + (self.n * self.pair_x) @ (self.log_value - log_sum),
                self.per_x @ digamma + self.total * (np.log(gamma) - psi(q)) - self.n @ log_sum,
                self.total * q / gamma
                - (self.n * (p * self.pair_x + q)) @ (1 / (gamma + self.total_value)),
            ]
        )
        return float(value) / self.total, gradient / self.total

    def hessian(self, theta: Array) -> Array:
        from scipy.special import polygamma

        p, q, gamma = theta
        px = p * self.x
        trigamma = polygamma(1, px + q)
        inverse = 1 / (gamma + self.total_value)
        pp = self.per_x @ (self.x**2 * (trigamma - polygamma(1, px)))
        pq = self.per_x @ (self.x * trigamma)
        qq = self.per_x @ trigamma - self.total * polygamma(1, q)
        pg = -(self.n * self.pair_x) @ inverse
        qg = self.total / gamma - self.n @ inverse
        gg = -self.total * q / gamma**2 + (self.n * (p * self.pair_x + q)) @ inverse**2
        return np.array([[pp, pq, pg], [pq, qq, qg], [pg, qg, gg]]) / self.total


def fit(purchases: Array, mean_value: Array) -> Fit:
    """Parameters p, q, gamma (currency) from repeat purchases (> 0) and their mean value (> 0).

    Customers with no repeat purchase, or whose mean is not positive (everything refunded), carry
    no information in this model and are left out. Raises NotFitted with the reason.
    """
    usable = (purchases > 0) & (mean_value > 0)
    x, mean = purchases[usable], mean_value[usable]
    if len(x) < MINIMUM_CUSTOMERS:
        raise NotFitted(
            f"{len(x)} customers with repeat purchases of positive value; at least "
            f"{MINIMUM_CUSTOMERS} are needed"
        )
    if np.ptp(mean) < SAME * mean.max():
        raise NotFitted("every customer's mean purchase has the same value")
    likelihood = _Likelihood(x, mean)
    unit = float(mean.mean())
    return maximise(
        NAMES,
        likelihood.value_and_gradient,
        likelihood.hessian,
        start=np.array([3.0, 3.0, unit]),
        scale=np.array([1.0, 1.0, unit]),
        observations=len(x),
    )


def expected_value(fit: Fit, purchases: Array, mean_value: Array) -> Array:
    """E[value of a future purchase | x, mean]: equation 5 of Fader and Hardie (2013).

    A weighted mean of the customer's own mean and the population's. A customer with no repeat
    purchase gets the population's mean p gamma / (q - 1), which exists for q > 1 only; otherwise
    NaN. A negative own mean counts as 0.
    """
    p, q, gamma = (fit.parameters[name] for name in NAMES)
    own = np.where(purchases > 0, np.maximum(mean_value, 0.0), 0.0)
    denominator = p * purchases + q - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        value = p * (gamma + purchases * own) / denominator
    return np.where(denominator > 0, value, np.nan)
