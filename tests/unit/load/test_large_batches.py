"""Large batches, whose records are not written down before they go in, against small ones."""

import gzip

import pytest

from dagster_project.load.ingest import batch_validation, file_loading

FILES = {
    "shop/orders_1.csv": """order_id,account_id,ordered_at,status,total_amount,currency
O1,A1,2025-01-05 10:00,completed,"1,234.50",EUR
order_id,account_id,ordered_at,status,total_amount,currency
O2, A2 ,05.01.2025,completed,10.00,EUR
,,,,,
O3,A3,1900-01-01,completed,10.00,EUR
O4,A4,yesterday,completed,10.00,EUR
O5,A5,2025-01-07 12:00,lost in space,10.00,EUR
O6,A6,2025-01-08,completed,ten,eur
O7,,2025-01-09,completed,1e2,XXX
Total,,,,1264.50,
""",
    "shop/orders_2.csv": """order_id,account_id,ordered_at,status,total_amount,currency
P1,A1,31.12.2025 10:00,completed,"1.234,50",EUR
P2,A1,30.12.2025 10:00,completed,"0,50",USD
P3,A1,30.12.2025 10:00,completed,"7,5",USD
""",
    "shop/orders_3.csv": """order_id,account_id,ordered_at,status,total_amount,currency
Q1,A1,2025-02-01 10:00,completed,1.50,EUR
Q2,A1,2025-02-02 10:00,completed,2.50,EUR
""",
    "crm/contacts.csv": """contact_id,email,phone,updated_at
C1,a@example.com; b@example.com,+44 20 7946 0000,2025-01-01
C2,c@example.com,,2025-13-01
C3,,,not a day
""",
    "shopify_orders/orders.csv": """Name,Email,Financial Status,Fulfillment Status,Currency,\
Subtotal,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Id
#1,a@example.com,paid,fulfilled,EUR,10.00,10.00,2025-01-05 10:00:00 +0100,1,Soap,10.00,S1,1001
#2,b@example.com,paid,fulfilled,EUR,ten,10.00,2025-01-06 10:00:00 +0100,x,Soap,10.00,S1,1002
""",
}
TABLES = (
    "shop.orders",
    "shop.order_lines",
    "crm.contacts",
    "crm.contact_points",
    "ledger.quarantine",
    "ledger.files",
    "ledger.file_tables",
)
# When it was loaded.
CHANGING = ("loaded_at", "quarantined_at", "at", "first_seen_at", "mtime_ns", "run_id")


def loaded(landing, names):
    for name in names:
        landing.put(name, FILES[name])
    summary = landing.load()
    found = {}
    for table in TABLES:
        columns = [
            row[0]
            for row in landing.query(f"DESCRIBE {table}")
            if row[0] not in CHANGING and not row[1].startswith("TIMESTAMP WITH")
        ]
        found[table] = sorted(landing.query(f"SELECT {', '.join(columns)} FROM {table}"), key=str)
    return summary.sentence(), found


@pytest.mark.parametrize(
    "names",
    [tuple(FILES), ("shop/orders_3.csv",), ("shop/orders_2.csv",), ("shopify_orders/orders.csv",)],
    ids=["all", "clean", "found formats", "mapped"],
)
def test_a_large_batch_gives_what_small_ones_give(make_landing, monkeypatch, names):
    """A file of a gigabyte loses the notes on its bad cells, or keeps its line of totals."""
    small = loaded(make_landing("small"), names)
    monkeypatch.setattr(batch_validation, "LARGE_BATCH", -1)
    large = loaded(make_landing("large"), names)
    assert large == small
    assert any(small[1].values())


def test_compressed_files_weigh_what_they_unfold_to(landing, monkeypatch):
    """Nine archives of a hundred megabytes each are one batch, which takes more than the memory."""
    sizes = []
    load_batch = file_loading.FileLoader._load_batch

    def counted(self, target, units):
        sizes.append(len(units))
        load_batch(self, target, units)

    monkeypatch.setattr(file_loading.FileLoader, "_load_batch", counted)
    for number in range(4):
        text = FILES["shop/orders_3.csv"].replace("Q", f"R{number}-")
        path = landing.put(f"shop/orders_{number}.csv.gz", gzip.compress(text.encode()))
    monkeypatch.setattr(file_loading, "BATCH_BYTES", 9 * path.stat().st_size)
    assert landing.load().accepted == 8
    assert sizes == [2, 2]
