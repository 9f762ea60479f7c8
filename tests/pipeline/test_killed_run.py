"""P7: a run that dies at any moment costs time, never data."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from dagster_project.contracts import load_contract
from tests.pipeline.conftest import Company, land_company, take_key
from tests.pipeline.digests import mart_digests
from tests.pipeline.served import ends_well, launch, newest_run, served
from tests.soak import SOAK, seeded

RUN_KILLS = 20 if SOAK else 1
LOAD_KILLS = 100 if SOAK else 3
# Of an undisturbed run's time.
RUN_SHARE = (0.1, 0.6)
# Of an undisturbed load's time: some die before the first file is open, some come to the end.
LOAD_SHARE = (0.2, 1.1)
# Who makes good what a killed run left.
BY = ("command line", "UI") if SOAK else ("command line",)
UI_SECONDS = 600
LOAD = """
import sys
from pathlib import Path
from dagster_project.load import load_landing
from dagster_project.settings import load_settings
from dagster_project.warehouse import connect
settings = load_settings(data_dir=Path(sys.argv[1]))
with connect(settings, keep_order=True) as con:
    load_landing(con, settings, run_id="load")
"""
LEDGER = {
    "ledger.files": "* EXCLUDE (loaded_at, run_id)",
    "ledger.file_tables": "*",
    "ledger.quarantine": "* EXCLUDE (quarantined_at, run_id)",
    "ledger.left_out": "*",
}


@pytest.fixture
def company(tmp_path) -> Company:
    company = Company(tmp_path / "data")
    land_company(company.data_dir)
    return company


def start(command: Sequence[str], company: Company) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *command, str(company.data_dir)],
        cwd=company.project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(run: subprocess.Popen[bytes], seconds: float) -> None:
    time.sleep(seconds)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def raw_digests(company: Company) -> dict[str, list[tuple]]:
    """Every raw table and the ledger: rows and a checksum of the multiset of them."""
    tables = LEDGER | {
        f"{system.system}.{name}": "*"
        for system in load_contract().values()
        for name in system.tables
    }
    return {
        table: company.warehouse(
            f"SELECT count(*), sum(CAST(hash(r) AS HUGEINT)) FROM (SELECT {columns} FROM {table}) r"
        )
        for table, columns in tables.items()
    }


def test_killed_load_is_made_good_by_the_next(company_after_run, company):
    """After a power cut somebody has to repair the warehouse by hand, or rows stand twice."""
    moments = seeded()
    started = time.monotonic()
    assert start(["-c", LOAD], company).wait() == 0
    seconds = time.monotonic() - started
    # Not those of the company after its run: in a soak people who asked for it were erased there.
    expected = raw_digests(company)
    for number in range(LOAD_KILLS):
        if number == 0 or moments.random() < 0.5:
            for path in database_files(company):
                path.unlink(missing_ok=True)
        kill(start(["-c", LOAD], company), seconds * moments.uniform(*LOAD_SHARE))
        if number == LOAD_KILLS - 1 or moments.random() < 0.7:
            assert start(["-c", LOAD], company).wait() == 0
            assert raw_digests(company) == expected, f"kill {number}"
    # What a run makes of equal raw tables and ledger, the test of a killed run shows.
    if SOAK:
        company.run()
        assert mart_digests(company) == mart_digests(company_after_run)


def database_files(company: Company) -> list[Path]:
    database = company.data_dir / "warehouse" / "warehouse.duckdb"
    return [database, database.with_name(database.name + ".wal")]


def load_in_batches(company: Company, moments: random.Random) -> None:
    """Let the files come one batch after another, in random order, each batch loaded."""
    landing = company.data_dir / "landing"
    waiting = landing.rename(company.data_dir.parent / "waiting")
    files = sorted(path.relative_to(waiting) for path in waiting.rglob("*.gz"))
    moments.shuffle(files)
    half = moments.randrange(1, len(files))
    for batch in (files[:half], files[half:]):
        for name in batch:
            (landing / name.parent).mkdir(parents=True, exist_ok=True)
            (waiting / name).rename(landing / name)
        assert start(["-c", LOAD], company).wait() == 0


@pytest.mark.parametrize("by", BY)
def test_killed_run_is_made_good_by_the_next(company_after_run, company, by):
    """After a power cut, or where files came late, the figures of the day are not those of an
    undisturbed run over the same files."""
    moments = seeded()
    take_key(company, company_after_run)
    load_in_batches(company, moments)
    seconds = float((company_after_run.data_dir.parent / "seconds.txt").read_text())
    for _ in range(RUN_KILLS):
        command = ["-m", "dagster_project.cli", "run", "--data-dir"]
        kill(start(command, company), seconds * moments.uniform(*RUN_SHARE))
    if by == "UI":
        with served(company, company.data_dir.parent / "ui.log") as address:
            before = newest_run(address).get("runId")
            launch(address, "daily")
            assert ends_well(address, before, UI_SECONDS)
    else:
        company.run()
    ours, theirs = (mart_digests(each, with_ids=True) for each in (company, company_after_run))
    assert ours == theirs
