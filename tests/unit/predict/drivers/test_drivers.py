"""Whether drivers and their intervals are those of the methods they are named after."""

from datetime import date

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import chi2_contingency, pearsonr, spearmanr
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from statsmodels.multivariate.factor_rotation import rotate_factors
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.stats.proportion import proportion_confint

from dagster_project.predict import inputs
from dagster_project.predict.drivers import analysis as drivers
from dagster_project.predict.drivers import factors, logistic
from dagster_project.predict.drivers.bootstrap import interval_around
from dagster_project.predict.likelihood import NotFitted


@pytest.fixture
def data():
    """300 rows of 4 features of which the first two drive the outcome."""
    rng = np.random.default_rng(6)
    matrix = rng.standard_normal((300, 4)) @ rng.standard_normal((4, 4))
    scaled = drivers.standardise(matrix)
    outcome = scaled[:, 0] - 0.5 * scaled[:, 1] + rng.standard_normal(300)
    return ["a", "b", "c", "d"], scaled, outcome


def test_correlations(data):
    """A relation would be claimed, or missed. Source: scipy."""
    _, scaled, outcome = data
    row = drivers.correlation_row("pearson", "value", "a", scaled[:, 0], outcome)
    theirs = pearsonr(scaled[:, 0], outcome)
    interval = theirs.confidence_interval()
    assert row["estimate"] == pytest.approx(theirs.statistic)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(interval))
    assert row["p_value"] == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-300)
    rows = drivers._correlations("value", ["a"], scaled[:, :1], outcome)
    rho = next(row for row in rows if row["method"] == "spearman")
    theirs = spearmanr(scaled[:, 0], outcome)
    assert rho["estimate"] == pytest.approx(theirs.statistic)
    assert rho["p_value"] == pytest.approx(theirs.pvalue, rel=1e-6)
    # Bonett and Wright (2000), equation 4: the variance of Fisher's z of a rank correlation.
    half = 1.96 * np.sqrt((1 + theirs.statistic**2 / 2) / (300 - 3))
    expected = np.tanh(np.arctanh(theirs.statistic) + np.array([-half, half]))
    assert (rho["ci_low"], rho["ci_high"]) == pytest.approx(tuple(expected), abs=1e-4)


def test_regression(data):
    """Effects would have wrong sizes or false certainty. Source: statsmodels, HC3."""
    names, scaled, outcome = data
    rows = drivers.regression_rows("value", names, scaled, outcome)
    theirs = sm.OLS(outcome, sm.add_constant(scaled)).fit(cov_type="HC3")
    effects = [row for row in rows if row["statistic"] == "per_sd"]
    assert [row["estimate"] for row in effects] == pytest.approx(theirs.params[1:])
    assert [row["ci_low"] for row in effects] == pytest.approx(theirs.conf_int()[1:, 0])
    assert [row["ci_high"] for row in effects] == pytest.approx(theirs.conf_int()[1:, 1])
    assert [row["p_value"] for row in effects] == pytest.approx(theirs.pvalues[1:], abs=1e-12)
    explained = next(row for row in rows if row["statistic"] == "r_squared")
    assert explained["estimate"] == pytest.approx(theirs.rsquared)
    inflation = [row["estimate"] for row in rows if row["statistic"] == "variance_inflation"]
    design = sm.add_constant(scaled)
    assert inflation == pytest.approx([variance_inflation_factor(design, i) for i in range(1, 5)])


def test_discriminant(data):
    """What sets leavers apart would point another way. Source: scikit-learn."""
    names, scaled, outcome = data
    churned = outcome > 0.3
    rows = drivers.discriminant_rows(names, scaled, churned)
    theirs = LinearDiscriminantAnalysis(solver="eigen").fit(scaled, churned)
    within = np.sqrt(np.diag(theirs.covariance_))
    direction = theirs.coef_[0] * within
    direction /= np.linalg.norm(direction)
    assert [row["estimate"] for row in rows] == pytest.approx(direction, abs=1e-9)
    assert all(row["ci_low"] < row["estimate"] < row["ci_high"] for row in rows)


def test_factors(data):
    """Loadings would be of other components. Source: scikit-learn's PCA, statsmodels' varimax."""
    names, scaled, _ = data
    correlation = np.corrcoef(scaled.T)
    found = factors.principal_loadings(correlation, 2)
    pca = PCA().fit(scaled)
    theirs = pca.components_[:2].T * np.sqrt(pca.explained_variance_[:2] * 299 / 300)
    assert np.abs(found) == pytest.approx(np.abs(theirs), abs=1e-8)
    rotated = factors.varimax(theirs)
    reference, _ = rotate_factors(theirs, "varimax")
    matched = np.abs(np.corrcoef(rotated.T, reference.T)[:2, 2:])
    assert np.sort(matched.max(axis=1)) == pytest.approx([1, 1], abs=1e-5)
    rows = factors.factor_rows(names, scaled)
    for row in rows:
        if row["statistic"] == "loading":
            assert row["ci_low"] <= row["estimate"] + 0.05
            assert row["ci_high"] >= row["estimate"] - 0.05


def test_frequencies(data):
    """Rates by band would not be the rates of their customers. Source: statsmodels, scipy."""
    _, scaled, outcome = data
    churned = outcome > 0
    rows = drivers.frequency_rows({"a": scaled[:, 0]}, churned, np.exp(outcome))
    rates = [row for row in rows if row["statistic"] == "rate"]
    assert sum(row["n"] for row in rates) == 300
    for row in rates:
        low, high = proportion_confint(round(row["estimate"] * row["n"]), row["n"], method="wilson")
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))
    table = [[r["estimate"] * r["n"], (1 - r["estimate"]) * r["n"]] for r in rates]
    expected = chi2_contingency(np.array(table), correction=False)
    strength = next(row for row in rows if row["statistic"] == "cramers_v")
    assert strength["p_value"] == pytest.approx(expected.pvalue)
    assert strength["estimate"] == pytest.approx(np.sqrt(expected.statistic / 300))


def test_all_methods_on_a_company(company, two_years):
    """A method would be missing from the mart, or a row would hold no number."""
    con = company(two_years)
    inputs.prepare_days(con, date(2025, 6, 30))
    customers = inputs.read_customers(con, date(2025, 4, 1), 90)
    rows, models = drivers.analyse_drivers(customers)
    assert {row["method"] for row in rows} == {
        "pearson",
        "spearman",
        "regression",
        "discriminant",
        "factor",
        "frequency",
        "logistic_regression",
        "permutation_importance",
        "agreement",
    }
    for row in rows:
        if row["ci_low"] is not None:
            assert row["ci_low"] <= row["estimate"] <= row["ci_high"]
    # Every method speaks of the same features, of which none is another's twin.
    assert all(row["estimate"] < 5 for row in rows if row["statistic"] == "variance_inflation")
    assert {row["feature"] for row in rows if row["statistic"] in drivers.SIGNED} <= set(
        drivers.DRIVERS
    )
    assert all(np.isfinite(row["estimate"]) and row["n"] > 0 for row in rows)
    keys = [(row["method"], row["outcome"], row["feature"], row["statistic"]) for row in rows]
    assert len(keys) == len(set(keys))
    assert models[0].value == 1


def test_too_little_data_is_said():
    """A young shop would crash the build."""
    rows, models = drivers.analyse_drivers(None)
    assert not rows
    assert "too short" in models[0].note
    with pytest.raises(NotFitted, match="2 features"):
        factors.factor_rows(["a", "b"], np.zeros((10, 2)))


def test_logistic_regression(data):
    """Leaving would be put down to another behaviour.

    Source: statsmodels of the same rows, where the ridge penalty drowns in twenty copies of them.
    """
    names, scaled, outcome = data
    many, churned = np.tile(scaled, (20, 1)), np.tile(outcome > 0.3, 20)
    rows = logistic.logistic_rows(names, many, churned)
    theirs = sm.Logit(churned, sm.add_constant(many)).fit(disp=0)
    for row, estimate, error in zip(rows, theirs.params[1:], theirs.bse[1:], strict=True):
        assert row["estimate"] == pytest.approx(estimate, abs=error)
        assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 1.96 * error, rel=0.1)
        assert row["ci_low"] < estimate < row["ci_high"]


def test_importance_is_that_of_the_drivers(data):
    """What tells nothing would be sold as a driver. Source: construction."""
    names, _, _ = data
    rng = np.random.default_rng(2)
    scaled = drivers.standardise(rng.standard_normal((2000, 4)))
    churned = 2 * scaled[:, 0] - scaled[:, 1] + rng.logistic(size=2000) > 0
    lost = {row["feature"]: row for row in logistic.permutation_rows(names, scaled, churned)}
    assert lost["a"]["estimate"] > lost["b"]["estimate"] > 0.02
    assert abs(lost["c"]["estimate"]) < 0.01
    assert logistic.permutation_rows(names, scaled, np.ones(2000, dtype=bool)) == []


@pytest.mark.parametrize("seed", range(12))
def test_intervals_hold_their_estimates(seed):
    """A build was held back for an interval beside its estimate.

    Rare traits and many factors, where resampling is biased.
    """
    rng = np.random.default_rng(seed)
    n = int(rng.integers(40, 400))
    matrix = rng.standard_normal((n, 7)) @ rng.standard_normal((7, 7)) * 0.3
    matrix[:, 4] = rng.random(n) < 0.03
    matrix[:, 4] += 1e-9 * rng.standard_normal(n)
    scaled = drivers.standardise(matrix)
    names = list("abcdefg")
    rows = factors.factor_rows(names, scaled)
    rows += drivers.discriminant_rows(names, scaled, rng.random(n) < 0.4)
    for row in rows:
        if row["ci_low"] is not None:
            assert row["ci_low"] <= row["estimate"] <= row["ci_high"]


def test_certainty_lies_in_its_interval():
    """A band in which everybody left blocks the publish of the whole build."""
    for n in (*range(1, 400), 5000):
        for lost in (0, n // 3, n):
            low, high = drivers.wilson(lost, n)
            assert low <= lost / n <= high, (lost, n)
    row = drivers.correlation_row("pearson", "value", "a", np.arange(9.0), 2 * np.arange(9.0))
    assert row["ci_low"] <= row["estimate"] <= row["ci_high"]
    one = np.array([1.0000000000000002])
    low, high = interval_around(one, np.ones((5, 1)))
    assert low[0] <= one[0] <= high[0]


def test_methods_that_disagree_are_named():
    """Two tables side by side would call one behaviour good and bad. Source: by hand."""

    def row(method, statistic, estimate, half):
        low, high = estimate - half, estimate + half
        return drivers.tidy(method, "churn", "a", statistic, estimate, low, high, 100)

    agreed = [row("spearman", "rho", 0.3, 0.1), row("regression", "per_sd", 0.1, 0.2)]
    opposed = [*agreed, row("discriminant", "standardised_coefficient", -0.4, 0.1)]
    facts = [
        {r["statistic"]: r["estimate"] for r in drivers.agreement_rows(["a"], rows)}
        for rows in (agreed, opposed)
    ]
    assert facts[0] == {"signs_agree": 1.0, "share_clear": 0.5}
    assert facts[1] == {"signs_agree": 0.0, "share_clear": pytest.approx(2 / 3)}
