"""Two weeks of daily work in which all goes wrong, beside two weeks in which nothing does."""

import os
import random
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import duckdb
import pytest

from dagster_project.contracts import load_contract
from dagster_project.sample import write_company
from dagster_project.settings import PROJECT_ROOT
from tests.pipeline.conftest import SMALL, Company, take_key
from tests.pipeline.digests import mart_digests
from tests.pipeline.served import ask, ends_well, newest_run, served
from tests.pipeline.test_full_disk_run import STAGES, run_until_full
from tests.pipeline.test_killed_run import kill, start
from tests.soak import SOAK, seeded

pytestmark = pytest.mark.skipif(not SOAK, reason="make soak: some thirty-five whole runs")

DAYS = 14
# The disk of the company to which things happen, in megabytes.
DISK = 1500
# The release that it begins with: a commit, else this code with every model written otherwise.
OLD_RELEASE = os.environ.get("UPGRADE_FROM")
SUITE = PROJECT_ROOT / "expectations" / "build.yml"
REEXECUTE = """
mutation {{ launchRunReexecution(reexecutionParams: {{
  parentRunId: "{run}", strategy: FROM_FAILURE
}}) {{ __typename ... on PythonError {{ message }} }} }}
"""


@dataclass
class Fortnight:
    """A company, what it gets each day, and what is there to make mishaps of."""

    company: Company
    days: list[Path]
    moments: random.Random
    # Of the last day on which nothing happened.
    seconds: float = 0.0
    late: list[Path] = field(default_factory=list)

    @property
    def landing(self) -> Path:
        return self.company.data_dir / "landing"

    def run(self) -> None:
        """A day's run. Of a day's few records all may be bad: an exit code, and no fault."""
        result = self.company.hourglass("run")
        assert result.returncode in (0, 4), result.stdout + result.stderr

    def deliver(self, day: int, *, without: str = "") -> None:
        """Land what is of the day, but for a table that is late, and what was late before."""
        files = sorted(self.days[day].rglob("*.csv"))
        held = [path for path in files if without and path.name.startswith(f"{without}_")]
        for path in [*files, *self.late]:
            if path not in held:
                shutil.copy(path, self.landing / path.parent.name)
        self.late = held


def split(company: Company, folder: Path) -> list[Path]:
    """Take the last days out of the landing files: a folder for each, a file for each table."""
    with duckdb.connect() as con:
        orders = company.data_dir / "landing" / "shop" / "orders.csv.gz"
        con.execute(
            "CREATE TABLE placed AS SELECT order_id, CAST(ordered_at AS DATE) AS day "
            f"FROM read_csv('{orders}', all_varchar = true)"
        )
        row = con.execute(f"SELECT max(day) - {DAYS} FROM placed").fetchone()
        assert row is not None
        days = [folder / str(number) for number in range(DAYS)]
        contract = load_contract()
        for path in sorted((company.data_dir / "landing").rglob("*.csv.gz")):
            system, table = path.parent.name, path.name.removesuffix(".csv.gz")
            dated = contract[system].tables[table].dated_by
            if table == "order_lines":
                day = "(SELECT min(p.day) FROM placed AS p WHERE p.order_id = f.order_id)"
            elif dated:
                day = f"TRY_CAST(f.{dated} AS DATE)"
            else:
                continue
            con.execute(
                f"CREATE OR REPLACE TABLE rows AS SELECT f.*, coalesce({day} - DATE '{row[0]}', 0) "
                f"AS number FROM read_csv('{path}', all_varchar = true) AS f"
            )
            for number, target in enumerate(days, start=1):
                name = target / system / f"{table}_{number:02}.csv"
                name.parent.mkdir(parents=True, exist_ok=True)
                where = f"number = {number}" if number < DAYS else f"number >= {number}"
                _write(con, where, name)
            path.unlink()
            _write(con, "number <= 0", path)
    return days


def _write(con: duckdb.DuckDBPyConnection, where: str, path: Path) -> None:
    found = con.execute(f"SELECT count(*) FROM rows WHERE {where}").fetchone()
    if found and found[0]:
        con.execute(f"COPY (SELECT * EXCLUDE number FROM rows WHERE {where}) TO '{path}' (HEADER)")


def old_release(folder: Path) -> Path:
    """The code of a release before this one."""
    if OLD_RELEASE:
        packed = subprocess.run(
            ["git", "archive", OLD_RELEASE], cwd=PROJECT_ROOT, capture_output=True, check=True
        )
        with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        return folder
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.rstrip("\0").split("\0"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / name, folder / name)
    for model in (folder / "dbt" / "models").rglob("*.sql"):
        model.write_text(f"/* As it was. */\n{model.read_text()}")
    return folder


def in_force(company: Company) -> str:
    status = company.hourglass("status", "--json")
    assert company.version in status.stdout, status.stdout + status.stderr
    return company.version


def late_file(month: Fortnight, day: int) -> None:
    month.deliver(day, without="web_events")
    month.run()


def bad_file(month: Fortnight, day: int) -> None:
    """A file that no record can be taken from is named, and everything else is published."""
    month.deliver(day)
    bad = month.landing / "shop" / "orders_of_the_day.csv"
    bad.write_text("this,is,no,order\n1,2,3,4\n")
    result = month.company.hourglass("run")
    # A release before 2026-11-30 told of it with exit code 0.
    codes = (0, 4) if OLD_RELEASE else (4,)
    assert result.returncode in codes, result.stdout + result.stderr
    assert "shop.orders: 1 file refused whole" in result.stdout
    bad.unlink()


def killed_run(month: Fortnight, day: int) -> None:
    """Killed where it is; a version is in force and readable before the next one makes it good."""
    month.deliver(day)
    command = ["-m", "dagster_project.cli", "run", "--data-dir"]
    kill(start(command, month.company), month.seconds * month.moments.uniform(0.1, 0.9))
    in_force(month.company)
    month.run()


def failed_gate(month: Fortnight, day: int) -> None:
    """A check fails at night; in the morning a person mends it and goes on from there in the UI."""
    month.deliver(day)
    before = in_force(month.company)
    with project_folder() as suites:
        (suites / SUITE.name).write_text(SUITE.read_text().replace("max_value: 1", "max_value: 0"))
        result = month.company.hourglass("run")
        assert result.returncode == 1, result.stdout + result.stderr
        assert in_force(month.company) == before
        with served(month.company, month.company.data_dir.parent / "ui.log") as address:
            failed = newest_run(address)
            assert failed["status"] == "FAILURE"
            shutil.copy(SUITE, suites)
            told = ask(address, REEXECUTE.format(run=failed["runId"]))
            assert told["launchRunReexecution"]["__typename"] == "LaunchRunSuccess", told

            assert ends_well(address, failed["runId"], 300)
    assert in_force(month.company) != before


@contextmanager
def project_folder() -> Iterator[Path]:
    """The suites of the project folder in force, which has none before and after."""
    folder = Path(os.environ["HOURGLASS_PROJECT_DIR"]) / "expectations"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def rolled_back(month: Fortnight, day: int) -> None:
    """What was published looks wrong: the version before is taken back until the next day."""
    month.deliver(day)
    before = in_force(month.company)
    month.run()
    assert in_force(month.company) != before
    result = month.company.hourglass("rollback")
    assert result.returncode == 0, result.stdout + result.stderr
    assert in_force(month.company) == before


def full_disk(month: Fortnight, day: int) -> None:
    month.deliver(day)
    before = in_force(month.company)
    code, said = run_until_full(month.company, STAGES["dbt"])
    assert code == 1, said
    assert in_force(month.company) == before
    month.run()


def upgrade(month: Fortnight, day: int) -> None:
    month.company = replace(month.company, project=PROJECT_ROOT)
    month.deliver(day)
    month.run()


MISHAPS: dict[int, Callable[[Fortnight, int], None]] = {
    2: late_file,
    3: bad_file,
    5: killed_run,
    6: failed_gate,
    8: rolled_back,
    9: full_disk,
    10: upgrade,
    11: late_file,
    12: killed_run,
}


def ordinary(month: Fortnight, day: int) -> None:
    month.deliver(day)
    started = time.monotonic()
    month.run()
    month.seconds = time.monotonic() - started


def test_a_fortnight_of_mishaps_ends_as_an_undisturbed_one(tmp_path, mounted, monkeypatch):
    """Each failure is mended alone in other tests; what several leave behind falsifies the marts
    for good, and nobody sees it."""
    moments = seeded()
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("HOURGLASS_PROJECT_DIR", str(own))
    calm = Company(tmp_path / "calm" / "data")
    write_company(calm.data_dir, **SMALL)
    shutil.rmtree(calm.data_dir / "truth")
    (calm.data_dir / "landing" / "crm" / "erasure_requests.csv.gz").unlink()
    days = split(calm, tmp_path / "days")
    rough = Company(mounted(DISK) / "data", project=old_release(tmp_path / "old"))
    shutil.copytree(calm.data_dir, rough.data_dir)
    quiet = Fortnight(calm, days, moments)
    calm.run()
    take_key(rough, calm)
    rough.run()
    month = Fortnight(rough, days, moments)
    for day in range(DAYS):
        ordinary(quiet, day)
        MISHAPS.get(day, ordinary)(month, day)
    ours, theirs = (mart_digests(each, with_ids=True) for each in (month.company, calm))
    assert ours == theirs
