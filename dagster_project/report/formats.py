"""Number and date formats of the page's language (CLDR, through Babel), and foreign text made safe.

Values are the marts': shares are 0 to 1, money is in the reporting currency, durations in seconds.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import format_compact_decimal, format_decimal

from dagster_project.report.language import locale, t

Number = int | float | Decimal

MINUS = "\u2212"
DASH = "\u2013"
NO_VALUE = "\u2013"

# Only signs that mean one currency; $ and kr mean several, so those keep the code.
_SIGNS = {
    "EUR": "\u20ac",
    "GBP": "\u00a3",
    "INR": "\u20b9",
    "ILS": "\u20aa",
    "KRW": "\u20a9",
    "RUB": "\u20bd",
    "TRY": "\u20ba",
    "UAH": "\u20b4",
    "USD": "$",
    "VND": "\u20ab",
}

# Control characters cannot stand in HTML; directional overrides would re-order the page around
# a value. Both become the replacement sign.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)

_CODE = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")
_ABBREVIATIONS = {
    "crm_profiles": "CRM profiles",
    "pos": "POS",
    "qr": "QR",
    "sms": "SMS",
    "vip": "VIP",
}


def clean(value: object) -> str:
    """``value`` as one line of text that any HTML parser reads back; None is a dash."""
    if value is None:
        return NO_VALUE
    text = _UNSAFE.sub("\ufffd", str(value).replace("\n", " ").replace("\t", " "))
    return text.encode("utf-8", "replace").decode("utf-8")


def _grouped(value: Number, places: int) -> str:
    exact = Decimal(str(value)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    if exact == 0:
        exact = abs(exact)
    # As Babel's format_decimal writes it; a page has thousands of numbers.
    group, point = _separators(locale())
    return f"{exact:,}".translate({ord(","): group, ord("."): point, ord("-"): MINUS})


@cache
def _separators(spoken: Locale) -> tuple[str, str]:
    symbols = spoken.number_symbols["latn"]
    return symbols["group"], symbols["decimal"]


@cache
def _date(value: date, pattern: str, spoken: Locale) -> str:
    return format_date(value, format=pattern, locale=spoken)


def count(value: Number | None) -> str:
    """A whole number with thousands separated."""
    return NO_VALUE if value is None else _grouped(value, 0)


def decimal(value: Number | None, places: int = 2) -> str:
    """A number with a fixed number of decimals."""
    return NO_VALUE if value is None else _grouped(value, places)


def _with_percent(number: str) -> str:
    return locale().percent_formats[None].pattern.replace("#,##0", number)


def percent(share: Number | None, places: int = 1) -> str:
    """A share (1 is all) in per cent."""
    if share is None:
        return NO_VALUE
    return _with_percent(_grouped(Decimal(str(share)) * 100, places))


def points(share: Number | None) -> str:
    """A difference of shares in percentage points, without a sign for per cent."""
    return NO_VALUE if share is None else _grouped(Decimal(str(share)) * 100, 1)


def _significant(value: float) -> str:
    """Three significant digits at most."""
    return format_decimal(Decimal(f"{value:.3g}"), locale=locale()).replace("-", MINUS)


def axis_percent(share: Number) -> str:
    """A share on an axis: no more decimals than its tick needs."""
    return _with_percent(_significant(float(share) * 100))


def duration(seconds: Number | None) -> str:
    """Seconds as ``48 s`` or ``3 min 05 s``."""
    if seconds is None:
        return NO_VALUE
    whole = int(Decimal(str(seconds)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    if whole < 60:
        return t("{seconds} s").format(seconds=whole)
    return t("{minutes} min {seconds} s").format(
        minutes=count(whole // 60), seconds=f"{whole % 60:02d}"
    )


@dataclass(frozen=True)
class Money:
    """Writes amounts of the reporting currency; ``code`` None when the extracts name none."""

    code: str | None

    @property
    def around(self) -> tuple[str, str]:
        """What stands before and after a number in the page's language."""
        if not self.code:
            return "", ""
        sign = _SIGNS.get(self.code, self.code)
        if locale().currency_formats["standard"].pattern.startswith("\u00a4"):
            return (sign if sign in _SIGNS.values() else f"{sign}\u00a0"), ""
        return "", f"\u00a0{sign}"

    def _signed(self, number: str) -> str:
        before, after = self.around
        minus = MINUS if number.startswith(MINUS) else ""
        return f"{minus}{before}{number.removeprefix(MINUS)}{after}"

    def whole(self, value: Number | None) -> str:
        """To the unit, for reading."""
        return NO_VALUE if value is None else self._signed(_grouped(value, 0))

    def exact(self, value: Number | None) -> str:
        """To the cent, for reconciling."""
        return NO_VALUE if value is None else self._signed(_grouped(value, 2))

    def short(self, value: Number | None) -> str:
        """Three significant digits with k, M or B, for axes."""
        if value is None:
            return NO_VALUE
        return self._signed(short(value))


def short(value: Number) -> str:
    """A number for an axis: 950, 12K, 1.5M."""
    size = abs(float(value))
    if size < 1000:
        return _significant(float(value))
    rounded = float(f"{float(value):.3g}")
    # A compact number of Babel has a fixed number of decimals: as many as are not zero.
    scaled = rounded / 1000 ** ((len(str(int(abs(rounded)))) - 1) // 3)
    places = next(n for n in range(3) if n == 2 or round(scaled, n) == scaled)
    text = format_compact_decimal(rounded, locale=locale(), fraction_digits=places)
    return text.replace("-", MINUS)


def month_name(month: date) -> str:
    """``November 2011``, ``ноябрь 2011 г.``"""
    return _date(month, "LLLL y" + _year(), locale())


def month_short(month: date) -> str:
    """``Nov 2011``, ``нояб. 2011``."""
    return _date(month, "LLL y", locale())


def month_only(month: date) -> str:
    """``Nov``, for an axis whose years stand below."""
    return _date(month, "LLL", locale())


def day(value: date | datetime | str | None) -> str:
    """``9 December 2011``, from a date, a timestamp or an ISO text."""
    if value is None:
        return NO_VALUE
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return _date(value, "d MMMM y" + _year(), locale())


def day_short(value: date | None) -> str:
    """``9 Dec 2011``."""
    if value is None:
        return NO_VALUE
    return _date(value, "d MMM y", locale())


def day_only(value: date) -> str:
    """``9 Dec``, for an axis."""
    return format_skeleton("MMMd", value, locale=locale())


def _year() -> str:
    """What a year is followed by in a running text."""
    return "\u00a0'г'." if locale().language == "ru" else ""


def words(code: str | None) -> str:
    """A code in words, ``at_risk`` as ``At risk``, in the page's language where its catalogue has
    it; what is no code stays as it is.
    """
    text = clean(code)
    if text in _ABBREVIATIONS or not _CODE.fullmatch(text):
        return t(_ABBREVIATIONS.get(text, text))
    return t(text[0].upper() + text[1:].replace("_", " "))


def moment(value: datetime | str | None) -> str:
    """``9 December 2011, 05:03 UTC``, from a UTC timestamp or an ISO text."""
    if value is None:
        return NO_VALUE
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return f"{day(value)}, {value:%H:%M} UTC"


def listing(names: Sequence[str]) -> str:
    """``a``, ``a and b`` or ``a, b and c``."""
    return format_list(list(names), locale=locale())


def first_small(text: str) -> str:
    """``text`` as part of a sentence: its first letter small, unless an abbreviation begins it."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
