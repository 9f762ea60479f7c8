"""``make bench``: figures as ratios against a baseline in the same run, never as a timed test."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from dagster_project.settings import PROJECT_ROOT
from tests.bench import (
    accuracy,
    company,
    day,
    engines,
    fits,
    growth,
    identity,
    load,
    marts,
    models,
    pipeline,
    predictions,
    recovery,
)
from tests.bench.pipeline import SHARED

Rows = Iterable[tuple[str, str]]


def sample() -> Rows:
    return pipeline.bench("Sample", PROJECT_ROOT / "data" / "sample" / "landing")


def online_retail() -> Rows:
    source = SHARED / "online_retail" / "by-day"
    if not source.is_dir():
        return [("Online Retail", "left out: ../shared/data is absent")]
    with tempfile.TemporaryDirectory(prefix="hourglass-landing-") as folder:
        shutil.copytree(source, Path(folder) / "uci_online_retail")
        return pipeline.bench("Online Retail", Path(folder))


BENCHES: dict[str, Callable[[], Rows]] = {
    "sample": sample,
    "online_retail": online_retail,
    "accuracy": accuracy.bench,
    "load": load.bench,
    "identity": lambda: identity.bench(100_000),
    "identity_million": lambda: identity.bench(1_000_000),
    # The day's cost; by the size of the company, which DAY_CUSTOMERS sets.
    "day": lambda: day.bench(int(os.environ.get("DAY_CUSTOMERS", "20000"))),
    # The whole pipeline of a simulated company; COMPANY_CUSTOMERS sets its size.
    "company": lambda: company.bench(int(os.environ.get("COMPANY_CUSTOMERS", "20000"))),
    "growth": growth.from_environment,
    # Needs make spark.
    "engines": engines.from_environment,
    "marts": lambda: marts.bench(50_000),
    "marts_million": lambda: marts.bench(1_000_000),
    "models": models.bench,
    "fits": fits.bench,
    "predictions": predictions.bench,
    "recovery": recovery.bench,
}
# Half an hour and more: only when they are named.
LONG = frozenset({"engines", "growth", "identity_million", "marts_million"})


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*BENCHES, []], help="which; default: all but the long"
    )
    names = parser.parse_args().names or [name for name in BENCHES if name not in LONG]
    for name in names:
        for what, figure in BENCHES[name]():
            sys.stdout.write(f"{what:<52} {figure}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
