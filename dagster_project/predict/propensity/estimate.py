"""Propensity: who is about to leave, and who is about to buy again.

Trained on what customers looked like one horizon before the last one, tested on the last one,
which no choice has seen: folds of the training period calibrate the candidates and choose
between them. A candidate that does not clearly beat the rate of customers of the same recency
gives way to that rate, and the build says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from dagster_project.predict.inputs import LARGEST_SAMPLE, Customers, Span
from dagster_project.predict.likelihood import Array
from dagster_project.predict.propensity.season import (
    Reader,
    past_reader,
    season_shift,
    shifted,
)
from dagster_project.predict.scores import (
    CLEARLY_BETTER_Z,
    auc,
    brier,
    calibration_slope,
    decile_error,
    gain_z,
    lift,
)
from dagster_project.predict.tables import ModelRow

REPURCHASE_DAYS = 30
SHORTEST_CHURN_DAYS = 30
FOLDS = 3
BANDS = 10
MINIMUM_CUSTOMERS = 100
MINIMUM_PER_CLASS = 20
MINIMUM_FOR_RATES = 30

Labels = NDArray[np.bool_]
Predictor = Callable[[Customers], Array]


@dataclass
class Propensity:
    """P(outcome) per customer (NaN: unknown), and the facts about the models."""

    outcome: str
    horizon_days: int
    probability: Array
    models: list[ModelRow] = field(default_factory=list)
    test: Customers | None = None


def churn_days(span: Span) -> int:
    """Days without a purchase that count as having left: measured, not guessed.

    The 90th percentile of the gaps between purchases, at least 30 days, and at most a quarter of
    the history, which has to hold a training period, two horizons and what came before.
    """
    longest = span.days // 4
    measured = span.gap_p90 if np.isfinite(span.gap_p90) else float(longest)
    return min(longest, max(SHORTEST_CHURN_DAYS, round(measured)))


def predict_propensity(
    con: duckdb.DuckDBPyConnection,
    customers: Customers,
    outcome: str,
    horizon_days: int,
    first: date | None = None,
) -> Propensity:
    """P(no purchase within the horizon) for ``churn``, P(a purchase) for ``repurchase``.

    ``first`` is the first day of the sales: with more than a year of them, the same weeks of last
    year correct the level, unless that did worse in the test period.
    """
    result = Propensity(outcome, horizon_days, np.full(len(customers), np.nan))
    name = f"{outcome}_propensity"
    if horizon_days < SHORTEST_CHURN_DAYS:
        result.models.append(
            ModelRow(name, "fitted", 0, "the history is too short to train and to test on")
        )
        return result
    horizon = timedelta(days=horizon_days)
    read = past_reader(con)
    train = read(customers.as_of - 2 * horizon, horizon_days)
    test = read(customers.as_of - horizon, horizon_days)
    result.test = test
    result.models.append(ModelRow(name, "horizon_days", horizon_days))
    if len(test) < MINIMUM_FOR_RATES:
        reason = f"{len(test)} customers one horizon ago; at least {MINIMUM_FOR_RATES} are needed"
        result.models.append(ModelRow(name, "fitted", 0, reason))
        return result
    recent_rate = RecencyRate.learn(test, _label(test, outcome))
    too_little = _too_little(_label(train, outcome), _label(test, outcome))
    if too_little:
        result.probability = recent_rate.predict(customers)
        result.models.append(ModelRow(name, "fitted", 0, too_little))
        result.models.append(ModelRow(name, "chosen", None, "baseline: no model was fitted"))
        return result
    train, test = train.sample(), test.sample()
    chosen, tested = _compare(train, test, result)
    predict: Predictor = recent_rate.predict
    if chosen != "baseline":
        both = np.concatenate([train.scaled_matrix(), test.scaled_matrix()])
        labels = np.concatenate([_label(train, outcome), _label(test, outcome)])
        fitted = fit_calibrated(chosen, both, labels)

        def predict(found: Customers) -> Array:
            return fitted.predict(found.scaled_matrix())

    shift = _test_season(read, tested, test, result, first)
    result.probability = predict(customers)
    if shift:
        now = season_shift(read, predict, outcome == "churn", customers.as_of, horizon_days, first)
        result.models.append(ModelRow(name, "season_shift", now, "added to the log odds"))
        result.probability = shifted(result.probability, now or 0.0)
    return result


def _test_season(
    read: Reader,
    tested: Predictor,
    test: Customers,
    result: Propensity,
    first: date | None,
) -> bool:
    """Whether last year's season did no harm in the test period; publishes the closed horizon."""
    name = f"{result.outcome}_propensity"
    truth = _label(test, result.outcome)
    probability = tested(test)
    is_churn = result.outcome == "churn"
    shift = season_shift(read, tested, is_churn, test.as_of, result.horizon_days, first)
    helps = False
    if shift is not None:
        moved = shifted(probability, shift)
        z = gain_z((moved - truth) ** 2, (probability - truth) ** 2)
        # In quiet weeks a season has nothing to correct: it stays unless it did clear harm.
        helps = z > -CLEARLY_BETTER_Z
        note = "gain in Brier score by the season of the same weeks last year / its standard error"
        result.models.append(ModelRow(name, "season_gain_z", z, note))
        probability = moved if helps else probability
    used = "the same weeks of last year correct the level"
    if shift is None:
        used = "less than a year before the last horizon: no season is known"
    elif not helps:
        used = "last year's season did harm in the last horizon and is left out"
    result.models += [
        ModelRow(name, "season_used", float(helps), used),
        ModelRow(name, "predicted_rate", float(probability.mean()), "of the last closed horizon"),
        ModelRow(name, "actual_rate", float(truth.mean()), "of the last closed horizon"),
        ModelRow(name, "decile_error", decile_error(probability, truth), "of the last horizon"),
    ]
    return helps


def _label(customers: Customers, outcome: str) -> Labels:
    return ~customers.bought if outcome == "churn" else customers.bought


def _too_little(train: Labels, test: Labels) -> str:
    for period, labels in (("training", train), ("test", test)):
        if len(labels) < MINIMUM_CUSTOMERS:
            return (
                f"{len(labels)} customers in the {period} period; at least {MINIMUM_CUSTOMERS} "
                "are needed"
            )
        fewest = min(int(labels.sum()), int((~labels).sum()))
        if fewest < MINIMUM_PER_CLASS:
            return (
                f"{fewest} customers with one of the two outcomes in the {period} period; at "
                f"least {MINIMUM_PER_CLASS} are needed"
            )
    return ""


@dataclass(frozen=True)
class RecencyRate:
    """The baseline: how often the outcome came to customers whose last purchase was as long ago.

    ``edges`` bound the bands of days since the last purchase, ``rates`` are smoothed towards the
    overall rate by one customer.
    """

    edges: Array
    rates: Array

    @classmethod
    def learn(cls, customers: Customers, labels: Labels) -> "RecencyRate":
        days = customers["days_since_last_order"]
        edges = np.unique(np.quantile(days, np.linspace(0, 1, BANDS + 1)[1:-1]))
        band = np.searchsorted(edges, days)
        counts = np.bincount(band, minlength=len(edges) + 1)
        hits = np.bincount(band, weights=labels, minlength=len(edges) + 1)
        return cls(edges, (hits + labels.mean()) / (counts + 1))

    def predict(self, customers: Customers) -> Array:
        return self.rates[np.searchsorted(self.edges, customers["days_since_last_order"])]


@dataclass(frozen=True)
class Calibrated:
    """A classifier with Platt scaling: P = 1 / (1 + exp(-(intercept + slope * logit)))."""

    model: Any
    intercept: float
    slope: float
    fold_brier: float

    def predict(self, matrix: Array) -> Array:
        return _sigmoid(self.intercept + self.slope * _logit(self.model, matrix))


def fit_calibrated(kind: str, matrix: Array, labels: Labels) -> Calibrated:
    """Fit on a sample of at most LARGEST_SAMPLE rows, calibrated on out-of-fold predictions.

    Rows come sorted by their features, so every third row is a fair fold and every k-th a fair
    sample, without a random number.
    """
    step = -(-len(matrix) // LARGEST_SAMPLE)
    matrix, labels = matrix[::step], labels[::step]
    folds = np.arange(len(matrix)) % FOLDS
    scores = np.zeros(len(matrix))
    for fold in range(FOLDS):
        inside = folds == fold
        model = _classifier(kind).fit(matrix[~inside], labels[~inside])
        scores[inside] = _logit(model, matrix[inside])
    intercept, slope = _platt(scores, labels)
    return Calibrated(
        _classifier(kind).fit(matrix, labels),
        intercept,
        slope,
        brier(_sigmoid(intercept + slope * scores), labels),
    )


def _classifier(kind: str) -> Any:
    if kind == "logistic":
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=500))
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    )


def _logit(model: Any, matrix: Array) -> Array:
    return np.asarray(model.decision_function(matrix), dtype=np.float64)


def _sigmoid(values: Array) -> Array:
    from scipy.special import expit

    return np.asarray(expit(values))


def _platt(scores: Array, labels: Labels) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6).fit(scores[:, None], labels)
    return float(fitted.intercept_[0]), float(fitted.coef_[0, 0])


def _compare(train: Customers, test: Customers, result: Propensity) -> tuple[str, Predictor]:
    """Publish how each candidate did in the test period.

    Returns the one in force, "baseline" where none clearly beats it, and it as it was tested.
    """
    name = f"{result.outcome}_propensity"
    labels, truth = _label(train, result.outcome), _label(test, result.outcome)
    candidates = {
        kind: fit_calibrated(kind, train.scaled_matrix(), labels)
        for kind in ("logistic", "gradient_boosting")
    }
    chosen = min(candidates, key=lambda kind: candidates[kind].fold_brier)
    predictions = {kind: model.predict(test.scaled_matrix()) for kind, model in candidates.items()}
    rule = RecencyRate.learn(train, labels)
    baseline = rule.predict(test)
    result.models += [
        ModelRow(name, "fitted", 1),
        ModelRow(name, "train_customers", len(train)),
        ModelRow(name, "train_rate", float(labels.mean()), "share with the outcome"),
        ModelRow(name, "test_customers", len(test)),
        ModelRow(name, "test_rate", float(truth.mean()), "share with the outcome"),
    ]
    for kind, probability in {**predictions, "baseline": baseline}.items():
        note = "rate of customers of the same recency" if kind == "baseline" else ""
        model = f"{name}.{kind}"
        result.models += [
            ModelRow(model, "auc", auc(probability, truth), note),
            ModelRow(model, "brier", brier(probability, truth), note),
            ModelRow(model, "lift_top_decile", lift(probability, truth), note),
            ModelRow(model, "mean_probability", float(probability.mean()), note),
            ModelRow(model, "calibration_slope", calibration_slope(probability, truth), note),
        ]
    z = gain_z((predictions[chosen] - truth) ** 2, (baseline - truth) ** 2)
    better = z > CLEARLY_BETTER_Z
    result.models += [
        ModelRow(name, "brier_gain_z", z, "gain over the baseline / its standard error"),
        ModelRow(name, "beats_baseline", float(better), f"required: above {CLEARLY_BETTER_Z}"),
        ModelRow(
            name,
            "chosen",
            None,
            f"{chosen}: better in the folds of the training period"
            if better
            else f"baseline: {chosen} does not clearly beat it in the test period",
        ),
    ]
    if not better:
        return "baseline", rule.predict
    return chosen, lambda found: candidates[chosen].predict(found.scaled_matrix())
