"""Next order date: by when half, and nine tenths, of customers like this one will have bought.

The wait until the next purchase follows from the frequency model, people who never return
included; the levels are then corrected so that they held on an earlier period.
"""

from dataclasses import dataclass

import numpy as np

from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array
from dagster_project.predict.tables import ModelRow
from dagster_project.predict.value.frequency import Frequency, history
from dagster_project.predict.value.twelve_months import CustomerValues

LEVELS = (0.5, 0.9)
LONGEST_WAIT_DAYS = 365
MINIMUM_DATED = 50
# Nominal levels tried to find the one that held.
GRID = np.round(np.arange(0.02, 0.99, 0.01), 2)


@dataclass(frozen=True)
class NextOrders:
    """Days from ``as_of`` until half and until nine tenths have bought.

    NaN: not within the days of the hold-out, beyond which no date was tested.
    """

    half: Array
    nine_tenths: Array
    models: list[ModelRow]


@dataclass(frozen=True)
class Waits:
    """What the waits of ``customers`` follow from, whatever the level: per customer an array.

    P(bought within t) = P(alive) (1 - ((alpha+T) / (alpha+T+t))^(r+x)): given x purchases in T
    days the rate is Gamma(r+x, alpha+T), so that the wait is Lomax. Days are those of the clock.
    """

    alive: Array
    rate: Array
    shape: Array

    @classmethod
    def of(cls, frequency: Frequency, customers: Customers) -> "Waits":
        x, _, age = history(customers, frequency.season)
        r, alpha = frequency.fit.parameters["r"], frequency.fit.parameters["alpha"]
        return cls(frequency.alive(customers), alpha + age, r + x)

    def until(self, level: float) -> Array:
        """Days until a customer has bought again with probability ``level``; NaN: never."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            left = 1 - level / self.alive
            wait = self.rate * np.expm1(-np.log(left) / self.shape)
        return np.where(left > 0, np.maximum(wait, 1.0), np.nan)


def date_next_orders(customers: Customers, values: CustomerValues) -> NextOrders:
    """Both waits of every customer, and how the dates did in the hold-out.

    Customers of the hold-out, in two halves: the first corrects the levels, the second tells how
    many had bought by the dates so given.
    """
    unknown = np.full(len(customers), np.nan)
    frequency, earlier, held_out = values.frequency, values.earlier_frequency, values.held_out
    reason = ""
    if frequency is None:
        reason = "no model of purchases was fitted"
    elif earlier is None or held_out is None or not held_out.bought.any():
        reason = "no later period to test dates on"
    if reason or frequency is None or earlier is None or held_out is None:
        return NextOrders(unknown, unknown, [ModelRow("next_order", "fitted", 0, reason)])
    rows: list[ModelRow] = []
    waits = []
    limit = min(values.holdout_days, LONGEST_WAIT_DAYS)
    # Rows come sorted by their features: every second is a fair half.
    learning = np.arange(len(held_out)) % 2 == 0
    known, ahead = Waits.of(earlier, held_out), Waits.of(frequency, customers)
    actual = np.where(np.isnan(held_out["days_to_next"]), np.inf, held_out["days_to_next"])
    for level in LEVELS:
        name = "half" if level == LEVELS[0] else "nine_tenths"
        nominal = _corrected(known, actual, learning, level, limit)
        if nominal is None:
            note = "too few customers of the later period reach this level within it"
            rows.append(ModelRow("next_order", f"{name}_nominal_level", None, note))
            waits.append(unknown)
            continue
        tested = np.ceil(known.until(nominal))
        dated = (tested <= limit) & ~learning
        share = float((actual[dated] <= tested[dated]).mean()) if dated.any() else None
        note = f"of {int(dated.sum())} customers whose dates were not used to correct the level"
        rows += [
            ModelRow("next_order", f"{name}_nominal_level", nominal, "corrected on the other half"),
            ModelRow("next_order", f"{name}_bought_by_date", share, note),
        ]
        wait = np.ceil(ahead.until(nominal))
        waits.append(np.where(wait <= limit, wait, np.nan))
    half, late = waits
    fitted = not np.isnan(half).all()
    said = "" if fitted else "no date could be given that held in the later period"
    rows.insert(0, ModelRow("next_order", "fitted", float(fitted), said))
    rows.insert(1, ModelRow("next_order", "holdout_days", values.holdout_days))
    return NextOrders(half, np.maximum(late, half), rows)


def _corrected(
    waits: Waits,
    actual: Array,
    learning: Array,
    level: float,
    limit: int,
) -> float | None:
    """The nominal level at which a share ``level`` of dated customers bought by their date."""
    best, distance = None, np.inf
    for nominal in GRID:
        wait = np.ceil(waits.until(float(nominal)))
        dated = (wait <= limit) & learning
        if dated.sum() < MINIMUM_DATED:
            continue
        gap = abs(float((actual[dated] <= wait[dated]).mean()) - level)
        if gap < distance:
            best, distance = float(nominal), gap
    return best if distance < 0.05 else None
