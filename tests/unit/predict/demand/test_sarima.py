"""Whether our ARIMA is ARIMA. When these fail, demand forecasts are another model's."""

import numpy as np
import pytest
from statsmodels.tsa.arima_process import arma_generate_sample
from statsmodels.tsa.statespace.sarimax import SARIMAX

from dagster_project.predict.demand import sarima
from dagster_project.predict.demand.sarima import Order
from dagster_project.predict.likelihood import NotFitted

ORDERS = [
    Order(1, 0, 0),
    Order(0, 1, 1),
    Order(1, 1, 1),
    Order(1, 0, 1),
    Order(0, 1, 1, 0, 1, 1, 4),
    Order(1, 0, 0, 1, 0, 0, 4),
    Order(1, 0, 0, 0, 1, 1, 4),
]


def series(order, n=400, seed=0):
    """A path of the model with coefficients 0.5, 0.4, 0.3, -0.5 (p, q, P, Q), around 10."""
    ar, ma = sarima._polynomials(order, coefficients(order))
    noise = arma_generate_sample(
        ar, ma, n, distrvs=np.random.default_rng(seed).standard_normal, burnin=100
    )
    path = noise + (10 if order.has_mean else 0)
    if order.seasonal_d:
        for i in range(order.season, n):
            path[i] += path[i - order.season]
    return np.cumsum(path) if order.d else path


def coefficients(order):
    present = (order.p, order.q, order.seasonal_p, order.seasonal_q)
    return np.array([v for v, p in zip((0.5, 0.4, 0.3, -0.5), present, strict=True) if p])


def reference(order, path):
    """The same model in statsmodels, with its exact likelihood (Kalman filter)."""
    return SARIMAX(
        path,
        order=(order.p, order.d, order.q),
        seasonal_order=(
            order.seasonal_p,
            order.seasonal_d,
            order.seasonal_q,
            order.season if order.season > 1 else 0,
        ),
        trend="c" if order.has_mean else "n",
    )


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_fit_and_forecast_agree_with_statsmodels(order):
    """Forecasts and their intervals would be too high, too narrow, or of another season.

    Source: statsmodels' SARIMAX by exact maximum likelihood on the same 400 observations;
    conditional and exact estimates differ by what the first observations tell.
    """
    path = series(order)
    model = sarima.fit(path, order)
    expected, deviation = sarima.forecast(model, path, 8)
    theirs = reference(order, path).fit(disp=0).get_forecast(8)
    scale = float(np.mean(theirs.se_mean))
    assert expected == pytest.approx(theirs.predicted_mean, abs=0.15 * scale)
    assert deviation == pytest.approx(theirs.se_mean, rel=0.08)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_forecast_with_given_parameters_agrees_with_statsmodels(order):
    """The recursion itself would be wrong, whatever the fit. Source: statsmodels' smoother."""
    path = series(order, seed=1)
    ar, ma = sarima._polynomials(order, coefficients(order))
    mean = 10.0 if order.has_mean else 0.0
    ours = sarima.forecast(sarima.SarimaFit(order, ar, ma, mean, 1.0), path, 12)
    constant = [mean * float(ar.sum())] if order.has_mean else []
    given = np.concatenate([constant, coefficients(order), [1.0]])
    # statsmodels takes ar, ma, seasonal ar, seasonal ma: the order of ours.
    theirs = reference(order, path).smooth(given).get_forecast(12)
    assert ours[0] == pytest.approx(theirs.predicted_mean, abs=1e-2)
    assert ours[1] == pytest.approx(theirs.se_mean, rel=1e-3)


def test_coefficients_are_recovered():
    """Forecasts would follow noise. Source: a simulated path with known coefficients."""
    order = Order(1, 0, 1, 1, 0, 1, 4)
    model = sarima.fit(series(order, n=6000), order)
    assert model.ar[1] == pytest.approx(-0.5, abs=0.06)
    assert model.ma[1] == pytest.approx(0.4, abs=0.06)
    assert model.mean == pytest.approx(10, abs=0.3)
    assert model.variance == pytest.approx(1, abs=0.08)


def test_short_and_constant_series_are_said():
    """A new category would crash the build, or be forecast from nothing."""
    with pytest.raises(NotFitted, match="10 periods"):
        sarima.fit(np.arange(10.0), Order(0, 1, 1))
    with pytest.raises(NotFitted, match="does not vary"):
        sarima.fit(np.full(50, 3.0), Order(0, 1, 1))
