"""Whether the purchase model is the published one. When these fail, predicted value is wrong."""

from itertools import pairwise

import duckdb
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.special import betaln, hyp2f1
from scipy.stats import beta

from dagster_project.predict.likelihood import Fit, NotFitted
from dagster_project.predict.value import bgnbd
from dagster_project.settings import PROJECT_ROOT

PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}


def fixed(r, alpha, a, b):
    """A fit with parameters that are given."""
    names = dict(zip(bgnbd.NAMES, (r, alpha, a, b), strict=True))
    return Fit(names, dict.fromkeys(names), 0.0, 0, 0)


def simulate(n, rng, r=0.8, alpha=30.0, a=0.9, b=2.5, horizon=730.0):
    """Histories drawn from the model's own story, one customer at a time."""
    x, t, age = np.zeros(n), np.zeros(n), rng.uniform(60, horizon, n)
    for i in range(n):
        rate, leave = rng.gamma(r, 1 / alpha), rng.beta(a, b)
        now = 0.0
        while True:
            now += rng.exponential(1 / rate)
            if now > age[i]:
                break
            x[i], t[i] = x[i] + 1, now
            if rng.random() < leave:
                break
    return x, t, age


def test_cdnow_parameters(cdnow):
    """Predicted value would rest on another model than the documented one.

    Fader, Hardie and Lee (2005), table 2: r 0.243, alpha 4.414, a 0.793, b 2.426, LL -9582.4.
    """
    fit = bgnbd.fit(bgnbd.histories(cdnow["frequency"], cdnow["recency"], cdnow["T"]))
    for name, value in PUBLISHED.items():
        assert fit.parameters[name] == pytest.approx(value, abs=5e-4)
    assert fit.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert fit.observations == 2357


@pytest.mark.parametrize("leaves_at_first", [False, True])
def test_gradient_and_hessian_are_the_derivatives(leaves_at_first):
    """The search would stop beside the maximum, and standard errors would mislead.

    Source: finite differences of the log-likelihood and of its gradient.
    """
    x, t, age = simulate(300, np.random.default_rng(1))
    data = bgnbd.histories(x, t, age)
    likelihood = bgnbd._Likelihood(data, leaves_at_first=leaves_at_first)
    theta = np.array([0.7, 25.0, 0.8, 2.0])
    _, gradient = likelihood.value_and_gradient(theta)
    numeric = approx_fprime(theta, lambda v: likelihood.value_and_gradient(v)[0], 1e-7)
    assert gradient == pytest.approx(numeric, rel=1e-4, abs=1e-6)
    hessian = approx_fprime(theta, lambda v: likelihood.value_and_gradient(v)[1], 1e-7)
    assert likelihood.hessian(theta) == pytest.approx(hessian, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("leaves_at_first", [False, True])
def test_likelihood_is_the_integral_over_people(leaves_at_first):
    """The fitted mixture would not be that of Poisson buyers who leave after a purchase.

    Source: brute-force integration of equation 3 of the paper over rate and probability; in
    MBG/NBD a chance to leave comes with the first purchase too.
    """
    r, alpha, a, b = 0.6, 8.0, 0.8, 2.5
    more = int(leaves_at_first)
    for x, t, age in ((0, 0.0, 20.0), (1, 5.0, 20.0), (4, 18.0, 30.0)):

        def by_probability(p, x=x, t=t, age=age):
            # The rate is integrated out in closed form: E[rate^x exp(-rate * time)].
            def moment(time):
                return np.exp(
                    sum(np.log(r + k) for k in range(int(x)))
                    + r * np.log(alpha)
                    - (r + x) * np.log(alpha + time)
                )

            chances = x + more
            stayed = (1 - p) ** chances * moment(age)
            left = p * (1 - p) ** (chances - 1) * moment(t) if chances > 0 else 0.0
            density = np.exp((a - 1) * np.log(p) + (b - 1) * np.log1p(-p) - betaln(a, b))
            return (stayed + left) * density

        expected = np.log(quad(by_probability, 0, 1, limit=200)[0])
        data = bgnbd.histories(np.array([x]), np.array([t]), np.array([age]))
        likelihood = bgnbd._Likelihood(data, leaves_at_first=leaves_at_first)
        found = likelihood.value_and_gradient(np.array([r, alpha, a, b]))[0]
        assert found == pytest.approx(expected, abs=1e-6)


def test_counting_equal_histories_once_changes_nothing():
    """A million customers would be fitted to other parameters than one by one."""
    rng = np.random.default_rng(5)
    x, t, age = (np.round(v) for v in simulate(400, rng))
    data = bgnbd.histories(np.tile(x, 3), np.tile(t, 3), np.tile(age, 3))
    assert len(data.customers) == len({*zip(x, t, age, strict=True)})
    assert data.customers.sum() == 1200
    once = bgnbd._Likelihood(bgnbd.histories(x, t, age))
    theta = np.array([0.5, 20.0, 1.0, 2.0])
    both = bgnbd._Likelihood(data).value_and_gradient(theta)
    assert both[0] == pytest.approx(once.value_and_gradient(theta)[0], rel=1e-12)


def test_known_parameters_are_recovered():
    """A true difference between two companies would be lost in the fit.

    Source: histories simulated event by event from known parameters.
    """
    truth = {"r": 0.8, "alpha": 30.0, "a": 0.9, "b": 2.5}
    x, t, age = simulate(6000, np.random.default_rng(3), **truth)
    fit = bgnbd.fit(bgnbd.histories(x, t, age))
    for name, value in truth.items():
        assert abs(fit.parameters[name] - value) < 3 * fit.standard_errors[name]


@pytest.mark.parametrize(("a", "b"), [(0.1, 2), (0.8, 0.3), (1.0, 2.2), (6.0, 1.5), (900, 6000)])
@pytest.mark.parametrize(
    "history", [(0, 0, 90), (1, 10, 300), (6, 200, 210), (40, 600, 620), (300, 700, 700)]
)
def test_expected_purchases(a, b, history):
    """A frequent buyer's predicted value would overflow, or be another formula's.

    Source: brute-force integration over the posterior of the drop-out probability,
    (1 - (1 + pt/(alpha+T))^-(r+x)) / p against Beta(a, b+x), times P(alive).
    """
    r, alpha, period = 0.7, 40.0, 365.0
    x, t, age = (np.array([float(v)]) for v in history)
    fit = fixed(r, alpha, a, b)

    def integrand(p):
        density = np.exp((a - 1) * np.log(p) + (b + x[0] - 1) * np.log1p(-p) - betaln(a, b + x[0]))
        power = (r + x[0]) * np.log1p(p * period / (alpha + age[0]))
        return -np.expm1(-power) / p * density

    # Pieces around the bulk of the density, and ever smaller ones towards its pole at 0.
    middle, width = beta(a, b + x[0]).mean(), beta(a, b + x[0]).std()
    bulk = np.clip(middle + width * np.arange(-8, 9), 0, 1)
    edges = np.unique(np.r_[0, np.geomspace(1e-60, max(bulk[0], 1e-6), 120), bulk, 1])
    integral = sum(quad(integrand, lo, hi, limit=200)[0] for lo, hi in pairwise(edges))
    expected = integral * bgnbd.probability_alive(fit, x, t, age)[0]
    found = bgnbd.expected_purchases(fit, x, t, age, period)[0]
    assert found == pytest.approx(expected, rel=1e-7)


def test_expected_purchases_as_printed():
    """The transformed formula would have drifted from the paper's.

    Source: equation 10 of Fader, Hardie and Lee (2005) as printed, with scipy's 2F1.
    """
    r, alpha, a, b = 0.243, 4.414, 0.793, 2.426
    x, t, age, period = 2.0, 30.43, 38.86, 39.0
    z = period / (alpha + age + period)
    top = (
        (a + b + x - 1)
        / (a - 1)
        * (
            1
            - ((alpha + age) / (alpha + age + period)) ** (r + x)
            * hyp2f1(r + x, b + x, a + b + x - 1, z)
        )
    )
    bottom = 1 + a / (b + x - 1) * ((alpha + age) / (alpha + t)) ** (r + x)
    one = [np.array([v]) for v in (x, t, age)]
    found = bgnbd.expected_purchases(fixed(r, alpha, a, b), *one, period)[0]
    assert found == pytest.approx(top / bottom, rel=1e-9)
    # The worked example of the authors' Excel note (2005): 1.226 purchases.
    assert found == pytest.approx(1.226, abs=1e-3)


def test_probability_alive():
    """Customers long gone would keep a predicted value, or one-time buyers lose it."""
    fit = fixed(0.243, 4.414, 0.793, 2.426)
    x, t, age = np.array([0.0, 3, 3, 300]), np.array([0.0, 30, 5, 3]), np.array([39.0, 39, 39, 700])
    alive = bgnbd.probability_alive(fit, x, t, age)
    assert alive[0] == 1
    assert alive[1] > alive[2]
    assert 0 <= alive[3] < 1e-9


@pytest.mark.parametrize(
    ("customers", "words"), [(0, "0 customers with a sale"), (40, "bought on a second day")]
)
def test_too_little_data_is_said(customers, words):
    """A tiny company would see a crash, or parameters learnt from nothing."""
    none = np.zeros(customers)
    with pytest.raises(NotFitted, match=words):
        bgnbd.fit(bgnbd.histories(none, none, none + 10))


def test_parameters_without_a_maximum_are_said():
    """Standard errors would be printed for parameters that the data do not determine."""
    rng = np.random.default_rng(2)
    days = [np.unique(rng.integers(0, 360, 6)) for _ in range(100)]
    x = np.array([len(d) - 1.0 for d in days])
    t = np.array([float(d[-1] - d[0]) for d in days])
    age = np.array([359.0 - d[0] for d in days])
    fit = bgnbd.fit(bgnbd.histories(x, t, age))
    assert "ran to the bound" in fit.note
    assert set(fit.standard_errors.values()) == {None}
    assert np.isfinite(bgnbd.expected_purchases(fit, x, t, age, 365)).all()


def test_the_sample_company_shows_its_own_law():
    """The whole way from orders to parameters would distort them (cohorts, days, ids).

    Source: data/sample/truth/parameters.csv.gz, the law by which the sample's people buy; who
    bought is taken from its truth as well, so that no error of identity plays a part.
    """
    sample = PROJECT_ROOT / "data" / "sample"
    con = duckdb.connect()
    rows = con.execute(
        f"""
        WITH sales AS (
            SELECT DISTINCT person_id, cast(ordered_at AS DATE) AS day
            FROM read_csv('{sample}/landing/shop/orders.csv.gz', all_varchar = true)
            JOIN read_csv('{sample}/truth/records.csv.gz', all_varchar = true)
                ON source_table = 'orders' AND source_id = order_id
            WHERE status IN ('paid', 'shipped', 'completed', 'refunded')
        )
        SELECT count(*) - 1, max(day) - min(day), DATE '2026-06-30' - min(day)
        FROM sales GROUP BY person_id
        """
    ).fetchall()
    x, t, age = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    fit = bgnbd.fit(bgnbd.histories(x, t, age))
    truth = dict(
        con.execute(
            f"SELECT name, value FROM read_csv('{sample}/truth/parameters.csv.gz')"
        ).fetchall()
    )
    for name in bgnbd.NAMES:
        expected = truth[f"bgnbd_{name}"] * (7 if name == "alpha" else 1)
        assert abs(fit.parameters[name] - expected) < 2.5 * fit.standard_errors[name]
