"""If these fail, one person's records no longer look alike, or strangers' records do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.identity.rules.guards import load_guards
from dagster_project.identity.rules.names import parse_family
from dagster_project.identity.rules.nicknames import load_nicknames
from dagster_project.identity.rules.normalisation import (
    normalise_email,
    normalise_number,
    normalise_phone,
)
from dagster_project.identity.rules.spelling import spelling_key

GUARDS = load_guards()
NICKNAMES = load_nicknames()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (" Anna.Smith@Example.COM ", "anna.smith@example.com"),
        ("a.n.n.a+shop@googlemail.com", "anna@gmail.com"),
        ("anna+news@firm.co.uk", "anna@firm.co.uk"),
        ("a.b@firm.co.uk", "a.b@firm.co.uk"),
        ("ivan@почта.рф", "ivan@xn--80a1acny.xn--p1ai"),
        ("petr@ya.ru", "petr@yandex.ru"),
        ("<anna@x.com>", "anna@x.com"),
        ("Anna Smith <anna@x.com>", "anna@x.com"),
        ("anna@x.com.", "anna@x.com"),
        ("\ufeffanna@x.com", "anna@x.com"),
        ("\u200banna@x.com", "anna@x.com"),
        ("an\u200ena@x.com", "anna@x.com"),
    ],
)
def test_email_has_one_form(raw: str, expected: str) -> None:
    """A customer who types capitals or a tag becomes a second customer."""
    assert normalise_email(raw, GUARDS) == (expected, None)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("NULL", "blocked_value"),
        ("none", "blocked_value"),
        ("-1", "blocked_value"),
        ("info@firm.com", "role_mailbox"),
        ("Sales+x@firm.com", "role_mailbox"),
        ("test@test.com", "blocked_value"),
        ("anna@", "not_an_address"),
        ("anna", "not_an_address"),
        ("a b@x.com", "not_an_address"),
        ("a@x.com <b@x.com>", "not_an_address"),
    ],
)
def test_email_that_proves_nothing_is_blocked(raw: str, reason: str) -> None:
    """Everybody who wrote to info@ or left 'none' becomes one person."""
    assert normalise_email(raw, GUARDS) == (None, reason)


@pytest.mark.parametrize(
    "raw",
    ["020 7183 8750", "+44 20 7183 8750", "(020) 71838750", "0044 20 7183 8750", "+442071838750"],
)
def test_phone_has_one_form(raw: str) -> None:
    """A caller is not recognised because the shop wrote the number with spaces."""
    assert normalise_phone(raw, GUARDS, "GB") == ("+442071838750", None)


@pytest.mark.parametrize(
    "raw", ["79161110003.0", "8 916 111-00-03 (Анна)", "\u202a+79161110003\u202c", "+79161110003"]
)
def test_what_stands_beside_a_number_is_no_part_of_it(raw: str) -> None:
    """A telephone that went through a spreadsheet, or has a name behind it, is nobody's."""
    assert normalise_phone(raw, GUARDS, "RU") == ("+79161110003", None)


def test_phone_of_another_country_is_read_when_it_cannot_be_a_local_one() -> None:
    """Russian customers written as 8 (916) ... lose their calls in a British installation."""
    assert normalise_phone("8 (916) 123-45-67", GUARDS, "GB") == ("+79161234567", None)
    assert normalise_phone("8 (916) 123-45-67", GUARDS, "RU") == ("+79161234567", None)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("0000000", "zeros"),
        ("0", "blocked_value"),
        ("+7 999 999-99-99", "test_number"),
        ("1111111111", "test_number"),
        ("anonymous", "blocked_value"),
        ("12345", "not_a_number"),
        ("call me", "not_a_number"),
        ("7,91656E+10", "not_a_number"),
    ],
)
def test_phone_that_proves_nothing_is_blocked(raw: str, reason: str) -> None:
    """All callers who withhold their number become one person."""
    assert normalise_phone(raw, GUARDS, "GB") == (None, reason)


def test_card_and_national_id_ignore_their_grouping() -> None:
    """The CRM writes a card in groups of four and the till does not: two customers."""
    assert normalise_number("1234 5678-9012", GUARDS) == ("123456789012", None)
    assert normalise_number("ab 12 34", GUARDS) == ("AB1234", None)
    assert normalise_number("0000 0000", GUARDS) == (None, "zeros")
    assert normalise_number("9999999", GUARDS) == (None, "test_number")


@pytest.mark.parametrize(
    "spellings",
    [
        ("Юлия", "Yulia", "Iuliia", "Yuliya"),
        ("Дмитрий", "Dmitry", "Dmitriy", "Dmitrii"),
        ("Соловьёв", "Соловьев", "Solovyov", "Soloviev", "Solovev"),
        ("Щербаков", "Shcherbakov", "Scherbakov"),
        ("Евгений", "Evgeny", "Yevgeniy", "Evgenii"),
        ("Ксения", "Ksenia", "Xenia", "Kseniya"),
        ("Хабаров", "Khabarov", "Habarov"),
        ("Цветков", "Tsvetkov", "Tzvetkov", "Cvetkov"),
        ("Чёрных", "Černyh", "Chernykh", "Chernyx"),
        ("Хохлова", "Xoxlova", "Khokhlova", "Hohlova"),
        ("Беляев", "Belâev", "Belyaev", "Beliaev", "Beljaev"),
        ("Жуков", "Žukov", "Zhukov"),
        ("Кузнецов", "Kuznecov", "Kuznetsov"),
        ("Троцкий", "Trockij", "Trotskii", "Trotsky"),
        ("Александров", "Aleksandrov", "Alexandrov"),
        ("O'Brien", "OBrien", "O’Brien"),
        ("Müller", "MÜLLER", "Muller"),
    ],
)
def test_spellings_of_one_name_have_one_key(spellings: tuple[str, ...]) -> None:
    """A Russian customer who registers in Latin letters becomes a second person."""
    names = [parse_family(GUARDS, NICKNAMES, spelling) for spelling in spellings]
    assert len({name.last_key for name in names}) == 1


@given(st.text(max_size=40))
def test_normalising_any_text_gives_a_stable_answer(raw: str) -> None:
    """One odd cell stops the daily run, or a normalised value changes when read again."""
    for normalise in (
        lambda text: normalise_email(text, GUARDS),
        lambda text: normalise_phone(text, GUARDS, "GB"),
        lambda text: normalise_number(text, GUARDS),
    ):
        value, reason = normalise(raw)
        assert (value is None) != (reason is None)
        if value is not None:
            assert normalise(value)[0] == value
    assert spelling_key(spelling_key(raw)).isascii() or not raw.isascii()
