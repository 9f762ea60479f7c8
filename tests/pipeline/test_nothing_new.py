"""A run that finds nothing new ends before Dagster is started, and only then."""

import os
import time

import duckdb
import pytest

from dagster_project.operations.nothing_new import nothing_new
from dagster_project.settings import load_settings
from tests.pipeline.conftest import Company

LONG_AGO = time.time() - 86_400


def reason(company: Company, **settings: object) -> str | None:
    return nothing_new(load_settings(data_dir=company.data_dir, **settings), as_of=None)


def land(company: Company, name: str, text: str) -> None:
    path = company.data_dir / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def company(copy_of_sample: Company) -> Company:
    told = reason(copy_of_sample)
    assert told is not None
    assert f"Nothing changed since version {copy_of_sample.version}" in told
    return copy_of_sample


def test_a_change_of_any_kind_is_left_to_a_run(company):
    """New files, a decision or a setting are passed over, day after day, with exit code 0."""
    name = "crm/contacts_2026-07-01.csv"
    land(company, name, "contact_id,email\nnew,new@example.org\n")
    assert reason(company) is None, "a new file"
    (company.data_dir / "landing" / name).unlink()
    assert reason(company) is not None
    land(company, "shop/notes.txt", "read me")
    assert reason(company) is None, "a file that is not read, which must be said"
    (company.data_dir / "landing" / "shop" / "notes.txt").unlink()
    (known,) = (company.data_dir / "landing" / "shop").glob("orders*")
    stat = known.stat()
    os.utime(known, (LONG_AGO - 60, LONG_AGO - 60))
    assert reason(company) is None, "a file that was replaced"
    os.utime(known, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert reason(company) is not None
    assert reason(company, time_zone="Europe/Moscow") is None, "a setting"
    result = company.hourglass(
        "identity", "link", *two_accounts(company), "--who", "K", "--why", "w"
    )
    assert result.returncode == 0, result.stderr
    assert reason(company) is None, "a decision about people"


def two_accounts(company: Company) -> list[str]:
    rows = company.query(
        "SELECT 'shop.accounts/' || min(source_id) FROM customer_identities "
        "WHERE source_table = 'accounts' GROUP BY customer_id ORDER BY 1 LIMIT 2"
    )
    return [row[0] for row in rows]


def test_a_run_that_was_not_published_is_made_good(company):
    """A failed run, a rollback, a lost warehouse or an erasure that was cut short stay as they
    are, because no file is new."""
    warehouse = company.data_dir / "warehouse" / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as con:
        con.execute("UPDATE control.parameters SET build_id = 'another'")
    assert reason(company) is None, "the warehouse holds another build than the one in force"
    with duckdb.connect(str(warehouse)) as con:
        con.execute("DELETE FROM control.parameters")
    assert reason(company) is None
    warehouse.unlink()
    assert reason(company) is None, "no warehouse"


def test_a_request_of_erasure_is_looked_at(company):
    """Somebody asks to be erased and nobody looks, because the request was loaded by a run that
    died before it was obeyed."""
    path = company.data_dir / "warehouse" / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("INSERT INTO crm.erasure_requests BY NAME SELECT 'r' AS request_id")
    assert reason(company) is None


def test_a_run_is_short_and_tells_what_is_wrong(company):
    """A tick of the sensor, or of cron every quarter of an hour, costs as much as half a build."""
    runs = sorted((company.data_dir / "dagster" / "logs").glob("*.log"))
    result = company.run()
    assert "Nothing changed since version" in result.stdout
    assert sorted((company.data_dir / "dagster" / "logs").glob("*.log")) == runs
