"""DuckDB against Spark: the same companies built whole on both, and one and two executors.

Whole runs of simulated companies of two years, on this machine: first on DuckDB, then everything
again on Spark. ``scale``: a company ten times that of DuckDB's bench. ``later``: to the largest
come a hundred web events more, for which the models go on from their last build. ``skew``: to a
company come one visitor with a million events and one customer with a hundred thousand orders.
Where Spark's time goes is read from its event logs. Each part writes its sections of
docs/engines.md and keeps the others; ENGINES_PARTS names some of them.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dagster_project.settings import PROJECT_ROOT
from dagster_project.warehouse import quoted
from tests.bench.company import CLI, Run, one_run
from tests.bench.day import machine
from tests.bench.growth import exponent, projected
from tests.bench.java_memory import peak_of_java
from tests.bench.pipeline import measure
from tests.bench.spark_events import SETTINGS, Session, sessions
from tests.spark.cluster import cluster

SIZES = (3_000, 20_000)
# Ten times the company of `make bench ARGS=day`.
LARGE = 200_000
# At this size the executors and the skew are measured.
MEASURED = 3_000
PROJECTED = (1_000_000, 10_000_000, 100_000_000)
MEMORY, PARTITIONS = "6g", 8
HERE = """spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.executor.cores 1
"""
EVENTS, ORDERS = 1_000_000, 100_000
LATER = 100
# What runs on Spark where the engine is Spark.
ON_SPARK = ("Stage records (dbt)", "Build marts (dbt)", "Build marts with predictions (dbt)")
PAGE = PROJECT_ROOT / "docs" / "engines.md"
HEAD = f"""# Engines

Written by `make bench ARGS=engines` (`ENGINES_PARTS` names some of its parts; each section says of
which commit it is); do not edit. Simulated companies of two years (per person 2.6 orders, 28 web
events, 22 messages), built whole by `hourglass run` on DuckDB and on Spark on one machine: Spark
local on all cores with {MEMORY} and {PARTITIONS} partitions, executors of a standalone cluster with
one core and {MEMORY} each. What runs where is on the page of [Spark](spark.md); what a day more
costs on DuckDB on that of [growth](growth.md).
"""
# Titles of the page, in its order.
SIZE, STAGES, TIME, SCALE, MORE, SKEW, EXECUTORS = SECTIONS = (
    "From which size on",
    "Stages",
    "Where Spark's time goes",
    "Ten times DuckDB's bench",
    "A hundred events more",
    "Skew",
    "One executor, two",
)


@dataclass(frozen=True)
class Built:
    """One whole run on one engine; the sessions of Spark in it, one for each call of dbt."""

    run: Run
    sessions: Sequence[Session] = ()

    @property
    def models(self) -> float:
        """Seconds of the stages that the engine does."""
        return sum(self.run.stages.get(stage, 0.0) for stage in ON_SPARK)


def on_spark(
    data_dir: Path,
    folder: Path,
    executors: int = 0,
    options: Sequence[str] = ("--full-refresh",),
    **more: str,
) -> Built:
    """Everything built anew on Spark: local with all cores, or by executors of one core each."""
    logs = folder / f"events-{executors}"
    logs.mkdir(parents=True)
    conf = folder / "spark.conf"
    conf.write_text(f"{SETTINGS}{HERE}spark.eventLog.dir file:{logs}\n")
    place = cluster(folder, workers=executors, memory=MEMORY) if executors else nullcontext("")
    with place as address:
        env = {
            "HOURGLASS_ENGINE": "spark",
            "HOURGLASS_SPARK_CONF": str(conf),
            "HOURGLASS_SPARK_MEMORY": MEMORY,
            "HOURGLASS_SPARK_PARTITIONS": str(PARTITIONS),
            **more,
        }
        if address:
            env["HOURGLASS_SPARK_MASTER"] = address
        run = one_run(data_dir, "--now", *options, env=env)
    # Without that of the workers who read large files.
    return Built(run, [one for one in sessions(logs) if any(one.by_model)])


def skew(landing: Path) -> None:
    """Files in ``landing`` with a visitor of a million events and a customer of 100,000 orders."""
    shop = landing / "shop"
    when = "strftime(TIMESTAMP '2025-01-01' + to_seconds({} * i), '%Y-%m-%d %H:%M:%S')"
    copies = {
        "web_events": (
            EVENTS,
            {
                "event_id": "'skew-' || i",
                "visitor_id": "'skew-visitor'",
                "occurred_at": when.format(40),
            },
            "event_name = 'page_view' AND account_id IS NULL",
        ),
        "orders": (
            ORDERS,
            {
                "order_id": "'skew-' || i",
                "ordered_at": when.format(400),
                "updated_at": when.format(400),
            },
            "account_id IS NOT NULL AND status = 'paid'",
        ),
        "order_lines": (ORDERS, {"order_id": "'skew-' || i", "line_number": "1"}, "true"),
    }
    with duckdb.connect() as con:
        for table, (count, replaced, condition) in copies.items():
            columns = ", ".join(f"{sql} AS {name}" for name, sql in replaced.items())
            source = quoted(str(shop / f"{table}.csv.gz"))
            con.execute(
                f"COPY (SELECT r.* REPLACE ({columns}) FROM range({count}) AS t(i), "
                f"(FROM read_csv({source}, all_varchar = true) WHERE {condition} LIMIT 1) AS r) "
                f"TO {quoted(str(shop / f'{table}_skew.csv'))} (HEADER)"
            )


def later(landing: Path, name: str) -> None:
    """A file in ``landing`` with a hundred web events that are those of others again."""
    source = quoted(str(landing / "shop" / "web_events.csv.gz"))
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT * REPLACE ({quoted(name)} || event_id AS event_id) FROM "
            f"read_csv({source}, all_varchar = true) ORDER BY hash(event_id) LIMIT {LATER}) "
            f"TO {quoted(str(landing / 'shop' / f'web_events_{name}.csv'))} (HEADER)"
        )


def bench(sizes: Sequence[int] = SIZES, parts: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """Rows (what, figure), as they come; the page is written after each part of it."""
    chosen = set(parts) or set(PARTS)
    for name, part in PARTS.items():
        if name in chosen:
            yield from part(sizes)


def _measure_sizes(sizes: Sequence[int]) -> Iterator[tuple[str, str]]:
    duck: dict[int, Built] = {}
    spark: dict[int, Built] = {}
    for size in sizes:
        with company(size) as folder:
            duck[size] = Built(one_run(folder / "data", "--now"))
            spark[size] = on_spark(folder / "data", folder / "all")
        yield from _shown(f"{size:,} people", duck[size], spark[size])
    # One size has no slope to write of.
    if len(sizes) > 1:
        _write({SIZE: _sizes(duck, spark), STAGES: _stages(spark), TIME: _time(spark)})


def _measure_scale(sizes: Sequence[int]) -> Iterator[tuple[str, str]]:
    with company(LARGE) as folder:
        plain = Built(one_run(folder / "data", "--now"))
        # Whole, without the states that a later build would go on from.
        whole = {"HOURGLASS_SPARK_INCREMENT_ROWS": "1000000000"}
        with peak_of_java() as java:
            spark = on_spark(folder / "data", folder / "large", **whole)
        yield from _shown(f"{LARGE:,} people", plain, spark)
    _write({SCALE: _scaled(plain, spark, java.mb)})


def _measure_later(sizes: Sequence[int]) -> Iterator[tuple[str, str]]:
    with company(max(sizes)) as folder:
        data, landing = folder / "data", folder / "data" / "landing"
        whole = Built(one_run(data, "--now"))
        later(landing, "one")
        plain = Built(one_run(data, "--now"))
        kept = {"HOURGLASS_SPARK_INCREMENT_ROWS": "0"}
        spark = on_spark(data, folder / "whole", **kept)
        later(landing, "two")
        more = on_spark(data, folder / "later", options=(), **kept)
        yield from _shown("whole, with states", whole, spark)
        yield from _shown("a hundred events more", plain, more)
    _write({MORE: _later(max(sizes), (whole, spark), (plain, more))})


def _measure_skew(sizes: Sequence[int]) -> Iterator[tuple[str, str]]:
    with company(MEASURED) as folder:
        skew(folder / "data" / "landing")
        plain = Built(one_run(folder / "data", "--now"))
        spark = on_spark(folder / "data", folder / "skewed")
        yield from _shown("skewed", plain, spark)
    _write({SKEW: _skewed(plain, spark)})


def _measure_executors(sizes: Sequence[int]) -> Iterator[tuple[str, str]]:
    with company(MEASURED) as folder:
        one, two = (on_spark(folder / "data", folder / f"{n}", n) for n in (1, 2))
        yield "one executor / two", f"{one.models / two.models:.2f}"
    _write({EXECUTORS: _executors(one, two)})


PARTS = {
    "sizes": _measure_sizes,
    "scale": _measure_scale,
    "later": _measure_later,
    "skew": _measure_skew,
    "executors": _measure_executors,
}


@contextmanager
def company(size: int) -> Iterator[Path]:
    """A folder, for the time being, with a company of ``size`` people in data/landing."""
    with tempfile.TemporaryDirectory(prefix="hourglass-engines-") as name:
        measure([*CLI, "sample", "--out", f"{name}/data", "--customers", str(size)])
        yield Path(name)


def _write(measured: Mapping[str, str]) -> None:
    """Put sections into the page, each with what it was measured on; the others stay."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(page_with(text, measured, machine()), encoding="utf-8")


def page_with(page: str, measured: Mapping[str, str], on: str) -> str:
    """``page`` with the sections ``measured``, by title, on the machine and commit ``on``."""
    sections = {}
    for section in page.split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        sections[title] = text.strip()
    sections |= {title: f"{on}\n\n{text}" for title, text in measured.items()}
    written = [f"## {title}\n\n{sections[title]}" for title in SECTIONS if title in sections]
    return "\n\n".join([HEAD.strip(), *written]) + "\n"


def _shown(name: str, duck: Built, spark: Built) -> Iterable[tuple[str, str]]:
    yield (
        name,
        f"models {duck.models:.1f} s on DuckDB, {spark.models:.1f} s on Spark; "
        f"peak {duck.run.measured.peak_mb:,.0f} and {spark.run.measured.peak_mb:,.0f} MB",
    )


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *others = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *others))


def _sizes(duck: Mapping[int, Built], spark: Mapping[int, Built]) -> str:
    sizes = sorted(duck)
    figures = {
        "DuckDB": [duck[size].models for size in sizes],
        "Spark": [spark[size].models for size in sizes],
    }
    rows = [["models and their tests, s", *(f"{size:,} people" for size in sizes)]]
    rows += [[name, *(f"{figure:,.0f}" for figure in found)] for name, found in figures.items()]
    rows.append(
        ["Spark / DuckDB", *(f"{b / a:.1f}" for a, b in zip(*figures.values(), strict=True))]
    )
    for name, built in (("DuckDB", duck), ("Spark", spark)):
        peaks = (f"{built[size].run.measured.peak_mb:,.0f}" for size in sizes)
        rows.append([f"peak of the run on {name}, MB", *peaks])
    return _table(rows) + "\n\n" + _slopes(duck, spark)


def _slopes(duck: Mapping[int, Built], spark: Mapping[int, Built]) -> str:
    """What a thousand people more take, and what follows of it.

    Of Spark by its tasks: what it plans, half of its time, is the same at every size.
    """
    smaller, larger = sorted(duck)[-2:]
    thousands, cores = (larger - smaller) / 1000, os.cpu_count() or 1
    step = (duck[larger].models - duck[smaller].models) / thousands
    in_tasks = {
        size: sum(session.task_seconds for session in spark[size].sessions) / cores
        for size in (smaller, larger)
    }
    step_on_spark = (in_tasks[larger] - in_tasks[smaller]) / thousands
    said = (
        f"From {smaller:,} to {larger:,} people each thousand more takes DuckDB {step:.2f} s and "
        f"Spark's tasks {step_on_spark:.2f} s of {cores} processors"
    )
    if step <= 0:
        return f"{said}: no slope that rises above the noise of this machine."
    ratio = step_on_spark / step
    said += f": {ratio:.1f} times. "
    if ratio > 1:
        return said + (
            "So no size makes Spark faster on one machine. It is worth its while where this many "
            f"times the processors are at hand, {cores} x {ratio:.0f} = {cores * ratio:.0f} of "
            "them, and a company takes longer than its night on one machine "
            "([growth](growth.md)), or its tables no longer fit its disk."
        )
    even = (spark[larger].models - duck[larger].models) / (step - step_on_spark)
    return said + f"Spark is faster from {larger + 1000 * even:,.0f} people on."


def _stages(spark: Mapping[int, Built]) -> str:
    sizes = sorted(spark)
    cores = os.cpu_count() or 1
    head = ["stage with Spark, s", *(f"{size:,}" for size in sizes), "exponent"]
    rows = [[*head, *(f"{size / 1e6:,.0f} million, processor hours" for size in PROJECTED)]]
    for stage in spark[sizes[-1]].run.stages:
        figures = [spark[size].run.stages.get(stage, 0.0) for size in sizes]
        hours = (projected(figures, sizes, size) * cores / 3600 for size in PROJECTED)
        name = f"**{stage}**" if stage in ON_SPARK else stage
        rows.append(
            [
                name,
                *(f"{figure:,.1f}" for figure in figures),
                f"{exponent(figures, sizes):.2f}",
                *(f"{hour:,.1f}" for hour in hours),
            ]
        )
    return (
        _table(rows)
        + "\n\nIn bold what Spark does, which executors share. The rest stays on one machine (here "
        f"{cores} processors), and ends first: what it takes is on the page of growth."
    )


def _time(spark: Mapping[int, Built]) -> str:
    rows = [
        [
            *("people, stage", "s", "tasks", "in tasks, s", "processors busy", "shuffled, MB"),
            *("spilled, MB", "longest task, s (median of its stage, model)"),
        ]
    ]
    for size in sorted(spark):
        for stage, one in zip(ON_SPARK, spark[size].sessions, strict=True):
            rows.append([f"{size:,}, {stage}", *_of_session(one, os.cpu_count() or 1)])
    largest = spark[max(spark)]
    taken: dict[str, float] = {}
    for session in largest.sessions:
        for name, seconds in session.by_model.items():
            shown = name or "tests"
            taken[shown] = taken.get(shown, 0.0) + seconds
    total = sum(taken.values()) or 1.0
    first = sorted(taken, key=taken.__getitem__, reverse=True)[:8]
    share = sum(taken[name] for name in first) / total
    listed = ", ".join(f"{name} {taken[name] / total:.0%}" for name in first)
    return (
        _table(rows) + "\n\nWhat is not in tasks is planning, by one driver in each call. "
        f"Of the tasks of {max(spark):,} people {share:.0%} are in {listed}."
    )


def _of_session(one: Session, cores: int) -> list[str]:
    name, longest, median = one.longest
    return [
        f"{one.seconds:,.0f}",
        f"{one.tasks:,}",
        f"{one.task_seconds:,.0f}",
        f"{one.task_seconds / one.seconds / cores:.0%}",
        f"{one.shuffle_mb:,.0f}",
        f"{one.spilled_mb:,.0f}",
        f"{longest:,.1f} ({median:,.1f}, {name})",
    ]


def _scaled(duck: Built, spark: Built, java_mb: float) -> str:
    rows = [
        [
            *("stage", "DuckDB, s", "Spark, s", "in tasks, s", "processors busy"),
            *("shuffled, MB", "spilled, MB", "longest task, s (median of its stage, model)"),
        ]
    ]
    for stage, one in zip(ON_SPARK, spark.sessions, strict=True):
        _, _, *rest = _of_session(one, os.cpu_count() or 1)
        figures = (built.run.stages[stage] for built in (duck, spark))
        rows.append([stage, *(f"{figure:,.0f}" for figure in figures), *rest])
    return (
        f"{LARGE:,} people. Spark local, driver and executor in one process with {MEMORY} of heap: "
        f"it took {java_mb:,.0f} MB at its peak, all processes of the run "
        f"{spark.run.measured.peak_mb:,.0f} MB (on DuckDB {duck.run.measured.peak_mb:,.0f} MB). "
        f"Models: {spark.models:,.0f} s, {spark.models / duck.models:.1f} times DuckDB's.\n\n"
        + _table(rows)
    )


def _executors(one: Built, two: Built) -> str:
    rows = [["stage", "one executor, s", "two, s", "one / two"]]
    for stage in ON_SPARK:
        a, b = (built.run.stages[stage] for built in (one, two))
        rows.append([stage, f"{a:,.0f}", f"{b:,.0f}", f"{a / b:.2f}"])
    busy = sum(session.task_seconds for session in one.sessions)
    length = sum(session.seconds for session in one.sessions)
    return (
        _table(rows)
        + f"\n\nWith one executor {busy / length:.0%} of the time was in tasks, which is what more "
        "executors share; the driver's planning stays. (The driver has a processor of its own only "
        "where there is one executor: the machine has two.)"
    )


def _later(size: int, wholes: tuple[Built, Built], later: tuple[Built, Built]) -> str:
    head = ["stage", "DuckDB: whole, s", "later, s", "Spark: whole, s", "later, s"]
    rows = [[*head, "in tasks: whole, s", "later, s"]]
    sessions = zip(wholes[1].sessions, later[1].sessions, strict=True)
    for stage, (whole, part) in zip(ON_SPARK, sessions, strict=True):
        seconds = [
            built.run.stages[stage] for pair in zip(wholes, later, strict=True) for built in pair
        ]
        tasks = [whole.task_seconds, part.task_seconds]
        rows.append([stage, *(f"{figure:,.0f}" for figure in (*seconds, *tasks))])
    return (
        f"To {size:,} people come {LATER} web events of people who were there before, and the "
        "models go on from their last build; the whole writes what they go on from, too "
        "(`HOURGLASS_SPARK_INCREMENT_ROWS=0`). What is in tasks is what grows with a company.\n\n"
        + _table(rows)
    )


def _skewed(duck: Built, spark: Built) -> str:
    rows = [["stage", "DuckDB, s", "Spark, s", "Spark: longest task, s (median of its stage)"]]
    for stage, session in zip(ON_SPARK, spark.sessions, strict=True):
        name, longest, median = session.longest
        rows.append(
            [
                stage,
                f"{duck.run.stages[stage]:,.0f}",
                f"{spark.run.stages[stage]:,.0f}",
                f"{longest:,.1f} ({median:,.1f}, {name})",
            ]
        )
    return (
        f"The same company with one visitor of {EVENTS:,} events more and one customer with "
        f"{ORDERS:,} orders more.\n\n" + _table(rows)
    )


def from_environment() -> Iterable[tuple[str, str]]:
    """Of the sizes that ENGINES_CUSTOMERS lists, or two; the parts of ENGINES_PARTS, or all."""
    named = os.environ.get("ENGINES_CUSTOMERS", "")
    parts = [part for part in os.environ.get("ENGINES_PARTS", "").split(",") if part]
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"ENGINES_PARTS: {', '.join(unknown)}; there are {', '.join(PARTS)}.")
    return bench([int(size) for size in named.split(",")] if named else SIZES, parts)
