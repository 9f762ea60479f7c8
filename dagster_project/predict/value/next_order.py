"""When each customer is expected to buy next."""

import numpy as np

from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array, Fit
from dagster_project.predict.tables import ModelRow
from dagster_project.predict.value.twelve_months import CustomerValues

LONGEST_WAIT_DAYS = 365
# More likely gone than not: a date would promise an order from somebody who has left.
GONE = 0.5


def interval_wait(customers: Customers, late_share: float) -> Array:
    """Days until the next order of a customer who keeps to the own mean gap; at least 1.

    A customer already later than that is given ``late_share`` of the gap from today.
    """
    gap = customers["mean_gap_days"]
    remaining = gap - customers["days_since_last_order"]
    return np.maximum(np.where(remaining > 0, remaining, late_share * gap), 1.0)


def late_share(held_out: Customers) -> float:
    """Median of (days until the order / mean gap) among late customers who then bought.

    Half a gap where no late customer bought.
    """
    late = held_out.bought & (held_out["gap_ratio"] >= 1)
    if not late.any():
        return 0.5
    return float(np.median(held_out["days_to_next"][late] / held_out["mean_gap_days"][late]))


def model_wait(fit: Fit, customers: Customers) -> Array:
    """Median days until the next purchase of a live customer under BG/NBD.

    Given x purchases in T days the rate is Gamma(r+x, alpha+T), so the wait is Lomax with the
    median (alpha+T)(2^(1/(r+x)) - 1).
    """
    r, alpha = fit.parameters["r"], fit.parameters["alpha"]
    exponent = np.minimum(1 / (r + customers["frequency"]), 1000.0)
    return np.maximum((alpha + customers["age"]) * np.expm1(np.log(2) * exponent), 1.0)


def days_to_next_order(
    customers: Customers, values: CustomerValues, churn_probability: Array
) -> tuple[Array, list[ModelRow]]:
    """Days from ``as_of`` to the expected next order, NaN where none is expected.

    Own interval or BG/NBD: the rule that was closer (median error) for those who bought in the
    hold-out dates everybody. No date where the customer is more likely gone than not (by
    ``churn_probability``, by p_alive where that is unknown), or where it is over a year away.
    """
    unknown = np.full(len(customers), np.nan)
    if not customers["frequency"].sum():
        reason = "nobody has bought on a second day yet"
        return unknown, [ModelRow("next_order", "fitted", 0, reason)]
    held_out = values.held_out
    rows = [ModelRow("next_order", "fitted", 1)]
    share, chosen, reason = 0.5, "own_interval", "no hold-out to compare with"
    if held_out is not None and held_out.bought.any():
        share = late_share(held_out)
        rows.append(
            ModelRow("next_order", "late_share", share, "of the own gap, for those already late")
        )
        waits = {"own_interval": interval_wait(held_out, share)}
        if values.earlier_fit is not None and values.frequency_fit is not None:
            waits["bg_nbd"] = model_wait(values.earlier_fit, held_out)
        actual = held_out["days_to_next"][held_out.bought]
        errors = {
            name: float(np.median(np.abs(wait[held_out.bought] - actual)))
            for name, wait in waits.items()
        }
        note = "among customers who bought in the hold-out"
        rows += [
            ModelRow("next_order", f"{name}_median_error_days", error, note)
            for name, error in errors.items()
        ]
        chosen = min(errors, key=lambda name: errors[name])
        reason = "smaller median error in the hold-out"
    rows.append(ModelRow("next_order", "chosen", None, f"{chosen}: {reason}"))
    if chosen == "bg_nbd" and values.frequency_fit is not None:
        wait = model_wait(values.frequency_fit, customers)
    else:
        wait = interval_wait(customers, share)
    gone = np.where(np.isnan(churn_probability), 1 - values.p_alive, churn_probability) > GONE
    return np.where(gone | (wait > LONGEST_WAIT_DAYS), np.nan, np.ceil(wait)), rows
