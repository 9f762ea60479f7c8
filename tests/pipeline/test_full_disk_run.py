"""A disk that fills up in the middle of a whole run: tried on a small file system in memory."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.pipeline.conftest import Company
from tests.pipeline.digests import mart_digests
from tests.soak import SOAK

# Room for the small company, its versions and a run's work.
MEGABYTES = 600
# What is left of it when the disk is "full": less than a table or a page takes.
LEFT = 200_000
# The step that runs when the disk fills up, by the line that is printed when the one before ends.
STAGES = {"dbt": "Stage records (dbt): success", "report": "Check marts: success"}
NEW = "order_id,ordered_at,status,total_amount\nFULL-1,2026-06-29 10:00:00,paid,12.50\n"


@pytest.fixture
def company(mounted, company_after_run) -> Company:
    """The small company after its run, on a disk of its own."""
    company = Company(mounted(MEGABYTES) / "data")
    shutil.copytree(company_after_run.data_dir, company.data_dir, symlinks=True)
    return company


@contextmanager
def no_room(company: Company) -> Iterator[None]:
    filler = company.data_dir.parent / "filler"
    fill(filler)
    yield
    filler.unlink()


def fill(filler: Path) -> None:
    free = shutil.disk_usage(filler.parent).free
    # Full before it is all written, where a run writes at the same time.
    with suppress(OSError), filler.open("ab") as file:
        file.write(b"\0" * max(free - LEFT, 0))


def run_until_full(company: Company, line: str) -> tuple[int, str]:
    """A run whose disk is full from ``line`` on; its exit code, and all that it said."""
    filler = company.data_dir.parent / "filler"
    command = ["-m", "dagster_project.cli", "run", "--data-dir", str(company.data_dir)]
    run = subprocess.Popen(
        [sys.executable, *command],
        cwd=company.project,
        env={**os.environ, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    assert run.stdout is not None
    for text in run.stdout:
        said.append(text)
        if line in text:
            fill(filler)
    code = run.wait()
    assert filler.exists(), "".join(said)
    filler.unlink()
    return code, "".join(said)


@pytest.mark.skipif(not SOAK, reason="make soak: two whole runs for each step")
@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_fills_up_in_a_run_costs_the_run_alone(company, stage):
    """A disk is full at night: dashboards are empty in the morning, or the next run fails too."""
    before = company.version
    (company.data_dir / "landing" / "shop" / "orders_2026-06-29.csv").write_text(NEW)
    code, said = run_until_full(company, STAGES[stage])
    assert code == 1, said
    assert "Traceback" not in said
    assert before in said
    assert company.version == before
    assert company.query("SELECT count(*) FROM orders WHERE order_id = 'FULL-1'") == [(0,)]
    company.run()
    assert company.query("SELECT count(*) FROM orders WHERE order_id = 'FULL-1'") == [(1,)]
    assert {path.name for path in (company.data_dir / "published").iterdir()} <= {
        "versions",
        "current",
        ".lock",
    }


def test_a_full_disk_stops_an_erasure_that_the_next_one_completes(company):
    """A person who was promised to be forgotten is half gone, and nobody is told."""
    [(email,)] = company.warehouse(
        "SELECT min(lower(email)) FROM crm.contacts WHERE email LIKE '%@%'"
    )
    marts = mart_digests(company, with_ids=True)
    with no_room(company):
        result = company.hourglass("forget", email, "--yes")
    said = result.stdout + result.stderr
    assert result.returncode == 1, said
    assert "Traceback" not in said
    assert email not in said
    assert mart_digests(company, with_ids=True) == marts
    result = company.hourglass("forget", email, "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 person erased" in result.stdout
    assert company.warehouse(
        f"SELECT count(*) FROM crm.contacts WHERE lower(email) = '{email}'"
    ) == [(0,)]
