"""Files that workers read end as those that the load reads itself: rows, refusals and ledger."""

import gzip
import pickle
import zipfile
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from dagster_project.errors import HourglassError
from dagster_project.load.read_apart import read_apart
from dagster_project.load.run import load_landing

# Kept apart from the run: they say when and by whom a load was.
STAMPS = {"loaded_at", "seen_at", "quarantined_at", "happened_at", "run_id", "mtime_ns"}


def zipped(name: str, content: str) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


# Deliveries after one another; each holds what a load has to decide with the ledger or refuse.
DELIVERIES: list[dict[str, bytes | str]] = [
    {
        "crm/contacts_2026-01-01.csv": "contact_id,first_name,email\n1,Ann,a@b.example\n2,Bob,\n",
        "crm/contacts_again.csv": "contact_id,first_name,email\n1,Ann,a@b.example\n2,Bob,\n",
        "crm/contacts_odd.csv": 'contact_id,first_name,birth_date,x\n3,"C\n d",1990-13-01,7\n'
        ",E,,\n",
        "crm/contacts.jsonl": '{"contact_id": "4", "first_name": "Дина"}\n{"first_name": "F"}\n',
        "crm/contacts_quotes.csv": 'contact_id,first_name\n5,"unended\n',
        "crm/contacts_nothing.csv": "",
        "crm/contacts_more.zip": zipped("contacts_9.csv", "contact_id\n9\n"),
        "shop/orders.csv": "order_id,ordered_at,status,currency\no1,2026-01-05,paid,EUR\n"
        "o2,soon,paid,EUR\no3,2026-01-06,unheard,EUR\n",
        "shop/order_lines.csv.gz": gzip.compress(
            b"order_id,line_number,product_id,quantity,unit_price\no1,1,p,2,1.50\n", mtime=0
        ),
        "uci_online_retail/a.csv": "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,"
        "CustomerID,Country\n536365,85123A,HOLDER,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n"
        "C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527,United Kingdom\n",
    },
    {
        "crm/contacts_2026-01-01.csv": "contact_id,first_name,nickname\n1,Anna,A\n",
        "crm/contacts_third.csv": "contact_id,first_name,email\n1,Ann,a@b.example\n2,Bob,\n",
    },
]


def apart(folder: Path, new: Any, *rest: Any) -> dict[str, Any]:
    """Spark without Spark: every file read on its own, and all that comes back pickled."""
    found = {}
    for target, deliveries in new:
        for number, delivery in enumerate(deliveries):
            sent = pickle.loads(pickle.dumps((delivery, target, *rest)))
            rows = read_apart(*sent, folder / f"{target.name}-{number}")
            if rows is not None:
                found[delivery.name] = pickle.loads(pickle.dumps(rows))
    return found


def everything(landing: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, without what says when it was loaded."""
    tables = landing.query(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT temporary "
        "AND schema_name IN ('crm', 'shop', 'marketing', 'call_center', 'ledger')"
    )
    found = {}
    for schema, name in tables:
        columns = [row[0] for row in landing.query(f'DESCRIBE {schema}."{name}"')]
        listed = ", ".join(f'"{column}"' for column in columns if column not in STAMPS)
        found[f"{schema}.{name}"] = landing.query(
            f'SELECT {listed} FROM {schema}."{name}" ORDER BY ALL'
        )
    return found


def test_files_read_by_workers_end_as_if_the_load_had_read_them(make_landing):
    """On a cluster records are lost, counted twice, or their refusals are."""
    here, there = make_landing("here"), make_landing("there")
    for number, files in enumerate(DELIVERIES):
        for name, content in files.items():
            here.put(name, content)
            there.put(name, content)
        one = here.load()
        other = there.load(spread=partial(apart, there.settings.data_dir / f"work{number}"))
        one.seconds = other.seconds = 0.0
        assert one == other
        assert everything(here) == everything(there)
    assert here.query("SELECT count(*) FROM ledger.quarantine WHERE level = 'row'")[0][0] >= 3


@pytest.mark.parametrize("fault", ["torn", "gone", "short"])
def test_rows_that_are_not_whole_refuse_no_file(make_landing, fault: str):
    """A worker's disk fails, and a good file is quarantined, or counted without its rows."""
    landing, fresh = make_landing("landing"), make_landing("fresh")
    for name, content in DELIVERIES[0].items():
        landing.put(name, content)
        fresh.put(name, content)

    def faulty(*arguments: Any) -> dict[str, Any]:
        found = apart(landing.settings.data_dir / "work", *arguments)
        rows = found["crm/contacts_2026-01-01.csv"]
        if fault == "torn":
            rows.tables['"crm"."contacts"'].write_bytes(b"torn")
        elif fault == "gone":
            rows.tables.pop('"crm"."contacts"')
        else:
            rows.outcome.rows["crm", "contacts"] += 1
        return found

    with pytest.raises(HourglassError, match="not whole"):
        load_landing(landing.con, landing.settings, run_id="stopped", spread=faulty)
    landing.load(spread=partial(apart, landing.settings.data_dir / "again"))
    fresh.load()
    assert everything(landing) == everything(fresh)
