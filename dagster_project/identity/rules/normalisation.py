"""Normalisation: one form for each identifier and name, whatever way it was written.

Works on distinct raw values, once: a phone number costs about 30 microseconds, and the same few
values stand in many records. What cannot be brought to a form, or proves nothing, comes back with
a reason instead of a value.
"""

import re
import unicodedata
from collections.abc import Callable

import phonenumbers

from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.nicknames import Nicknames
from dagster_project.identity.rules.spelling import spelling_key, words

KINDS = ("email", "phone", "loyalty_card", "national_id")

_EMAIL = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@.,;<>()\"]{2,}")
# "Anna Smith <anna@x.com>", as a mail program writes an address with its owner's name.
_NAMED_ADDRESS = re.compile(r"[^<>@]*<([^<>]+)>")
# A number that a spreadsheet took for a float, and whom it is of: "(Anna)".
_FLOAT = re.compile(r"(\+?\d{7,})\.0+")
_REMARK = re.compile(r"\([^()\d]*[^\W\d_][^()\d]*\)")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def normalise_email(raw: str, guards: Guards) -> tuple[str | None, str | None]:
    """(address, None) or (None, reason): case, tags after ``+``, ignored dots, IDN as punycode.

    A name beside the address, invisible signs and a full stop behind it are no part of it.
    """
    text = _visible(raw).strip()
    if named := _NAMED_ADDRESS.fullmatch(text):
        text = named[1]
    text = text.strip("<>\"'").casefold().removeprefix("mailto:").rstrip(".")
    reason = _blocked(text, guards)
    if reason:
        return None, reason
    if not _EMAIL.fullmatch(text):
        return None, "not_an_address"
    local, domain = text.rsplit("@", 1)
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return None, "not_an_address"
    domain = guards.domain_aliases.get(domain, domain)
    local = local.split("+", 1)[0] or local
    if domain in guards.ignores_dots:
        local = local.replace(".", "")
    if local in guards.role_mailboxes:
        return None, "role_mailbox"
    address = f"{local}@{domain}"
    if address in guards.blocked_emails or local in guards.blocked_values:
        return None, "blocked_value"
    return address, None


def _visible(raw: str) -> str:
    """The text in its compatible form, without signs that nobody sees: marks of byte order and of
    direction, joiners, blanks of no width."""
    text = unicodedata.normalize("NFKC", raw)
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf")


def mailbox_keys(address: str, nicknames: Nicknames) -> tuple[str, tuple[str, ...]]:
    """(spelling key of the letters before ``@``, full names that its words may be a form of).

    ``nastya_2002@mail.ru`` gives (``nastia``, (``anastasia``,)).
    """
    found = [spelling_key(word) for word in words(address.rsplit("@", 1)[0])]
    names = sorted({name for key in found for name in nicknames.full_names_of(key)})
    return "".join(found), tuple(names)


def normalise_phone(raw: str, guards: Guards, region: str) -> tuple[str | None, str | None]:
    """(E.164 number, None) or (None, reason); ``region`` reads numbers without country code."""
    text = _REMARK.sub("", _visible(raw)).strip()
    if is_float := _FLOAT.fullmatch(text):
        text = is_float[1]
    reason = _blocked(text.casefold(), guards)
    if reason:
        return None, reason
    digits = re.sub(r"\D", "", text)
    if digits and not digits.strip("0"):
        return None, "zeros"
    if digits in guards.blocked_phones or len(set(digits)) == 1:
        return None, "test_number"
    if len(digits) < guards.minimum_phone_digits:
        return None, "not_a_number"
    possible = None
    for candidate in (region, *guards.other_regions):
        try:
            number = phonenumbers.parse(text, candidate)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None
        if possible is None and phonenumbers.is_possible_number(number):
            possible = number
    if possible is None:
        return None, "not_a_number"
    return phonenumbers.format_number(possible, phonenumbers.PhoneNumberFormat.E164), None


def normalise_number(raw: str, guards: Guards) -> tuple[str | None, str | None]:
    """A card or national id: letters and digits only, upper case, or (None, reason)."""
    text = unicodedata.normalize("NFKC", raw).strip().casefold()
    reason = _blocked(text, guards)
    if reason:
        return None, reason
    bare = _NOT_ALPHANUMERIC.sub("", text).upper()
    if not bare.strip("0"):
        return None, "zeros"
    if len(bare) < 4:
        return None, "too_short"
    if len(set(bare)) == 1 or bare in guards.blocked_phones:
        return None, "test_number"
    return bare, None


def normaliser(
    kind: str, guards: Guards, region: str
) -> Callable[[str], tuple[str | None, str | None]]:
    """The function that brings raw values of ``kind`` to one form."""
    if kind == "email":
        return lambda raw: normalise_email(raw, guards)
    if kind == "phone":
        return lambda raw: normalise_phone(raw, guards, region)
    return lambda raw: normalise_number(raw, guards)


def _blocked(text: str, guards: Guards) -> str | None:
    if not text:
        return "empty"
    if text in guards.blocked_values:
        return "blocked_value"
    return "zeros" if not text.strip("0 -.+()") else None
