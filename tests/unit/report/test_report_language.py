"""When these fail, a Russian reader meets English, a broken sentence, or another number."""

import ast
import io
import re
from datetime import date
from decimal import Decimal

import pytest
from babel.messages.pofile import read_po

from dagster_project.report import catalogues, formats
from dagster_project.report.language import LANGUAGES, nt, speaking, t
from tests.unit.report.report_parsed import parse

OTHERS = [code for code in LANGUAGES if code != "en"]
_NAMES = re.compile(r"\{(\w*)\}")


def _catalogue(code: str, domain: str):
    path = catalogues.LOCALES / code / "LC_MESSAGES" / f"{domain}.po"
    return read_po(io.BytesIO(path.read_bytes()), locale=code)


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_of_the_pages_is_translated(code):
    """A new label would stand in English between Russian ones: run make texts and translate it."""
    known = {message.id: message.string for message in _catalogue(code, "report") if message.id}
    assert set(known) == catalogues.page_messages()
    empty = [
        message
        for message, text in known.items()
        if not (all(text) if isinstance(text, tuple) else text)
    ]
    assert empty == []


@pytest.mark.parametrize("code", OTHERS)
def test_definitions_are_translated(code):
    """A Russian reader meets English below nearly every table."""
    known = {message.id for message in _catalogue(code, "definitions") if message.string}
    definitions = catalogues.definition_messages()
    # A definition that was just added stands in English until somebody translates it: make texts.
    assert len(definitions - known) <= len(definitions) / 10, definitions - known


@pytest.mark.parametrize("domain", ["report", "definitions"])
@pytest.mark.parametrize("code", OTHERS)
def test_translations_keep_their_numbers(code, domain):
    """A translated sentence would lose its figure, or end the run with a KeyError."""
    for message in _catalogue(code, domain):
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        wanted = set(_NAMES.findall(ids[-1]))
        for form in filter(None, forms):
            assert set(_NAMES.findall(form)) == wanted, message.id


def test_no_text_hides_in_a_formatted_string():
    """The extractor does not look inside f-strings: the text would stay English for ever."""
    for path in sorted(catalogues.HERE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            hidden = [
                call.args[0].value
                for call in ast.walk(node)
                if isinstance(call, ast.Call)
                and getattr(call.func, "id", "") in ("t", "nt")
                and isinstance(call.args[0], ast.Constant)
            ]
            assert hidden == [], path


def test_russian_plurals():
    """21 rows would be spelt like 5."""
    with speaking("ru"):
        shown = [nt("{n} row", "{n} rows", n).format(n=n) for n in (1, 2, 5, 11, 21, 104)]
    assert shown == ["1 строка", "2 строки", "5 строк", "11 строк", "21 строка", "104 строки"]


def test_russian_numbers_and_dates():
    """Amounts would be read a thousand times too small, or months in the wrong case."""
    money = formats.Money("RUB")
    with speaking("ru"):
        assert formats.count(1234567) == "1\u00a0234\u00a0567"
        assert money.exact(Decimal("-1234.5")) == "\u22121\u00a0234,50\u00a0\u20bd"
        assert formats.percent(0.125) == "12,5\u00a0%"
        assert formats.day(date(2026, 6, 9)) == "9 июня 2026\u00a0г."
        assert formats.month_name(date(2026, 6, 1)) == "июнь 2026\u00a0г."
        assert t("Cohorts") == "Когорты"


def test_russian_pages_hold_the_same_numbers(site):
    """A translation would change a figure: both pages are made of one answer of the marts."""
    for name, html in site.items():
        if "/" in name or not name.endswith(".html"):
            continue
        values = [
            [e.attributes["value"] for e in parse(text).all("data")]
            for text in (html, site[f"ru/{name}"])
        ]
        assert values[0] == values[1], name


def test_no_english_is_left_on_the_russian_pages(site):
    """Words that are put together outside the catalogue would stay English."""
    allowed = re.compile(
        r"Hourglass|English|SQL|CSV|PNG|RFM|ROAS|CAC|NPS|CSAT|CES|SMS|ABC|BG/NBD|ARIMA|MASE|"
        r"Paid Search|Organic Search|Paid Social|Own name|Product \d+|Tea|"
        r"Campaign \d+|GBP|Europe/London|UTC|FCR|AHT|ASA|CRM|XYZ|e-mail|E-mail"
    )
    for name, html in site.items():
        if not name.startswith("ru/"):
            continue
        page = parse(html)
        for label in page.all("th") + page.all("h2") + page.all("h3") + page.all("summary"):
            if label.all("code") or label.all("bdi") or label.has_class("is-code"):
                continue
            text = allowed.sub("", label.text)
            assert not re.search(r"[A-Za-z]{4,}", text), (name, label.text)
