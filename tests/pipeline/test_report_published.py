"""The report of a real run: what it shows is what the published marts hold."""

import json
from decimal import Decimal

import pytest

from tests.browser import open_page
from tests.unit.report.report_parsed import parse, table_rows


@pytest.fixture(scope="module")
def current(sample_company):
    return (sample_company.data_dir / "published" / "current").resolve()


@pytest.fixture(scope="module")
def page(current):
    return parse((current / "report" / "index.html").read_text(encoding="utf-8"))


def test_every_section_has_its_source(page):
    """A section of the sample, which has every source, is empty: a mart lost its rows."""
    absent = [p.text for p in page.all("p") if p.has_class("absent")]
    assert absent == []
    assert len(page.all("figure")) >= 6


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
        "select sum(spend) from attribution_channels where model = 'last' and month between "
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
@pytest.mark.parametrize("width", [1280, 360])
def test_opens_clean_from_disk(current, width):
    """The first thing that a new user opens greets with an error or scrolls sideways."""
    path = current / "report" / "index.html"
    with open_page(path, width=width, is_mobile=width < 500) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") == width
        assert seen.errors == []
        assert seen.requests == [path.as_uri()]
