"""P7: a run that dies at any moment costs time, never data."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from dagster_project.contracts import load_contract
from dagster_project.settings import PROJECT_ROOT
from tests.pipeline.conftest import Company, land_sample
from tests.pipeline.digests import mart_digests
from tests.soak import SOAK, seeded

RUN_KILLS = 10 if SOAK else 1
LOAD_KILLS = 100 if SOAK else 3
RUN_SECONDS = (5, 40)
# Of an undisturbed load's time: some die before the first file is open, some come to the end.
LOAD_SHARE = (0.2, 1.1)
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
    land_sample(company.data_dir)
    return company


def take_key(company: Company, other: Company) -> None:
    """Give ``company`` the key of ``other``: equal people then get equal ids and hold-outs."""
    path = company.data_dir / "warehouse" / "warehouse.duckdb"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    [(key,)] = other.warehouse("SELECT hash_key FROM identity.secrets")
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE SCHEMA IF NOT EXISTS identity")
        con.execute("CREATE TABLE IF NOT EXISTS identity.secrets (hash_key VARCHAR)")
        con.execute("DELETE FROM identity.secrets")
        con.execute("INSERT INTO identity.secrets VALUES (?)", [key])


def start(command: Sequence[str], company: Company) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *command, str(company.data_dir)],
        cwd=PROJECT_ROOT,
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


def test_killed_load_is_made_good_by_the_next(sample_company, company):
    """After a power cut somebody has to repair the warehouse by hand, or rows stand twice."""
    moments = seeded()
    started = time.monotonic()
    assert start(["-c", LOAD], company).wait() == 0
    seconds = time.monotonic() - started
    # Not those of the sample after its run, in which people who asked for it were erased.
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
        assert mart_digests(company) == mart_digests(sample_company)


def database_files(company: Company) -> list[Path]:
    database = company.data_dir / "warehouse" / "warehouse.duckdb"
    return [database, database.with_name(database.name + ".wal")]


def test_killed_run_is_made_good_by_the_next(sample_company, company):
    """After a power cut the figures of the day are not those of an undisturbed run."""
    moments = seeded()
    take_key(company, sample_company)
    for _ in range(RUN_KILLS):
        command = ["-m", "dagster_project.cli", "run", "--data-dir"]
        kill(start(command, company), moments.uniform(*RUN_SECONDS))
    company.run()
    ours, theirs = (mart_digests(each, with_ids=True) for each in (company, sample_company))
    assert ours == theirs
