"""Retention: what is older than its source may be kept goes, sums stay, and nothing comes back."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from dagster_project.contracts import load_contract
from dagster_project.privacy.erasure import purge_expired, resume
from dagster_project.privacy.retention import horizons_of
from dagster_project.settings import Settings
from tests.byte_search import search
from tests.unit.privacy.conftest import REGISTRY, SmallCompany, write_landing
from tests.unit.privacy.test_forget import TOTALS

AS_OF = date(2025, 5, 1)
# Days from which nothing of 1 April (a call), of March but the 2nd and 3rd (orders) is kept.
KEEP = {"call_center": {"calls": 29}, "shop": {"orders": 60, "web_events": 60}}


def own_contract(folder: Path) -> Path:
    for system, tables in KEEP.items():
        lines = "".join(
            f"  {table}:\n    settings: {{keep_days: {days}}}\n" for table, days in tables.items()
        )
        path = folder / "contracts" / f"{system}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"tables:\n{lines}")
    (folder / "contracts" / "crm.yml").write_text("settings: {keep_days: 60}\n")
    return folder


@pytest.fixture
def aged(loaded_company, tmp_path) -> SmallCompany:
    """The company with retention for calls, orders, events and all of the CRM."""
    shutil.copytree(loaded_company.settings.data_dir, tmp_path / "data", symlinks=True)
    settings = Settings(data_dir=tmp_path / "data", project_dir=own_contract(tmp_path / "own"))
    return SmallCompany(settings, dict(REGISTRY))


def columns(company: SmallCompany, table: str, column: str) -> list[str]:
    rows = company.rows(f"SELECT {column} FROM {table} ORDER BY 1")
    return [row[0] for row in rows]


def test_old_rows_leave_and_young_ones_stay(aged):
    """Somebody's old calls and orders are kept for ever although the company said how long."""
    old = ["CALL-0001", "O-000001", "Alice here"]
    landing = aged.settings.landing_dir
    assert search(landing, old)
    done = purge_expired(aged.settings, AS_OF)
    assert done is not None
    assert done.people == 0
    aged.load(suppress=True)
    assert columns(aged, "call_center.calls", "call_id") == ["CALL-0002"]
    assert columns(aged, "shop.orders", "order_id") == ["O-000002", "O-000003"]
    # A line of an order goes with it; events of the same day do too.
    assert columns(aged, "shop.order_lines", "order_id") == ["O-000002", "O-000003"]
    assert columns(aged, "shop.web_events", "event_id") == []
    # The newest version of a profile stays, whatever its age; others go.
    assert columns(aged, "crm.contacts", "contact_id || ' ' || updated_at::DATE::VARCHAR") == [
        "C-000001 2025-02-01",
        "C-000002 2025-01-01",
    ]
    assert columns(aged, "crm.consents", "contact_id") == []
    assert search(landing, old) == []
    ((records, accounted),) = aged.rows(TOTALS)
    assert records == accounted
    statement = json.loads(done.statement.read_text())
    assert statement["reason"] == "retention"
    assert statement["kept_from"]["call_center.calls"] == "2025-04-02"


def test_what_a_mapping_leaves_out_goes_with_its_file(aged):
    """A vendor's export keeps calls for ever that no table took, with both telephones."""
    line = '"","{src}","{dst}","d","","{channel}","PJSIP/102-1","Dial","",' \
        '"{day} 10:00:00","{day} 10:00:05","{day} 10:01:00",60,55,"ANSWERED","DOCUMENTATION",' \
        '"{id}",""\n'  # fmt: skip
    folder = aged.settings.landing_dir / "asterisk_cdr"
    folder.mkdir()

    def write(delivered: str, day: str, mark: str) -> Path:
        path = folder / f"Master_{delivered}.csv"
        outer = {"src": f"+4420794601{mark}", "channel": "PJSIP/trunk-1", "id": f"out.{mark}"}
        inner = {"src": "101", "channel": "PJSIP/101-1", "id": f"inner.{mark}"}
        path.write_text(
            line.format(dst="102", day=day, **outer) + line.format(dst="103", day=day, **inner)
        )
        return path

    old = write("2025-03-02", "2025-03-01", "31")
    young = write("2025-04-20", "2025-04-19", "32")
    # Delivered of late: what is left out may be as young as the file.
    mixed = write("2025-04-21", "2025-03-20", "33")
    aged.load()
    (before,) = aged.rows("SELECT sum(left_out) FROM ledger.files WHERE target = 'asterisk_cdr'")
    assert before == (3,)
    assert purge_expired(aged.settings, AS_OF)
    aged.load(suppress=True)
    assert not old.exists()
    assert "inner.32" in young.read_text()
    assert "inner.33" in mixed.read_text()
    assert "out.33" not in mixed.read_text()
    ((records, accounted),) = aged.rows(TOTALS)
    assert records == accounted
    assert purge_expired(aged.settings, AS_OF) is None
    assert purge_expired(aged.settings, date(2025, 5, 22))
    aged.load(suppress=True)
    assert not mixed.exists()
    ((records, accounted),) = aged.rows(TOTALS)
    assert records == accounted


def test_a_purge_is_done_once(aged):
    """Every run copies the whole warehouse again although nothing has aged."""
    assert purge_expired(aged.settings, AS_OF)
    aged.load(suppress=True)
    assert purge_expired(aged.settings, AS_OF) is None
    assert resume(aged.settings) == []


def test_sums_of_what_was_purged_stay(aged):
    """A month's sales vanish with the rows, and nobody can say what they came to."""
    purge_expired(aged.settings, AS_OF)
    rows = aged.rows(
        "SELECT source, month::VARCHAR, records, sale_count, net_revenue::DOUBLE "
        "FROM identity.purged_sums WHERE source LIKE 'shop.%' ORDER BY 1"
    )
    assert rows == [
        ("shop.orders", "2025-03-01", 1, 1, 10.0),
        ("shop.web_events", "2025-03-01", 2, 0, 0.0),
    ]


def test_what_was_purged_stays_away(aged):
    """The source delivers its whole history again, and every old row is back."""
    purge_expired(aged.settings, AS_OF)
    aged.load(suppress=True)
    sums = aged.rows("SELECT sum(records) FROM identity.purged_sums")
    shutil.rmtree(aged.settings.landing_dir)
    write_landing(aged.settings.landing_dir)
    assert aged.load(suppress=True) > 0
    assert columns(aged, "call_center.calls", "call_id") == ["CALL-0002"]
    assert columns(aged, "shop.orders", "order_id") == ["O-000002", "O-000003"]
    purge_expired(aged.settings, AS_OF)
    assert aged.rows("SELECT sum(records) FROM identity.purged_sums") == sums


def test_tables_without_people_are_kept(aged):
    """keep_days of a whole system takes its price list or its calendar of rates away."""
    kept = {f"{system}.{table}" for system, table in horizons_of(aged.settings, AS_OF)}
    crm = load_contract(aged.settings.project_dir)["crm"]
    assert {name.split(".")[1] for name in kept if name.startswith("crm.")} == set(crm.tables)
    assert not {"shop.products", "shop.order_lines"} & kept


def test_a_day_in_the_future_purges_nothing_young(aged):
    """A slip of the year in --as-of empties the warehouse."""
    assert max(horizons_of(aged.settings, date(2199, 1, 1)).values()) < date.today()
