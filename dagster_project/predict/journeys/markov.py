"""Removal effects of channels in a first-order Markov chain of journeys, solved exactly.

The chain's states are the channels, ``(start)`` and the two ends, ``(sale)`` and ``(loss)``. From
counted transitions the probability of a sale is the solution of a linear system; removing a channel
sends whoever would enter it to ``(loss)``, and its removal effect is the share of sales that this
costs: 1 - P(sale without it) / P(sale) (Anderl, Becker, von Wangenheim, Schumann 2016, "Mapping the
customer journey", section 4.2). Nothing is simulated: a simulation gives small channels zero, and
another answer tomorrow.
"""

from collections.abc import Mapping

import duckdb
import numpy as np
from numpy.typing import NDArray

START, SALE, LOSS = "(start)", "(sale)", "(loss)"

# The last digits depend on the machine's arithmetic library; a version must not.
DECIMALS = 12

TABLE = "predictions.channel_removal_effects"


def removal_effects(transitions: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Removal effect, 0 to 1, of each channel, by name.

    ``transitions`` maps (from, to) to how often; from is a channel or START, to a channel, SALE or
    LOSS. Every journey must end, so that each channel leads somewhere else in the end. All effects
    are 0 when no journey ends in a sale.
    """
    channels = sorted({state for move in transitions for state in move} - {START, SALE, LOSS})
    index = {channel: number for number, channel in enumerate(channels)}
    size = len(channels)
    counts = np.zeros((size + 1, size + 2))
    for (origin, target), number in transitions.items():
        row = size if origin == START else index[origin]
        column = {SALE: size, LOSS: size + 1}.get(target)
        counts[row, index[target] if column is None else column] += number
    totals = counts.sum(axis=1, keepdims=True)
    moves = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    between, to_sale = moves[:size, :size], moves[:size, size]
    start, start_to_sale = moves[size, :size], moves[size, size]

    kept = np.arange(size)
    whole = _sale_probability(between, to_sale, start, start_to_sale, kept)
    if whole <= 0:
        return dict.fromkeys(channels, 0.0)
    effects = {}
    for channel, number in index.items():
        without = _sale_probability(between, to_sale, start, start_to_sale, kept[kept != number])
        effects[channel] = round(min(max(1.0 - without / whole, 0.0), 1.0), DECIMALS)
    return effects


def _sale_probability(
    between: NDArray[np.float64],
    to_sale: NDArray[np.float64],
    start: NDArray[np.float64],
    start_to_sale: float,
    kept: NDArray[np.intp],
) -> float:
    """P(sale) over the ``kept`` channels: start . (I - Q)^-1 . r; moves to others are lost."""
    matrix = np.eye(len(kept)) - between[np.ix_(kept, kept)]
    reached = np.linalg.solve(matrix, to_sale[kept])
    return float(start_to_sale + start[kept] @ reached)


def create_removal_effects_table(con: duckdb.DuckDBPyConnection) -> None:
    """Create ``predictions.channel_removal_effects``, empty, when it is missing."""
    con.execute("CREATE SCHEMA IF NOT EXISTS predictions")
    con.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (channel VARCHAR, removal_effect DOUBLE)")


def write_removal_effects(con: duckdb.DuckDBPyConnection) -> int:
    """Replace ``predictions.channel_removal_effects`` from the counted transitions; its rows.

    Reads ``intermediate.int_journey_transition_counts``, so it runs between that model and the
    attribution models.
    """
    create_removal_effects_table(con)
    rows = con.execute(
        "SELECT from_state, to_state, transitions FROM intermediate.int_journey_transition_counts"
    ).fetchall()
    effects = removal_effects({(origin, target): number for origin, target, number in rows})
    con.execute("BEGIN")
    try:
        con.execute(f"DELETE FROM {TABLE}")
        if effects:
            con.executemany(f"INSERT INTO {TABLE} VALUES (?, ?)", list(effects.items()))
    except duckdb.Error:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")
    return len(effects)
