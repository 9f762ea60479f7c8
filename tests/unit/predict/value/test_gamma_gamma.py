"""Whether the value of a purchase is the published model's. When these fail, money is wrong."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import gamma as gamma_distribution

from dagster_project.predict.likelihood import Fit, NotFitted
from dagster_project.predict.value import gamma_gamma


def test_cdnow_parameters(cdnow_values):
    """Predicted value would rest on another model than the documented one.

    Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value: p 6.25, q 3.74, gamma 15.44.
    """
    fit = gamma_gamma.fit(cdnow_values["x"], cdnow_values["zbar"])
    assert fit.parameters["p"] == pytest.approx(6.25, abs=0.01)
    assert fit.parameters["q"] == pytest.approx(3.74, abs=0.01)
    assert fit.parameters["gamma"] == pytest.approx(15.44, abs=0.02)
    assert fit.observations == 946


def test_gradient_and_hessian_are_the_derivatives(cdnow_values):
    """The search would stop beside the maximum. Source: finite differences."""
    repeat = cdnow_values["x"] > 0
    likelihood = gamma_gamma._Likelihood(cdnow_values["x"][repeat], cdnow_values["zbar"][repeat])
    theta = np.array([4.0, 3.0, 20.0])
    _, gradient = likelihood.value_and_gradient(theta)
    numeric = approx_fprime(theta, lambda v: likelihood.value_and_gradient(v)[0], 1e-7)
    assert gradient == pytest.approx(numeric, rel=1e-4, abs=1e-6)
    hessian = approx_fprime(theta, lambda v: likelihood.value_and_gradient(v)[1], 1e-7)
    assert likelihood.hessian(theta) == pytest.approx(hessian, rel=1e-3, abs=1e-6)


def test_expected_value_is_the_posterior_mean():
    """A customer's predicted value would not weigh own purchases and the population's.

    Source: Bayes' rule on a grid over the customer's own scale nu.
    """
    p, q, gamma = 6.25, 3.74, 15.44
    x, mean = 3.0, 40.0
    nu = np.linspace(1e-4, 3, 200_001)
    weight = gamma_distribution.pdf(nu, q, scale=1 / gamma) * gamma_distribution.pdf(
        x * mean, p * x, scale=1 / nu
    )
    expected = float((weight * p / nu).sum() / weight.sum())
    fit = Fit({"p": p, "q": q, "gamma": gamma}, {}, 0.0, 0, 0)
    found = gamma_gamma.expected_value(fit, np.array([x, 0.0]), np.array([mean, 0.0]))
    assert found[0] == pytest.approx(expected, rel=1e-4)
    assert found[1] == pytest.approx(p * gamma / (q - 1))


def test_population_without_a_mean():
    """One-time buyers would be given an infinite or negative value."""
    fit = Fit({"p": 5.0, "q": 0.9, "gamma": 10.0}, {}, 0.0, 0, 0)
    value = gamma_gamma.expected_value(fit, np.array([0.0, 2.0]), np.array([0.0, 30.0]))
    assert np.isnan(value[0])
    assert value[1] > 0


@pytest.mark.parametrize(
    ("x", "mean", "words"),
    [
        ([1.0] * 10, [5.0] * 10, "10 customers"),
        ([1.0] * 50, [0.0] * 50, "0 customers"),
        ([2.0] * 50, [5.0] * 50, "same value"),
    ],
)
def test_too_little_data_is_said(x, mean, words):
    """A company with everything refunded, or one price, would see a crash."""
    with pytest.raises(NotFitted, match=words):
        gamma_gamma.fit(np.array(x), np.array(mean))
