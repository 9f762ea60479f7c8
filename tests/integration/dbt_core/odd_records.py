"""Odd records: rows of every table of the contract, of what senders have been seen to write."""

import csv
import io
import random

from dagster_project.contracts import Column, Table, load_contract

IDS = ["0", "1", "2", "3", "007", "7", " 7 ", "a", "A", "A-1", "x'y", "9" * 40, "é", "a@x.test"]
TEXTS = [
    *("", "", "x", " padded ", "O'Hare", '"quoted"', "two\nlines", "Москва", "日本", "😀"),
    *("null", "NULL", "none", "-", "0", "-1", "true", "=1+1", "%s", "a, b", "x" * 300, "\t"),
]
EMAILS = ["", "", "a@x.test", "A@X.test ", "b@x.test", "b@x.test; c@x.test", "info@x.test", "no"]
PHONES = ["", "", "+442079460000", "+44 20 7946 0000", "02079460000", "000", "1", "2.079e10", "?"]
TIMES = [
    *("", "2026-03-29 01:30:00", "2026-10-25 01:30:00", "2026-10-25T02:30:00+02:00"),
    *("2024-02-29", "2025-12-31 23:59:59.999999", "2026-01-01T00:00:00Z", "1990-01-01"),
    *("2026-11-29 12:00:00", "2026-11-29 12:00:01", "2026-11-30 23:59:59", "2027-06-01"),
    *("2028-01-01", "1970-01-01", "not a time", "2026-06-15", "2026-06-15 10:00", "2026-07-31"),
]
DATES = ["", "2024-02-29", "1900-01-01", "2026-01-01", "2026-06-15", "2027-12-31", "1", "31/12/25"]
NUMBERS = {
    "money": ["", "0", "-0.01", "0.004", "0.005", "10", "19.99", "1e3", "-5", "9999999999999", "x"],
    "unit_price": ["", "0", "0.000001", "-1", "9.99", "123456789.123456"],
    "quantity": ["", "0", "1", "2", "-1", "0.001", "0.5", "1000000", "-0.25"],
    "integer": ["", "0", "1", "2", "-1", "3600", "86400", "2147483647", "9999999999", "1.0", "x"],
    "score": ["", "0", "1", "3", "4", "5", "9", "10", "-1", "100", "4.5"],
    "rate": ["", "0", "1", "1.1", "-1", "0.000000001", "99999"],
    "boolean": ["", "true", "false", "1", "0", "yes", "ja", "maybe"],
}
# What does not count needs no rate: see ``_currency``.
CURRENCIES = ["", "EUR", "eur", " EUR "]
WORDS = ["paid", "Paid ", "shipped", "completed", "refunded", "pending", "cancelled", "failed"]
SALES = {"paid", "shipped", "completed", "refunded"}
WON = {"true", "1", "yes", "ja"}


def odd_files(draw: random.Random, rows: int) -> dict[str, str]:
    """Path in landing to text: a file of each table, of ``rows`` records at most."""
    files = {}
    for name, system in load_contract().items():
        for table in system.tables.values():
            if table.name == "erasure_requests":
                continue
            count = draw.choice([rows, rows, rows // 2, 1])
            files[f"{name}/{table.name}.csv"] = _text(draw, table, count)
    return files


def _text(draw: random.Random, table: Table, rows: int) -> str:
    columns = [
        column for column in table.columns if column.required or column.key or draw.random() < 0.9
    ]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow([column.name for column in columns])
    for number in range(rows):
        row = {column.name: _cell(draw, table, column) for column in columns}
        if "currency" in row:
            row["currency"] = _currency(draw, table, row) if number else "EUR"
        writer.writerow(row.values())
    return buffer.getvalue()


def _cell(draw: random.Random, table: Table, column: Column) -> str:
    # Records that say nothing at all are refused and try nothing.
    if column.accepted_values and draw.random() < 0.95:
        value = draw.choice(column.accepted_values)
        return draw.choice([value, value, value.upper(), f" {value} "])
    if column.words and draw.random() < 0.95:
        return draw.choice(WORDS)
    if column.type == "text":
        for kind, texts in (("email", EMAILS), ("phone", PHONES), ("currency", ["EUR", "USD"])):
            if kind in column.name:
                return draw.choice(texts)
        if column.name.endswith("_id") or column.key:
            return draw.choice([*IDS, str(draw.randrange(40)), str(draw.randrange(40))])
        return draw.choice(TEXTS)
    if column.type in ("timestamp", "date"):
        texts = TIMES if column.type == "timestamp" else DATES
        day = f"2026-{draw.randrange(1, 12):02}-{draw.randrange(1, 29):02}"
        return draw.choice([*texts, day, day, day, f"{day} {draw.randrange(24):02}:15:00"])
    return draw.choice([*NUMBERS[column.type], str(draw.randrange(1, 11))])


def _currency(draw: random.Random, table: Table, row: dict[str, str]) -> str:
    """Foreign only where the amount counts in nothing: no rate is asked for it.

    Seldom enough for the company's currency to be the euro: else every amount needs a rate, and a
    build without any is rightly stopped (SEED=172435).
    """
    is_foreign = draw.random() < 0.3
    if table.name == "orders" and row["status"].strip().lower() not in SALES:
        return "USD" if is_foreign else draw.choice(CURRENCIES)
    # Won deals are the sales where the shop's orders were all refused (SEED=93522).
    if table.name == "deals" and row.get("is_won") not in WON:
        return "JPY" if is_foreign else draw.choice(CURRENCIES)
    return draw.choice(CURRENCIES)
