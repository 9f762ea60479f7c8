"""When these fail, the page of a version does not open, cannot be used, or was not written."""

import json
import os
import re
from datetime import date
from itertools import pairwise
from pathlib import PurePosixPath

import pytest

from dagster_project.errors import HourglassError
from dagster_project.report.dbt_docs import render_docs
from tests.unit.report import report_company as company
from tests.unit.report.mart_tables import contracts
from tests.unit.report.report_parsed import Element, body_text, parse


def test_a_page_needs_nothing_but_itself(site):
    """The page would stay blank, or ask a server, on a machine with no network."""
    loading = {"src", "srcset", "data", "poster", "action", "background", "xlink:href"}
    for name, html in site.items():
        if not name.endswith(".html"):
            continue
        page = parse(html)
        for element in page.all():
            assert not loading & set(element.attributes)
            if element.tag != "a":
                assert "href" not in element.attributes
                continue
            path, _, anchor = element.attributes["href"].partition("#")
            target = str(PurePosixPath(name).parent / path) if path else name
            target = os.path.normpath(target)
            assert target in site, f"{name} leads to {target}"
            assert not anchor or parse(site[target]).by_id(anchor)
        assert not page.all("link")
        assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", html)
        addresses = set(re.findall(r"https?://[^\s\"'<]+", html))
        assert addresses <= {"http://www.w3.org/2000/svg"}
        assert len(html.encode()) < 3_000_000


def test_every_page_is_navigable(site):
    """Keyboard and screen reader would find no way through it."""
    for name, html in site.items():
        if name.endswith(".html"):
            _navigable(parse(html))


def _navigable(page: Element) -> None:
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in page.all():
        target = element.attributes.get("aria-labelledby") or ""
        assert not target or target in ids
    assert [len(page.all(tag)) for tag in ("h1", "main", "nav", "header", "footer")] == [1] * 5
    levels = [int(e.tag[1]) for e in page.all() if re.fullmatch("h[1-6]", e.tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(plot.attributes["aria-label"] for plot in page.all("div") if plot.has_class("plot"))
    assert all(figure.all("table") for figure in page.all("figure"))
    assert all(table.attributes["aria-label"] for table in page.all("table"))
    for table in page.all("table"):
        for row in table.all("tr"):
            cells = [c for c in row.children if isinstance(c, Element)]
            assert cells[0].tag == "th"


def test_every_chart_and_table_says_what_it_stands_on(page):
    """A number could not be traced: its definition, mart, period or rows would be missing."""
    silent = {"checks-concerns", "checks-all", "loading-sources", "loading-changes"}
    silent |= {"loading-reasons", "loading-rules"}
    shown = {e.attributes["id"] for e in page.all("table")} - silent
    assert len(shown) > 30
    sources = [e for e in page.all("details") if e.has_class("source")]
    for source in sources:
        (summary,) = source.all("summary")
        assert re.search(r"\w+ · .+ · [\d,]+ rows?$", summary.text), summary.text
        (sql,) = source.all("pre")
        assert sql.text.lstrip().startswith(("select", "with", "-- "))
    figures = page.all("figure")
    tables = [t for t in shown if not any(f.all("table")[0].attributes["id"] == t for f in figures)]
    assert len(sources) >= len(figures) + len(tables)


def test_empty_marts_say_what_is_absent(empty_marts, rendered):
    """A company without a call centre would see an empty chart, or no report at all."""
    page = parse(rendered(empty_marts, ledger={}))
    absent = [p.text for p in page.all("p") if p.has_class("absent")]
    assert absent == [
        "No sales: shop.orders was not delivered.",
        "No sales: shop.orders was not delivered.",
        "No sales: shop.orders was not delivered.",
        "No customers: no record bears an identifier.",
        "No sales of identified buyers: shop.orders was not delivered.",
        "No sales of identified buyers: shop.orders was not delivered.",
        "No visits and no sales: shop.web_events and shop.orders were not delivered.",
        "No sales and no ad spend: shop.orders and marketing.ad_spend were not delivered.",
        "No journeys: shop.web_events and marketing.messages were not delivered.",
        "No customers and no visitors are known.",
        "No customers: no record bears an identifier.",
        "No visits or sales of known customers: shop.web_events and shop.orders were not "
        "delivered.",
        "No sales of identified buyers: shop.orders was not delivered.",
        "No sales: shop.orders was not delivered.",
        "No goods sold in a complete week: shop.order_lines was not delivered.",
        "No deals: crm.deals was not delivered.",
        "No goods sold: shop.order_lines was not delivered.",
        "No refunds: shop.refunds was not delivered.",
        "No inbound calls: call_center.calls was not delivered.",
        "No answers: crm.surveys, shop.reviews and call_center.tickets were not delivered.",
        "No campaigns, experiments or members: marketing.campaigns, "
        "marketing.experiment_assignments and shop.loyalty_transactions were not delivered.",
        "No sale at a discount: shop.orders was not delivered.",
        "No customers: no record bears an identifier.",
        "No customers: no record bears an identifier.",
        "No files were delivered.",
    ]
    assert not page.all("figure")


def test_what_was_never_delivered_has_no_line_of_zeros(empty_marts, rendered):
    """A shop without visits or spend is told that a new customer costs it nothing."""
    company.fill(empty_marts)
    for mart in ("channel_scorecard", "service_quality", "audiences"):
        empty_marts.execute(f"delete from {mart}")
    table = parse(rendered(empty_marts)).by_id("versions-headline")
    assert "Net revenue" in table.text
    for label in ("Visits", "Spend", "Cost per new customer", "Calls offered"):
        assert label not in table.text


def test_a_source_that_came_empty_handed_is_told_from_an_absent_one(empty_marts, rendered):
    """People would look for a file that is there, or not for one that is missing."""
    empty_marts.execute("update build set sources = 'shop.orders, crm.surveys'")
    text = body_text(parse(rendered(empty_marts)))
    assert "No sales: shop.orders came, but nothing of them up to 19 June 2024." in text
    assert "No answers: crm.surveys came, but nothing of them up to 19 June 2024." in text


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (date(2022, 11, 19), "No month is complete yet, so there is nothing to compare."),
        (date(2022, 11, 30), "first month, nothing to compare"),
        (date(2022, 12, 31), "not comparable with Nov 2022"),
        (date(2023, 6, 30), "as in May 2023"),
    ],
)
def test_a_single_month(empty_marts, rendered, as_of, expected):
    """A new company, or one that stopped selling, would see nonsense changes."""
    company.fill(empty_marts, orders=200, days=15, as_of=as_of)
    assert expected in body_text(parse(rendered(empty_marts)))


def test_nulls_everywhere(scratch, rendered):
    """One odd record would keep a whole version from being published."""
    for table in contracts().keys() - {"build"}:
        width = len(scratch.execute(f"describe {table}").fetchall())
        scratch.execute(f"insert into {table} values ({', '.join(['null'] * width)})")
    scratch.execute("insert into orders (is_sale) values (true), (true)")
    scratch.execute("insert into calls (direction, call_date) values ('inbound', '2024-01-01')")
    scratch.execute("insert into feedback (kind) values ('nps'), (null)")
    parse(rendered(scratch))


def test_only_nulls(empty_marts, rendered):
    """The same with nothing else to hold on to."""
    for table in contracts().keys() - {"build"}:
        width = len(empty_marts.execute(f"describe {table}").fetchall())
        empty_marts.execute(f"insert into {table} values ({', '.join(['null'] * width)})")
    empty_marts.execute("insert into orders (is_sale) values (true)")
    empty_marts.execute("insert into feedback by name select 'csat' as kind, 3 as score")
    empty_marts.execute("update feedback set feedback_date = '2024-01-01'")
    parse(rendered(empty_marts))


def test_all_sales_refunded(empty_marts, rendered):
    """Divisions by nothing."""
    company.fill(empty_marts, orders=300, days=200, as_of=date(2023, 5, 31))
    empty_marts.execute("update orders set net_revenue = 0, refunded_amount = gross_revenue")
    page = parse(rendered(empty_marts))
    assert page.by_id("tile-refunded_share").text == "100.0%"
    assert page.by_id("tile-net_revenue").text == "£0"


def test_a_mart_of_another_release_is_named_as_such(empty_marts, rendered):
    """The run would end in a stack trace that nobody can act on."""
    empty_marts.execute("alter table retention_monthly drop column churn_rate")
    empty_marts.execute("insert into orders (is_sale, order_date) values (true, '2024-01-01')")
    with pytest.raises(HourglassError, match="same release"):
        rendered(empty_marts)
    empty_marts.execute("delete from build")
    with pytest.raises(HourglassError, match="mart build"):
        rendered(empty_marts)


def test_dbt_docs_lie_beside_the_pages(marts, tmp_path):
    """An analyst asks what a column is made of, and has to find the code first."""
    folder = tmp_path / "project"
    (folder / "target").mkdir(parents=True)
    column = {"name": "net_revenue", "description": "Of <script> and all."}
    node = {
        "unique_id": "model.hourglass.customers",
        "name": "customers",
        "resource_type": "model",
        "root_path": str(folder),
        "description": f"See {folder}/models/customers.sql",
        "columns": {"net_revenue": column},
    }
    macro = {"package_name": "dbt", "macro_sql": "x"}
    manifest = {
        "metadata": {"project_name": "hourglass", "env": {"SECRET": "s3cret"}},
        "nodes": {node["unique_id"]: node},
        "macros": {"macro.dbt.x": macro},
        "sources": {},
        "exposures": {},
    }
    (folder / "target" / "manifest.json").write_text(json.dumps(manifest))
    page = render_docs(marts, folder / "target" / "manifest.json")
    assert str(folder) not in page
    assert "s3cret" not in page
    assert "macro.dbt.x" not in page
    assert "Of \\u003cscript> and all." in page
    ((rows,),) = marts.execute("select count(*) from customers").fetchall()
    assert f'"label":"Rows","value":{rows}' in page
