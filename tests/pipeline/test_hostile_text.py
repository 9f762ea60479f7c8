"""Text that looks like markup, a formula, SQL or a path stays text through a whole run."""

import csv
import io
import json
from collections.abc import Iterator
from html.parser import HTMLParser

import duckdb
import pytest

from dagster_project.contracts import Column, Table, load_contract
from tests import byte_search
from tests.pipeline.conftest import Company

# Codes with a meaning of their own: another word changes the figures, not the text.
CODES = {"currency": "GBP", "from_currency": "USD", "to_currency": "GBP", "country": "GB"}
# Around an id they are padding of the file, not part of it.
BLANKS = " \t\r\n\xa0\ufeff"
VALUES = {
    "timestamp": "2026-01-15 10:00:00",
    "date": "1995-05-17",
    "boolean": "false",
    "integer": "3",
    "score": "5",
}

# A person in files of which nothing is accepted: no header, a record for a header, wrong cells,
# fields too many, quotes and bytes that are broken, a damaged Parquet file, vendors' exports.
REFUSED_PERSON = ("Zyxwanna", "Quorvale", "zyxwanna@mail.test", "447700900987", "Tollgarth Lane")
REFUSED_FILES = {
    "crm/contacts_headless.csv": "1,Zyxwanna,Quorvale,zyxwanna@mail.test,+447700900987\n"
    "2,B,C,d,e\n",
    "crm/deals_headless.csv": "Zyxwanna,Quorvale,Tollgarth Lane\nx,y,z\n",
    "crm/surveys_invalid.csv": "survey_id,kind,score,answered_at,email\n"
    "Zyxwanna,nps,Quorvale,2026-01-01,zyxwanna@mail.test\n",
    "shop/orders_invalid.csv": "order_id,ordered_at,status,total_amount,email,coupon_code\n"
    "1,Zyxwanna,paid,1,zyxwanna@mail.test,Quorvale\n"
    "2,2026-01-01,Quorvale,1,zyxwanna@mail.test,\n"
    "3,2026-01-01,paid,Tollgarth Lane,+447700900987,x\n"
    "4,2026-01-01,paid,1,x,y,Zyxwanna Quorvale\n"
    '5,2026-01-01,paid,1,"Zyxwanna"Quorvale,y\n',
    "shop/accounts_bytes.csv": b"account_id,first_name\n"
    b"1,Zyxwanna \xff Quorvale \xd0\x96\xd0\x96\n",
    "marketing/messages_broken.jsonl": '{"message_id": "Zyxwanna", "x": "Quorvale"}\n{"Zyxwanna',
    "call_center/calls_damaged.parquet": "Zyxwanna Quorvale",
    "call_center/tickets_book.xlsx": "Zyxwanna Quorvale",
    "shopify_orders/headless.csv": "Zyxwanna,Quorvale,zyxwanna@mail.test\n1,2,3\n",
    "woocommerce_orders/invalid.json": '[{"id": 1, "status": "Quorvale", "date_created_gmt": '
    '"Zyxwanna", "billing": {"email": "zyxwanna@mail.test"}}]',
}


def holds_text(column: Column) -> bool:
    coded = column.accepted_values or column.words or column.name in CODES
    return column.type == "text" and not coded


def cell(column: Column, text: str, number: int) -> str:
    if holds_text(column):
        return text
    if column.name in CODES:
        return CODES[column.name]
    if column.words:
        return "completed"
    if column.accepted_values:
        return column.accepted_values[number % len(column.accepted_values)]
    return VALUES.get(column.type, "12.50")


def extract(table: Table, strings: list[str]) -> str:
    """A CSV whose record N has string N in every text column."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow([column.name for column in table.columns])
    for number, text in enumerate(strings):
        writer.writerow([cell(column, text, number) for column in table.columns])
    return buffer.getvalue()


@pytest.fixture(scope="module")
def strings(shared_data) -> list[str]:
    texts = json.loads((shared_data / "bad_input" / "blns" / "blns.json").read_text())
    # A record whose key is blank goes to quarantine.
    return [text for text in dict.fromkeys(texts) if text.strip(BLANKS)]


def tables() -> Iterator[tuple[str, Table]]:
    """(system, table) of every table but the requests of erasure, which would be obeyed."""
    for system in load_contract().values():
        for table in system.tables.values():
            if table.name != "erasure_requests":
                yield system.system, table


@pytest.fixture(scope="module")
def company(strings, tmp_path_factory) -> Company:
    company = Company(tmp_path_factory.mktemp("hostile") / "data")
    for system, table in tables():
        path = company.data_dir / "landing" / system / f"{table.name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(extract(table, strings), encoding="utf-8", newline="")
    for name, content in REFUSED_FILES.items():
        path = company.data_dir / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    result = company.hourglass("run")
    # Published, and told that files gave nothing.
    assert result.returncode == 4, result.stdout + result.stderr
    (company.data_dir.parent / "said.txt").write_text(result.stdout + result.stderr)
    return company


def test_every_text_column_holds_what_was_delivered(company, strings) -> None:
    """A customer's name or a product's is altered on its way because of its letters."""
    checked = 0
    for system, table in tables():
        for column in filter(holds_text, table.columns):
            where = f"{system}.{table.name}.{column.name}"
            found = company.warehouse(
                f'SELECT "{column.name}" FROM {system}.{table.name} ORDER BY _line'
            )
            is_id = column.key or column.name.endswith("_id")
            expected = [text.strip(BLANKS) if is_id else text for text in strings]
            assert [row[0] for row in found] == expected, where
            checked += 1
    assert checked > 100


def test_restricted_database_holds_what_was_delivered(company, strings) -> None:
    """A person called Null, or O'Brien, or with an emoji, has another name in the golden record."""
    folder = (company.data_dir / "restricted" / "current").resolve()
    # Some steps drop white space around a value, which nobody misses.
    bare = {text.strip() for text in strings}
    with duckdb.connect(str(folder / "restricted.duckdb"), read_only=True) as con:
        for kind in ("email", "phone", "loyalty_card", "national_id"):
            raw = con.execute(
                "SELECT raw_value FROM identity.identifiers WHERE identifier_kind = ?", [kind]
            ).fetchall()
            assert {row[0].strip() for row in raw} == bare, kind
        for column in ("first_name", "last_name", "street_address", "company"):
            golden = con.execute(
                f"SELECT DISTINCT {column} FROM customer_contacts WHERE {column} IS NOT NULL"
            ).fetchall()
            assert {row[0].strip() for row in golden} <= bare, column
            assert len(golden) > 100, column


def test_marts_hold_names_of_things_unchanged(company, strings) -> None:
    """A product whose name is a formula is renamed, or runs in the analyst's spreadsheet."""
    assert {row[0] for row in company.query("SELECT name FROM products")} >= set(strings)


def test_refused_cells_stand_nowhere_else(company) -> None:
    """A person's name and telephone stand in a log, the scheduler's history or a report."""
    refused = company.warehouse("SELECT original FROM ledger.quarantine WHERE level = 'row'")
    assert any("Zyxwanna" in (text or "") for (text,) in refused)
    for command in (["status"], ["check", str(company.data_dir / "landing")]):
        said = company.hourglass(*command)
        with (company.data_dir.parent / "said.txt").open("a") as file:
            file.write(said.stdout + said.stderr)
    inside = tuple(f"{name}/" for name in ("warehouse", "landing", "restricted"))
    found = [
        place.removeprefix(f"{company.data_dir}/")
        for place in byte_search.search(company.data_dir, REFUSED_PERSON)
    ]
    assert any(place.startswith("landing/") for place in found)
    assert [place for place in found if not place.startswith(inside)] == []
    text = (company.data_dir.parent / "said.txt").read_text().casefold()
    assert [value for value in REFUSED_PERSON if value.casefold() in text] == []


class Page(HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.scripts += tag == "script" and ("type", "application/json") not in attrs


def test_report_has_no_element_that_the_samples_lacks(company, sample_company) -> None:
    """A name in somebody's extract runs as code in the reader's browser."""
    reports = [
        {
            path.name: Page(path.read_text(encoding="utf-8"))
            for path in (one.data_dir / "published" / "current" / "report").glob("*.html")
        }
        for one in (company, sample_company)
    ]
    assert reports[0].keys() == reports[1].keys()
    tags, attributes = (
        {value for page in reports[1].values() for value in getattr(page, name)}
        for name in ("tags", "attributes")
    )
    for page in reports[0].values():
        assert page.tags <= tags
        assert page.attributes <= attributes
    # Data of the filters is no script that runs; a page of an absent subject has none.
    assert all(page.scripts == 1 for report in reports for page in report.values())
