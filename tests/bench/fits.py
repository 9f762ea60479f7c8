"""BG/NBD for a million customers against Lifetimes, exact Markov for a million paths against walks.

Each part runs in a process of its own: ``python -m tests.bench.fits PART``.
"""

import json
import sys
import time
import warnings
from collections.abc import Iterable
from typing import Any

import duckdb
import numpy as np

from dagster_project.predict.journeys.markov import LOSS, SALE, START, removal_effects
from dagster_project.predict.likelihood import Array
from dagster_project.predict.step import one_arithmetic_thread
from dagster_project.predict.value import bgnbd
from tests.bench.pipeline import measure

CUSTOMERS = 1_000_000
PATHS = 1_000_000
DAYS = 730
# r, alpha in days, a, b: those of the simulated company.
TRUE = (0.8, 84.0, 0.9, 3.5)

# What ChannelAttribution documents as the defaults of markov_model: so many walks, in so many
# repetitions; while they differ by more than this, half as many walks again. Tried by hand on these
# paths, its version 2.2.5 took 2.6 s and 225,000 walks; it is no dependency because it drags in a
# plotting library and asks to be replaced by a paid edition.
WALKS, REPETITIONS, CONVERGED, MORE = 100_000, 10, 0.05, 1.5

JOURNEYS = """
    SELECT j, p, 'channel ' || CAST(floor(14 * power(hash(j, p) % 1009 / 1009.0, 1.6)) AS INTEGER)
               AS channel,
           hash(j, 'sale') % 100 < 4 + 3 * (hash(j, 0) % 5) AS is_sale
    FROM range({paths}) AS t(j), range(12) AS s(p) WHERE p <= hash(j, 'long') % 12 * (hash(j) % 2)
"""
COUNT = f"""
    WITH steps AS (
        SELECT channel, p, lead(channel) OVER (PARTITION BY j ORDER BY p) AS next, is_sale
        FROM journeys
    )
    SELECT channel, coalesce(next, CASE WHEN is_sale THEN '{SALE}' ELSE '{LOSS}' END), count(*)
    FROM steps GROUP BY ALL
    UNION ALL
    SELECT '{START}', channel, count(*) FROM steps WHERE p = 0 GROUP BY ALL
"""


def draw_customers(customers: int, seed: int = 5) -> tuple[Array, Array, Array]:
    """Frequency, recency and age in whole days of ``customers`` who follow BG/NBD with TRUE."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b = TRUE
    rate, leave = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    age = rng.integers(30, DAYS, customers).astype(float)
    frequency, recency = np.zeros(customers), np.zeros(customers)
    active, now = np.arange(customers), np.zeros(customers)
    while len(active):
        now = now + rng.exponential(size=len(active)) / rate[active]
        inside = now < age[active]
        active, now = active[inside], now[inside]
        frequency[active] += 1
        recency[active] = now
        stays = rng.random(len(active)) >= leave[active]
        active, now = active[stays], now[stays]
    return frequency, np.minimum(np.ceil(recency), age), age


def fit_ours() -> dict[str, Any]:
    """Seconds from the customers' histories to the fit, and the fit."""
    frequency, recency, age = draw_customers(CUSTOMERS)
    with one_arithmetic_thread():
        started = time.perf_counter()
        data = bgnbd.histories(frequency, recency, age)
        fit = bgnbd.fit(data)
        seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "parameters": [fit.parameters[name] for name in bgnbd.NAMES],
        "log_likelihood": fit.log_likelihood,
        "histories": len(data.customers),
    }


def fit_lifetimes() -> dict[str, Any]:
    """The same by Lifetimes: as its manual calls it, and on the histories that we counted.

    Its log-likelihood is of days on a scale of its own; ``log_likelihood`` is of days.
    """
    warnings.simplefilter("ignore")
    from lifetimes import BetaGeoFitter

    frequency, recency, age = draw_customers(CUSTOMERS)
    with one_arithmetic_thread():
        started = time.perf_counter()
        plain = BetaGeoFitter().fit(frequency, recency, age)
        seconds = time.perf_counter() - started
        data = bgnbd.histories(frequency, recency, age)
        started = time.perf_counter()
        BetaGeoFitter().fit(data.frequency, data.recency, data.age, data.customers)
        counted = time.perf_counter() - started
    parameters = [float(plain.params_[name]) for name in bgnbd.NAMES]
    negative = BetaGeoFitter._negative_log_likelihood(
        np.log(parameters), frequency, recency, age, np.ones(len(age)), 0.0
    )
    return {
        "seconds": seconds,
        "counted": counted,
        "parameters": parameters,
        "log_likelihood": -float(negative) * len(age),
    }


def markov() -> dict[str, Any]:
    """Seconds to count the transitions of the paths, to solve the chain, and to walk it."""
    con = duckdb.connect()
    con.execute(f"CREATE TABLE journeys AS {JOURNEYS.format(paths=PATHS)}")
    row = con.execute("SELECT count(*), max(p) + 1 FROM journeys").fetchone()
    touches, longest = row or (0, 0)
    started = time.perf_counter()
    rows = con.execute(COUNT).fetchall()
    counting = time.perf_counter() - started
    transitions = {(origin, target): number for origin, target, number in rows}
    with one_arithmetic_thread():
        started = time.perf_counter()
        exact = removal_effects(transitions)
        solving = time.perf_counter() - started
        started = time.perf_counter()
        walked, walks = walk_until_stable(transitions, longest)
        walking = time.perf_counter() - started
    return {
        "touches": touches,
        "channels": len(exact),
        "counting": counting,
        "solving": solving,
        "walking": walking,
        "walks": walks,
        "difference": max(abs(exact[channel] - walked[channel]) for channel in exact),
    }


def walk_until_stable(
    transitions: dict[tuple[str, str], float], longest: int
) -> tuple[dict[str, float], int]:
    """Removal effects by random walks, and how many walks it took.

    Our own rendering of the procedure that ChannelAttribution documents: WALKS walks from the start
    through the chain, of ``longest`` steps at the most; a channel's removal effect is the share of
    the converting walks that meet it; in REPETITIONS, and again with MORE walks until the
    repetitions of every channel vary by less than CONVERGED of their mean.
    """
    channels = sorted({state for move in transitions for state in move} - {START, SALE, LOSS})
    states = [*channels, START, SALE, LOSS]
    at = {state: number for number, state in enumerate(states)}
    counts = np.zeros((len(channels) + 1, len(states)))
    for (origin, target), number in transitions.items():
        counts[at[origin], at[target]] += number
    cumulative = np.cumsum(counts / counts.sum(axis=1, keepdims=True), axis=1)
    rng = np.random.default_rng(0)
    walks = WALKS
    while True:
        effects = np.stack(
            [_walk(rng, cumulative, walks // REPETITIONS, longest) for _ in range(REPETITIONS)]
        )
        mean = effects.mean(axis=0)
        if np.all(effects.std(axis=0) <= CONVERGED * mean):
            return dict(zip(channels, mean.tolist(), strict=True)), walks
        walks = round(walks * MORE)


def _walk(rng: np.random.Generator, cumulative: Array, walks: int, longest: int) -> Array:
    """Share of the converting walks that meet each channel."""
    start = len(cumulative) - 1
    met = np.zeros((walks, start), dtype=bool)
    active, state = np.arange(walks), np.full(walks, start)
    converted = np.zeros(walks, dtype=bool)
    for _ in range(longest + 1):
        state = (rng.random(len(active))[:, None] >= cumulative[state]).sum(axis=1)
        converted[active[state == start + 1]] = True
        inside = state < start
        active, state = active[inside], state[inside]
        met[active, state] = True
    return met[converted].mean(axis=0)


PARTS = {"ours": fit_ours, "lifetimes": fit_lifetimes, "markov": markov}


def bench() -> Iterable[tuple[str, str]]:
    """Rows (what, figure)."""

    def run(part: str) -> tuple[dict[str, Any], float]:
        measured = measure([sys.executable, "-m", "tests.bench.fits", part])
        return json.loads(measured.output.splitlines()[-1]), measured.peak_mb

    ours, ours_mb = run("ours")
    theirs, theirs_mb = run("lifetimes")
    what = f"BG/NBD, {CUSTOMERS:,} customers"
    for name, found, memory in (("ours", ours, ours_mb), ("Lifetimes", theirs, theirs_mb)):
        shown = ", ".join(
            f"{parameter} {value:.4f}"
            for parameter, value in zip(bgnbd.NAMES, found["parameters"], strict=True)
        )
        yield (
            f"{what}: {name}",
            f"{found['seconds']:.2f} s, {memory:,.0f} MB, log-likelihood "
            f"{found['log_likelihood']:,.2f}, {shown}",
        )
    yield (
        f"{what}: Lifetimes / ours",
        f"{theirs['seconds'] / ours['seconds']:.1f} times the seconds; Lifetimes given our "
        f"{ours['histories']:,} counted histories {theirs['counted']:.2f} s, "
        f"{theirs['counted'] / ours['seconds']:.1f} times",
    )
    chain, _ = run("markov")
    exact, walked = (chain["counting"] + chain[key] for key in ("solving", "walking"))
    what = f"Markov, {PATHS:,} paths"
    yield (
        f"{what}: touches, channels",
        f"{chain['touches']:,}, {chain['channels']}; counting {chain['counting']:.2f} s in both",
    )
    yield f"{what}: exact", f"{exact:.2f} s, of which solving {chain['solving']:.4f} s"
    yield (
        f"{what}: simulated",
        f"{walked:.2f} s, of which {chain['walks']:,} walks {chain['walking']:.2f} s, largest "
        f"difference {chain['difference']:.4f} (our own rendering of ChannelAttribution's "
        "documented procedure)",
    )
    yield (
        f"{what}: simulated / exact",
        f"{walked / exact:.1f}, without counting {chain['walking'] / chain['solving']:,.0f}",
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(PARTS[sys.argv[1]]()) + "\n")
