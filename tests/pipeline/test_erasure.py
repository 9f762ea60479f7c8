"""P8 on whole runs: requests are obeyed, and nobody who was erased comes back."""

import csv
import gzip
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.byte_search import search
from tests.pipeline.conftest import SAMPLE, Company, land_company
from tests.soak import SOAK, seeded

# Whole runs, and how many people each call of ``forget`` before such a run is about: 50 in all.
ROUNDS = 2
AT_ONCE = (1, 4, 20)
# Columns of a simulated company whose values name a person, an address or a record of theirs.
IDENTIFYING = {
    *("email", "phone", "customer_phone", "loyalty_card", "national_id"),
    *("contact_id", "account_id", "order_id", "call_id", "ticket_id"),
}
# Marts that are compared before and after, and their columns but customer_id, and the order or call
# that an answer of another contact is about: it may be the erased person's.
COMPARED = {
    "orders": "* EXCLUDE (customer_id)",
    "order_lines": "* EXCLUDE (customer_id)",
    "customer_identities": "source_system, source_table, source_id",
    "calls": "* EXCLUDE (customer_id)",
    "feedback": "* EXCLUDE (customer_id, order_id, call_id)",
}
KEYS = {
    ("crm", "contacts"): "contact_id",
    ("shop", "accounts"): "account_id",
    ("shop", "orders"): "order_id",
    ("call_center", "calls"): "call_id",
    ("call_center", "tickets"): "ticket_id",
}


def delivered(landing: Path, system: str, table: str) -> Iterator[dict[str, str]]:
    path = landing / system / f"{table}.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def same(text: str) -> str:
    """A value without what ways of writing it differ in."""
    if "@" in text:
        return text.strip().lower()
    bare = re.sub(r"\W", "", text).upper()
    return bare[-9:] if bare.isdigit() else bare


def borne_by(landing: Path) -> tuple[dict[str, set[tuple]], dict[tuple, set[str]]]:
    """Records by the value that they bear, and values by record, over the delivered files."""
    bearers: dict[str, set[tuple]] = defaultdict(set)
    values: dict[tuple, set[str]] = defaultdict(set)
    for table, key in KEYS.items():
        for row in delivered(landing, *table):
            record = (*table, row[key])
            for name in IDENTIFYING & row.keys():
                if row[name] and len(row[name]) > 4:
                    values[record].add(row[name])
                    bearers[same(row[name])].add(record)
    return bearers, values


def identifiers_of(landing: Path, records: Iterable[tuple]) -> set[str]:
    """What stands in these records and in no record of anybody else, not even as a part.

    ``ebrown@gmail.com`` stands inside ``georgebrown@gmail.com``, which Gmail delivers to the same
    mailbox as ``george.brown@gmail.com``.
    """
    records = set(records)
    bearers, values = borne_by(landing)
    others = "\n".join(
        form
        for value, by in bearers.items()
        if not by <= records
        for form in (value, value.replace(".", "", value.partition("@")[0].count(".")))
    )
    return {
        text
        for record in records
        for text in values[record]
        if bearers[same(text)] <= records and same(text) not in others
    } | {key for *_, key in records}


def records_of(company: Company, customer: str) -> set[tuple]:
    rows = company.query(
        "SELECT source_system, source_table, source_id FROM customer_identities "
        f"WHERE customer_id = '{customer}'"
    )
    return {row for row in rows if row[:2] in KEYS}


def rows_of(company: Company, mart: str, whose: str) -> set[tuple]:
    """Rows of a mart whose customer_id is ``whose``, the customer first."""
    return set(
        company.query(f"SELECT customer_id, {COMPARED[mart]} FROM {mart} WHERE customer_id {whose}")
    )


def test_requests_are_obeyed_in_the_daily_run(sample_company):
    """Somebody asks to be erased, the request is loaded, and they stay."""
    asked = set()
    for row in delivered(SAMPLE, "crm", "erasure_requests"):
        asked |= {row[name] for name in ("contact_id", "account_id", "email", "phone") if row[name]}
    assert asked
    assert search(sample_company.data_dir, asked) == []
    assert sample_company.warehouse("SELECT count(*) FROM crm.erasure_requests") == [(0,)]
    assert list((sample_company.data_dir / "erasures").glob("*.json"))
    ((records, accounted, erased),) = sample_company.warehouse(
        "SELECT sum(records), sum(accepted + quarantined + left_out + erased), sum(erased) "
        "FROM ledger.files"
    )
    assert records == accounted
    assert erased > 0


@pytest.mark.skipif(
    not SOAK, reason="make soak: whole runs. tests/unit/privacy searches for one person's bytes"
)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_forgotten_person_does_not_come_back(copy_of_company, number):
    """The next full export of every source undoes an erasure, or somebody else is lost by it.

    Each call of ``forget`` is about people drawn at random, and one who is known by calls alone.
    """
    company = copy_of_company
    random = seeded()
    everybody = company.query(
        "SELECT customer_id, count(*) FILTER (source_table = 'calls') = count(*) "
        "FROM customer_identities GROUP BY 1 ORDER BY 1"
    )
    people = [customer for customer, is_call in everybody if not is_call]
    callers = [customer for customer, is_call in everybody if is_call]
    groups = [[*random.sample(people, n), random.choice(callers)] for n in AT_ONCE]
    asked = sorted({customer for group in groups for customer in group})
    landing = company.data_dir / "landing"
    gone = (record for one in asked for record in records_of(company, one))
    named = identifiers_of(landing, gone)
    before = {mart: rows_of(company, mart, f"NOT IN {tuple(asked)}") for mart in COMPARED}
    nobodys = {mart: rows_of(company, mart, "IS NULL") for mart in COMPARED}
    known = {row[1:] for row in rows_of(company, "customer_identities", "IS NOT NULL")}
    assert search(company.data_dir, named)
    done: set[str] = set()
    for group in groups:
        # A group may ask for somebody whom a group before it asked for.
        result = company.hourglass("forget", *(set(group) - done), "--yes")
        done |= set(group)
        assert result.returncode == 0, result.stdout + result.stderr
    assert found(company, {*named, *asked}) == []
    land_company(company.data_dir)
    company.run()
    assert found(company, {*named, *asked}) == []
    after = {mart: rows_of(company, mart, "IS NOT NULL") for mart in COMPARED}
    # What the erased person and one other could both have left was given to nobody, and is now the
    # other's: it stands among their sales, the following ones count on.
    heirs = {
        row[0]
        for mart in nobodys
        for row in after[mart]
        if key_of(mart, row) in {key_of(mart, one) for one in nobodys[mart]}
    }
    for mart in COMPARED:
        lost = before[mart] - after[mart]
        assert {row for row in lost if row[0] not in heirs} == set(), mart
        assert {owned(mart, row) for row in lost} <= {owned(mart, row) for row in after[mart]}, mart
        more = {key_of(mart, row) for row in after[mart]} - {
            key_of(mart, row) for row in before[mart]
        }
        if mart == "customer_identities":
            assert not more & known
        else:
            assert more <= {key_of(mart, row) for row in nobodys[mart]}, mart


def found(company: Company, identifiers: set[str]) -> list[str]:
    """Where an identifier stands. A key of eight signs is also made by chance of what is compressed
    in a DuckDB file (A-001, then 122 of another id: once in 100 people); the tables are asked for
    those, and the file's bytes for the addresses of the same rows."""
    hits = [hit.rpartition(": ") for hit in search(company.data_dir, identifiers)]
    return [
        f"{where}: {text}"
        for where, _, text in hits
        if not (where.endswith(".duckdb") and len(text) < 10)
    ]


def key_of(mart: str, row: tuple) -> tuple:
    """What tells a row of a compared mart from the others, whoever owns it."""
    return row[1 : {"order_lines": 3, "customer_identities": 4}.get(mart, 2)]


def owned(mart: str, row: tuple) -> tuple:
    return row[0], *key_of(mart, row)
