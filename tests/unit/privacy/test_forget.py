"""P8: an erased person is gone from every file that the product keeps, and it can be shown."""

import json
import os
import shutil
import socket

import duckdb
import pytest

from dagster_project.errors import UsageError
from dagster_project.identity.inspection.explain import explain
from dagster_project.identity.registry.tables import hash_key
from dagster_project.load.run import load_landing
from dagster_project.privacy.access import export_person
from dagster_project.privacy.erasure import forget, not_erased_yet, prepare_tables, preview
from dagster_project.privacy.statement import is_genuine
from dagster_project.publish import opened_marts, rollback
from dagster_project.transform.project import cache_dir
from dagster_project.warehouse import connect
from tests.byte_search import search
from tests.parquet_only import move_to_parquet
from tests.unit.privacy.conftest import ALICE, BOB, SHARED_PHONE, copied, write_landing

TOTALS = "SELECT sum(records), sum(accepted + quarantined + left_out + erased) FROM ledger.files"
RAW = (
    *("crm.contacts", "crm.consents", "shop.accounts", "shop.orders", "shop.order_lines"),
    *("shop.web_events", "call_center.calls", "call_center.tickets"),
)
BOBS = {
    "crm.contacts WHERE contact_id = 'C-000002'": "* EXCLUDE (referred_by_contact_id)",
    "crm.consents WHERE contact_id = 'C-000002'": "*",
    "shop.accounts WHERE account_id = 'A-000002'": "*",
    "shop.orders WHERE order_id = 'O-000003'": "*",
    "shop.order_lines WHERE order_id = 'O-000003'": "*",
    "shop.web_events WHERE event_id = 'E-2'": "* EXCLUDE (page_path, _line)",
    "call_center.calls WHERE call_id = 'CALL-0002'": "* EXCLUDE (transcript)",
    "call_center.tickets WHERE ticket_id = 'T-000002'": "* EXCLUDE (subject)",
}


def identifiers(lines: list[str]) -> set[str]:
    return {line.rpartition(": ")[2] for line in lines}


def test_nothing_of_the_person_is_left(forgotten):
    """A file, a page or an archive still holds somebody who asked to be erased."""
    there = identifiers(search(forgotten.before.settings.data_dir, ALICE))
    assert there >= {text.lower() for text in ALICE if text != "+447700900123"}
    assert forgotten.found_at_once == []
    exports = forgotten.after.settings.exports_dir
    assert list((exports / "people").iterdir()) == []
    (export,) = exports.glob("vip/*.csv")
    assert "bob@example.com" in export.read_text()
    assert search(forgotten.after.settings.data_dir, ALICE) == []


def test_who_was_erased_before_is_not_unknown(forgotten):
    """Whoever asks twice, or again after a full disk, is told that the key is mistaken."""
    unknown = ["bob@example.com", "crm.contacts/C-000009", SHARED_PHONE]
    erased = [" Alice@example.com", "crm.contacts/C-000001", "07700 900123"]
    assert not_erased_yet(forgotten.after.settings, [*erased, *unknown]) == unknown


def test_everybody_else_stays(forgotten):
    """Erasing one person loses or changes another's records, or an address that they share."""
    for table, columns in BOBS.items():
        query = f"SELECT {columns} FROM {table} ORDER BY ALL"
        before = forgotten.before.rows(query)
        assert before, table
        assert forgotten.after.rows(query) == before, table
    folder = forgotten.after.settings.data_dir
    found = identifiers(search(folder, [*BOB, SHARED_PHONE]))
    assert found >= {text.lower() for text in (*BOB, SHARED_PHONE)}


def test_what_others_say_of_the_person_is_replaced(forgotten):
    """A friend's ticket or a referral goes on naming somebody who was erased."""
    rows = forgotten.after.rows("SELECT subject FROM call_center.tickets")
    assert rows == [("My friend [erased] told me",)]
    rows = forgotten.after.rows("SELECT DISTINCT referred_by_contact_id FROM crm.contacts")
    assert rows in ([(None,)], [("[erased]",)])
    ((said,),) = forgotten.after.rows("SELECT transcript FROM call_center.calls")
    assert said == "Tell [erased] or 07[erased]"


def test_the_ledger_adds_up(forgotten):
    """Records that were erased are missing from the accounting, or are counted as loaded."""
    ((records, _),) = forgotten.before.rows(TOTALS)
    assert forgotten.after.rows(TOTALS) == [(records, records)]
    rows = forgotten.after.rows(
        "SELECT target, sum(erased) FROM ledger.files GROUP BY 1 HAVING sum(erased) > 0"
    )
    assert dict(rows) == {
        "crm.contacts": 2,
        "crm.consents": 2,
        "shop.accounts": 1,
        "shop.orders": 2,
        "shop.order_lines": 2,
        "shop.web_events": 1,
        "call_center.calls": 1,
        "call_center.tickets": 1,
    }
    assert forgotten.after.rows("FROM ledger.quarantine WHERE level = 'row'") == []


def test_a_full_refresh_reads_the_same_from_the_rewritten_files(forgotten, tmp_path):
    """Reading landing/ again loads other rows, or counts the erased records no more."""
    company = copied(forgotten.after, tmp_path / "data")

    def state() -> list:
        return [company.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in RAW] + [
            company.rows("SELECT * EXCLUDE (loaded_at, run_id) FROM ledger.files ORDER BY ALL")
        ]

    before = state()
    with connect(company.settings, keep_order=True) as con:
        load_landing(con, company.settings, run_id="again", full_refresh=True)
    assert state() == before


def test_a_redelivered_extract_brings_nobody_back(forgotten, tmp_path):
    """The next full export of a source that erased nobody undoes the erasure."""
    company = copied(forgotten.after, tmp_path / "data")
    loaded = company.rows("SELECT sum(records), sum(erased) FROM ledger.files")
    landing = company.settings.landing_dir
    shutil.rmtree(landing)
    write_landing(landing)
    (landing / "notes.txt").unlink()
    assert company.load(suppress=True) > 0
    assert search(company.settings.data_dir, ALICE) == []
    assert company.rows("SELECT sum(records), sum(erased) FROM ledger.files") == loaded


def test_new_records_of_an_erased_account_stay_out(forgotten, tmp_path):
    """A late order of somebody who was erased makes a new customer of them."""
    company = copied(forgotten.after, tmp_path / "data")
    folder = company.settings.landing_dir / "shop"
    (folder / "orders_late.csv").write_text(
        "order_id,account_id,email,ordered_at,status,total_amount\n"
        "O-000009,A-000001,,2025-06-01,paid,3.00\n"
        "O-000010,,ALICE@example.com,2025-06-01,paid,3.00\n"
        "O-000011,A-000002,,2025-06-01,paid,3.00\n"
    )
    assert company.load(suppress=True) == 2
    (folder / "order_lines_late.csv").write_text(
        "order_id,line_number,product_id,quantity,unit_price\n"
        "O-000009,1,P-1,1,3.00\nO-000011,1,P-1,1,3.00\n"
    )
    assert company.load(suppress=True) == 1
    rows = company.rows("SELECT order_id FROM shop.orders ORDER BY 1")
    assert rows == [("O-000003",), ("O-000011",)]
    assert search(company.settings.data_dir, [*ALICE, "O-000009", "O-000010"]) == []


def test_kept_versions_stay_versions(forgotten):
    """A rewritten version cannot be opened, lost its sums, or is no longer the one in force."""
    settings = forgotten.after.settings
    versions = sorted(path.name for path in (settings.published_dir / "versions").iterdir())
    assert versions == ["20260101T000000-000001", "20260102T000000-000001"]
    current = settings.published_dir / "current"
    assert current.resolve().name == versions[-1]
    assert (settings.restricted_dir / "current").resolve().name == versions[-1]
    manifest = json.loads((current / "manifest.json").read_text())
    assert manifest["version"] == versions[-1]
    assert manifest["marts"]["customers"]["rows"] == 1
    with duckdb.connect(str(current / "marts.duckdb"), read_only=True) as con:
        assert con.execute("SELECT order_id FROM orders").fetchall() == [("O-000003",)]
        ((sales, revenue),) = con.execute(
            "SELECT sale_count, CAST(net_revenue AS DOUBLE) FROM erased_sums"
        ).fetchall()
        assert (sales, revenue) == (2, 15.25)
        comments = con.execute(
            "SELECT comment FROM duckdb_tables() WHERE table_name = 'customers'"
        ).fetchall()
        assert comments == [("People's profiles",)]
    with duckdb.connect() as con:
        parquet = current / "parquet" / "orders.parquet"
        assert con.execute(f"SELECT count(*) FROM '{parquet}'").fetchall() == [(1,)]
        said = con.execute(
            f"SELECT value FROM parquet_kv_metadata('{current}/parquet/customers.parquet') "
            "WHERE key = 'description'"
        ).fetchall()
        assert said == [(b"People's profiles",)]


def test_versions_share_files_before_an_erasure_and_after(company):
    """The person stays in a file that an old version shares with a new one; or the disk, on which
    seven versions shared their files, is full of seven copies of them after one erasure."""
    versions = company.settings.published_dir / "versions"
    old = [versions / name / "parquet" for name in sorted(p.name for p in versions.iterdir())]
    for path in old[0].iterdir():
        later = old[1] / path.name
        assert later.read_bytes() == path.read_bytes()
        later.unlink()
        os.link(path, later)
    forget(company.settings, ["alice@example.com"])
    assert search(company.settings.published_dir, ALICE) == []
    new = [versions / name / "parquet" for name in sorted(p.name for p in versions.iterdir())]
    assert not {*old} & {*new}
    # The marts that the manifest counts.
    for mart in ("customers", "orders"):
        assert (new[1] / f"{mart}.parquet").samefile(new[0] / f"{mart}.parquet")
    shutil.rmtree(new[0])
    with duckdb.connect() as con:
        assert con.execute(f"SELECT count(*) FROM '{new[1]}/orders.parquet'").fetchone() == (1,)


def test_marts_that_are_parquet_alone_forget_too(company):
    """A company outgrows its tables, and the erased stay in the largest marts of kept versions; or
    what their sales came to is lost."""
    versions = company.settings.published_dir / "versions"
    for folder in versions.iterdir():
        move_to_parquet(folder, {"orders", "calls"})
    assert search(company.settings.published_dir, ALICE)
    forget(company.settings, ["alice@example.com"])
    assert search(company.settings.published_dir, ALICE) == []
    first, second = sorted(versions.iterdir())
    for folder in (first, second):
        with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as con:
            tables = con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
            sums = con.execute("SELECT sale_count, net_revenue FROM erased_sums").fetchall()
        assert tables == [("customers",), ("erased_sums",)]
        assert [(count, float(revenue)) for count, revenue in sums] == [(2, 15.25)]
        with opened_marts(folder) as con:
            assert con.execute("SELECT order_id FROM orders").fetchall() == [("O-000003",)]
            assert con.execute("SELECT count(*) FROM calls").fetchall() == [(1,)]
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["marts"]["orders"]["rows"] == 1
        listed = {name for name in manifest["files"] if name.startswith("parquet/")}
        assert listed == {f"parquet/{file.name}" for file in (folder / "parquet").iterdir()}
    orders = [folder / "parquet" / "orders.parquet" for folder in (first, second)]
    assert orders[0].samefile(orders[1])


def test_a_role_mailbox_that_nobody_else_bears_goes_too(company):
    """A one-man firm is found in every kept version by its info@, which links nobody."""
    folder = company.settings.landing_dir
    accounts = [
        {"account_id": "A-000001", "email": "Info@alice-soap.example"},
        {"account_id": "A-000002", "email": "info@bob-and-friends.example"},
    ]
    (folder / "shop" / "accounts_later.json").write_text(json.dumps(accounts))
    (folder / "crm" / "contacts_later.csv").write_text(
        "contact_id,updated_at,email\nC-000001,2025-03-01,info@bob-and-friends.example\n"
    )
    company.load()
    with connect(company.settings) as con:
        prepare_tables(con)
        mailbox = ("email", "Info@alice-soap.example", None, True, "role_mailbox", None)
        con.execute("INSERT INTO identity.identifiers VALUES (?, ?, ?, ?, ?, ?)", [*mailbox])
    company.publish("20260105T000000-000000")
    version = company.settings.restricted_dir / "versions" / "20260105T000000-000000"
    with duckdb.connect(str(version / "restricted.duckdb")) as con:
        con.execute(f"ATTACH '{company.settings.warehouse_path}' AS w (READ_ONLY)")
        con.execute("CREATE TABLE identity.identifiers AS FROM w.identity.identifiers")
    forget(company.settings, ["alice@example.com"])
    assert search(company.settings.data_dir, ["info@alice-soap.example"]) == []
    assert search(company.settings.data_dir, ["info@bob-and-friends.example"])


def test_what_somebody_else_said_of_an_order_stays(company):
    """Bob's answer about Alice's order is lost, or it still names her order. Found by the soak."""
    (company.settings.landing_dir / "crm" / "surveys.csv").write_text(
        "survey_id,kind,score,answered_at,contact_id,order_id\n"
        "S-000001,nps,8,2025-03-04,C-000002,O-000001\n"
        "S-000002,nps,7,2025-03-04,,O-000001\n"
        "S-000003,nps,6,2025-03-04,C-000001,O-000003\n"
    )
    company.load()
    forget(company.settings, ["alice@example.com"])
    company.load()
    assert company.rows("SELECT survey_id, contact_id, score FROM crm.surveys") == [
        ("S-000001", "C-000002", 8)
    ]
    assert search(company.settings.data_dir, ALICE) == []
    assert company.load() == 0
    assert company.rows("SELECT count(*) FROM crm.surveys") == [(1,)]


def test_a_browser_with_an_order_of_nobody_goes(company):
    """What Alice looked at is given to Bob: an order from her browser was nobody's, and is his now.

    Found by the soak."""
    (company.settings.landing_dir / "shop" / "orders_later.csv").write_text(
        "order_id,ordered_at,status,total_amount,phone,visitor_id\n"
        f"O-000009,2025-03-05,paid,7.00,{SHARED_PHONE},V-ALICE1\n"
        f"O-000010,2025-03-05,paid,7.00,{SHARED_PHONE},V-BOTH01\n"
        f"O-000011,2025-03-05,paid,7.00,{SHARED_PHONE},V-BOB001\n"
    )
    (company.settings.landing_dir / "shop" / "web_events_later.csv").write_text(
        "event_id,visitor_id,account_id,occurred_at,event_name\n"
        "E-3,V-ALICE1,,2025-03-05,page_view\n"
        "E-4,V-BOTH01,A-000001,2025-03-05,page_view\n"
        "E-5,V-BOTH01,A-000002,2025-03-05,page_view\n"
    )
    company.load()
    forget(company.settings, ["alice@example.com"])
    company.load()
    assert company.rows("SELECT DISTINCT visitor_id FROM shop.web_events ORDER BY 1") == [
        ("V-BOB001",),
        ("V-BOTH01",),
    ]
    assert company.rows(
        "SELECT order_id FROM shop.orders WHERE order_id > 'O-000008' ORDER BY 1"
    ) == [
        ("O-000010",),
        ("O-000011",),
    ]
    assert search(company.settings.data_dir, ["V-ALICE1"]) == []


def test_the_next_erasure_needs_no_run_before_it(company):
    """Alice leaves, by whom Bob came; Bob leaves an hour later, and his e-mail stays in the file
    that named her: it had been rewritten, and nobody knew its rows. Found by the soak of 50."""
    forget(company.settings, ["alice@example.com"])
    assert preview(company.settings, [BOB[-1]]).records["crm.contacts"] == 2
    forget(company.settings, [BOB[-1]])
    assert search(company.settings.data_dir, [*ALICE, *BOB, SHARED_PHONE]) == []
    for table in ("crm.contacts", "shop.accounts", "shop.orders", "call_center.calls"):
        assert company.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert company.load() == 0


def test_a_copy_of_what_is_held_is_whole_after_an_erasure(company):
    """Bob asks what is held about him an hour after Alice left, and his contact is not in it."""
    forget(company.settings, ["alice@example.com"])
    assert company.rows("SELECT count(*) FROM crm.contacts") == [(0,)]
    export_person(company.settings, BOB[-1])
    assert company.rows("SELECT count(*) FROM crm.contacts") == [(2,)]
    written = (company.settings.exports_dir / "people" / BOB[-1] / "person.json").read_text()
    assert "bob@example.com" in written
    assert "C-000002" in written


def test_a_restated_version_stays_marked(company):
    """An erasure turns a past day that was made again into a version that rollback offers."""
    company.publish("20260103T000000-000000-restated")
    company.publish("20260104T000000-000000")
    forget(company.settings, ["alice@example.com"])
    kept = sorted(path.name for path in (company.settings.published_dir / "versions").iterdir())
    assert kept[-2:] == ["20260103T000000-000001-restated", "20260104T000000-000001"]
    assert rollback(company.settings).name == "20260102T000000-000001"


def test_the_record_is_signed_and_names_nobody(forgotten, tmp_path):
    """Nobody can show that somebody was erased, or the proof itself names them."""
    with connect(forgotten.after.settings) as con:
        key = hash_key(con)
    path = forgotten.done.statement
    assert is_genuine(key, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert search(path.parent, ALICE) == []
    content = json.loads(path.read_text())
    assert (content["people"], content["records"]) == (1, 12)
    forged = tmp_path / path.name
    forged.write_text(path.read_text().replace('"people": 1', '"people": 2'))
    assert not is_genuine(key, forged)


def test_an_unknown_key_changes_nothing(company):
    """A slip in a key erases somebody else, or half of it is done before it is refused."""
    before = company.rows("SELECT * FROM shop.orders ORDER BY ALL")
    with pytest.raises(UsageError) as caught:
        forget(company.settings, ["crm.contacts/C-000001", "nobody@example.com"])
    assert "nobody@example.com" not in caught.value.message
    assert company.rows("SELECT * FROM shop.orders ORDER BY ALL") == before
    assert not (company.settings.data_dir / "erasures").exists()


def test_explain_says_that_nothing_is_built(forgotten):
    """After an erasure somebody asks who is who, and meets a stack trace."""
    with connect(forgotten.after.settings) as con, pytest.raises(UsageError, match="hourglass run"):
        explain(con, forgotten.after.settings, "bob@example.com")


def test_what_is_no_file_stops_no_erasure(company, monkeypatch):
    """In a container, whose cache lies among the data, a request stops every run that follows."""
    data_dir = company.settings.data_dir
    monkeypatch.setenv("XDG_CACHE_HOME", str(data_dir / "cache"))
    code = cache_dir(company.settings)
    # A text of a model that an identifier happens to be.
    (code / "model.sql").write_text("SELECT 'C-000001'")
    os.mkfifo(data_dir / "pipe")
    os.mkfifo(code / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(code)
        server.bind("dbt.sock")
        forget(company.settings, ["alice@example.com"])
    assert (code / "model.sql").read_text() == "SELECT 'C-000001'"
