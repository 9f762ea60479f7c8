"""The sample on other Pythons: equal marts, whichever version of Python and its packages made them.

``python -m tests.pythons PYTHON ...`` runs the daily job with this Python and each of the others.
"""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from dagster_project.quality.suites import load_suites
from dagster_project.settings import PROJECT_ROOT
from tests.equal_marts import differences
from tests.pipeline.conftest import Company, land_sample, take_key

KEYS = {suite.mart: tuple(suite.key) for suite in load_suites().values()}


def run(python: str, company: Company) -> None:
    """A daily run of the company by another interpreter, which must succeed."""
    command = [python, "-m", "dagster_project.cli", "run", "--data-dir", str(company.data_dir)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{python}: {done.stdout}{done.stderr}")


def compared(python: str, ours: Company, folder: Path) -> str:
    """A line about the marts that ``python`` makes of the sample, next to ours."""
    theirs = Company(folder / "data")
    land_sample(theirs.data_dir)
    take_key(theirs, ours)
    run(python, theirs)
    with (
        duckdb.connect(str(ours.marts_path), read_only=True) as one,
        duckdb.connect(str(theirs.marts_path), read_only=True) as other,
    ):
        found = differences(one, other, keys=KEYS)
    return "\n".join(f"{where}: {what}" for where, what in found.items())


def main(pythons: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        ours = Company(Path(name) / "ours" / "data")
        land_sample(ours.data_dir)
        run(sys.executable, ours)
        folders = [Path(name) / str(number) for number in range(len(pythons))]
        results = list(pool.map(compared, pythons, [ours] * len(pythons), folders))
    for python, result in zip(pythons, results, strict=True):
        sys.stdout.write(f"{python}: {result or 'the marts of the sample are equal'}\n")
    if any(results):
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
