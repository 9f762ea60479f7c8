"""P(alive): whether a customer is still one, published only where a later period bears it out."""

import numpy as np

from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array
from dagster_project.predict.scores import auc, decile_error
from dagster_project.predict.tables import ModelRow
from dagster_project.predict.value.twelve_months import CustomerValues

LARGEST_DECILE_ERROR = 0.05
MINIMUM_CUSTOMERS = 100


def probability_alive(customers: Customers, values: CustomerValues) -> tuple[Array, list[ModelRow]]:
    """P(alive) per customer, or NaN for everybody with the reason among the rows.

    Tested on the hold-out: who is alive buys in it. It holds when it ranks customers at least as
    well as the time since their last purchase does, and when in tenths of customers the mean
    probability is on average within LARGEST_DECILE_ERROR of the share who bought.
    """
    unknown = np.full(len(customers), np.nan)
    frequency, earlier, held_out = values.frequency, values.earlier_frequency, values.held_out
    if frequency is None or earlier is None or held_out is None:
        return unknown, [_refused("no model was fitted and tested on a later period")]
    bought = held_out.bought
    if len(held_out) < MINIMUM_CUSTOMERS or bought.all() or not bought.any():
        return unknown, [_refused("too few customers in the later period to test it on")]
    alive = earlier.alive(held_out)
    ranking = auc(alive, bought)
    recency = auc(-held_out["days_since_last_order"], bought)
    error = decile_error(alive, bought)
    rows = [
        ModelRow("p_alive", "holdout_days", values.holdout_days, f"under {earlier.name}"),
        ModelRow("p_alive", "holdout_customers", len(held_out)),
        ModelRow("p_alive", "holdout_auc", ranking, "of who bought in the hold-out"),
        ModelRow("p_alive", "baseline_auc", recency, "ranked by the days since the last purchase"),
        ModelRow(
            "p_alive",
            "decile_error",
            error,
            f"required: below {LARGEST_DECILE_ERROR}; mean distance from the share who bought",
        ),
        ModelRow("p_alive", "mean_probability", float(alive.mean())),
        ModelRow("p_alive", "actual_rate", float(bought.mean()), "share who bought"),
    ]
    holds = ranking >= recency and error < LARGEST_DECILE_ERROR
    rows.append(ModelRow("p_alive", "beats_baseline", float(holds)))
    if frequency.fit.is_on_bound:
        return unknown, [*rows, _refused(f"a parameter of {frequency.name} lies on its bound")]
    if not holds:
        what = "it ranks customers worse than the time since their last purchase does"
        if ranking >= recency:
            what = f"it is {error:.2f} away from the share who then bought"
        return unknown, [*rows, _refused(what)]
    note = f"{frequency.name}: it held in the later period"
    rows += [ModelRow("p_alive", "fitted", 1), ModelRow("p_alive", "chosen", None, note)]
    return frequency.alive(customers), rows


def _refused(reason: str) -> ModelRow:
    return ModelRow("p_alive", "fitted", 0, f"not published: {reason}")
