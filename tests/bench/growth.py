"""The laws of growth: what each stage takes at four sizes of a company, and what follows from it.

Full runs and a day more of simulated companies of two years (:mod:`tests.bench.company`), and of
one year and of three. The law of a stage comes from the two largest sizes, in seconds of the clock:
a fixed part and so much for each person, or a power where it grows faster than the people. All is
written to docs/growth.md.
"""

import math
import os
from collections.abc import Iterable, Mapping, Sequence

from dagster_project.settings import PROJECT_ROOT, Settings
from tests.bench.company import Run, runs
from tests.bench.day import machine

SIZES = (10_000, 30_000, 100_000, 300_000)
PROJECTED = (1_000_000, 10_000_000, 100_000_000)
# Of two lengths of history the day is compared at this size.
YEARS_OF = 30_000
NIGHT_HOURS = 8
PAGE = PROJECT_ROOT / "docs" / "growth.md"
YEARS = "## Three years of history against one"
HEAD = """# Growth

Written by `make bench ARGS=growth`; do not edit. Simulated companies of two years (per person 2.6
orders, 28 web events, 22 messages), whole runs of `hourglass run` from files in landing/ to the
report, then the day after. The exponent is that between the two largest sizes: 1 is twice the time
for twice the people. What is projected goes on from these two, on the same machine and engine: by a
fixed part and so much for each person, where a figure grows faster than the people by its exponent.
[When one machine is too small](spark.md).
"""


def exponent(figures: Sequence[float], sizes: Sequence[int]) -> float:
    """The power with which ``figures`` grow between the last two of ``sizes``."""
    small, large = (max(figure, 0.1) for figure in figures[-2:])
    return math.log(large / small) / math.log(sizes[-1] / sizes[-2])


def projected(figures: Sequence[float], sizes: Sequence[int], to: int) -> float:
    """What ``figures`` of ``sizes`` say of the size ``to``, by the law of the last two."""
    power = exponent(figures, sizes)
    if power > 1:
        return figures[-1] * (to / sizes[-1]) ** power
    each = max(figures[-1] - figures[-2], 0) / (sizes[-1] - sizes[-2])
    return figures[-1] + each * (to - sizes[-1])


def size_at(figures: Sequence[float], sizes: Sequence[int], limit: float) -> float:
    """The size at which ``figures`` of ``sizes`` reach ``limit``, by the law of the last two."""
    power = exponent(figures, sizes)
    if power > 1:
        return sizes[-1] * (limit / figures[-1]) ** (1 / power)
    each = max(figures[-1] - figures[-2], 1e-9) / (sizes[-1] - sizes[-2])
    return sizes[-1] + (limit - figures[-1]) / each


def bench(sizes: Sequence[int] = SIZES) -> Iterable[tuple[str, str]]:
    """Rows (what, figure), as they come; at the end the page."""
    full: dict[int, Run] = {}
    day: dict[int, Run] = {}
    for size in sizes:
        found = dict(runs(size, ("day",)))
        full[size], day[size] = found["full"], found["day"]
        for what, run in found.items():
            yield f"{size:,} people: {what}", run.shown(full[size])
    PAGE.write_text(page(full, day), encoding="utf-8")
    yield from bench_years()


def bench_years() -> Iterable[tuple[str, str]]:
    """Rows of one year of history and of three, whose section of the page is written anew."""
    years = {}
    for months in (12, 36):
        found = dict(runs(YEARS_OF, ("day",), months=months))
        years[months] = (found["full"], found["day"])
        yield f"{months} months: day", found["day"].shown(found["full"])
    before, _, after = PAGE.read_text(encoding="utf-8").partition(YEARS)
    rest = after.partition("\n## ")[2]
    section = f"{YEARS}\n\n{machine()}\n\n{_of_years(years)}\n\n## {rest}"
    PAGE.write_text(before + section, encoding="utf-8")


def page(full: Mapping[int, Run], day: Mapping[int, Run]) -> str:
    """The page of docs/, its section of years empty."""
    limit = Settings().memory_limit
    parts = [
        HEAD.strip(),
        f"{machine()} `HOURGLASS_MEMORY_LIMIT` {limit}.",
        "## A first run\n\n" + _table(full),
        "## A day more\n\n" + _table(day),
        YEARS,
        "## What breaks first\n\n" + _conclusion(full, day),
    ]
    return "\n\n".join(parts) + "\n"


def _lines(found: Mapping[int, Run]) -> dict[str, list[float]]:
    """What is shown of each size, by name: seconds, then MB."""
    ordered = [found[size] for size in sorted(found)]
    lines = {stage: [run.stages.get(stage, 0) for run in ordered] for stage in ordered[-1].stages}
    lines["In all, seconds"] = [run.measured.seconds for run in ordered]
    lines["Processors, seconds"] = [run.measured.processor_seconds for run in ordered]
    lines["Peak of all processes, MB"] = [run.measured.peak_mb for run in ordered]
    lines["Warehouse, MB"] = [run.warehouse_mb for run in ordered]
    lines["A version, MB"] = [run.version_mb for run in ordered]
    return lines


def _table(found: Mapping[int, Run]) -> str:
    sizes = sorted(found)
    head = ["what", *(f"{size:,}" for size in sizes), "exponent"]
    head += [f"{size / 1e6:,.0f} million" for size in PROJECTED]
    rows = [head, ["---"] * len(head)]
    for name, figures in _lines(found).items():
        ahead = [projected(figures, sizes, size) for size in PROJECTED]
        rows.append(
            [
                name,
                *(f"{figure:,.1f}" if figure < 100 else f"{figure:,.0f}" for figure in figures),
                f"{exponent(figures, sizes):.2f}",
                *(f"{figure:,.0f}" for figure in ahead),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _of_years(years: Mapping[int, tuple[Run, Run]]) -> str:
    (full_one, one), (full_three, three) = years[12], years[36]
    ratio = three.measured.processor_seconds / one.measured.processor_seconds
    return (
        f"{YEARS_OF:,} people. A first run: {full_one.measured.seconds:.1f} s with one year, "
        f"{full_three.measured.seconds:.1f} s with three. A day more: "
        f"{one.measured.processor_seconds:.1f} and {three.measured.processor_seconds:.1f} s of "
        f"processors: {ratio:.2f} times."
    )


def _conclusion(full: Mapping[int, Run], day: Mapping[int, Run]) -> str:
    sizes = sorted(full)
    lines = []
    for name, found in (("A first run", full), ("A day", day)):
        by_line = _lines(found)
        stages = list(found[sizes[-1]].stages)
        now = max(stages, key=lambda stage: by_line[stage][-1])
        later = max(stages, key=lambda stage: projected(by_line[stage], sizes, PROJECTED[1]))
        seconds = by_line["In all, seconds"]
        hours = [projected(seconds, sizes, size) / 3600 for size in PROJECTED]
        place = "too" if now == later else f"to '{later}'"
        lines.append(
            f"- {name}: at {sizes[-1]:,} people most of the time goes to '{now}', at ten million "
            f"{place}. A million people would take {hours[0]:,.1f} hours, ten million "
            f"{hours[1]:,.1f}, a hundred million {hours[2]:,.0f}. A night of {NIGHT_HOURS} hours "
            f"is full at {size_at(seconds, sizes, NIGHT_HOURS * 3600) / 1e6:,.0f} million, an hour "
            f"at {size_at(seconds, sizes, 3600) / 1e6:,.1f} million: before that, more processors "
            "or another engine."
        )
    by_line = _lines(full)
    peak = by_line["Peak of all processes, MB"]
    disk = by_line["Warehouse, MB"]
    lines += [
        f"- Memory: {peak[-2]:,.0f} MB at {sizes[-2]:,} people, {peak[-1]:,.0f} MB at "
        f"{sizes[-1]:,}. DuckDB goes to disk past its limit, so that the projection above is too "
        "high for all but what Python holds: the predictions' customers.",
        f"- Disk: the warehouse would have {projected(disk, sizes, PROJECTED[1]) / 1e3:,.0f} GB "
        "at ten million.",
    ]
    return "\n".join(lines)


def from_environment() -> Iterable[tuple[str, str]]:
    """The sizes that GROWTH_CUSTOMERS lists, or four; with GROWTH_PARTS=years these alone."""
    if os.environ.get("GROWTH_PARTS") == "years":
        return bench_years()
    named = os.environ.get("GROWTH_CUSTOMERS", "")
    return bench([int(size) for size in named.split(",")] if named else SIZES)
