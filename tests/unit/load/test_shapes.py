"""The shape of a file: what is no record, and records that do not fit their header."""

import pytest

from dagster_project.load.reading.file_content import record_lines
from tests.unit.load.conftest import PERMISSIVE

HEADER = "order_id,ordered_at,status,total_amount,city"
ROWS = ["1,2026-01-01,paid,5,", "2,2026-01-02,paid,6,x", "3,2026-01-03,paid,7,y"]


def put(landing, header: str, *rows: str, end: str = "\n") -> None:
    landing.put("shop/orders.csv", end.join([header, *rows, ""]))


@pytest.mark.parametrize(
    "header",
    [
        HEADER + '"',
        HEADER.replace("city", '"city'),
        HEADER.replace("city", 'ci"ty'),
        HEADER.replace("city", '"ci"ty'),
        HEADER.replace(",city", ',"'),
    ],
)
def test_a_stray_quote_in_the_header_hides_no_record(landing, header: str):
    """A file of orders is loaded with no record, and called loaded."""
    put(landing, header, *ROWS)
    summary = landing.load()
    assert (summary.accepted, summary.records) == (3, 3)


def test_a_quoted_header_says_which_quotes_the_records_have(landing):
    """Empty rows become records of two quotes each, because one text has an apostrophe.

    Found by the soak of any table."""
    empty = '"","","",""\n' * 6
    landing.put("anything/t.csv", f'"a","b","c","d"\n{empty}"","",","\n"","",",\n \'",""\n')
    summary = landing.load(mappings={"anything": PERMISSIVE})
    assert (summary.accepted, summary.quarantined, summary.left_out) == (1, 1, 6)


def test_the_quotes_of_the_header_are_none_of_the_records(tmp_path):
    """A refused record is told with another's line, because a stray quote of the header counts."""
    path = tmp_path / "orders.csv"
    path.write_text('order_id,city"\n1,"x\ny"\n2,z\n')
    assert record_lines(path, None, skip_lines=1).tolist() == [2, 4]


@pytest.mark.parametrize("text", ["'", "''", "'x'", "`", "``"])
def test_an_apostrophe_that_is_a_text_stays_one(landing, text: str):
    """A record whose town is an apostrophe is refused, or its town is lost, because other files
    have theirs for quotes."""
    rows = (f"{text},{text},2026-01-01,paid", '2,"a, b",2026-01-02,paid')
    landing.put("shop/orders.csv", "\n".join(["order_id,city,ordered_at,status", *rows, ""]))
    landing.load()
    assert landing.query("SELECT order_id, city FROM shop.orders ORDER BY _line") == [
        (text, text),
        ("2", "a, b"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "row",
    [
        "9,2026-01-01,paid,1299,90,",
        "9,2026-01-01,paid,5,x,",
        "9,2026-01-01,paid,5,,",
        '9,2026-01-01,paid,5,"",',
        '9,2026-01-01,paid,5,"x",',
    ],
)
def test_a_surplus_field_refuses_the_record(landing, row: str, end: str):
    """1,299.90 without quotes becomes 1,299.00, and its cents a city."""
    quoted_empty = '4,2026-01-01,paid,5,""'
    put(landing, HEADER, *ROWS, quoted_empty, row, end=end)
    summary = landing.load()
    assert (summary.accepted, summary.quarantined) == (4, 1)
    assert landing.query("SELECT reason FROM ledger.quarantine") == [("field_count",)]


def test_empty_last_cells_are_read_fast(landing):
    """Every file with an empty last column takes the slow way."""
    put(landing, HEADER, *ROWS, '4,2026-01-01,paid,5,""')
    landing.load()
    assert landing.query('SELECT reading LIKE \'%"as": "csv"%\' FROM ledger.files') == [(True,)]


def test_rows_that_are_no_records_are_left_out_by_name(landing):
    """The end of a sheet fills the quarantine, and a total is an order."""
    put(
        landing,
        HEADER,
        *ROWS,
        ",,,,",
        " ,, ,,",
        HEADER,
        "Total,,,18.00,",
        "Grand Total: 3,,,,",
        "Итого,,,18,",
    )
    summary = landing.load()
    assert (summary.accepted, summary.quarantined, summary.left_out) == (3, 0, 6)
    assert landing.query("SELECT rule, records FROM ledger.left_out ORDER BY 1") == [
        ("empty_row", 2),
        ("repeated_header", 1),
        ("total_row", 3),
    ]


def test_a_customer_called_total_is_a_customer(landing):
    """A petrol company is left out as a sum."""
    landing.put(
        "crm/contacts.csv",
        "contact_id,company,last_name\nTotal,Total,Durand\n2,Total,\nTotal 1,TOTAL SA,\n",
    )
    assert landing.load().accepted == 3
