"""What a system writes down about a person: names, e-mails, phones, dates, each with its errors."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dagster_project.sample import places
from dagster_project.sample.columns import (
    NONE,
    Text,
    blank,
    cat,
    day,
    edit,
    number,
    pick,
    take,
    where,
)
from dagster_project.sample.draw import chance, cumulative, weighted
from dagster_project.sample.people import FIRST, LAST, MIDDLE, SHORT, People, latin, mail_part
from dagster_project.sample.rates import rate

# Forms of a name, one row per name: native, two short forms, three transliterations, short Latin.
_FORMS = 7


def _first_forms() -> list[str]:
    forms = []
    for name, short in zip(FIRST, SHORT, strict=True):
        one = short[0] if short else name
        two = short[-1] if short else name
        forms += [name, one, two, *(latin(name, scheme) for scheme in range(3)), latin(one)]
    return forms


FIRST_FORMS = pa.array(_first_forms())
LAST_FORMS = pa.array([form for n in LAST for form in (n, *(latin(n, s) for s in range(3)))])
MIDDLE_FORMS = pa.array([form for n in MIDDLE for form in (n, *(latin(n, s) for s in range(3)))])


def typo(value: str, draw: int) -> str:
    """``value`` with one typing error, chosen by the random number ``draw``."""
    if len(value) < 3:
        return value
    at = 1 + draw // 4 % (len(value) - 2)
    kind = draw % 4
    if kind == 0:
        return value[:at] + value[at + 1] + value[at] + value[at + 2 :]
    if kind == 1:
        return value[:at] + value[at + 1 :]
    if kind == 2:
        return value[:at] + value[at] + value[at:]
    letters = "aeionrst" if value[at].isascii() else "аеионрст"
    return value[:at] + letters[draw // 64 % 8] + value[at + 1 :]


def names(
    rng: np.random.Generator, people: People, who: np.ndarray, system: str, former: np.ndarray
) -> tuple[Text, Text, Text]:
    """First, middle and last name as ``system`` ("crm" or "shop") has them.

    ``former`` marks records that still bear the surname from before it was changed.
    """
    size = len(who)
    russian = people.is_russian[who]
    in_latin = russian & chance(rng, size, rate("latin_crm" if system == "crm" else "latin_shop"))
    scheme = weighted(rng, cumulative([60, 25, 15]), size)
    short = chance(rng, size, rate("nickname"))
    form = np.where(in_latin, np.where(short, 6, 3 + scheme), np.where(short, 1 + scheme % 2, 0))
    first = pick(FIRST_FORMS, people.first[who] * _FORMS + form)
    former = former & (people.former_last[who] >= 0)
    last_of = np.where(former, people.former_last[who], people.last[who])
    latin_form = np.where(in_latin, 1 + scheme, 0)
    last = pick(LAST_FORMS, last_of * 4 + latin_form)
    has_middle = russian & ~chance(rng, size, rate("no_middle_name"))
    middle = pick(MIDDLE_FORMS, np.where(has_middle, people.middle[who] * 4 + latin_form, -1))

    as_ye = chance(rng, size, rate("yo_as_ye"))
    first, last = _ye(first, as_ye), _ye(last, as_ye)
    draws = rng.integers(0, 2**20, size)
    mistaken = chance(rng, size, rate("typo_first_name"))
    first = edit(first, mistaken, lambda row, value: typo(value, int(draws[row])))
    mistaken = chance(rng, size, rate("typo_last_name"))
    last = edit(last, mistaken, lambda row, value: typo(value, int(draws[row]) + 1))
    swapped = chance(rng, size, rate("swapped_names"))
    first, last = where(swapped, last, first), where(swapped, first, last)
    upper = chance(rng, size, rate("upper_case_name"))
    return _upper(first, upper), _upper(middle, upper), _upper(last, upper)


def _ye(column: Text, mask: np.ndarray) -> Text:
    plain = pc.replace_substring(pc.replace_substring(column, "ё", "е"), "Ё", "Е")
    return where(mask, plain, column)


def _upper(column: Text, mask: np.ndarray) -> Text:
    return where(mask, pc.utf8_upper(column), column)


def emails(
    rng: np.random.Generator, people: People, who: np.ndarray, at: np.ndarray
) -> tuple[Text, np.ndarray]:
    """The e-mail that each person gives at that time, and whether it is a shared mailbox."""
    size = len(who)
    second = at >= people.email_changed_at[who]
    second ^= people.has_two_addresses[who] & chance(rng, size, 0.33)
    own = where(second, take(people.second_email, who), take(people.email, who))
    shared = people.uses_mailbox[who] & chance(rng, size, 0.6)
    column = where(shared, company_mailbox(people, who), own)
    draws = rng.integers(0, 2**20, size)
    gmail = np.asarray(pc.ends_with(column, "@gmail.com"))
    dotted = gmail & chance(rng, size, rate("email_dots"))
    column = edit(column, dotted, lambda row, value: _dots(value, int(draws[row])))
    tagged = gmail & chance(rng, size, rate("email_plus"))
    column = edit(column, tagged, lambda row, value: _tag(value, int(draws[row])))
    google = gmail & chance(rng, size, rate("email_googlemail"))
    column = edit(column, google, lambda _, value: value.replace("@gmail.", "@googlemail."))
    mistaken = ~shared & chance(rng, size, rate("email_typo"))
    column = edit(column, mistaken, lambda row, value: _mail_typo(value, int(draws[row])))
    return _upper(column, chance(rng, size, rate("email_upper"))), shared


def _dots(address: str, draw: int) -> str:
    local, _, domain = address.partition("@")
    if "." in local:
        return local.replace(".", "") + "@" + domain
    at = 1 + draw % max(len(local) - 1, 1)
    return f"{local[:at]}.{local[at:]}@{domain}" if len(local) > 1 else address


def _tag(address: str, draw: int) -> str:
    local, _, domain = address.partition("@")
    return f"{local}+{('shop', 'home', 'news', 'offers')[draw % 4]}@{domain}"


def _mail_typo(address: str, draw: int) -> str:
    local, _, domain = address.partition("@")
    if draw % 3:
        return typo(local, draw // 3) + "@" + domain
    return local + "@" + domain[:-2] + domain[-1] + domain[-2]


def company_name(people: People, who: np.ndarray) -> Text:
    """The employer's name; null without one."""
    word, tail = _company_parts(people, who)
    russian = people.is_russian[who]
    named = where(russian, cat('ООО "', word, '"'), cat(word, " Ltd"))
    return blank(cat(named, tail), people.company[who] < 0)


def company_mailbox(people: People, who: np.ndarray) -> Text:
    """The employer's info@ address; null without an employer."""
    company = np.maximum(people.company[who], 0)
    word = pick(
        [mail_part(w) for w in places.COMPANY_WORDS_UK + places.COMPANY_WORDS_RU],
        company % 30 + 30 * people.is_russian[who],
    )
    trade = pick(
        [mail_part(w) for w in places.COMPANY_TRADES_UK + places.COMPANY_TRADES_RU],
        company // 30 % 6 + 6 * people.is_russian[who],
    )
    _, tail = _company_parts(people, who)
    ending = pick([".co.uk", ".ru"], people.is_russian[who].astype(np.int64))
    address = cat("info@", word, "-", trade, pc.utf8_trim_whitespace(tail), ending)
    return blank(address, people.company[who] < 0)


def work_email(people: People, who: np.ndarray) -> Text:
    """An address of the person's own at the employer; at a small provider without an employer."""
    local = pc.replace_substring_regex(take(people.second_email, who), "@.*", "")
    host = pc.replace_substring(company_mailbox(people, who), "info@", "")
    return cat(local, "@", pc.fill_null(host, "post.example"))


def _company_parts(people: People, who: np.ndarray) -> tuple[Text, Text]:
    company = np.maximum(people.company[who], 0)
    russian = people.is_russian[who].astype(np.int64)
    word = pick(places.COMPANY_WORDS_UK + places.COMPANY_WORDS_RU, company % 30 + 30 * russian)
    trade = pick(
        places.COMPANY_TRADES_UK + places.COMPANY_TRADES_RU, company // 30 % 6 + 6 * russian
    )
    # Companies beyond the number of names, and those of later chunks, are told apart by a number.
    tail = company // 180 + people.base * 1000
    return cat(word, " ", trade), where(tail > 0, cat(" ", number(tail)), "")


def phone_numbers(
    rng: np.random.Generator, people: People, who: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The number (digits with country code) that each person gives, and whether the family's."""
    changed = at >= people.phone_changed_at[who]
    own = np.where(changed, people.second_phone[who], people.phone[who])
    shared = (people.family_phone[who] != NONE) & chance(rng, len(who), 0.4)
    return np.where(shared, people.family_phone[who], own), shared


def write_phones(rng: np.random.Generator, digits: np.ndarray) -> Text:
    """Numbers in the many ways in which people write them; British ones also nationally.

    Russian ones always with the country code: +7 or 007.
    """
    size = len(digits)
    wrong = chance(rng, size, rate("phone_typo"))
    shift = 10 ** rng.integers(0, 6, size)
    other = (digits // shift % 10 + rng.integers(1, 10, size)) % 10
    written = np.where(wrong, digits + (other - digits // shift % 10) * shift, digits)
    text = number(np.where(digits == NONE, NONE, written))
    style = weighted(rng, cumulative([34, 14, 14, 14, 12, 12]), size)

    def part(start: int, stop: int) -> Text:
        return pc.utf8_slice_codeunits(text, start, stop)

    uk = [
        cat("+", text),
        cat("0", part(2, 12)),
        cat("0", part(2, 6), " ", part(6, 12)),
        cat("+44 ", part(2, 6), " ", part(6, 12)),
        cat("+44 (0)", part(2, 6), " ", part(6, 9), " ", part(9, 12)),
        cat("0044", part(2, 12)),
    ]
    ru = [
        cat("+", text),
        cat("+7 (", part(1, 4), ") ", part(4, 7), "-", part(7, 9), "-", part(9, 11)),
        cat("+7 ", part(1, 4), " ", part(4, 7), " ", part(7, 9), " ", part(9, 11)),
        cat("+7-", part(1, 4), "-", part(4, 7), "-", part(7, 11)),
        cat("+7(", part(1, 4), ")", part(4, 11)),
        cat("007", part(1, 11)),
    ]
    russian = digits // 10**10 == 7
    return pc.choose(pa.array(np.where(russian, style + 6, style)), *uk, *ru)


def cards(rng: np.random.Generator, card: np.ndarray, in_crm: bool) -> Text:
    """Loyalty cards; the CRM's clerks type some in groups of four."""
    text = number(card)
    if not in_crm:
        return text
    parts = [pc.utf8_slice_codeunits(text, at, at + 4) for at in (0, 4, 8)]
    spaced = cat(parts[0], " ", parts[1], " ", parts[2])
    return where(chance(rng, len(card), rate("card_spaced")), spaced, text)


def birth_dates(rng: np.random.Generator, people: People, who: np.ndarray, in_crm: bool) -> Text:
    """Dates of birth: missing, defaulted, swapped or right."""
    size = len(who)
    days = people.birth_day[who]
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = dates.astype("datetime64[Y]")
    month = (months - years.astype("datetime64[M]")).astype(np.int64)
    dom = (dates - months.astype("datetime64[D]")).astype(np.int64)
    flipped = (years.astype("datetime64[M]") + dom).astype("datetime64[D]") + month
    swap = (dom < 12) & chance(rng, size, rate("birth_swapped"))
    days = np.where(swap, flipped.astype(np.int64), days)
    january = chance(rng, size, rate("birth_first_january"))
    days = np.where(january, years.astype("datetime64[D]").astype(np.int64), days)
    old = chance(rng, size, rate("birth_1900"))
    days = np.where(old, -25_567, days)
    days = np.where(chance(rng, size, rate("no_birth_date")), NONE, days)
    text = day(days)
    invalid = chance(rng, size, rate("birth_invalid")) & in_crm
    return edit(text, invalid, lambda _row, _value: "0000-00-00")


def addresses(people: People, who: np.ndarray) -> dict[str, Text]:
    """Street address, city, region, postal code and country."""
    russian = people.is_russian[who]
    uk_streets = len(places.STREETS_UK)
    street = pick(
        places.STREETS_UK + places.STREETS_RU, people.street[who] + np.where(russian, uk_streets, 0)
    )
    house, flat = number(people.house[who]), number(people.flat[who])
    place = people.place[who]
    code = pick(places.UK_CODE + places.RU_CODE, place)
    index = people.street[who] * 41 + place * 7
    uk_code = cat(code, number(1 + index % 19), " ", number(1 + index % 9))
    letters = pick([a + b for a in "ABDEFGHJ" for b in "LNPQRSTUWX"], index % 80)
    return {
        "street_address": where(
            russian, cat(street, ", д. ", house, ", кв. ", flat), cat(house, " ", street)
        ),
        "city": pick(places.UK_CITY + places.RU_CITY, place),
        "region": pick(places.UK_REGION + places.RU_REGION, place),
        "postal_code": where(russian, cat(code, number(index % 10_000, 4)), cat(uk_code, letters)),
        "country": pick(["GB", "RU"], russian.astype(np.int64)),
    }


def national_ids(people: People, who: np.ndarray) -> Text:
    """British ones like QQ 12 34 56 C with prefixes never issued, Russian ones like СНИЛС."""
    person = people.national_id[who]
    safe = np.where(person == NONE, 0, person)
    uk = cat(
        pick(["QQ", "BG", "NK", "TN", "ZZ"], safe // 4_000_000 % 5),
        number(safe % 1_000_000, 6),
        pick(["A", "B", "C", "D"], safe // 1_000_000 % 4),
    )
    ru_digits = number(100_000_000 + safe * 7, 9)
    ru = cat(
        pc.utf8_slice_codeunits(ru_digits, 0, 3),
        "-",
        pc.utf8_slice_codeunits(ru_digits, 3, 6),
        "-",
        pc.utf8_slice_codeunits(ru_digits, 6, 9),
        " ",
        number(safe % 97, 2),
    )
    return blank(where(people.is_russian[who], ru, uk), person == NONE)
