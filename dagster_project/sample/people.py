"""The people of one chunk: who they are, before any system has written anything about them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dagster_project.sample import names_en, names_ru, places
from dagster_project.sample.columns import NONE, Text, cat, number, occurrence, pick, take, where
from dagster_project.sample.draw import (
    chance,
    cumulative,
    gamma,
    generator,
    weighted,
    zipf_totals,
)
from dagster_project.sample.rates import (
    BGNBD_A,
    BGNBD_ALPHA,
    BGNBD_B,
    BGNBD_R,
    SPEND_GAMMA,
    SPEND_P,
    SPEND_Q,
    rate,
)
from dagster_project.sample.world import Calendar

# (script, gender): 0 British woman, 1 British man, 2 Russian woman, 3 Russian man.
FIRST_LISTS = (names_en.FEMALE, names_en.MALE, names_ru.FEMALE, names_ru.MALE)
SHORT_LISTS = (
    names_en.FEMALE_SHORT,
    names_en.MALE_SHORT,
    names_ru.FEMALE_SHORT,
    names_ru.MALE_SHORT,
)
FIRST_OFFSETS = np.cumsum([0] + [len(names) for names in FIRST_LISTS])
FIRST = [name for names in FIRST_LISTS for name in names]
SHORT = [short for names in SHORT_LISTS for short in names]
LAST_LISTS = (names_en.LAST, names_en.LAST, names_ru.LAST_FEMALE, names_ru.LAST)
LAST_OFFSETS = np.cumsum([0] + [len(names) for names in LAST_LISTS])
LAST = [name for names in LAST_LISTS for name in names]
MIDDLE = [*names_ru.PATRONYMIC_FEMALE, *names_ru.PATRONYMIC_MALE]

DOMAINS_UK = ("gmail.com", "outlook.com", "hotmail.co.uk", "yahoo.co.uk", "icloud.com")
DOMAINS_RU = ("mail.ru", "yandex.ru", "gmail.com", "bk.ru", "rambler.ru")
DOMAINS = DOMAINS_UK + DOMAINS_RU


def latin(name: str, scheme: int = 0) -> str:
    """A name in Latin letters: Russian ones transliterated, British ones as they are."""
    return names_ru.transliterate(name, scheme)


def mail_part(name: str) -> str:
    """A name as it stands in an e-mail address: a to z only."""
    return "".join(letter for letter in latin(name).lower() if "a" <= letter <= "z")


FIRST_MAIL = [mail_part(name) for name in FIRST]
SHORT_MAIL = [
    mail_part(short[0]) if short else mail_part(FIRST[n]) for n, short in enumerate(SHORT)
]
LAST_MAIL = [mail_part(name) for name in LAST]


@dataclass
class People:
    """Arrays of shape (n,), one element per person; -1 or NONE where there is nothing."""

    base: int
    kind: np.ndarray
    first: np.ndarray
    last: np.ndarray
    former_last: np.ndarray
    middle: np.ndarray
    birth_day: np.ndarray
    place: np.ndarray
    street: np.ndarray
    house: np.ndarray
    flat: np.ndarray
    family: np.ndarray
    is_twin: np.ndarray
    is_namesake: np.ndarray
    family_phone: np.ndarray
    shares_device: np.ndarray
    company: np.ndarray
    uses_mailbox: np.ndarray
    email: Text
    second_email: Text
    email_changed_at: np.ndarray
    has_two_addresses: np.ndarray
    mailbox_dies_at: np.ndarray
    phone: np.ndarray
    second_phone: np.ndarray
    phone_changed_at: np.ndarray
    card: np.ndarray
    national_id: np.ndarray
    is_buyer: np.ndarray
    purchase_rate: np.ndarray
    dropout: np.ndarray
    mean_value: np.ndarray
    satisfaction: np.ndarray

    @property
    def size(self) -> int:
        return len(self.kind)

    @property
    def is_russian(self) -> np.ndarray:
        return self.kind >= 2

    @property
    def ids(self) -> Text:
        return cat("P", number(np.arange(self.size) + self.base + 1, 7))


def make_people(calendar: Calendar, seed: int, chunk: int, base: int, size: int) -> People:
    """``size`` people, the first of whom is number ``base`` of the company."""
    rng = generator(seed, chunk, "people")
    family, head = _families(rng, size)
    russian = chance(rng, size, rate("cyrillic"))[head]
    kind = russian * 2 + rng.integers(0, 2, size)
    first_in_list = np.zeros(size, dtype=np.int64)
    for at in range(4):
        draw = weighted(rng, zipf_totals(len(FIRST_LISTS[at])), size)
        first_in_list = np.where(kind == at, draw, first_in_list)
    uk_last = weighted(rng, zipf_totals(len(names_en.LAST)), size)
    ru_last = weighted(rng, zipf_totals(len(names_ru.LAST)), size)
    former = np.where(russian, rng.permutation(ru_last), rng.permutation(uk_last))
    last_in_list = np.where(russian, ru_last, uk_last)[head]
    middle = np.where(russian, weighted(rng, zipf_totals(len(names_ru.MALE)), size), -1)
    birth = (
        calendar.start_day - rng.integers(19 * 365, 50 * 365, size) - rng.integers(0, 9000, size)
    )

    is_member = (family >= 0) & (head != np.arange(size))
    second = is_member & (np.arange(size) == head + 1)
    twin = second & chance(rng, size, rate("twin"))
    namesake = second & ~twin & chance(rng, size, rate("namesake"))
    birth = np.where(twin, birth[head], birth)
    birth = np.where(namesake, birth[head] - rng.integers(22 * 365, 33 * 365, size), birth)
    kind = np.where(namesake, kind[head], kind)
    first_in_list = np.where(namesake, first_in_list[head], first_in_list)
    # Two members of a family never have one first name by chance: only namesakes do.
    for gap in (1, 2, 3):
        before = np.maximum(np.arange(size) - gap, 0)
        same = (family >= 0) & (family[before] == family) & (before != np.arange(size))
        same &= (kind[before] == kind) & (first_in_list[before] == first_in_list) & ~namesake
        lists = np.array([len(names) for names in FIRST_LISTS])[kind]
        first_in_list = np.where(same, (first_in_list + 5 * gap) % lists, first_in_list)

    first = FIRST_OFFSETS[kind] + first_in_list
    last = LAST_OFFSETS[kind] + last_in_list
    is_woman = kind % 2 == 0
    surname_changed = is_woman & chance(rng, size, rate("changed_surname"))
    place = np.where(
        russian,
        weighted(rng, cumulative(places.RU_WEIGHT), size) + len(places.UK_CITY),
        weighted(rng, cumulative(places.UK_WEIGHT), size),
    )[head]
    street = np.where(
        russian,
        rng.integers(0, len(places.STREETS_RU), size),
        rng.integers(0, len(places.STREETS_UK), size),
    )[head]

    company, uses_mailbox = _companies(rng, size, family)
    number_in_company = np.arange(size, dtype=np.int64) + base
    email, second_email = _emails(rng, chunk, kind, first, last, birth)
    span = calendar.end - calendar.start
    changed_at = calendar.start + rng.integers(span // 5, max(span * 9 // 10, 1), (3, size))
    has_card = chance(rng, size, rate("has_card"))
    shares_phone = chance(rng, size, rate("family_phone"))[head] & (family >= 0)
    dropout_one = gamma(rng, BGNBD_A, 1.0, size)
    dropout_two = gamma(rng, BGNBD_B, 1.0, size)
    nu = gamma(rng, SPEND_Q, 1 / SPEND_GAMMA, size)
    return People(
        base=base,
        kind=kind,
        first=first,
        last=last,
        former_last=np.where(surname_changed, LAST_OFFSETS[kind] + former, -1),
        middle=np.where(middle < 0, -1, middle + np.where(kind == 3, len(names_ru.MALE), 0)),
        birth_day=birth,
        place=place,
        street=street,
        house=rng.integers(1, 180, size)[head],
        flat=rng.integers(1, 140, size)[head],
        family=family,
        is_twin=twin,
        is_namesake=namesake,
        family_phone=np.where(shares_phone, _phone(number_in_company[head], russian, 0), NONE),
        shares_device=chance(rng, size, rate("family_device"))[head] & (family >= 0),
        company=company,
        uses_mailbox=uses_mailbox,
        email=email,
        second_email=second_email,
        email_changed_at=np.where(
            chance(rng, size, rate("changed_email")), changed_at[0], calendar.end * 2
        ),
        has_two_addresses=chance(rng, size, rate("two_addresses")),
        mailbox_dies_at=np.where(
            chance(rng, size, rate("dead_mailbox")), changed_at[2], calendar.end * 2
        ),
        phone=_phone(number_in_company, russian, 1),
        second_phone=_phone(number_in_company, russian, 2),
        phone_changed_at=np.where(
            chance(rng, size, rate("changed_phone")), changed_at[1], calendar.end * 2
        ),
        card=np.where(has_card, _card(number_in_company), NONE),
        national_id=np.where(chance(rng, size, 0.15), number_in_company, NONE),
        is_buyer=chance(rng, size, rate("buyer")),
        purchase_rate=gamma(rng, BGNBD_R, 1 / BGNBD_ALPHA, size),
        dropout=np.round(dropout_one / (dropout_one + dropout_two), 9),
        mean_value=np.round(SPEND_P / nu, 9),
        satisfaction=np.round(np.clip(0.72 + 0.2 * (rng.random(size) - rng.random(size)), 0, 1), 3),
    )


def _families(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Family number (-1 none) and head (the person itself without a family) of each person."""
    at = np.arange(size)
    block = at // 4
    blocks = size // 4 + 1
    members = np.where(chance(rng, blocks, rate("family_block")), rng.integers(2, 5, blocks), 0)
    inside = at % 4 < members[block]
    # A family cut off by the end of the chunk to one person is none.
    inside &= np.minimum(members[block], size - block * 4) >= 2
    return np.where(inside, block, -1), np.where(inside, block * 4, at)


def _companies(
    rng: np.random.Generator, size: int, family: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Employer (-1 none) and whether the person gives the employer's shared mailbox."""
    employed = chance(rng, size, rate("works_at_company"))
    company = np.where(employed, rng.integers(0, max(size // 40, 1), size), -1)
    return company, employed & (family < 0) & chance(rng, size, rate("company_mailbox"))


def _phone(person: np.ndarray, russian: np.ndarray, which: int) -> np.ndarray:
    """A mobile number as digits with country code, different for every (person, which).

    An affine map with a multiplier that shares no factor with the size of the number range, so
    that no two people get one number. British: 7400-7599 and 7700-7999 are mobiles.
    """
    index = person * 3 + which
    uk = (index * 104_729_003 + 31_415_927) % 500_000_000
    block = np.array([44, 45, 77, 78, 79])[uk // 100_000_000]
    ru = (index * 479_001_599 + 27_182_818) % 1_000_000_000
    uk_number = 44 * 10**10 + np.where(block < 70, block + 30, block) * 10**8 + uk % 10**8
    return np.where(russian, 79 * 10**9 + ru, uk_number)


def _card(person: np.ndarray) -> np.ndarray:
    """A loyalty card number of 12 digits, different for every person."""
    return 27 * 10**10 + (person * 7_368_787 + 1_234_577) % 10**10


def _emails(
    rng: np.random.Generator,
    chunk: int,
    kind: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    birth: np.ndarray,
) -> tuple[Text, Text]:
    """Two addresses per person; none is anybody else's, with or without dots."""
    size = len(kind)
    firsts, shorts, lasts = pick(FIRST_MAIL, first), pick(SHORT_MAIL, first), pick(LAST_MAIL, last)
    year = number(1970 + birth * 4 // 1461)
    styles = [
        cat(firsts, ".", lasts),
        cat(pc.utf8_slice_codeunits(firsts, 0, 1), lasts),
        cat(lasts, ".", firsts),
        cat(shorts, ".", lasts),
        cat(shorts, "_", year),
        cat(firsts, lasts, ".", year),
    ]
    russian = kind >= 2
    made: list[pa.Array] = []
    for _ in range(2):
        style = weighted(rng, cumulative([34, 16, 12, 14, 8, 16]), size)
        local = pc.choose(pa.array(style), *styles)
        at = np.where(
            russian,
            weighted(rng, cumulative([34, 28, 28, 5, 5]), size) + len(DOMAINS_UK),
            weighted(rng, cumulative([44, 22, 12, 12, 10]), size),
        )
        made += [local, pick(DOMAINS, at)]
    local = pa.concat_arrays([made[0], made[2]])
    domain = pa.concat_arrays([made[1], made[3]])
    bare = cat(pc.replace_substring_regex(local, "[._]", ""), "@", domain)
    again = occurrence(np.asarray(bare.dictionary_encode().indices))
    # The number of the chunk tells namesakes of different chunks apart.
    suffix = again * 1000 + chunk
    address = cat(local, where(suffix > 0, number(suffix), ""), "@", domain)
    return address.slice(0, size), take(address, np.arange(size, 2 * size))
