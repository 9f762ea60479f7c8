"""Whole runs, few of them: each is shared by every test that only looks at its result.

``sample_company`` is the committed sample, 2,000 people, which the report and the wheel are tried
on. Where size does not matter a test takes ``company_after_run``, a few dozen people.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from dagster_project.sample import write_company
from dagster_project.settings import PROJECT_ROOT
from tests.made_once import made_once
from tests.pipeline.installed import install, installed_files
from tests.soak import SOAK

SAMPLE = PROJECT_ROOT / "data" / "sample" / "landing"
RUN_TIMEOUT = 600
# People enough that every mart has rows; a run takes half as long as the sample's.
SMALL = {"customers": 80, "months": 8, "seed": 3}


@dataclass(frozen=True)
class Company:
    """A data directory, and the ``hourglass`` command on it."""

    data_dir: Path
    timeout: int = RUN_TIMEOUT
    # Where the code lies that its commands run.
    project: Path = PROJECT_ROOT

    def hourglass(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``hourglass ARGS --data-dir ...`` as a user does, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "dagster_project.cli", *args, "--data-dir", str(self.data_dir)],
            cwd=self.project,
            env={**os.environ, "COLUMNS": "200", **env},
            capture_output=True,
            text=True,
            timeout=self.timeout,
            check=False,
        )

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """A daily run that must succeed."""
        result = self.hourglass("run", *args)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    @property
    def version(self) -> str:
        return (self.data_dir / "published" / "current").resolve().name

    @property
    def marts_path(self) -> Path:
        return (self.data_dir / "published" / "current").resolve() / "marts.duckdb"

    def query(self, sql: str) -> list[tuple]:
        """Rows of the published marts."""
        with duckdb.connect(str(self.marts_path), read_only=True) as con:
            return con.execute(sql).fetchall()

    def warehouse(self, sql: str) -> list[tuple]:
        """Rows of the private warehouse."""
        path = self.data_dir / "warehouse" / "warehouse.duckdb"
        with duckdb.connect(str(path), read_only=True) as con:
            return con.execute(sql).fetchall()


def land_sample(data_dir: Path) -> None:
    shutil.copytree(SAMPLE, data_dir / "landing", dirs_exist_ok=True)


def land_company(data_dir: Path) -> None:
    """Land a small company that nobody asks to be erased from, in a soak the sample."""
    if SOAK:
        land_sample(data_dir)
        return
    write_company(data_dir, **SMALL)
    shutil.rmtree(data_dir / "truth")
    (data_dir / "landing" / "crm" / "erasure_requests.csv.gz").unlink()


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


# Read by Python at its start. Notes where a run wants to connect to, and refuses.
OFFLINE = """
import socket
real = socket.socket.connect
def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1"):
        with open({log!r}, "a") as log:
            log.write(repr(address) + "\\n")
        raise OSError("no network in this test")
    return real(self, address)
socket.socket.connect = connect
"""


@pytest.fixture(scope="session")
def sample_company(tmp_path_factory) -> Company:
    """The committed sample after one run of the installed wheel in an empty folder, without a
    network. Tests look at it, none changes it.

    Beside its data directory, ``connections.txt`` tells where the run wanted to connect to,
    ``added.txt`` what it wrote into the installed package, and ``said.txt`` what it printed.
    """

    def run_offline(folder: Path) -> None:
        work, away = folder / "work", folder / "away"
        work.mkdir(exist_ok=True)
        away.mkdir(exist_ok=True)
        log = work / "connections.txt"
        (away / "sitecustomize.py").write_text(OFFLINE.format(log=str(log)))
        command = install(away)
        before = installed_files(command)
        result = subprocess.run(
            [str(command), "run", "--sample"],
            cwd=work,
            env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(away)},
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        (work / "said.txt").write_text(result.stdout)
        added = sorted(str(path) for path in installed_files(command) - before)
        (work / "added.txt").write_text("\n".join(added))

    return Company(made_once(tmp_path_factory, "sample", run_offline) / "work" / "data")


@pytest.fixture(scope="session")
def company_after_run(tmp_path_factory) -> Company:
    """What ``land_company`` lands, after one run. Tests look at it, none changes it or
    calls a command on it: one that opens the warehouse to write keeps others from reading.

    Beside its data directory, ``seconds.txt`` tells how long the run took.
    """

    def run(folder: Path) -> None:
        company = Company(folder / "data")
        land_company(company.data_dir)
        started = time.monotonic()
        company.run()
        (folder / "seconds.txt").write_text(str(time.monotonic() - started))

    return Company(made_once(tmp_path_factory, "company", run) / "data")


def copied(company: Company, folder: Path) -> Company:
    target = folder / "data"
    shutil.copytree(company.data_dir, target, symlinks=True)
    return Company(target)


@pytest.fixture
def copy_of_sample(sample_company, tmp_path) -> Company:
    """A private copy of the sample after its run, to change at will."""
    return copied(sample_company, tmp_path)


@pytest.fixture
def copy_of_company(company_after_run, tmp_path) -> Company:
    """A private copy of the small company after its run, to change at will."""
    return copied(company_after_run, tmp_path)
