"""If these fail, a customer's id changes from day to day and all history with it."""

from collections import defaultdict
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest

from dagster_project.errors import HourglassError
from dagster_project.identity import (
    REGISTRY_TABLES,
    create_identity_tables,
    is_registry_empty,
    resolve,
    restore_registry,
)
from dagster_project.identity.registry.former_ids import Part
from dagster_project.identity.registry.id_assignment import decide


def _changes(company):
    return company.con.execute(
        "SELECT old_customer_id, new_customer_id, kind FROM identity.id_changes "
        "ORDER BY changed_at, old_customer_id, new_customer_id"
    ).fetchall()


def _two_customers(company):
    company.add("contacts", "old", first_name="Anna", email="a@x.com", seen_at="2024-01-01")
    company.add("contacts", "new", first_name="Anna", email="b@x.com", seen_at="2025-01-01")
    ids = company.ids()
    assert ids["contacts:old"] != ids["contacts:new"]
    return ids


def test_an_id_is_the_same_tomorrow_and_says_nothing(company):
    """Yesterday's customer_id names nobody today, or tells who it is."""
    first = _two_customers(company)
    assert company.ids() == first
    company.add("accounts", "a", email="a@x.com")
    again = company.ids()
    assert again["accounts:a"] == first["contacts:old"]
    assert {key: again[key] for key in first} == first
    assert _changes(company) == []


def test_ids_cannot_be_computed_without_the_key(new_company):
    """Whoever knows a contact's number knows the customer_id in the published marts."""
    ids = []
    for _ in range(2):
        company = new_company()
        company.add("contacts", "1", email="a@x.com")
        ids.append(company.ids()["contacts:1"])
    assert ids[0] != ids[1]


def test_a_merge_keeps_the_older_id_and_its_undo_gives_both_back(company):
    """A merge loses the older history, or cannot be undone."""
    first = _two_customers(company)
    company.add("accounts", "bridge", first_name="Anna", email="a@x.com", loyalty_card="777001")
    company.add(
        "contacts", "new", first_name="Anna", email="b@x.com", loyalty_card="777001",
        seen_at="2025-01-01",
    )  # fmt: skip
    merged = company.ids()
    old, new = first["contacts:old"], first["contacts:new"]
    assert set(merged.values()) == {old}
    assert _changes(company) == [(new, old, "merge")]
    alias = company.con.execute(
        "SELECT merged_into FROM identity.registry_ids WHERE customer_id = ?", [new]
    ).fetchone()
    assert alias == (old,)
    # The part that gets its id back is larger than the one that keeps: the merge decides, not size.
    company.remove("accounts", "bridge")
    company.add("accounts", "x", first_name="Anna", loyalty_card="777001")
    company.add("accounts", "y", first_name="Anna", loyalty_card="777001")
    undone = company.ids()
    assert undone["contacts:old"] == old
    assert {undone["contacts:new"], undone["accounts:x"], undone["accounts:y"]} == {new}
    assert _changes(company)[-1] == (old, new, "split")
    assert company.con.execute(
        "SELECT merged_into FROM identity.registry_ids WHERE customer_id = ?", [new]
    ).fetchone() == (None,)
    assert company.ids() == undone


def test_another_split_leaves_the_id_with_the_larger_part(company):
    """One corrected e-mail gives a new id to a customer of ten years."""
    for key in ("1", "2", "3"):
        company.add("contacts", key, first_name="Anna", email="a@x.com")
    before = company.ids()
    company.add("contacts", "1", first_name="Anna", email="other@x.com")
    after = company.ids()
    assert after["contacts:2"] == after["contacts:3"] == before["contacts:2"]
    assert after["contacts:1"] not in before.values()
    assert _changes(company) == [(before["contacts:1"], after["contacts:1"], "split")]


def test_a_new_email_leaves_the_id_with_the_person(company):
    """Who changes the mailbox is a new customer, and an old order is the old one."""
    company.add("accounts", "1", first_name="Anna", last_name="Smith", email="a@x.com")
    for key in ("o", "p", "q"):
        company.add("orders", key, email="a@x.com")
    before = company.ids()
    company.add("accounts", "1", first_name="Anna", last_name="Smith", email="new@x.com")
    after = company.ids()
    assert after["accounts:1"] == before["accounts:1"]
    (guest,) = {after[f"orders:{key}"] for key in ("o", "p", "q")}
    assert guest not in before.values()
    assert _changes(company) == [(before["accounts:1"], guest, "split")]


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_number_handed_on_does_not_hand_on_the_id(company, is_gone):
    """Anna takes over the telephone that Galina had, and with it her name in every mart."""
    phone = "02071838750"
    galina = {"first_name": "Galina", "last_name": "Orlton", "birth_date": "1990-02-12"}
    company.add("accounts", "g", **galina, phone=phone)
    for key in ("1", "2", "3"):
        company.add("calls", key, phone=phone)
    before = company.ids()
    assert len(set(before.values())) == 1
    company.add("accounts", "a", first_name="Anna", last_name="Bergenko", phone=phone)
    both = company.ids()
    assert both["accounts:g"] == before["accounts:g"] != both["accounts:a"]
    if is_gone:
        company.remove("accounts", "g")
    else:
        company.add("accounts", "g", **galina)
    handed = company.ids()
    assert handed["accounts:a"] == handed["calls:1"] == both["accounts:a"]
    assert _changes(company) == [(before["accounts:g"], both["accounts:a"], "split")]
    company.add("accounts", "g", **galina, phone=phone)
    assert company.ids()["accounts:g"] == before["accounts:g"]
    assert len(_changes(company)) == 1


def _part(cluster: int, records: int, *trail: str) -> Part:
    return Part(cluster, 0, records, (datetime(2025, 1, cluster + 1), cluster), {trail: records})


def test_nested_merges_are_undone_one_by_one_or_at_once():
    """After two merges an undo gives a third id, or one id to two people."""
    age = {"z": 1, "a": 2, "b": 3}
    parts = {"z": [_part(0, 1), _part(1, 1, "a"), _part(2, 1, "a", "b")]}
    assert decide(parts, age).owner == {0: "z", 1: "a", 2: "b"}
    mixed = Part(1, 0, 2, (datetime(2025, 1, 2), 1), {("a",): 1, ("a", "b"): 1})
    decision = decide({"z": [_part(0, 1), mixed]}, age)
    assert decision.owner == {0: "z", 1: "a"}
    assert decision.restored == [("z", "a")]


def test_random_splits_and_merges_never_give_one_id_to_two_people():
    """An id names two people."""
    rng = np.random.default_rng(11)
    for _ in range(500):
        claims = defaultdict(list)
        for name in "pqrst"[: int(rng.integers(1, 6))]:
            for cluster in rng.choice(5, int(rng.integers(1, 4)), replace=False).tolist():
                claims[name].append(_part(cluster, int(rng.integers(1, 5))))
        age = {name: number for number, name in enumerate("pqrst")}
        decision = decide(dict(claims), age)
        assert len(set(decision.owner.values())) == len(decision.owner)
        merged = {lost for lost, _ in decision.merged}
        assert merged.isdisjoint(decision.owner.values())
        assert merged | set(decision.owner.values()) == set(claims)


def _publish(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    con.execute(f"ATTACH '{path}' AS saved")
    con.execute("CREATE SCHEMA saved.identity")
    for table in REGISTRY_TABLES:
        con.execute(f"CREATE TABLE saved.identity.{table} AS FROM identity.{table}")
    con.execute("DETACH saved")


def test_a_lost_warehouse_costs_no_id(company, new_company, tmp_path):
    """A deleted file gives every customer a new id."""
    before = _two_customers(company)
    _publish(company.con, tmp_path / "restricted.duckdb")
    fresh = new_company()
    fresh.records = company.records
    assert is_registry_empty(fresh.con)
    assert restore_registry(fresh.con, tmp_path / "restricted.duckdb") == 2
    assert fresh.ids() == before


def test_a_file_without_registry_is_refused(company, tmp_path):
    """A wrong file is taken for the registry, and every customer gets a new id."""
    with duckdb.connect(str(tmp_path / "restricted.duckdb")) as con:
        con.execute("CREATE TABLE other (a INTEGER)")
    with pytest.raises(HourglassError, match="no identity registry"):
        restore_registry(company.con, tmp_path / "restricted.duckdb")


def test_full_refresh_keeps_ids(company):
    """hourglass run --full-refresh changes every customer_id."""
    before = _two_customers(company)
    company.con.execute("DROP TABLE identity.assignments")
    company.con.execute("DROP TABLE intermediate.int_identity_records")
    company.con.execute(
        "CREATE TABLE intermediate.int_identity_records AS SELECT * FROM (SELECT 1) LIMIT 0"
    )
    fresh = type(company)()
    company.con.execute("DROP SCHEMA intermediate CASCADE")
    for name in ("records", "values", "visitors"):
        frame = fresh.con.execute(f"FROM intermediate.int_identity_{name}").arrow()
        company.con.execute("CREATE SCHEMA IF NOT EXISTS intermediate")
        company.con.register("empty", frame)
        company.con.execute(f"CREATE TABLE intermediate.int_identity_{name} AS FROM empty")
        company.con.unregister("empty")
    create_identity_tables(company.con)
    assert company.ids() == before


def test_records_that_leave_and_come_back_are_the_same_person(company):
    """An extract that misses a day's rows gives them new ids the day after."""
    before = _two_customers(company)
    kept = company.records.pop("contacts:new")
    company.ids()
    company.records["contacts:new"] = kept
    assert company.ids() == before
    resolve(company.con, company.settings, run_id="again")
    assert _changes(company) == []
