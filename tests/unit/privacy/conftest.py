"""A small company whose files are of every kind, loaded, with a registry and published versions.

Alice is to be erased. Bob is a living person who shares a telephone with her and was referred by
her; the three of them show what goes and what stays.
"""

import csv
import gzip
import io
import json
import shutil
import zipfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
import zstandard

from dagster_project.load.run import load_landing
from dagster_project.privacy.erasure import forget, prepare_tables
from dagster_project.privacy.statement import Erasure
from dagster_project.settings import Settings
from dagster_project.warehouse import connect
from tests.byte_search import search

# What nobody but Alice bears, in every way that it is written.
ALICE = (
    "alice@example.com",
    "Alice.Old@Example.com",
    "alice.old@example.com",
    "+447700900123",
    "07700 900123",
    "C-000001",
    "A-000001",
    "O-000001",
    "O-000002",
    "CALL-0001",
    "T-000001",
    "V-ALICE1",
    "LC1234567",
    "cust_alice_0000000000001",
)
BOB = ("bob@example.com", "C-000002", "A-000002", "O-000003", "cust_bob_000000000000002")
SHARED_PHONE = "+442079460111"


@dataclass
class SmallCompany:
    """``registry``: (system, table, key) to customer id, as an identity step would have it."""

    settings: Settings
    registry: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def load(self, *, suppress: bool = False) -> int:
        """Load what is new; records that were kept out before."""
        from dagster_project.privacy.suppression import suppress_erased

        with connect(self.settings, keep_order=True) as con:
            prepare_tables(con)
            gone = suppress_erased(con, self.settings) if suppress else 0
            load_landing(con, self.settings, run_id="test")
        return gone

    def rows(self, sql: str) -> list[tuple]:
        with connect(self.settings) as con:
            return con.execute(sql).fetchall()

    def resolve(self) -> None:
        """Give records to customers as ``registry`` says."""
        with connect(self.settings) as con:
            prepare_tables(con)
            con.execute("DELETE FROM identity.registry")
            con.execute("DELETE FROM identity.registry_ids")
            moment = datetime(2026, 1, 1)
            for key, customer in self.registry.items():
                con.execute(
                    "INSERT INTO identity.registry VALUES (?, ?, ?, ?, ?)",
                    [*key, customer, moment],
                )
            for number, customer in enumerate(sorted(set(self.registry.values()))):
                con.execute(
                    "INSERT INTO identity.registry_ids VALUES (?, ?, ?, NULL)",
                    [customer, moment, number],
                )

    def publish(self, name: str) -> None:
        """A version of the marts as they are, put in force."""
        settings = self.settings
        published = settings.published_dir / "versions" / name
        restricted = settings.restricted_dir / "versions" / name
        (published / "parquet").mkdir(parents=True)
        restricted.mkdir(parents=True)
        with duckdb.connect(str(settings.warehouse_path)) as con:
            con.execute(f"ATTACH '{published}/marts.duckdb' AS m")
            con.execute(f"ATTACH '{restricted}/restricted.duckdb' AS r")
            owner = (
                "(SELECT customer_id FROM identity.registry AS g WHERE g.source_table = 'orders' "
                "AND g.source_id = o.order_id)"
            )
            con.execute(
                f"CREATE TABLE m.orders AS SELECT order_id, {owner} AS customer_id, "
                "CAST(ordered_at AS DATE) AS order_date, true AS is_sale, "
                "total_amount AS net_revenue FROM shop.orders AS o ORDER BY 1"
            )
            con.execute(
                "CREATE TABLE m.customers AS SELECT customer_id, count(*) AS records "
                "FROM identity.registry GROUP BY 1 ORDER BY 1"
            )
            con.execute("COMMENT ON TABLE m.customers IS 'People''s profiles'")
            con.execute("COMMENT ON COLUMN m.customers.records IS 'How many'")
            con.execute(
                "CREATE TABLE m.calls AS SELECT call_id, customer_id FROM call_center.calls AS c "
                "LEFT JOIN identity.registry AS g ON g.source_table = 'calls' "
                "AND g.source_id = c.call_id ORDER BY 1"
            )
            con.execute(
                "CREATE TABLE r.customer_contacts AS SELECT customer_id, any_value(email) AS email "
                "FROM identity.registry AS g JOIN crm.contacts AS c ON g.source_table = 'contacts' "
                "AND g.source_id = c.contact_id GROUP BY 1 ORDER BY 1"
            )
            con.execute("CREATE SCHEMA r.identity")
            for table in ("registry", "registry_ids", "registry_trail", "id_changes", "secrets"):
                con.execute(f"CREATE TABLE r.identity.{table} AS SELECT * FROM identity.{table}")
            for table in ("orders", "customers", "calls"):
                con.execute(
                    f"COPY m.{table} TO '{published}/parquet/{table}.parquet' (FORMAT parquet)"
                )
        (published / "report").mkdir()
        (published / "report" / "index.html").write_text("<p>3 customers</p>")
        (published / "quality.json").write_text(json.dumps({"keys": [ALICE[-1], BOB[-1]]}))
        marts = {name: {"rows": 3, "is_restricted": False} for name in ("orders", "customers")}
        (published / "manifest.json").write_text(
            json.dumps({"version": name, "build_id": f"b-{name}", "inputs": "x", "marts": marts})
        )
        for parent in (settings.published_dir, settings.restricted_dir):
            link = parent / "current"
            link.unlink(missing_ok=True)
            link.symlink_to(Path("versions") / name)


def text(rows: list[dict[str, str]], delimiter: str = ",", end: str = "\n") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_landing(landing: Path) -> None:
    """The extracts: CSV in three encodings, gzip, zstd, JSON, Parquet, xlsx and zip."""
    contacts = [
        {"contact_id": "C-000001", "updated_at": "2025-01-01", "email": "Alice.Old@Example.com",
         "phone": "07700 900123", "first_name": "Alice", "last_name": "Ärmel",
         "referred_by_contact_id": ""},
        {"contact_id": "C-000002", "updated_at": "2025-01-01", "email": "bob@example.com",
         "phone": SHARED_PHONE, "first_name": "Bob", "last_name": "Building\nSite",
         "referred_by_contact_id": "C-000001"},
    ]  # fmt: skip
    later = [
        {**contacts[0], "updated_at": "2025-02-01", "email": "alice@example.com",
         "phone": SHARED_PHONE},
        {**contacts[1], "updated_at": "not a time", "last_name": "Builder"},
    ]  # fmt: skip
    (landing / "crm").mkdir(parents=True)
    (landing / "crm" / "contacts_2025-01-01.csv").write_bytes(
        b"\xef\xbb\xbf" + text(contacts, end="\r\n").encode()
    )
    (landing / "crm" / "contacts_2025-02-01.csv").write_bytes(text(later, ";").encode("cp1252"))
    consents = [
        {"contact_id": "C-000001", "email": "alice@example.com", "purpose": "email",
         "status": "granted", "effective_at": "2025-01-02"},
        {"contact_id": "C-000002", "email": "bob@example.com", "purpose": "email",
         "status": "granted", "effective_at": "2025-01-02"},
        {"contact_id": "C-000001", "email": "alice@example.com", "purpose": "perhaps",
         "status": "granted", "effective_at": "2025-01-02"},
    ]  # fmt: skip
    (landing / "crm" / "consents.csv").write_bytes(text(consents, "\t").encode("utf-16"))
    (landing / "shop").mkdir()
    accounts = [
        {"account_id": "A-000001", "email": "alice@example.com", "loyalty_card": "LC1234567"},
        {"account_id": "A-000002", "email": "bob@example.com", "loyalty_card": "LC7654321"},
    ]
    (landing / "shop" / "accounts.json").write_text(json.dumps(accounts, indent=1))
    orders = [
        {"order_id": "O-000001", "account_id": "A-000001", "email": "", "ordered_at": "2025-03-01",
         "status": "paid", "total_amount": "10.00", "visitor_id": "V-ALICE1"},
        {"order_id": "O-000003", "account_id": "A-000002", "email": "", "ordered_at": "2025-03-02",
         "status": "paid", "total_amount": "20.50", "visitor_id": "V-BOB001"},
        {"order_id": "O-000002", "account_id": "", "email": "alice@example.com",
         "ordered_at": "2025-03-03", "status": "paid", "total_amount": "5.25", "visitor_id": ""},
    ]  # fmt: skip
    (landing / "shop" / "orders.csv.gz").write_bytes(gzip.compress(text(orders).encode(), mtime=0))
    lines = [
        {
            "order_id": order,
            "line_number": 1,
            "product_id": "P-1",
            "quantity": 1,
            "unit_price": 1.10,
        }
        for order in ("O-000001", "O-000003", "O-000002")
    ]
    (landing / "shop" / "order_lines.jsonl.zst").write_bytes(
        zstandard.ZstdCompressor().compress("\n".join(json.dumps(line) for line in lines).encode())
    )
    events = [
        {"event_id": "E-1", "visitor_id": "V-ALICE1", "account_id": "A-000001",
         "occurred_at": "2025-03-01", "event_name": "page_view", "page_path": "/me"},
        {"event_id": "E-2", "visitor_id": "V-BOB001", "account_id": "A-000002",
         "occurred_at": "2025-03-01", "event_name": "page_view",
         "page_path": "/share?to=alice@example.com"},
    ]  # fmt: skip
    with duckdb.connect() as con:
        for number, event in enumerate(events):
            values = ", ".join(f"'{value}' AS {name}" for name, value in event.items())
            con.execute(
                f"CREATE TABLE e AS SELECT {values}"
                if not number
                else f"INSERT INTO e SELECT {values}"
            )
        con.execute(f"COPY e TO '{landing}/shop/web_events.parquet' (FORMAT parquet)")
    (landing / "call_center").mkdir()
    calls = [
        {"call_id": "CALL-0001", "direction": "inbound", "customer_phone": "07700 900123",
         "started_at": "2025-04-01 10:00", "disposition": "answered", "transcript": "Alice here"},
        {"call_id": "CALL-0002", "direction": "inbound", "customer_phone": SHARED_PHONE,
         "started_at": "2025-04-02 10:00", "disposition": "answered",
         "transcript": "Tell alice@example.com or 07700-900 123"},
    ]  # fmt: skip
    from dagster_project.privacy.file_rewriting import write_sheet

    names = list(calls[0])
    sheet = {1: names} | {n: [c[name] for name in names] for n, c in enumerate(calls, start=2)}
    write_sheet(sheet, landing / "call_center" / "calls.xlsx")
    tickets = [
        {"ticket_id": "T-000001", "contact_id": "C-000001", "created_at": "2025-05-01",
         "subject": "I am Alice"},
        {"ticket_id": "T-000002", "contact_id": "C-000002", "created_at": "2025-05-01",
         "subject": "My friend C-000001 told me"},
    ]  # fmt: skip
    with zipfile.ZipFile(landing / "call_center" / "tickets.zip", "w") as archive:
        archive.writestr("tickets.csv", text(tickets))
    (landing / "notes.txt").write_text("alice@example.com asked for a refund\n")


REGISTRY = {
    ("crm", "contacts", "C-000001"): ALICE[-1],
    ("shop", "accounts", "A-000001"): ALICE[-1],
    ("shop", "orders", "O-000002"): ALICE[-1],
    ("call_center", "calls", "CALL-0001"): ALICE[-1],
    ("call_center", "tickets", "T-000001"): ALICE[-1],
    ("crm", "contacts", "C-000002"): BOB[-1],
    ("shop", "accounts", "A-000002"): BOB[-1],
    ("call_center", "tickets", "T-000002"): BOB[-1],
}


@pytest.fixture(scope="session")
def loaded_company(tmp_path_factory) -> SmallCompany:
    """The company after its first day; tests copy it."""
    folder = tmp_path_factory.mktemp("company")
    company = SmallCompany(Settings(data_dir=folder / "data"), dict(REGISTRY))
    write_landing(company.settings.landing_dir)
    company.load()
    company.resolve()
    company.publish("20260101T000000-000000")
    company.publish("20260102T000000-000000")
    settings = company.settings
    exports = settings.exports_dir / "vip"
    exports.mkdir(parents=True)
    rows = [
        {"customer_id": ALICE[-1], "email": "alice@example.com"},
        {"customer_id": BOB[-1], "email": "bob@example.com"},
    ]
    (exports / "2026-01-01.csv").write_text(text(rows))
    handed_over = settings.exports_dir / "people" / ALICE[-1]
    handed_over.mkdir(parents=True)
    (handed_over / "person.html").write_text("<td>Alice Ärmel</td>")
    logs = settings.dagster_home / "logs"
    logs.mkdir(parents=True)
    (logs / "a.log").write_text("could not read alice@example.com\nall well\n")
    (settings.warehouse_dir / "failing_rows").mkdir()
    (settings.warehouse_dir / "failing_rows" / "rows.bin").write_bytes(b"C-000001")
    return company


def copied(company: SmallCompany, target: Path) -> SmallCompany:
    shutil.copytree(company.settings.data_dir, target, symlinks=True)
    return SmallCompany(Settings(data_dir=target), dict(REGISTRY))


@dataclass
class Forgotten:
    """``before`` and ``after``: the company with Alice, and after she was erased and a load ran."""

    before: SmallCompany
    after: SmallCompany
    done: Erasure
    # What a search for her found between the erasure and the load.
    found_at_once: list[str]


@pytest.fixture(scope="session")
def forgotten(loaded_company, tmp_path_factory) -> Forgotten:
    """Alice was erased; tests look at it or copy it."""
    after = copied(loaded_company, tmp_path_factory.mktemp("forgotten") / "data")
    (done,) = forget(after.settings, ["alice@example.com"])
    found = search(after.settings.data_dir, ALICE)
    after.load(suppress=True)
    return Forgotten(loaded_company, after, done, found)


@pytest.fixture
def company(loaded_company, tmp_path) -> SmallCompany:
    """A private copy, to erase people from."""
    return copied(loaded_company, tmp_path / "data")
