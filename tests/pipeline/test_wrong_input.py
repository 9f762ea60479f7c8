"""A person's mistake gets a sentence and an exit code, and costs nothing that was published."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from dagster_project.operations.lock import run_lock
from dagster_project.settings import load_settings
from dagster_project.warehouse import connect
from tests.pipeline.conftest import Company


@pytest.fixture
def company(tmp_path) -> Company:
    return Company(tmp_path / "data")


def land(company: Company, name: str, content: bytes) -> None:
    path = company.data_dir / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def refused(company: Company, *args: str, code: int = 1) -> str:
    result = company.hourglass("run", *args)
    assert result.returncode == code, result.stdout + result.stderr
    text = result.stdout + result.stderr
    assert "Traceback" not in text
    return text


def test_empty_landing(company):
    """A newcomer learns nothing from an empty folder."""
    assert "landing" in refused(company)


def test_unknown_system_folder(company):
    """A folder with a misspelt name is passed over in silence."""
    land(company, "crn/contacts.csv", b"contact_id\n1\n")
    text = refused(company)
    assert "crn" in text
    assert "crm" in text


@pytest.mark.parametrize("as_of", ["30.06.2026", "2026-02-30", "tomorrow", ""])
def test_malformed_as_of(company, as_of):
    """A mistyped date builds another day than the one that was asked for."""
    assert "YYYY-MM-DD" in refused(company, "--as-of", as_of, code=2)


def test_a_day_to_come(company):
    """A slip in the year is put in force, and no later day ever is."""
    land(
        company,
        "shop/orders.csv",
        b"order_id,ordered_at,status,total_amount\n1,2026-01-01,paid,1\n",
    )
    day = datetime.now(UTC).date() + timedelta(days=2)
    text = refused(company, "--as-of", str(day), code=2)
    assert f"as_of is {day}, a day to come" in text
    assert not (company.data_dir / "warehouse").exists()


def test_data_directory_that_cannot_be_written(tmp_path):
    """A wrong path ends in a stack trace."""
    (tmp_path / "file").write_text("")
    company = Company(tmp_path / "file")
    assert "HOURGLASS_DATA_DIR: is a file; name a folder" in refused(company, code=2)


def test_second_run_while_one_is_running(company):
    """Two runs write one warehouse."""
    land(company, "crm/contacts.csv", b"contact_id,email\n1,ann@example.com\n")
    with run_lock(load_settings(data_dir=company.data_dir)):
        text = refused(company, code=3)
    assert f"process id {os.getpid()}" in text


def test_warehouse_open_in_a_shell(company):
    """The engineer on call does not learn whom to ask to close the file."""
    land(company, "crm/contacts.csv", b"contact_id,email\n1,ann@example.com\n")
    with connect(load_settings(data_dir=company.data_dir)):
        pass
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    path = company.data_dir / "warehouse" / "warehouse.duckdb"
    shell = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert shell.stdout is not None
        shell.stdout.readline()
        assert f"process id {shell.pid}" in refused(company, code=3)
    finally:
        shell.communicate(b"\n")


def test_unknown_setting(company):
    """A misspelt setting does nothing, in silence."""
    result = company.hourglass("status", HOURGLASS_TIMEZONE="UTC")
    assert result.returncode == 2
    assert "HOURGLASS_TIMEZONE" in result.stderr


def test_status_before_the_first_run(company):
    """The first command that a newcomer tries fails."""
    result = company.hourglass("status")
    # For monitoring: nothing is in force.
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert "none" in result.stdout


def test_status_of_a_warehouse_of_an_earlier_version(company):
    """After an upgrade, before the first run, the command that one looks with shows a trace."""
    path = company.data_dir / "warehouse" / "warehouse.duckdb"
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE SCHEMA ledger; CREATE TABLE ledger.files (path VARCHAR)")
    result = company.hourglass("status")
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert "nothing was published yet" in result.stdout
