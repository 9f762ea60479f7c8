"""The way out of quarantine, and the check that keeps files from going there."""

import csv
import gzip
import io
import json
import zipfile
from decimal import Decimal

import pytest

from dagster_project.contracts.mapping import Mapping
from dagster_project.errors import UsageError
from dagster_project.load.dry_run.check import check_path
from dagster_project.load.landing.corrections import read_corrected, read_corrections
from dagster_project.load.ledger.quarantine import (
    AcceptedCorrections,
    accept_corrections,
    export_quarantine,
    list_quarantine,
    show_quarantine,
)
from dagster_project.privacy.landing import drop_rows
from dagster_project.privacy.search import Patterns
from dagster_project.privacy.subject import Subject
from tests.unit.load.test_mapping import EXPORT, HEADER

ORDERS = (
    "order_id,ordered_at,status,total_amount,email\n"
    "1,2026-01-01,paid,10,ann@example.com\n"
    "2,2026-01-01,mislaid,20,bob@example.com\n"
    "3,2026-01-01,paid\n"
    '4,soon,paid,40,"x,y"\n'
)


def correct(path, changes):
    """Change cells of an export as somebody with a spreadsheet would."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, change in zip(rows, changes, strict=True):
        row.update(change)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def replay(landing, tmp_path, changes, **arguments):
    (path,) = export_quarantine(landing.con, tmp_path / "out")
    correct(path, changes)
    accept_corrections(landing.con, landing.settings.landing_dir, path)
    return landing.load(**arguments)


def test_what_is_kept_of_a_correction_has_one_form(landing, tmp_path):
    """An erasure does not find the record in a file that a spreadsheet saved with semicolons."""
    landing.put("shop/orders.csv", ORDERS)
    landing.load()
    (path,) = export_quarantine(landing.con, tmp_path / "out")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    assert accept_corrections(landing.con, landing.settings.landing_dir, path).records == len(rows)
    [kept] = (landing.settings.landing_dir / "_corrections").iterdir()
    assert read_corrected(kept) == read_corrected(path)
    ids = {row["quarantine_id"] for row in rows}
    drop_rows(
        kept,
        lambda row: row.get("quarantine_id") in ids,
        Patterns(Subject((), 1, addresses={"email": (("nobody@example.net",) * 2,)})),
    )
    assert read_corrected(kept) == []


def test_cells_that_a_spreadsheet_rewrote_stay_as_delivered(landing, tmp_path):
    """Whoever corrects a status changes the order's key and its day, without touching either."""
    landing.put(
        "shop/orders.csv",
        "order_id,ordered_at,status,total_amount,email\n"
        "400638133393172,2026-03-04 10:00:05,mislaid,12.50,ann@example.com\n"
        "00017,2026-03-14 10:00:05,mislaid,20,bob@example.com\n",
    )
    landing.load()
    (path,) = export_quarantine(landing.con, tmp_path / "out")
    correct(
        path,
        [
            {
                "order_id": "4.00638E+14",
                "ordered_at": "04/03/2026 10:00",
                "status": "paid",
                "total_amount": "12.5",
            },
            {
                "order_id": "17",
                "ordered_at": "14/03/2026 10:00",
                "status": "shipped",
                "total_amount": "21",
            },
        ],
    )
    accepted = accept_corrections(landing.con, landing.settings.landing_dir, path)
    assert accepted == AcceptedCorrections(2, {"order_id": 2, "ordered_at": 2, "total_amount": 1})
    landing.load()
    assert landing.query(
        "SELECT order_id, ordered_at::VARCHAR, status, total_amount FROM shop.orders ORDER BY 1"
    ) == [
        ("00017", "2026-03-14 10:00:05", "shipped", Decimal(21)),
        ("400638133393172", "2026-03-04 10:00:05", "paid", Decimal("12.5")),
    ]


def test_the_later_correction_wins_where_an_earlier_file_was_taken_away(landing, tmp_path):
    """A person corrects a record once more, and the first correction comes back."""
    landing.put("shop/orders.csv", ORDERS)
    landing.load()
    (path,) = export_quarantine(landing.con, tmp_path / "out")
    folder = landing.settings.landing_dir / "_corrections"
    for total in range(10, 18):
        correct(path, [{"status": "paid", "total_amount": str(total)}] * 3)
        accept_corrections(landing.con, landing.settings.landing_dir, path)
        [corrected] = read_corrections(landing.settings.landing_dir).values()
        assert {cells["total_amount"] for cells in corrected.values()} == {str(total)}
        kept = sorted(folder.iterdir())
        if len(kept) > 1:
            kept[0].unlink()


def test_list_and_show(landing):
    """Nobody can see what is in quarantine, or personal data stands in the list."""
    landing.put("shop/orders.csv", ORDERS)
    landing.load()
    groups = list_quarantine(landing.con, target="shop.orders")
    assert {(g.column, g.reason, g.first_line) for g in groups} == {
        ("status", "unknown_word", 3),
        (None, "field_count", 4),
        ("ordered_at", "invalid_value", 5),
    }
    assert "example.com" not in repr(groups)
    (key,) = landing.query("SELECT quarantine_id FROM ledger.quarantine WHERE line = 3")[0]
    assert show_quarantine(landing.con, key).original.endswith("bob@example.com")
    with pytest.raises(UsageError, match="not in quarantine"):
        show_quarantine(landing.con, "nothing")


def test_replayed_rows_leave_the_quarantine(landing, tmp_path):
    """A corrected row counts twice, or stays in quarantine for ever."""
    landing.put("shop/orders.csv", ORDERS)
    landing.load()
    summary = replay(
        landing,
        tmp_path,
        [{"status": "shipped"}, {"total_amount": "30"}, {"ordered_at": "still soon"}],
    )
    assert (summary.records, summary.accepted, summary.quarantined) == (4, 3, 1)
    assert landing.query(
        "SELECT order_id, status, total_amount, email, _line FROM shop.orders ORDER BY 1"
    ) == [
        ("1", "paid", Decimal(10), "ann@example.com", 2),
        ("2", "shipped", Decimal(20), "bob@example.com", 3),
        ("3", "paid", Decimal(30), None, 4),
    ]
    assert landing.query("SELECT line, reason FROM ledger.quarantine") == [(5, "invalid_value")]
    assert landing.load().files_opened == 0
    again = replay(landing, tmp_path, [{"ordered_at": "2026-01-05"}])
    assert (again.accepted, again.quarantined) == (4, 0)
    refreshed = landing.load(full_refresh=True)
    assert (refreshed.accepted, refreshed.quarantined) == (4, 0)


def test_replay_of_a_vendor_s_record_completes_its_order(landing, tmp_path):
    """A replayed line makes a second order of its own, with a part of the total."""
    landing.put(
        "tills/day.csv", HEADER + "1,a,2,1.50,2026-01-01,paid,,\n1,,1,9,2026-01-01,paid,,\n"
    )
    landing.load(mappings={"tills": EXPORT})
    replay(landing, tmp_path, [{"article": "b"}], mappings={"tills": EXPORT})
    assert landing.query("SELECT order_id, total_amount FROM shop.orders") == [("1", Decimal(12))]
    assert landing.query("SELECT count(*) FROM shop.order_lines") == [(2,)]


def test_replay_within_archives_and_json(landing, tmp_path):
    """Only plain CSV can be corrected."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jsonl", '{"contact_id": 1}\n{"contact_id": "", "city": "B"}\n')
    landing.put("crm/contacts.zip", buffer.getvalue())
    landing.load()
    replay(landing, tmp_path, [{"contact_id": "2"}])
    assert landing.query("SELECT contact_id, city FROM crm.contacts ORDER BY 1") == [
        ("1", None),
        ("2", "B"),
    ]
    assert landing.load().files_opened == 0


def test_replay_of_a_parquet_record(landing, tmp_path):
    """A wrong record in a Parquet file can only be mended by the team that sends it."""
    path = landing.put("shop/orders.parquet", b"")
    landing.con.execute(
        "COPY (SELECT * FROM (VALUES (1, TIMESTAMP '2026-01-01', 'paid', 10.5), "
        "(2, NULL, 'mislaid', 20), (3, TIMESTAMP '2026-01-03', NULL, 30)) "
        f"AS t(order_id, ordered_at, status, total_amount)) TO '{path}' (FORMAT parquet)"
    )
    landing.load()
    changes = [{"ordered_at": "2026-01-02", "status": "paid"}, {"status": ""}]
    summary = replay(landing, tmp_path, changes)
    assert (summary.records, summary.accepted, summary.quarantined) == (3, 2, 1)
    assert landing.query(
        "SELECT order_id, CAST(ordered_at AS DATE)::VARCHAR, total_amount, _line "
        "FROM shop.orders ORDER BY 1"
    ) == [("1", "2026-01-01", Decimal("10.50"), 1), ("2", "2026-01-02", Decimal(20), 2)]
    assert (
        json.loads(landing.query("SELECT original FROM ledger.quarantine")[0][0])["order_id"] == 3
    )
    assert landing.load().files_opened == 0


def test_file_that_is_no_export_is_refused(landing, tmp_path):
    """Any file is taken for a correction."""
    landing.put("shop/orders.csv", ORDERS)
    landing.load()
    path = tmp_path / "x.csv"
    for text, said in [
        ("order_id\n1\n", "quarantine_id"),
        ("quarantine_id,order_id\nx,1\n", "not one that was exported"),
        ("quarantine_id,order_id\n0123456789abcdef-3,1\n", "not in quarantine any more"),
    ]:
        path.write_text(text)
        with pytest.raises(UsageError, match=said):
            accept_corrections(landing.con, landing.settings.landing_dir, path)


def test_check_says_what_a_load_would_do(landing, tmp_path):
    """The sender of a file learns of its faults only when they are in the warehouse."""
    folder = tmp_path / "sent" / "shop"
    folder.mkdir(parents=True)
    (folder / "orders.csv").write_text(ORDERS)
    (folder / "products.csv.gz").write_bytes(gzip.compress(b"product_id,unit_cost\n1,cheap\n2,3\n"))
    (folder / "refunds.csv").write_text("refund_id\n1\n")
    report = check_path(folder, landing.settings)
    assert not report.is_clean
    assert {(f.path, f.records, f.accepted, f.quarantined, f.nulled) for f in report.files} == {
        ("shop/orders.csv", 4, 1, 3, 0),
        ("shop/products.csv.gz", 2, 2, 0, 1),
        ("shop/refunds.csv", 1, 0, 1, 0),
    }
    cell = next(f for f in report.findings if f.level == "cell")
    assert (cell.column, cell.lines, cell.examples) == ("unit_cost", (2,), ("cheap",))
    assert "example.com" not in repr(report)
    assert check_path(folder / "products.csv.gz", landing.settings).is_clean
    assert landing.con.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)
    stray = tmp_path / "x.csv"
    stray.write_text("a\n1\n")
    with pytest.raises(UsageError, match="Nothing says"):
        check_path(stray, landing.settings)


def test_check_names_a_misspelt_column(landing, tmp_path):
    """A sender's "emial" passes the check, and nobody can be written to any more."""
    folder = tmp_path / "sent" / "crm"
    folder.mkdir(parents=True)
    (folder / "contacts.csv").write_text("id,emial,shoe\n1,a@example.com,44\n")
    report = check_path(folder, landing.settings)
    assert report.is_clean
    said = [f.message for f in report.findings if f.level == "column"]
    assert said == [
        "id was read as contact_id.",
        "The column emial is not in the contract; it is kept. Perhaps it is email, which the file "
        "lacks: rename it, or add the sender's name for it to the contract's aliases.",
        "The column shoe is not in the contract; it is kept.",
    ]


def test_replayed_record_of_an_array_on_one_line(landing, tmp_path):
    """A correction of one order of a JSON array takes the place of all orders on its line."""
    landing.put(
        "shop/orders.json",
        '[{"order_id": 1, "ordered_at": "2026-01-01", "status": "paid", "total_amount": 10}, '
        '{"order_id": 2, "ordered_at": "2026-01-01", "status": "mislaid", "total_amount": 20}, '
        '{"order_id": 3, "ordered_at": "soon", "status": "paid", "total_amount": 30}]',
    )
    landing.load()
    assert landing.query("SELECT line, column_name FROM ledger.quarantine ORDER BY line") == [
        (2, "status"),
        (3, "ordered_at"),
    ]
    summary = replay(landing, tmp_path, [{"status": "paid"}, {"ordered_at": "2026-01-03"}])
    assert (summary.records, summary.accepted, summary.quarantined) == (3, 3, 0)
    assert landing.query("SELECT order_id, total_amount FROM shop.orders ORDER BY 1") == [
        (str(number), Decimal(10 * number)) for number in (1, 2, 3)
    ]


def test_replayed_item_of_a_list(landing, tmp_path):
    """A correction of one call of a page takes the place of all calls of the page."""
    mapping = Mapping.model_validate(
        {
            "mapping": "pages",
            "description": "Pages of calls.",
            "reference": "none",
            "explode": "calls",
            "columns": {"calls.id": {}, "calls.how": {}, "calls.at": {"type": "timestamp"}},
            "tables": {
                "call_center.calls": {
                    "columns": {
                        "call_id": '"calls.id"',
                        "direction": '"calls.how"',
                        "started_at": '"calls.at"',
                        "disposition": "'answered'",
                    }
                }
            },
        }
    )
    call = '{{"id": {}, "how": "{}", "at": "2026-01-0{}"}}'
    page = ", ".join(call.format(n, "inbound" if n % 2 else "sideways", n) for n in range(1, 6))
    landing.put("pages/1.json", f'{{"calls": [{page}], "count": 5}}')
    mappings = {"pages": mapping}
    assert landing.load(mappings=mappings).quarantined == 2
    (entry,) = landing.query("SELECT original FROM ledger.quarantine WHERE line = 2")
    assert json.loads(entry[0]) == {
        "calls": {"id": "2", "how": "sideways", "at": "2026-01-02"},
        "count": "5",
    }
    changes = [{"calls.how": "inbound"}, {"calls.how": "outbound"}]
    summary = replay(landing, tmp_path, changes, mappings=mappings)
    assert (summary.records, summary.accepted, summary.quarantined) == (5, 5, 0)
    assert landing.query(
        "SELECT call_id, direction, day(started_at) FROM call_center.calls ORDER BY 1"
    ) == [(str(n), "outbound" if n == 4 else "inbound", n) for n in range(1, 6)]
