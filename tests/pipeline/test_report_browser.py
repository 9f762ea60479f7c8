"""The report as people open it: from disk, by pointer, keyboard and screen reader.

When these fail, the page of every published version is blank, illegible or unusable for some.
"""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.report import render
from tests.browser import open_page
from tests.unit.report import report_company as company

pytestmark = pytest.mark.browser

# The lowest contrast of any text with what is behind it, by WCAG 2's formula.
_CONTRAST = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const color = rgba(getComputedStyle(element).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  let worst = {ratio: 21};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, .unseen, .skip, .tip")) continue;
    const ground = behind(element);
    let opacity = 1;
    for (let e = element; e; e = e.parentElement) opacity *= getComputedStyle(e).opacity;
    const color = rgba(getComputedStyle(element).color).map(
      (v, i) => v * opacity + ground[i] * (1 - opacity));
    const one = luminance(color);
    const other = luminance(ground);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < worst.ratio) {
      worst = {ratio, text: walker.currentNode.data.trim(), tag: element.outerHTML.slice(0, 120)};
    }
  }
  return worst;
}
"""

_PAGE_WIDTH = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def _written(folder: Path, con: duckdb.DuckDBPyConnection, **records: Any) -> Path:
    known = {
        "quality": company.quality(),
        "manifest": company.manifest(),
        "ledger": company.ledger(),
    }
    for name, content in render(con, **(known | records)).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    with duckdb.connect() as con:
        company.create_tables(con)
        company.fill(con)
        con.execute(
            "insert into attribution_channels by name select date '2024-04-01' as month, "
            "'</script><img src=x onerror=alert(1)>' || repeat('w', 300) as channel, "
            "'last' as model, 'first' as sale_kind, 0 as attributed_revenue"
        )
        return _written(tmp_path_factory.mktemp("report"), con)


@pytest.fixture(scope="module")
def empty_report(tmp_path_factory) -> Path:
    with duckdb.connect() as con:
        company.create_tables(con)
        folder = tmp_path_factory.mktemp("report")
        return _written(folder, con, quality={"results": []}, ledger={})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_opens_clean_legible_and_as_wide_as_the_screen(report, empty_report, scheme, width):
    """A page logs errors, asks the network, scrolls sideways, or is grey on grey."""
    # Pages without their source are drawn another way in the menu: one of them is enough.
    paths = [*sorted(report.rglob("*.html")), empty_report / "index.html"]
    with open_page(paths[0], width=width, scheme=scheme, is_mobile=width < 500) as seen:
        for path in paths:
            seen.page.goto(path.as_uri())
            seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert seen.page.evaluate(_PAGE_WIDTH) == [width, width], path
            worst = seen.page.evaluate(_CONTRAST)
            assert worst["ratio"] >= 4.5, (path, worst)
        background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = sum(map(int, re.findall(r"\d+", background)[:3])) / 3
        assert brightness < 64 if scheme == "dark" else brightness > 240
        assert seen.errors == []
        assert set(seen.requests) == {path.as_uri() for path in paths}


@pytest.mark.parametrize("width", [1280, 360])
def test_empty_report_opens_clean(empty_report, width):
    """A company's first run greets with an error."""
    paths = sorted(empty_report.rglob("*.html"))
    with open_page(paths[0], width=width, is_mobile=width < 500) as seen:
        for path in paths:
            seen.page.goto(path.as_uri())
            assert seen.page.evaluate(_PAGE_WIDTH) == [width, width], path
        seen.page.goto((empty_report / "index.html").as_uri())
        assert seen.page.get_by_text("No sales: shop.orders was not").first.is_visible()
        assert seen.errors == []


def test_keyboard_reaches_content_and_wide_tables(report):
    """Who uses no mouse cannot skip the contents, or see the right half of a table."""
    with open_page(report / "cohorts.html", width=800) as seen:
        page = seen.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        table = page.get_by_role("group", name="Bought in period k", exact=True)
        table.focus()
        page.keyboard.press("ArrowRight")
        # Scrolling takes time, and the page's policy forbids the eval that waiting for it needs.
        for _ in range(100):
            if table.evaluate("box => box.scrollLeft") > 0:
                break
            page.wait_for_timeout(50)
        assert table.evaluate("box => document.activeElement === box && box.scrollLeft > 0")
        assert "has-left" in (table.get_attribute("class") or "")
        page.goto((report / "quality.html").as_uri())
        fitting = page.get_by_role("group", name="Reconciliation")
        assert fitting.get_attribute("tabindex") == "-1"
        page.goto((report / "customers.html").as_uri())
        summary = page.get_by_text("The numbers as a table: Net revenue by month")
        summary.focus()
        page.keyboard.press("Enter")
        assert page.locator("#revenue-table").is_visible()


def test_screen_reader_finds_landmarks_charts_and_tables(report):
    """A chart is silent, or a table a heap of numbers without heads."""
    with open_page(report / "customers.html") as seen:
        page = seen.page
        for role in ("banner", "main", "navigation", "contentinfo"):
            assert page.get_by_role(role).count() == 1
        assert page.get_by_role("region", name="Revenue and customers").count() == 1
        chart = page.get_by_role("img", name=re.compile(r"Identified buyers: £.+ in November 2022"))
        assert chart.count() == 1
        page.goto((report / "cohorts.html").as_uri())
        table = page.get_by_role("table", name="Bought in period k", exact=True)
        assert table.get_by_role("rowheader", name="Nov 2022").count() == 1
        assert table.get_by_role("columnheader", name="period 12", exact=True).count() == 1


def test_pointer_gets_the_reading_and_escape_removes_it(report):
    """The exact numbers of a chart cannot be had, or a reading stays in the way."""
    with open_page(report / "customers.html") as seen:
        page = seen.page
        tip = page.locator("#tip")
        assert tip.is_hidden()
        band = page.locator("#revenue-chart .band").nth(3)
        band.hover()
        assert tip.inner_text() == band.get_attribute("data-tip")
        assert tip.inner_text().startswith("February 2023\nIdentified buyers: £")
        page.keyboard.press("Escape")
        assert tip.is_hidden()
        page.goto((report / "cohorts.html").as_uri())
        page.locator("#cohorts-bounded td[data-tip]").nth(2).hover()
        assert "customers" in tip.inner_text()


def test_nothing_is_lost_without_script_and_on_paper(report):
    """Mail previews, locked-down browsers and printers show an empty page."""
    with open_page(report / "index.html", java_script_enabled=False) as seen:
        assert seen.page.locator("#tile-net_revenue").is_visible()
        seen.page.goto((report / "customers.html").as_uri())
        assert seen.page.locator("#filters").is_hidden()
        assert seen.page.locator("#revenue-chart svg path").count() > 0
        seen.page.emulate_media(media="print", color_scheme="dark")
        assert seen.page.locator("nav").is_hidden()
        style = seen.page.locator("body")
        assert style.evaluate("e => getComputedStyle(e).color") == "rgb(0, 0, 0)"
        assert seen.page.pdf()[:5] == b"%PDF-"


def test_the_language_is_one_link_away(report):
    """Who reads Russian finds no Russian page, or is led to another subject."""
    with open_page(report / "channels.html") as seen:
        page = seen.page
        assert page.locator("html").get_attribute("lang") == "en-GB"
        page.get_by_role("link", name="Русский").click()
        assert page.url == (report / "ru" / "channels.html").as_uri()
        assert page.locator("html").get_attribute("lang") == "ru"
        assert page.get_by_role("heading", level=1).inner_text() == "Каналы"
        page.get_by_role("link", name="English").click()
        assert page.url == (report / "channels.html").as_uri()
        assert seen.errors == []
