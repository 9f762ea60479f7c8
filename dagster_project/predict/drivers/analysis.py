"""Driver analysis: what goes together with value and with leaving, with confidence intervals.

Features are those of one churn horizon ago, outcomes what followed: ``churn`` (no purchase in the
horizon) and ``value`` (net revenue in it, on a logarithmic scale in Pearson's correlation and the
regression). A driver is an association that came first, not proof of a cause.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagster_project.predict.drivers.bootstrap import Z, interval_around
from dagster_project.predict.drivers.factors import factor_rows
from dagster_project.predict.drivers.logistic import logistic_rows, permutation_rows
from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array, NotFitted
from dagster_project.predict.tables import ModelRow

Row = dict[str, Any]

# Features that do not determine each other: a regression on all of FEATURES would give days
# since, tenure and gap of the same histories coefficients of opposite signs.
DRIVERS = (
    "days_since_last_order",
    "purchase_days",
    "mean_gap_days",
    "average_order_value",
    "discount_share",
    "weekend_share",
    "sales_channels",
    "category_count",
    "call_count",
)
LOGARITHMIC = frozenset((*DRIVERS[:4], "category_count", "call_count"))
MINIMUM_CUSTOMERS = 30
RESAMPLES = 200
BANDS = 4
# Statistics whose sign is a direction.
SIGNED = frozenset({"r", "rho", "per_sd", "standardised_coefficient", "log_odds_per_sd"})


def analyse_drivers(customers: Customers | None) -> tuple[list[Row], list[ModelRow]]:
    """Rows of ``predictions.driver_analysis`` from customers of one horizon ago, labelled.

    None: the history is too short to have any.
    """
    if customers is None:
        reason = "the history is too short to look back one churn horizon"
        return [], [ModelRow("driver_analysis", "fitted", 0, reason)]
    if len(customers) < MINIMUM_CUSTOMERS:
        reason = f"{len(customers)} customers one horizon ago; at least {MINIMUM_CUSTOMERS} needed"
        return [], [ModelRow("driver_analysis", "fitted", 0, reason)]
    customers = customers.sample()
    scale = {name: _scaled(name, customers[name]) for name in DRIVERS}
    columns = {name: customers[name] for name in DRIVERS if scale[name].std() > 1e-9}
    if not columns:
        return [], [ModelRow("driver_analysis", "fitted", 0, "all customers behave alike")]
    names = list(columns)
    churn = (~customers.bought).astype(np.float64)
    revenue = np.maximum(customers["future_revenue"], 0.0)
    outcomes = {"churn": churn, "value": np.log1p(revenue)}
    scaled = standardise(np.column_stack([scale[name] for name in names]))
    rows: list[Row] = []
    models = [ModelRow("driver_analysis", "fitted", 1)]
    for outcome, target in outcomes.items():
        if np.ptp(target) == 0:
            reason = f"{outcome} has one value among all customers"
            models.append(ModelRow(f"driver_analysis.{outcome}", "fitted", 0, reason))
            continue
        rows += _correlations(outcome, names, scaled, target)
        rows += regression_rows(outcome, names, scaled, target)
    if np.ptp(churn) > 0:
        rows += discriminant_rows(names, scaled, churn > 0)
        rows += logistic_rows(names, scaled, churn > 0)
        rows += permutation_rows(names, scaled, churn > 0)
    rows += agreement_rows(names, rows)
    rows += frequency_rows(columns, churn > 0, revenue)
    try:
        rows += factor_rows(names, scaled)
    except NotFitted as error:
        models.append(ModelRow("driver_analysis.factor", "fitted", 0, error.reason))
    return rows, models


def agreement_rows(names: list[str], rows: list[Row]) -> list[Row]:
    """Whether the methods that give a sign agree on it, per outcome and feature.

    ``signs_agree`` is 1 where no two intervals lie on different sides of none: then the direction
    can be told. ``share_clear`` is the share of methods whose interval leaves none out: below 1 the
    direction is unstable. ``n`` counts methods.
    """
    found = []
    for outcome in ("churn", "value"):
        for name in names:
            sides = [
                int(np.sign(row["estimate"])) if row["ci_low"] * row["ci_high"] > 0 else 0
                for row in rows
                if row["outcome"] == outcome
                and row["feature"] == name
                and row["statistic"] in SIGNED
                and row["ci_low"] is not None
            ]
            if not sides:
                continue
            clear = [side for side in sides if side]
            shares = {
                "signs_agree": float(len(set(clear)) <= 1),
                "share_clear": len(clear) / len(sides),
            }
            found += [
                tidy("agreement", outcome, name, statistic, value, None, None, len(sides))
                for statistic, value in shares.items()
            ]
    return found


def _scaled(name: str, values: Array) -> Array:
    return np.log1p(np.maximum(values, 0)) if name in LOGARITHMIC else values


def standardise(matrix: Array) -> Array:
    """Columns with mean 0 and standard deviation 1."""
    return (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)


def tidy(
    method: str,
    outcome: str,
    feature: str,
    statistic: str,
    estimate: float,
    low: float | None,
    high: float | None,
    n: int,
    p_value: float | None = None,
) -> Row:
    """One row of the table."""
    return {
        "method": method,
        "outcome": outcome,
        "feature": feature,
        "statistic": statistic,
        "estimate": float(estimate),
        "ci_low": low,
        "ci_high": high,
        "n": int(n),
        "p_value": p_value,
    }


def _correlations(outcome: str, names: list[str], scaled: Array, target: Array) -> list[Row]:
    from scipy.stats import rankdata

    ranked = rankdata(target)
    rows = []
    for column, name in enumerate(names):
        values = scaled[:, column]
        rows.append(correlation_row("pearson", outcome, name, values, target))
        rows.append(correlation_row("spearman", outcome, name, rankdata(values), ranked))
    return rows


def correlation_row(method: str, outcome: str, name: str, left: Array, right: Array) -> Row:
    """Correlation with Fisher's z interval; for ranks with Bonett and Wright's (2000) variance.

    The p-value is that of the t distribution with n - 2 degrees of freedom.
    """
    from scipy.stats import t

    n = len(left)
    r = float(np.clip(np.corrcoef(left, right)[0, 1], -1, 1))
    bounded = float(np.clip(r, -0.999999, 0.999999))
    spread = (1 + bounded**2 / 2) / (n - 3) if method == "spearman" else 1 / (n - 3)
    z, half = np.arctanh(bounded), Z * np.sqrt(spread)
    statistic = abs(bounded) * np.sqrt((n - 2) / (1 - bounded**2))
    return tidy(
        method,
        outcome,
        name,
        "r" if method == "pearson" else "rho",
        r,
        min(r, float(np.tanh(z - half))),
        max(r, float(np.tanh(z + half))),
        n,
        float(2 * t.sf(statistic, n - 2)),
    )


def regression_rows(outcome: str, names: list[str], scaled: Array, target: Array) -> list[Row]:
    """Least squares on standardised features with HC3 errors (MacKinnon and White 1985).

    For churn this is the linear probability model: points of probability per standard deviation.
    Also R squared and the variance inflation of each feature.
    """
    from scipy.stats import norm

    n = len(scaled)
    design = np.column_stack([np.ones(n), scaled])
    inverse = np.linalg.pinv(design.T @ design)
    coefficients = inverse @ (design.T @ target)
    residuals = target - design @ coefficients
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    weighted = design * (residuals / np.maximum(1 - leverage, 1e-9))[:, None]
    errors = np.sqrt(np.diag(inverse @ (weighted.T @ weighted) @ inverse))
    rows = []
    for name, b, e in zip(names, coefficients[1:], errors[1:], strict=True):
        p = float(2 * norm.sf(abs(b) / e)) if e > 0 else None
        rows.append(tidy("regression", outcome, name, "per_sd", b, b - Z * e, b + Z * e, n, p))
    explained = 1 - float(residuals @ residuals) / float(((target - target.mean()) ** 2).sum())
    rows.append(tidy("regression", outcome, "(all)", "r_squared", explained, None, None, n))
    inflation = np.diag(np.linalg.pinv(np.atleast_2d(np.corrcoef(scaled.T))))
    rows += [
        tidy("regression", outcome, name, "variance_inflation", v, None, None, n)
        for name, v in zip(names, inflation, strict=True)
    ]
    return rows


def discriminant_rows(names: list[str], scaled: Array, churned: NDArray[np.bool_]) -> list[Row]:
    """Fisher's linear discriminant of leavers and stayers.

    Coefficients are standardised by the pooled spread within the groups and scaled to unit
    length; intervals are of 200 bootstrap resamples with a fixed seed.
    """
    n = len(scaled)
    if min(churned.sum(), (~churned).sum()) < len(names) + 2:
        return []
    ones = np.ones(n)
    estimate = discriminant(scaled, churned, ones)
    random = np.random.default_rng(0)
    draws = [
        discriminant(scaled, churned, random.multinomial(n, ones / n).astype(np.float64))
        for _ in range(RESAMPLES)
    ]
    low, high = interval_around(estimate, np.array(draws))
    return [
        tidy("discriminant", "churn", name, "standardised_coefficient", b, lo, hi, n)
        for name, b, lo, hi in zip(names, estimate, low.tolist(), high.tolist(), strict=True)
    ]


def discriminant(scaled: Array, churned: NDArray[np.bool_], weights: Array) -> Array:
    """Unit vector that best separates the groups; positive points towards leaving."""
    centred, means = np.empty_like(scaled), []
    for group in (churned, ~churned):
        w = weights[group]
        means.append(w @ scaled[group] / max(w.sum(), 1.0))
        centred[group] = scaled[group] - means[-1]
    within = centred.T @ (centred * weights[:, None]) / max(weights.sum() - 2, 1.0)
    direction = np.linalg.pinv(within) @ (means[0] - means[1]) * np.sqrt(np.diag(within))
    length = float(np.linalg.norm(direction))
    return direction / length if length > 0 else direction


def frequency_rows(
    columns: dict[str, Array], churned: NDArray[np.bool_], revenue: Array
) -> list[Row]:
    """Churn rate (Wilson interval) and mean value (t interval) by band of each feature.

    Bands are quarters of the customers, fewer where values repeat; the feature's chi-square test
    of independence from churn stands in a row of its own, with Cramer's V as its estimate.
    """
    from scipy.stats import chi2, t

    rows = []
    for name, values in columns.items():
        edges = np.unique(np.quantile(values, np.linspace(0, 1, BANDS + 1)[1:-1]))
        band = np.searchsorted(edges, values, side="left")
        table = []
        for index in np.unique(band):
            inside = band == index
            label = f"{name} {_band_words(values[inside])}"
            n, lost = int(inside.sum()), int(churned[inside].sum())
            table.append((lost, n - lost))
            low, high = wilson(lost, n)
            rows.append(tidy("frequency", "churn", label, "rate", lost / n, low, high, n))
            mean = float(revenue[inside].mean())
            half = None
            if n > 1:
                half = float(t.ppf(0.975, n - 1) * revenue[inside].std(ddof=1) / np.sqrt(n))
            low_value = None if half is None else mean - half
            high_value = None if half is None else mean + half
            rows.append(tidy("frequency", "value", label, "mean", mean, low_value, high_value, n))
        counts = np.array(table, dtype=np.float64)
        if len(counts) > 1 and counts.sum(axis=0).min() > 0:
            total = counts.sum()
            expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
            statistic = float(((counts - expected) ** 2 / expected).sum())
            p = float(chi2.sf(statistic, len(counts) - 1))
            v = np.sqrt(statistic / total)
            rows.append(tidy("frequency", "churn", name, "cramers_v", v, None, None, int(total), p))
    return rows


def _band_words(values: Array) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's (1927) score interval of a proportion, 95%."""
    p = successes / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * float(np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)))
    # It always holds p; where nobody or everybody did, rounding would leave p just outside.
    return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))
