"""The report of a real run: what it shows is what the published marts hold."""

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.browser import open_page
from tests.metrics_by_hand import published_faults
from tests.unit.report.report_parsed import parse, table_rows


@pytest.fixture(scope="module")
def current(sample_company):
    return (sample_company.data_dir / "published" / "current").resolve()


@pytest.fixture(scope="module")
def page(current):
    pages = sorted((current / "report").glob("*.html"))
    return parse("\n".join(path.read_text(encoding="utf-8") for path in pages))


def test_every_section_has_its_source(page):
    """A section of the sample, which has every source, is empty: a mart lost its rows."""
    absent = [p.text for p in page.all("p") if p.has_class("absent")]
    assert absent == []
    assert len(page.all("figure")) >= 6


def test_each_metric_is_its_mart(sample_company):
    """The report, a dashboard and the command line show another number than the mart holds."""
    assert published_faults(sample_company.marts_path) == []


def test_headline_and_reconciliation(sample_company, page):
    """The report was made from other marts than those beside it."""
    ((revenue, sales),) = sample_company.query(
        "select sum(net_revenue), count(*) from orders where is_sale and date_trunc('month', "
        "order_date) = (select date_trunc('month', as_of + 1) - interval 1 month from build)"
    )
    assert Decimal(page.by_id("tile-net_revenue").attributes["value"]) == revenue
    assert Decimal(page.by_id("tile-sales").attributes["value"]) == sales
    differences = [row[2].number for row in table_rows(page, "checks-reconciliation")]
    assert differences == [0, 0, 0, 0]


def test_spend_is_that_of_the_marketing_system(sample_company, page):
    """Spend is counted once a model, or lost with the channels that sold nothing."""
    ((spend,),) = sample_company.query(
        "select sum(spend) from marketing_spend where month between "
        "(select date_trunc('month', as_of + 1) - interval 12 month from build) and "
        "(select date_trunc('month', as_of + 1) - interval 1 month from build)"
    )
    (foot,) = page.by_id("attribution-revenue").all("tfoot")
    assert foot.all("td")[0].number == spend


def test_counts_of_load_and_checks_are_those_of_the_version(current, page):
    """Refused records, or failed checks, are not told."""
    manifest = json.loads((current / "manifest.json").read_text(encoding="utf-8"))
    quality = json.loads((current / "quality.json").read_text(encoding="utf-8"))
    facts = page.by_id("loading").all("dl")[0].all("data")
    assert [int(element.attributes["value"]) for element in facts][:5] == [
        manifest["ledger"][name]
        for name in ("files", "records", "accepted", "quarantined", "left_out")
    ]
    assert len(table_rows(page, "checks-all")) == len(quality["results"])
    assert manifest["version"] in page.all("footer")[0].text


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_opens_clean_from_disk(current, width, scheme):
    """A page greets with an error, scrolls sideways, is slow, or asks somebody for something."""
    # dbt's documentation beside them is dbt's own page.
    (docs,) = (current / "report" / "dbt").iterdir()
    assert docs.stat().st_size < 6_000_000
    paths = sorted(set((current / "report").rglob("*.html")) - {docs})
    assert len(paths) > 20
    with open_page(paths[0], width=width, scheme=scheme, is_mobile=width < 500) as seen:
        for path in paths:
            assert path.stat().st_size < 3_000_000
            seen.page.goto(path.as_uri())
            loaded = seen.page.evaluate("performance.getEntriesByType('navigation')[0].duration")
            assert loaded < 2_000, path
            assert seen.page.evaluate("document.documentElement.scrollWidth") == width, path
        assert seen.errors == []
        assert set(seen.requests) == {path.as_uri() for path in paths}


@pytest.mark.browser
def test_filters_show_what_the_marts_hold(sample_company, current):
    """A filtered chart would show other numbers than the mart has for that channel and segment."""
    ((revenue, customers),) = sample_company.query(
        "select sum(o.net_revenue), count(distinct o.customer_id) from orders as o inner join "
        "customers as c on o.customer_id = c.customer_id where o.is_sale and "
        "c.acquisition_channel = 'organic_search' and c.rfm_segment = 'Champions' and "
        "o.order_date >= date '2026-03-01' and o.order_date < date '2026-04-01'"
    )
    with open_page(current / "report" / "customers.html") as seen:
        page = seen.page
        before = page.locator("#revenue-chart").inner_html()
        page.get_by_label("Acquisition channel").select_option("Organic search")
        page.get_by_label("Segment of today").select_option("Champions")
        page.get_by_label("From", exact=True).select_option("2026-03-01")
        page.get_by_label("To", exact=True).select_option("2026-03-01")
        rows = page.locator("#revenue-table tbody tr")
        assert rows.count() == 1
        assert Decimal(rows.locator("data").first.get_attribute("value")) == revenue
        found = page.locator("#customers-table tbody data").first.get_attribute("value")
        assert int(found) == customers
        page.get_by_role("button", name="Reset filters").click()
        assert page.locator("#revenue-chart").inner_html() == before
        assert seen.errors == []


@pytest.mark.browser
def test_filters_draw_what_the_page_was_written_with(current):
    """Script and page would disagree: a reader who touches a filter sees other numbers."""
    with open_page(current / "report" / "customers.html") as seen:
        page = seen.page
        read = "table => [...table.querySelectorAll('tbody tr')].map(r => r.textContent)"
        before = page.locator("#revenue-table").evaluate(read)
        shapes = "e => [...e.querySelectorAll('.tick')].map(t => t.textContent + t.style.bottom)"
        scale = page.locator("#revenue-chart").evaluate(shapes)
        tips = page.locator("#revenue-chart .band").nth(3).get_attribute("data-tip")
        page.get_by_label("Acquisition channel").select_option("Direct")
        assert page.locator("#revenue-table").evaluate(read) != before
        page.get_by_label("Acquisition channel").select_option("All")
        assert page.locator("#revenue-table").evaluate(read) == before
        assert page.locator("#revenue-chart .band").nth(3).get_attribute("data-tip") == tips
        drawn = page.locator("#revenue-chart").evaluate(shapes)
        assert [re.sub(r"(\.\d+)?%$", "", text) for text in drawn] == [
            re.sub(r"(\.\d+)?%$", "", text) for text in scale
        ]


@pytest.mark.browser
def test_saved_files_hold_the_numbers(current, tmp_path):
    """A table that somebody takes along is cut, or the picture is empty."""
    with open_page(current / "report" / "customers.html") as seen:
        page = seen.page
        figure = page.locator("#revenue-chart")
        with page.expect_download() as download:
            figure.get_by_role("button", name="Save as CSV").click()
        text = Path(download.value.path()).read_text(encoding="utf-8-sig")
        lines = list(csv.reader(io.StringIO(text)))
        assert lines[0][:2] == ["Month", "Net revenue"]
        shown = page.locator("#revenue-table tbody tr")
        assert len(lines) == shown.count() + 1
        assert lines[-1][1] == shown.last.locator("data").first.get_attribute("value")
        with page.expect_download() as download:
            figure.get_by_role("button", name="Save as PNG").click()
        picture = Path(download.value.path()).read_bytes()
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        assert len(picture) > 20_000
        assert seen.errors == []
