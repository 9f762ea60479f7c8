"""Removal effects against simulation, a chain worked by hand, and journeys taken apart."""

import random
from collections import Counter
from itertools import pairwise

import duckdb
import numpy as np
import pytest

from dagster_project.predict.journeys.markov import (
    LOSS,
    SALE,
    START,
    removal_effects,
    write_removal_effects,
)


def transitions_of(journeys):
    """Counted moves of (channels, is_sale) journeys."""
    moves = Counter()
    for path, is_sale in journeys:
        states = [START, *path, SALE if is_sale else LOSS]
        moves.update(pairwise(states))
    return moves


def random_journeys(seed):
    rng = random.Random(seed)
    channels = [f"c{number}" for number in range(rng.randint(1, 7))]
    return [
        (rng.choices(channels, k=rng.randint(1, 6)), rng.random() < 0.4)
        for _ in range(rng.randint(2, 40))
    ]


def simulated_effects(moves, walks, seed):
    """Removal effects by walking: each walk is followed once and, where it entered a channel, it
    is a walk that the channel's removal loses."""
    rng = np.random.default_rng(seed)
    targets = {}
    for (origin, target), number in moves.items():
        targets.setdefault(origin, ([], []))
        targets[origin][0].append(target)
        targets[origin][1].append(number)
    names = sorted({s for move in moves for s in move} - {SALE, LOSS})
    number_of = {name: i for i, name in enumerate([*names, SALE, LOSS])}
    chances = np.zeros((len(names), len(number_of)))
    for origin, (to, counts) in targets.items():
        for target, count in zip(to, counts, strict=True):
            chances[number_of[origin], number_of[target]] = count
    steps = (chances / chances.sum(axis=1, keepdims=True)).cumsum(axis=1)
    state = np.full(walks, number_of[START])
    visited = np.zeros((walks, len(names)), dtype=bool)
    alive = state < len(names)
    while alive.any():
        here = state[alive]
        visited[alive, here] = True
        draws = rng.random(len(here))[:, None]
        state[alive] = np.minimum((steps[here] <= draws).sum(axis=1), len(number_of) - 1)
        alive = state < len(names)
    sold = state == number_of[SALE]
    return {
        name: visited[sold, number_of[name]].mean() if sold.any() else 0.0
        for name in names
        if name != START
    }


def test_chain_worked_by_hand():
    """Budgets follow a wrong chain: the textbook example does not come out."""
    # Two journeys a > b > sale, one a > loss, one b > loss.
    effects = removal_effects(
        transitions_of([(["a", "b"], True), (["a", "b"], True), (["a"], False), (["b"], False)])
    )
    # P = 3/4 . 2/3 . 2/3 + 1/4 . 2/3 = 1/2; without a 1/4 . 2/3 = 1/6; without b nothing sells.
    assert effects == {"a": pytest.approx(2 / 3), "b": pytest.approx(1)}


@pytest.mark.parametrize("batch", range(20))
def test_simulation_agrees_on_random_journeys(batch):
    """The exact solution is of another chain than the journeys': 200 random sets, 10 a batch."""
    for seed in range(batch * 10, batch * 10 + 10):
        moves = transitions_of(random_journeys(seed))
        exact = removal_effects(moves)
        walks = 4000
        simulated = simulated_effects(moves, walks, seed)
        sold = sum(n for (_, to), n in moves.items() if to == SALE)
        if not sold:
            assert set(exact.values()) == {0.0}
            continue
        assert exact.keys() == simulated.keys()
        # Six standard errors of a share, from the smallest number of sold walks that is likely.
        probability = sold / sum(n for (origin, _), n in moves.items() if origin == START)
        error = 6 * 0.5 / np.sqrt(walks * probability / 2)
        for channel, effect in exact.items():
            assert effect == pytest.approx(simulated[channel], abs=error), (seed, channel)


def test_repeats_of_a_channel_change_nothing():
    """Reloading a page twice moves budget to its channel."""
    once = transitions_of([(["a", "b"], True), (["b"], False), (["a"], True)])
    often = transitions_of([(["a", "a", "b", "b", "b"], True), (["b", "b"], False), (["a"], True)])
    assert removal_effects(often) == pytest.approx(removal_effects(once))


def test_channel_without_sales_has_no_effect_and_small_ones_keep_theirs():
    """A small channel that sells is told that it does nothing, or the reverse."""
    effects = removal_effects(
        transitions_of([(["big"], True)] * 100_000 + [(["small"], True)] + [(["idle"], False)] * 10)
    )
    assert effects["idle"] == 0
    assert 0 < effects["small"] < 1.1e-5


def test_no_sale_and_no_journey():
    """A shop's first day stops the run."""
    assert removal_effects({}) == {}
    assert removal_effects(transitions_of([(["a"], False)])) == {"a": 0.0}


def test_table_is_replaced():
    """Yesterday's channels stay in the table, or a second run doubles it."""
    con = duckdb.connect()
    con.execute("CREATE SCHEMA intermediate")
    con.execute(
        "CREATE TABLE intermediate.int_journey_transition_counts AS SELECT * FROM (VALUES "
        "('(start)', 'a', 1), ('a', '(sale)', 1)) AS t (from_state, to_state, transitions)"
    )
    assert write_removal_effects(con) == 1
    assert write_removal_effects(con) == 1
    rows = con.execute("SELECT * FROM predictions.channel_removal_effects").fetchall()
    assert rows == [("a", 1.0)]
