"""The one place that opens DuckDB: what it allows, and what it says when it cannot."""

import subprocess
import sys

import duckdb
import pytest

from dagster_project.errors import BusyError, HourglassError
from dagster_project.settings import load_settings
from dagster_project.warehouse import connect, connect_file, identifier, quoted


@pytest.fixture
def settings(tmp_path):
    return load_settings(data_dir=tmp_path / "data")


def test_sql_cannot_leave_its_folders(settings, tmp_path):
    """SQL in a mapping reads the machine's files, or sends data away."""
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with connect(settings) as con:
        for statement in (
            f"SELECT * FROM read_csv({quoted(str(tmp_path / 'secret.csv'))})",
            f"COPY (SELECT 1) TO {quoted(str(tmp_path / 'out.csv'))}",
            f"ATTACH {quoted(str(tmp_path / 'other.duckdb'))} AS other",
            "SET enable_external_access = true",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                con.execute(statement)


def test_data_directory_is_reachable(settings):
    """The loader cannot read landing/, so nothing can be loaded."""
    settings.landing_dir.mkdir(parents=True)
    (settings.landing_dir / "a.csv").write_text("a\n1\n")
    with connect(settings) as con:
        path = quoted(str(settings.landing_dir / "a.csv"))
        assert con.execute(f"SELECT a FROM read_csv({path})").fetchall() == [(1,)]


def test_holder_of_the_warehouse_is_named(settings):
    """The engineer on call does not learn which process to close."""
    with connect(settings):
        pass
    code = (
        "import duckdb, sys\n"
        "con = duckdb.connect(sys.argv[1])\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    shell = subprocess.Popen(
        [sys.executable, "-c", code, str(settings.warehouse_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert shell.stdout is not None
        assert shell.stdout.readline().strip() == "open"
        with pytest.raises(BusyError, match=rf"process id {shell.pid}"), connect(settings):
            pass
    finally:
        shell.communicate()


def test_damaged_warehouse_is_explained(settings):
    """A broken file ends in a stack trace instead of the way out."""
    settings.warehouse_dir.mkdir(parents=True)
    settings.warehouse_path.write_bytes(b"not a database" * 1000)
    with pytest.raises(HourglassError, match="Move it aside"), connect(settings):
        pass


def test_data_directory_that_cannot_be_written(tmp_path):
    """A wrong mount ends in a stack trace."""
    (tmp_path / "data").write_text("a file where the folder should be")
    with (
        pytest.raises(HourglassError, match="is a file; name a folder"),
        connect(load_settings(data_dir=tmp_path / "data")),
    ):
        pass


@pytest.mark.parametrize("text", ["a'b", 'a"b', "'; DROP TABLE x; --", "😀"])
def test_quoting_survives_a_round_trip(text):
    """A file's or column's name becomes SQL."""
    con = connect_file(":memory:")
    name = identifier(text)
    rows = con.execute(f"SELECT {name} FROM (SELECT {quoted(text)} AS {name})").fetchall()
    assert rows == [(text,)]
