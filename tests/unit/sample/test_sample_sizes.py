"""Companies of other sizes than the committed one."""

import gzip
import tracemalloc
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from dagster_project.errors import UsageError
from dagster_project.sample import SAMPLE_DIR, company, write_company
from dagster_project.sample.layout import LANDING, TRUTH
from dagster_project.sample.people import make_people
from dagster_project.sample.world import make_world

TABLES = [
    table
    for table in (*LANDING, *TRUTH)
    if any((SAMPLE_DIR / folder / f"{table}.csv.gz").exists() for folder in ("landing", "truth"))
]
_POOLS: list[pa.MemoryPool] = []


def _text(out: Path, table: str) -> str:
    folder = "landing" if table in LANDING else "truth"
    return gzip.decompress((out / folder / f"{table}.csv.gz").read_bytes()).decode()


def _rows(out: Path, table: str) -> pd.DataFrame:
    folder = "landing" if table in LANDING else "truth"
    return pd.read_csv(out / folder / f"{table}.csv.gz", dtype=str, keep_default_na=False)


@pytest.mark.parametrize("seed", range(6))
def test_one_person_and_one_month(tmp_path, seed):
    """The smallest company, with or without an order, cannot be made."""
    write_company(tmp_path, customers=1, months=1, seed=seed)
    for table in TABLES:
        header = (LANDING.get(table) or TRUTH[table]).split()
        assert list(_rows(tmp_path, table).columns) == header
    persons = _rows(tmp_path, "persons")
    assert len(persons) == 1
    assert len(_rows(tmp_path, "season")) == 30
    own = _rows(tmp_path, "records").query("source_table == 'orders'")
    assert (len(own) == 0) == (persons.at[0, "purchases"] == "0")


def test_both_kinds_of_smallest_company_were_made(tmp_path):
    """The test above never sees a company without orders, or never one with."""
    bought = set()
    for seed in range(6):
        write_company(tmp_path, customers=1, months=1, seed=seed)
        bought.add(_rows(tmp_path, "persons").at[0, "purchases"] != "0")
    assert bought == {True, False}


def test_same_arguments_give_the_same_text(tmp_path):
    """Two machines would measure on different companies and call them one."""
    for name in ("one", "two"):
        write_company(tmp_path / name, customers=60, months=3, seed=5)
    write_company(tmp_path / "other", customers=60, months=3, seed=6)
    for table in TABLES:
        assert _text(tmp_path / "one", table) == _text(tmp_path / "two", table), table
    assert _text(tmp_path / "one", "persons") != _text(tmp_path / "other", "persons")


def test_the_end_is_a_parameter(tmp_path):
    """A company that ends elsewhere has days outside its calendar."""
    write_company(tmp_path, customers=300, months=2, seed=1, end=date(2025, 3, 10))
    days = _rows(tmp_path, "season")["day"]
    assert (days.min(), days.max()) == ("2025-02-01", "2025-03-10")
    for table, column in (("shop/orders", "ordered_at"), ("shop/web_events", "occurred_at")):
        when = _rows(tmp_path, table)[column]
        assert when.between("2025-02-01 00:00:00", "2025-03-10 23:59:59").all()


def test_people_of_earlier_chunks_do_not_depend_on_later_ones(tmp_path, monkeypatch):
    """A larger company is a different one, and memory is not bounded by the chunk."""
    monkeypatch.setattr(company, "CHUNK", 150)
    write_company(tmp_path / "small", customers=150, months=6, seed=3)
    write_company(tmp_path / "large", customers=400, months=6, seed=3)
    for table in ("persons", "records", "shop/order_lines", "shop/web_events", "crm/consents"):
        assert _text(tmp_path / "large", table).startswith(_text(tmp_path / "small", table)), table
    persons = _rows(tmp_path / "large", "persons")
    assert persons["person_id"].tolist() == [f"P{n:07d}" for n in range(1, 401)]


def test_no_key_and_no_address_comes_twice_in_different_chunks(tmp_path, monkeypatch):
    """Chunks number their records, or name their people, as if the others were not there."""
    monkeypatch.setattr(company, "CHUNK", 100)
    write_company(tmp_path, customers=700, months=4, seed=9)
    for table, column in (
        ("crm/contacts", "contact_id"),
        ("shop/accounts", "account_id"),
        ("shop/web_events", "event_id"),
        ("shop/refunds", "refund_id"),
        ("shop/loyalty_transactions", "transaction_id"),
        ("call_center/calls", "call_id"),
        ("call_center/tickets", "ticket_id"),
        ("crm/surveys", "survey_id"),
        ("crm/deals", "deal_id"),
    ):
        assert _rows(tmp_path, table)[column].is_unique, column
    messages = _rows(tmp_path, "marketing/messages")
    assert not messages.duplicated(["message_id", "event"]).any()
    accounts = _rows(tmp_path, "shop/accounts")
    owner = _rows(tmp_path, "records").query("source_table == 'accounts'").set_index("source_id")
    mail = accounts["email"].str.lower()
    people = pd.DataFrame({"mail": mail, "person": accounts["account_id"].map(owner["person_id"])})
    own = people[~mail.str.startswith("info@")]
    assert (own.groupby("mail")["person"].nunique() == 1).all()


def test_namesakes_of_different_chunks_have_different_addresses():
    """Two people of a large company share a mailbox, a phone or a card that is nobody's secret."""
    calendar = make_world(company.END_DATE, 24).calendar
    crowd = [make_people(calendar, 1, chunk, chunk * 5_000, 5_000) for chunk in range(3)]
    own = [text for p in crowd for text in (*p.email.to_pylist(), *p.second_email.to_pylist())]
    bare = [address.replace(".", "").replace("_", "") for address in own]
    assert len(set(bare)) == 2 * 15_000
    phones = [n for p in crowd for n in (*p.phone.tolist(), *p.second_phone.tolist())]
    assert len(set(phones)) == 2 * 15_000
    cards = [n for p in crowd for n in p.card[p.card > 0].tolist()]
    assert len(set(cards)) == len(cards)
    assert not {n for p in crowd for n in p.family_phone.tolist()} & set(phones)


def test_memory_is_bounded_by_the_chunk(tmp_path, monkeypatch):
    """A million people need a machine that holds a million people."""
    monkeypatch.setattr(company, "CHUNK", 250)
    usual, peaks = pa.default_memory_pool(), {}
    for customers in (250, 1_500):
        # Kept in the module: a pool must outlive every array that was made in it.
        _POOLS.append(pa.proxy_memory_pool(usual))
        pa.set_memory_pool(_POOLS[-1])
        tracemalloc.start()
        try:
            write_company(tmp_path / str(customers), customers=customers, months=12, seed=2)
            peaks[customers] = tracemalloc.get_traced_memory()[1] + _POOLS[-1].max_memory()
        finally:
            tracemalloc.stop()
            pa.set_memory_pool(usual)
    assert peaks[1_500] < peaks[250] * 1.5


@pytest.mark.parametrize(
    "wrong", [{"customers": 0}, {"months": 0}, {"months": 241}, {"seed": -1}], ids=str
)
def test_impossible_companies_are_refused_before_anything_is_written(tmp_path, wrong):
    """A slip of the keyboard overwrites a good company with an empty one."""
    asked = {"customers": 10, "months": 1, "seed": 1} | wrong
    with pytest.raises(UsageError, match="at least 1 customer"):
        write_company(tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_progress_is_told_per_chunk(tmp_path, monkeypatch):
    """A long simulation looks as if it hung."""
    monkeypatch.setattr(company, "CHUNK", 4)
    lines: list[str] = []
    write_company(tmp_path, customers=10, months=1, seed=1, progress=lines.append)
    assert lines == ["4 of 10 people", "8 of 10 people", "10 of 10 people"]
