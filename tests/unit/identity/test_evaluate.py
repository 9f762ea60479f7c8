"""If these fail, the quality that the project claims of itself is not what it has."""

import itertools

import numpy as np
import pytest

from dagster_project.identity.inspection.evaluation import quality


def test_scores_equal_a_count_by_hand_on_random_partitions():
    """A wrong score hides that people are fused."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        size = int(rng.integers(2, 12))
        found, truth = rng.integers(0, 4, size), rng.integers(0, 4, size)
        pairs = list(itertools.combinations(range(size), 2))
        said = {pair for pair in pairs if found[pair[0]] == found[pair[1]]}
        true = {pair for pair in pairs if truth[pair[0]] == truth[pair[1]]}
        scores = quality(found, truth)
        assert scores.precision == pytest.approx(len(said & true) / len(said) if said else 1)
        assert scores.recall == pytest.approx(len(said & true) / len(true) if true else 1)
        shares = [
            (
                np.mean(truth[found == found[i]] == truth[i]),
                np.mean(found[truth == truth[i]] == found[i]),
            )
            for i in range(size)
        ]
        assert scores.b_cubed_precision == pytest.approx(np.mean([share[0] for share in shares]))
        assert scores.b_cubed_recall == pytest.approx(np.mean([share[1] for share in shares]))


def test_perfect_and_empty():
    """Division by zero on the day when nothing was delivered."""
    assert quality(np.array(["a", "a", "b"]), np.array([1, 1, 2])).f1 == 1
    assert quality(np.array([], str), np.array([], str)).f1 == 1
