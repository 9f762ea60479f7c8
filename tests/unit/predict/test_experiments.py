"""When these fail, a company keeps what hurts it, or drops what works."""

import math
import random

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from dagster_project.predict.experiments import (
    Variant,
    compare_variants,
    newcombe,
    split_mismatch,
    two_proportions,
    welch,
)

COUNTS = [
    (58, 283, 61, 305),
    (3, 10, 0, 12),
    (0, 7, 5, 9),
    (10, 10, 3, 8),
    (1, 1_000_000, 20, 900_000),
]


@pytest.mark.parametrize("counts", COUNTS)
def test_rates_equal_statsmodels(counts):
    """A difference by chance is called an effect, or an effect is called chance."""
    wins, size, wins_0, size_0 = counts
    z, p_value = proportions_ztest([wins, wins_0], [size, size_0])
    assert two_proportions(*counts) == pytest.approx((z, p_value), rel=1e-9, abs=1e-300)
    interval = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
    assert newcombe(*counts) == pytest.approx(interval, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("size", [2, 7, 5000])
def test_means_equal_statsmodels(size):
    """Revenue per subject is said to have changed when only its spread did."""
    draw = np.random.default_rng(size)
    treated = np.round(draw.exponential(30, size) * (draw.random(size) < 0.6), 2)
    control = np.round(draw.exponential(20, 2 * size + 1), 2)
    means = CompareMeans(DescrStatsW(treated), DescrStatsW(control))
    t, p_value, _ = means.ttest_ind(usevar="unequal")
    low, high = means.tconfint_diff(usevar="unequal")
    found = welch(
        *(
            (len(values), float(values.sum()), float((values**2).sum()))
            for values in (treated, control)
        )
    )
    difference = treated.mean() - control.mean()
    assert found == pytest.approx((difference, low, high, t, p_value), rel=1e-7)


def test_an_uneven_split_equals_scipy_and_is_told():
    """The result of an experiment that lost half of its subjects is believed, or a hold-out of a
    tenth is called broken."""
    for subjects, shares in (
        ([305, 283], [0.5, 0.5]),
        ([1, 3, 2], [1 / 3] * 3),
        ([0, 8], [0.5, 0.5]),
        ([5000, 5000, 5200], [1 / 3] * 3),
        ([100, 880, 0], [0.1, 0.8, 0.1]),
    ):
        planned = [share * sum(subjects) for share in shares]
        expected = stats.chisquare(subjects, planned)
        found = split_mismatch(subjects, shares)
        assert found == pytest.approx((expected.statistic, expected.pvalue))
    even = [0.5, 0.5]
    assert split_mismatch([210, 398], even)[1] < 0.001 < split_mismatch([305, 283], even)[1]
    assert split_mismatch([1020, 8980], [0.1, 0.9])[1] > 0.4
    assert split_mismatch([1020, 8980], even)[1] < 1e-9


def test_the_interval_holds_the_truth_in_19_of_20_experiments():
    """The promised 95% would be some other share."""
    draw = random.Random(7)
    held = 0
    for _ in range(2000):
        wins = sum(draw.random() < 0.12 for _ in range(150))
        wins_0 = sum(draw.random() < 0.08 for _ in range(150))
        low, high = newcombe(wins, 150, wins_0, 150)
        held += low <= 0.04 <= high
    # Five standard errors of 2000 draws at 0.95.
    assert held / 2000 == pytest.approx(0.95, abs=0.025)


def test_each_variant_is_compared_with_the_control():
    """The better variant is called the worse one, or compared with itself."""
    variants = [
        Variant("e", "a", False, 1 / 3, 100, 90, 20, 400.0, 9000.0),
        Variant("e", "control", True, 1 / 3, 100, 80, 10, 200.0, 4000.0),
        Variant("e", "c", False, 1 / 3, 100, 0, 0, 0.0, 0.0),
        Variant("alone", "x", True, 1.0, 5, 5, 1, 10.0, 100.0),
    ]
    rows = {(row["experiment_id"], row["variant"]): row for row in compare_variants(variants)}
    better = rows["e", "a"]
    assert better["rate_difference"] == pytest.approx(20 / 90 - 10 / 80)
    assert better["revenue_difference"] == pytest.approx(400 / 90 - 200 / 80)
    assert better["rate_z"] > 0
    assert better["split_p_value"] == 1
    for key in (("e", "control"), ("e", "c"), ("alone", "x")):
        assert math.isnan(rows[key]["rate_difference"])
        assert math.isnan(rows[key]["revenue_p_value"])
    assert math.isnan(rows["alone", "x"]["split_p_value"])


def test_what_the_data_do_not_determine_is_not_a_number():
    """An experiment in which nobody bought stops the daily run."""
    assert all(map(math.isnan, two_proportions(0, 5, 0, 5)))
    assert all(map(math.isnan, welch((1, 5.0, 25.0), (1, 3.0, 9.0))[1:]))
    assert all(map(math.isnan, welch((3, 0.0, 0.0), (4, 0.0, 0.0))[1:]))
    assert newcombe(0, 5, 0, 5)[0] == pytest.approx(-newcombe(0, 5, 0, 5)[1])
