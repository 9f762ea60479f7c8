"""Canonical extracts: values, types, quarantine, and what a file may look like."""

import gzip
import json
from datetime import date, datetime
from decimal import Decimal
from random import Random

import pytest
import zstandard

from dagster_project.errors import HourglassError
from dagster_project.load.reading.file_content import LARGE_ARCHIVE

PRODUCTS = "product_id,name\n" + "".join(f"{n},{n * 2**50 % 10**17}\n" for n in range(20_000))
ZSTD_FRAMES = zstandard.compress(PRODUCTS.encode()) + zstandard.compress(b"20000,last\n")
# Of hexadecimal digits half is left.
LARGE_ZSTD = zstandard.compress(
    b"product_id,name\n"
    + b"".join(b"%d,%s\n" % (n, Random(n).randbytes(2000).hex().encode()) for n in range(7_000))
)


def test_every_record_is_accounted_for(landing):
    """A record vanishes, and nobody can say which."""
    landing.put(
        "shop/orders_2026-03-01.csv",
        "order_id,ordered_at,status,total_amount,sales_channel,Note\n"
        "1,2026-02-28 10:00:00,paid,10.50,web,hello\n"
        ",2026-02-28 10:00:00,paid,10.50,web,\n"
        "3,yesterday,paid,1,web,\n"
        "4,2026-02-28T10:00:00+02:00,Voided,7,carrier pigeon,\n"
        "5,2026-02-28,lost in space,7,,\n",
    )
    summary = landing.load()
    assert (summary.records, summary.accepted, summary.quarantined) == (5, 2, 3)
    assert landing.query(
        "SELECT order_id, ordered_at, status, total_amount, sales_channel, _line, _delivered_on, "
        "_extra FROM shop.orders ORDER BY order_id"
    ) == [
        (
            "1",
            datetime(2026, 2, 28, 10),
            "paid",
            Decimal("10.50"),
            "web",
            2,
            date(2026, 3, 1),
            '{"Note":"hello"}',
        ),
        (
            "4",
            datetime(2026, 2, 28, 8),
            "cancelled",
            Decimal("7.00"),
            None,
            5,
            date(2026, 3, 1),
            None,
        ),
    ]
    assert landing.query(
        "SELECT line, level, column_name, reason, original FROM ledger.quarantine ORDER BY line"
    ) == [
        (3, "row", "order_id", "missing_value", ",2026-02-28 10:00:00,paid,10.50,web,"),
        (4, "row", "ordered_at", "invalid_value", "3,yesterday,paid,1,web,"),
        (5, "cell", "sales_channel", "not_accepted", "carrier pigeon"),
        (6, "row", "status", "unknown_word", "5,2026-02-28,lost in space,7,,"),
    ]
    for (message,) in landing.query("SELECT message FROM ledger.quarantine"):
        assert "pigeon" not in message
    (unknown,) = landing.query("SELECT message FROM ledger.quarantine WHERE line = 6")
    assert "'lost in space'" in unknown[0]


def test_lines_are_those_of_the_file(landing):
    """Somebody looks up the quarantined line and finds another record there."""
    landing.put(
        "crm/surveys.csv",
        "survey_id,kind,score,comment,answered_at\n"
        '1,nps,9,"first\nsecond",2026-01-01\n'
        "\n"
        '2,nps,bad,"x\n\ny",2026-01-01\n'
        "3,nps,8,,2026-01-01\n",
    )
    landing.load()
    assert landing.query("SELECT survey_id, _line FROM crm.surveys ORDER BY 1") == [
        ("1", 2),
        ("3", 8),
    ]
    assert landing.query("SELECT line, original FROM ledger.quarantine") == [
        (5, '2,nps,bad,"x\n\ny",2026-01-01')
    ]


def test_many_files_keep_their_own_lines_and_hashes(landing):
    """Files read by one statement are taken for one another."""
    for number in range(30):
        rows = "".join(f"{number}-{row},s\n" for row in range(number))
        content = f"product_id,name\n{rows}".encode()
        packed = number % 2 == 0
        landing.put(
            f"shop/products/{number}.csv{'.gz' if packed else ''}",
            gzip.compress(content) if packed else content,
        )
    summary = landing.load()
    assert summary.records == sum(range(30))
    assert landing.query(
        "SELECT count(*) FROM shop.products WHERE _line <> "
        "CAST(split_part(product_id, '-', 2) AS INTEGER) + 2"
    ) == [(0,)]
    assert landing.query(
        "SELECT count(*) FROM (SELECT _file_hash FROM shop.products GROUP BY 1 "
        "HAVING count(DISTINCT split_part(product_id, '-', 1)) > 1)"
    ) == [(0,)]


def test_one_damaged_file_does_not_stop_the_others(landing):
    """One bad file of three hundred costs the day's load."""
    for number in range(7):
        landing.put(f"shop/products/{number}.csv", f"product_id,name\n{number},a\n")
    landing.put("shop/products/bad.csv", 'product_id,name\n8,"open\n9,b,c\n10,fine\n')
    summary = landing.load()
    assert summary.files_loaded == 8
    assert landing.query("SELECT count(*) FROM shop.products") == [(8,)]
    assert landing.query("SELECT line, reason, original FROM ledger.quarantine ORDER BY 1") == [
        (2, "broken_quotes", '8,"open'),
        (3, "field_count", "9,b,c"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("shop/orders.csv", b"", "no_header"),
        ("shop/orders.csv", b"order_id,status,total_amount\n1,paid,3\n", "missing_column"),
        ("shop/orders.csv.gz", b"this is no gzip file", "broken_archive"),
        ("shop/orders.csv.gz", gzip.compress(b"order_id\n" * 5000)[:-9], "truncated"),
        ("shop/orders.csv.zst", b"no zstandard", "broken_archive"),
        ("shop/orders.csv.zst", zstandard.compress(b"order_id\n" * 50_000)[:-9], "truncated"),
        ("shop/products.csv.zst", ZSTD_FRAMES[:-9], "truncated"),
        # Large enough to be counted beside DuckDB's reading.
        ("shop/products.csv.zst", LARGE_ZSTD[: len(LARGE_ZSTD) * 2 // 3], "truncated"),
        ("shop/orders.parquet", b"PAR1 no parquet", "unreadable"),
        ("shop/orders.xlsx", b"no spreadsheet", "broken_archive"),
        ("shop/orders.zip", b"no archive", "broken_archive"),
        ("shop/orders.docx", b"?", "unknown_format"),
        ("shop/orders.json", b'[{"order_id": 1}, {"order', "truncated"),
        ("shop/orders.csv", b"order_id,order_id,status\n", "doubled_column"),
    ],
)
def test_unreadable_file_is_quarantined_whole(landing, name, content, reason):
    """A file that cannot be read stops the run, or goes without a word."""
    landing.put(name, content)
    landing.put("crm/contacts.csv", "contact_id\n1\n")
    summary = landing.load()
    assert (summary.files_quarantined, summary.files_refused) == (1, 1)
    assert [message.reason for message in summary.problems] == [reason]
    assert landing.query("SELECT level, reason FROM ledger.quarantine") == [("file", reason)]
    assert landing.query("SELECT count(*) FROM crm.contacts") == [(1,)]
    again = landing.load()
    assert (again.files_opened, again.files_refused) == (0, 0)


def test_an_archive_of_several_frames_is_whole(landing):
    """A file that was compressed in parts loses all but the first."""
    assert len(LARGE_ZSTD) > LARGE_ARCHIVE
    landing.put("shop/products.csv.zst", ZSTD_FRAMES)
    summary = landing.load()
    assert (summary.records, summary.accepted) == (20_001, 20_001)


def test_missing_column_names_the_nearest(landing):
    """The sender of a file has to guess which column was meant."""
    landing.put("shop/orders.csv", "order_id,orderd_at,status,total_amount\n1,2026-01-01,paid,1\n")
    (message,) = landing.load().problems
    assert "ordered_at (nearest: orderd_at)" in message.text


def test_cut_off_file_leaves_quarantine_when_it_comes_complete(landing):
    """A file that was still being written stays in quarantine for ever."""
    whole = gzip.compress(b"contact_id\n1\n")
    landing.put("crm/contacts.csv.gz", whole[:-4])
    landing.load()
    landing.put("crm/contacts.csv.gz", whole)
    landing.load()
    assert landing.query("SELECT count(*) FROM ledger.quarantine") == [(0,)]
    assert landing.query("SELECT contact_id FROM crm.contacts") == [("1",)]


def test_unknown_folder_is_said_and_kept(landing):
    """A misspelt folder is passed over in silence."""
    landing.put("crn/contacts.csv", "contact_id\n1\n")
    with pytest.raises(HourglassError, match=r"'crn'.*crm"):
        landing.load()
    landing.put("crm/contacts.csv", "contact_id\n1\n")
    (problem,) = landing.load().problems
    assert problem.path == "crn/contacts.csv"
    assert landing.query("SELECT path, reason FROM ledger.quarantine") == [
        ("crn/contacts.csv", "unknown_folder")
    ]


def test_empty_landing_says_what_to_do(landing):
    """A newcomer learns nothing from an empty folder."""
    with pytest.raises(HourglassError, match=r"landing.*<system>/<table>.csv"):
        landing.load()


def test_key_and_reference_lose_white_space_other_text_keeps_it(landing):
    """Keys that differ by a blank do not join; names are altered on the way."""
    landing.put("crm/contacts.csv", 'contact_id,first_name,company\n" 7\t",\u00a0 Ann ,NULL\n')
    landing.load()
    assert landing.query("SELECT contact_id, first_name, company FROM crm.contacts") == [
        ("7", "\u00a0 Ann ", "NULL")
    ]


def test_required_identifier(landing):
    """A consent of nobody is kept as if it were somebody's."""
    landing.put(
        "crm/consents.csv",
        "email,phone,purpose,status,effective_at\n"
        ",,email,granted,2026-01-01\na@b.c,,email,granted,2026-01-01\n",
    )
    landing.load()
    assert landing.query("SELECT reason, line FROM ledger.quarantine") == [("no_identifier", 2)]


@pytest.mark.parametrize(
    ("header", "cells", "column", "expected"),
    [
        ("cost", ["1.234,50", "2,5", "1.000"], "cost", ["1234.50", "2.50", "1000.00"]),
        ("cost", ["1,234.50", "2.5", "1,000"], "cost", ["1234.50", "2.50", "1000.00"]),
        ("cost", ["1 234,5", "2"], "cost", ["1234.50", "2.00"]),
        ("cost", ["1e3", "-0.5", "+7"], "cost", ["1000.00", "-0.50", "7.00"]),
    ],
)
def test_number_styles_are_decided_over_the_column(landing, header, cells, column, expected):
    """A thousand becomes one, or one a thousand."""
    rows = "".join(f'2026-01-0{n + 1},a,"{cell}"\n' for n, cell in enumerate(cells))
    landing.put("marketing/ad_spend.csv", f"spend_date,channel,{header}\n{rows}")
    landing.load()
    assert [
        str(row[0])
        for row in landing.query(f"SELECT {column} FROM marketing.ad_spend ORDER BY spend_date")
    ] == expected


@pytest.mark.parametrize(
    ("cells", "expected", "how"),
    [
        (["03/04/2025", "13/04/2025"], ["2025-04-03", "2025-04-13"], "day_first"),
        (["03/04/2025", "04/13/2025"], ["2025-03-04", "2025-04-13"], "month_first"),
        (["03/04/2025", "05/04/2025"], ["2025-04-03", "2025-04-05"], "ambiguous"),
        (["03.04.25", "31.12.24"], ["2025-04-03", "2024-12-31"], "day_first"),
        (["20250403", "20251231"], ["2025-04-03", "2025-12-31"], "year_first"),
        (["3 Apr 2025", "31 Dec 2025"], ["2025-04-03", "2025-12-31"], "named_month"),
    ],
)
def test_date_order_is_decided_over_the_column(landing, cells, expected, how):
    """The third of April and the fourth of March change places from row to row."""
    rows = "".join(f"{n},{cell}\n" for n, cell in enumerate(cells))
    landing.put("crm/contacts.csv", f"contact_id,birth_date\n{rows}")
    landing.load()
    assert [
        str(row[0])
        for row in landing.query("SELECT birth_date FROM crm.contacts ORDER BY contact_id")
    ] == expected
    (reading,) = landing.query("SELECT reading FROM ledger.files")
    assert how in json.loads(reading[0])["columns"]["birth_date"]


def test_column_choices_belong_to_one_file(landing):
    """One file's date order is forced on the others of its batch."""
    landing.put("crm/contacts/a.csv", "contact_id,birth_date\na1,03/04/2025\na2,13/04/2025\n")
    landing.put("crm/contacts/b.csv", "contact_id,birth_date\nb1,03/04/2025\nb2,04/13/2025\n")
    landing.put("crm/contacts/c.csv", "contact_id,birth_date\nc1,2025-04-03\nc2,nonsense\n")
    landing.load()
    assert landing.query(
        "SELECT contact_id, CAST(birth_date AS VARCHAR) FROM crm.contacts ORDER BY 1"
    ) == [
        ("a1", "2025-04-03"),
        ("a2", "2025-04-13"),
        ("b1", "2025-03-04"),
        ("b2", "2025-04-13"),
        ("c1", "2025-04-03"),
        ("c2", None),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-01 12:00:00", "2026-07-01 10:00:00"),
        ("2026-01-01 12:00", "2026-01-01 11:00:00"),
        ("2026-07-01T12:00:00Z", "2026-07-01 12:00:00"),
        ("2026-07-01 12:00:00.250", "2026-07-01 10:00:00.25"),
        ("2026-07-01T12:00:00+0530", "2026-07-01 06:30:00"),
        # 02:30 does not exist and moves forward; 02:30 occurs twice and the first is taken.
        ("2026-03-29 02:30:00", "2026-03-29 01:30:00"),
        ("2026-10-25 02:30:00", "2026-10-25 00:30:00"),
        ("2026-10-25 03:30:00", "2026-10-25 02:30:00"),
        ("infinity", None),
        ("0024-01-02", None),
        ("2026-02-30", None),
    ],
)
def test_local_times(make_landing, text, expected):
    """Orders of one hour fall on another day, or an hour's orders are counted twice."""
    landing = make_landing(time_zone="Europe/Berlin")
    landing.put("crm/contacts.csv", f"contact_id,created_at\n1,{text}\n")
    landing.load()
    assert landing.query("SELECT CAST(created_at AS VARCHAR) FROM crm.contacts") == [(expected,)]


def test_whole_numbers(landing):
    """3.7 seconds become 4, or an identifier beyond 2^53 changes its last digit."""
    texts = ["7", "7.0", "3.7", "9007199254740993", "1e3", "x"]
    rows = "".join(f"{n},inbound,2026-01-01,answered,{text}\n" for n, text in enumerate(texts))
    landing.put(
        "call_center/calls.csv", f"call_id,direction,started_at,disposition,wait_seconds\n{rows}"
    )
    landing.load()
    assert [
        row[0]
        for row in landing.query("SELECT wait_seconds FROM call_center.calls ORDER BY call_id")
    ] == [7, 7, None, 9007199254740993, 1000, None]


def test_a_line_has_a_unit_price_or_its_amount(landing):
    """Lines that a till prices by their amount are refused, or lines without any price accepted."""
    landing.put(
        "shop/order_lines.csv",
        b"order_id,line_number,product_id,quantity,unit_price,line_amount\n"
        b"1,1,A,2,5.00,\n1,2,A,3,,10.00\n1,3,A,1,,\n",
    )
    landing.load()
    assert landing.query(
        "SELECT line_number, unit_price, line_amount FROM shop.order_lines ORDER BY 1"
    ) == [(1, Decimal(5), None), (2, None, Decimal(10))]
    assert landing.query("SELECT reason, line FROM ledger.quarantine") == [("no_identifier", 4)]


def test_a_column_that_the_contract_gained_is_added(landing):
    """A company upgrades, and its next load ends because a raw table lacks the new column."""
    landing.put("crm/contacts.csv", b"contact_id,email\n1,a@example.org\n")
    landing.load()
    landing.con.execute("ALTER TABLE crm.contacts DROP COLUMN full_name")
    landing.put("crm/contacts_2.csv", b"contact_id,full_name\n2,Nina Vogel\n")
    landing.load()
    assert landing.query("SELECT contact_id, full_name FROM crm.contacts ORDER BY 1") == [
        ("1", None),
        ("2", "Nina Vogel"),
    ]
