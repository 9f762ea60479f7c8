"""The simulated company's own laws beside what the product makes of its data."""

import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import duckdb
import numpy as np

from dagster_project.predict.likelihood import Array, Fit
from dagster_project.predict.value import bgnbd
from dagster_project.sample import rates
from dagster_project.sample.company import COMMITTED, END_DATE
from dagster_project.sample.draw import DAY
from dagster_project.sample.people import make_people
from dagster_project.sample.purchases import simulate_purchases
from dagster_project.sample.world import Calendar, make_world
from tests.bench.accuracy import SAMPLE
from tests.bench.pipeline import measure

# Of a company, and companies with one seed after another.
PEOPLE, COMPANIES = 20_000, 20
TRUE = {
    "r": rates.BGNBD_R,
    "alpha": rates.BGNBD_ALPHA,
    "a": rates.BGNBD_A,
    "b": rates.BGNBD_B,
}


def bench() -> Iterable[tuple[str, str]]:
    """Rows (what, figure)."""
    yield from _purchases()
    yield from _channels()


def _purchases() -> Iterable[tuple[str, str]]:
    """BG/NBD on the true purchases: on the clock of the law, and on that of the calendar.

    One company may miss by chance, four parameters of it together: hence also how many of COMPANIES
    are within two standard errors, and how far the mean of their estimates is from the truth.
    """
    months = COMMITTED["months"]
    calendar = make_world(END_DATE, months).calendar
    fits = [_fits(calendar, COMMITTED["seed"] + number) for number in range(COMPANIES)]
    for at, clock in enumerate(("seasonal", "calendar")):
        what = f"BG/NBD, simulated company, {clock} clock"
        first = fits[0][at]
        yield f"{what}: buyers", f"{first.observations:,} over {months} months, weeks"
        for name, true in TRUE.items():
            yield f"{what}: {name}", _beside([fit[at] for fit in fits], name, true)


def _fits(calendar: Calendar, seed: int) -> tuple[Fit, Fit]:
    """The ordinary fit of one company's buyers, times in weeks on either clock."""
    people = make_people(calendar, seed, 0, 0, PEOPLE)
    purchases = simulate_purchases(calendar, seed, 0, people)
    _, first = np.unique(purchases.person, return_index=True)
    last = np.r_[first[1:], purchases.size] - 1
    frequency = (last - first).astype(float)
    at = calendar.to_clock(purchases.time) / Calendar.WEEK
    end = calendar.length / Calendar.WEEK
    day = purchases.time // DAY
    return (
        bgnbd.fit(bgnbd.histories(frequency, at[last] - at[first], end - at[first])),
        bgnbd.fit(
            bgnbd.histories(
                frequency, (day[last] - day[first]) / 7, (calendar.end_day - day[first]) / 7
            )
        ),
    )


def _beside(fits: list[Fit], name: str, true: float) -> str:
    estimates = np.array([fit.parameters[name] for fit in fits])
    errors = np.array([fit.standard_errors[name] or np.nan for fit in fits])
    away = np.abs(estimates - true) / errors
    mean, error = estimates.mean(), estimates.std(ddof=1) / np.sqrt(len(fits))
    return (
        f"true {true}, estimate {estimates[0]:.4f}, standard error {errors[0]:.4f}: "
        f"{'within' if away[0] <= 2 else 'NOT within'} two; so are {int((away <= 2).sum())} of "
        f"{len(fits)} companies, mean {mean:.4f}, its standard error {error:.4f}"
    )


def _channels() -> Iterable[tuple[str, str]]:
    """Orders that each channel truly caused, and the orders that each model credits it with."""
    with tempfile.TemporaryDirectory(prefix="hourglass-effects-") as folder:
        data_dir = Path(folder) / "data"
        shutil.copytree(SAMPLE / "landing", data_dir / "landing")
        measure([sys.executable, "-m", "dagster_project.cli", "run", "--data-dir", str(data_dir)])
        con = duckdb.connect(str(data_dir / "warehouse" / "warehouse.duckdb"), read_only=True)
        truth = con.execute(
            "SELECT channel, CAST(caused_orders AS INTEGER) + CAST(caused_first_orders AS INTEGER) "
            "FROM read_csv(?, all_varchar = true) ORDER BY 2 DESC, 1",
            [str(SAMPLE / "truth" / "channel_effects.csv.gz")],
        ).fetchall()
        credited = {
            (model, channel): orders
            for model, channel, orders in con.execute(
                "SELECT model, channel, sum(attributed_orders) FROM marts.attribution_channels "
                "GROUP BY model, channel"
            ).fetchall()
        }
        con.close()
    models = sorted({model for model, _ in credited})
    yield (
        "Channels, simulated company: orders caused, credited",
        " / ".join(["true", *models]),
    )
    for channel, caused in truth:
        figures = [caused, *(credited.get((model, channel), 0.0) for model in models)]
        yield f"Channels, simulated company: {channel}", " / ".join(f"{n:.0f}" for n in figures)
    # Credit outside the truth's channels (no touch, channels that nothing causes) ranks nothing.
    caused = np.array([orders for _, orders in truth])
    for model in models:
        given = np.array([credited.get((model, channel), 0.0) for channel, _ in truth])
        yield f"Channels, Spearman's rank correlation: {model}", _ranks(caused, given)


def _ranks(caused: Array, given: Array) -> str:
    from scipy.stats import spearmanr

    with_direct, without = (
        spearmanr(caused, given),
        spearmanr(caused[caused > 0], given[caused > 0]),
    )
    return (
        f"{with_direct.statistic:.2f} over {len(caused)} channels; {without.statistic:.2f} over "
        f"the {int((caused > 0).sum())} that cause any order"
    )
