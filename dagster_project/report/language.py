"""Languages of the report: message catalogues (gettext), plurals, and CLDR locales (Babel).

A text is written in English in the code, as ``t("Net revenue")``, and looked up in the catalogue of
the page's language, ``locale/<language>/LC_MESSAGES/report.po``. ``speaking`` says which language
that is while one page is written. How numbers and dates are written is in ``formats``.
"""

import gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import resources

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


@dataclass(frozen=True)
class Language:
    """A language of the report: ``code`` stands in paths and settings, ``name`` is its own word.

    ``locale`` writes numbers and dates, ``tag`` is for ``lang`` attributes and the browser.
    """

    code: str
    name: str
    locale: str
    tag: str


# Dates of the English report are day, month, year.
LANGUAGES: dict[str, Language] = {
    "en": Language("en", "English", "en_GB", "en-GB"),
    "ru": Language("ru", "Русский", "ru", "ru"),
}
DEFAULT = "en"

_current: ContextVar[str] = ContextVar("report_language", default=DEFAULT)


@contextmanager
def speaking(code: str) -> Iterator[Language]:
    """Texts, numbers and dates made inside are in the language ``code``."""
    token = _current.set(code)
    try:
        yield LANGUAGES[code]
    finally:
        _current.reset(token)


def language() -> Language:
    """The language of the page that is being written."""
    return LANGUAGES[_current.get()]


def locale() -> Locale:
    """Its CLDR locale."""
    return _locale(language().locale)


def t(message: str) -> str:
    """``message`` in the page's language; itself where the catalogue has no translation."""
    return _translations(_current.get()).gettext(message) if message else ""


def nt(one: str, many: str, number: int) -> str:
    """The form of the message for ``number``; ``{n}`` in it is left for the caller to fill."""
    return _translations(_current.get()).ngettext(one, many, number)


def noted(message: str) -> str:
    """Marks a text of a constant for the catalogue; whoever shows it calls ``t``."""
    return message


def is_translated(message: str) -> bool:
    """Whether the page's language has the message; English has every one."""
    code = _current.get()
    return code == DEFAULT or _translations(code).gettext(message) != message


@cache
def _locale(name: str) -> Locale:
    return Locale.parse(name)


@cache
def _translations(code: str) -> gettext.NullTranslations:
    if code == DEFAULT:
        return gettext.NullTranslations()
    folder = resources.files("dagster_project.report") / "locale" / code / "LC_MESSAGES"
    compiled = None
    for domain in ("report", "definitions"):
        catalogue = read_po(io.BytesIO((folder / f"{domain}.po").read_bytes()), locale=code)
        buffer = io.BytesIO()
        write_mo(buffer, catalogue)
        buffer.seek(0)
        one = gettext.GNUTranslations(buffer)
        if compiled is None:
            compiled = one
        else:
            compiled.add_fallback(one)
    assert compiled is not None
    return compiled
