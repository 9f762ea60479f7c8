"""The shapley model's closed form against the definition, summed over every coalition."""

import random
from collections import Counter
from itertools import combinations
from math import factorial

import pytest


def brute_force_shapley(journeys):
    """Value of each channel: its marginal v(S with it) - v(S), weighted over all coalitions.

    v(S) = conversions of journeys whose channels all lie in S.
    """
    players = sorted({channel for path, _ in journeys for channel in path})
    size = len(players)

    def conversions(coalition):
        return sum(number for path, number in journeys if set(path) <= coalition)

    values = {}
    for player in players:
        others = [p for p in players if p != player]
        values[player] = sum(
            factorial(count)
            * factorial(size - count - 1)
            / factorial(size)
            * (conversions({*chosen, player}) - conversions(set(chosen)))
            for count in range(size)
            for chosen in combinations(others, count)
        )
    return values


def shared_equally(journeys):
    """What the attribution models do: a sale's channels share it equally, and their touches do."""
    values = Counter()
    for path, number in journeys:
        touches = Counter(path)
        for channel in path:
            values[channel] += number / (len(touches) * touches[channel])
    return dict(values)


def random_journeys(seed):
    rng = random.Random(seed)
    channels = [f"c{number}" for number in range(rng.randint(1, 7))]
    return [
        (tuple(rng.choices(channels, k=rng.randint(1, 6))), rng.randint(1, 9))
        for _ in range(rng.randint(1, 15))
    ]


@pytest.mark.parametrize("batch", range(20))
def test_equal_shares_are_the_shapley_value(batch):
    """The shapley column is not the Shapley value: 200 random journey sets, 10 a batch."""
    for seed in range(batch * 10, batch * 10 + 10):
        journeys = random_journeys(seed)
        assert shared_equally(journeys) == pytest.approx(brute_force_shapley(journeys)), seed
