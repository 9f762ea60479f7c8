"""When these fail, readers see wrong, ambiguous or page-breaking numbers and texts."""

from datetime import date
from decimal import Decimal

import pytest

from dagster_project.report import formats


@pytest.mark.parametrize(
    ("code", "value", "exact", "whole", "short"),
    [
        ("GBP", Decimal("1234567.895"), "£1,234,567.90", "£1,234,568", "£1.23M"),
        ("GBP", Decimal("-12.50"), "\u2212£12.50", "\u2212£13", "\u2212£12.5"),
        ("CHF", Decimal("0.004"), "CHF\u00a00.00", "CHF\u00a00", "CHF\u00a00.004"),
        (None, Decimal("-0.001"), "0.00", "0", "\u22120.001"),
        ("EUR", None, "\u2013", "\u2013", "\u2013"),
        ("USD", 12_000, "$12,000.00", "$12,000", "$12K"),
    ],
)
def test_money(code, value, exact, whole, short):
    """Amounts would be off by a cent, or in no currency."""
    money = formats.Money(code)
    assert (money.exact(value), money.whole(value), money.short(value)) == (exact, whole, short)


def test_shares_and_durations():
    """A rate of 0.125 would read as 12% here and 13% there."""
    assert formats.percent(0.125, 0) == "13%"
    assert formats.percent(0.125) == "12.5%"
    assert formats.percent(None) == "\u2013"
    assert formats.duration(59.6) == "1 min 00 s"
    assert formats.duration(8) == "8 s"
    assert formats.duration(None) == "\u2013"


def test_dates():
    """A version would be dated a day off."""
    assert formats.day("2024-06-19") == "19 June 2024"
    assert formats.moment("2024-06-20T05:03:12Z") == "20 June 2024, 05:03 UTC"
    assert formats.month_short(date(2011, 11, 1)) == "Nov 2011"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x00b\x1bc", "a\ufffdb\ufffdc"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("two\nlines\tand tabs", "two lines and tabs"),
        ("broken \ud800 half", "broken ? half"),
        ("Ёлка, مرحبا, 你好, 👩‍👩‍👧", "Ёлка, مرحبا, 你好, 👩‍👩‍👧"),
        (None, "\u2013"),
        (7, "7"),
    ],
)
def test_foreign_text_stays_readable_and_cannot_reorder_the_page(value, shown):
    """A channel name could reverse or cut the text that follows it."""
    assert formats.clean(value) == shown


def test_code_words():
    """Readers would meet snake case."""
    assert formats.words("at_risk") == "At risk"
    assert formats.words("sms") == "SMS"
    assert formats.words("Summer_Sale 24") == "Summer_Sale 24"
    assert formats.words("_private") == "_private"
