"""Numbers, dates and foreign text as a reader sees them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

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
_ABBREVIATIONS = {"sms": "SMS"}


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
    return f"{exact:,}".replace("-", MINUS)


def count(value: Number | None) -> str:
    """A whole number with thousands separated."""
    return NO_VALUE if value is None else _grouped(value, 0)


def decimal(value: Number | None, places: int = 2) -> str:
    """A number with a fixed number of decimals."""
    return NO_VALUE if value is None else _grouped(value, places)


def percent(share: Number | None, places: int = 1) -> str:
    """A share (1 is all) in per cent."""
    return NO_VALUE if share is None else f"{_grouped(Decimal(str(share)) * 100, places)}%"


def axis_percent(share: Number) -> str:
    """A share on an axis: no more decimals than its tick needs."""
    return f"{float(share) * 100:.3g}%".replace("-", MINUS)


def duration(seconds: Number | None) -> str:
    """Seconds as ``48 s`` or ``3 min 05 s``."""
    if seconds is None:
        return NO_VALUE
    whole = int(Decimal(str(seconds)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


@dataclass(frozen=True)
class Money:
    """Writes amounts of the reporting currency; ``code`` None when the extracts name none."""

    code: str | None

    def _signed(self, number: str) -> str:
        if not self.code:
            return number
        sign = _SIGNS.get(self.code, f"{self.code}\u00a0")
        return f"{MINUS}{sign}{number[1:]}" if number.startswith(MINUS) else f"{sign}{number}"

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
    """A number for an axis: 950, 12k, 1.5M."""
    size = abs(float(value))
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= limit:
            return f"{float(value) / limit:.3g}".replace("-", MINUS) + suffix
    return f"{float(value):.3g}".replace("-", MINUS)


def month_name(month: date) -> str:
    """``November 2011``."""
    return f"{month:%B} {month.year}"


def month_short(month: date) -> str:
    """``Nov 2011``."""
    return f"{month:%b} {month.year}"


def day(value: date | datetime | str | None) -> str:
    """``9 December 2011``, from a date, a timestamp or an ISO text."""
    if value is None:
        return NO_VALUE
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return f"{value.day} {value:%B} {value.year}"


def day_short(value: date | None) -> str:
    """``9 Dec 2011``."""
    return NO_VALUE if value is None else f"{value.day} {month_short(value)}"


def words(code: str | None) -> str:
    """A code in words, ``at_risk`` as ``At risk``; what is no code stays as it is."""
    text = clean(code)
    if text in _ABBREVIATIONS or not _CODE.fullmatch(text):
        return _ABBREVIATIONS.get(text, text)
    return text[0].upper() + text[1:].replace("_", " ")


def moment(value: datetime | str | None) -> str:
    """``9 December 2011, 05:03 UTC``, from a UTC timestamp or an ISO text."""
    if value is None:
        return NO_VALUE
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return f"{day(value)}, {value:%H:%M} UTC"


def listing(names: Sequence[str]) -> str:
    """``a``, ``a and b`` or ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 file`` or ``2 files``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
