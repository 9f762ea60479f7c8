"""Millions of identity records, drawn in a few seconds: what the simulated company is too slow for.

Three records for each person: contacts (1.2), accounts (0.6), orders (0.9), calls (0.25) and
tickets (0.05). Names follow Zipf's law with a long tail, families share a telephone and an address,
and fields are left out, misspelt, shortened or out of date at the rates in the SQL below.
"""

import duckdb
import numpy as np
import pyarrow as pa

from dagster_project.identity.records.further_values import raw_values_of
from dagster_project.identity.rules.normalisation import KINDS
from dagster_project.sample import names_en, names_ru

_SYLLABLES = ("ar", "bel", "cor", "dan", "el", "far", "gor", "hal", "in", "jor", "kel", "lor")
_SYLLABLES += ("mar", "nor", "ol", "per", "quil", "ros", "sol", "tam", "ur", "vel", "win", "yar")
_ENDINGS = ("son", "ley", "ton", "ford", "man", "berg", "ski", "wood", "field", "well", "by", "er")

COLUMNS = (
    "source_system VARCHAR, source_table VARCHAR, source_id VARCHAR, seen_at TIMESTAMP, "
    "updated_at TIMESTAMP, is_customer_evidence BOOLEAN, is_deleted BOOLEAN, email VARCHAR, "
    "phone VARCHAR, loyalty_card VARCHAR, national_id VARCHAR, further_emails VARCHAR, "
    "further_phones VARCHAR, full_name VARCHAR, "
    "first_name VARCHAR, "
    "middle_name VARCHAR, last_name VARCHAR, birth_date DATE, gender VARCHAR, "
    "street_address VARCHAR, city VARCHAR, region VARCHAR, postal_code VARCHAR, country VARCHAR, "
    "company VARCHAR, account_id VARCHAR, contact_id VARCHAR, visitor_id VARCHAR"
)


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """The inputs of the identity step, empty."""
    con.execute("CREATE SCHEMA IF NOT EXISTS intermediate")
    con.execute(f"CREATE OR REPLACE TABLE intermediate.int_identity_records ({COLUMNS})")
    con.execute(
        "CREATE OR REPLACE TABLE intermediate.int_identity_values "
        "(identifier_kind VARCHAR, raw_value VARCHAR)"
    )
    con.execute(
        "CREATE OR REPLACE TABLE intermediate.int_identity_visitors (visitor_id VARCHAR, "
        "reference_system VARCHAR, reference_table VARCHAR, reference_id VARCHAR, "
        "first_seen_at TIMESTAMP)"
    )


def collect_values(con: duckdb.DuckDBPyConnection) -> None:
    """``int_identity_values`` of the records, as its model makes them."""
    con.execute(
        "CREATE OR REPLACE TABLE intermediate.int_identity_values AS "
        + " UNION ALL ".join(
            f"SELECT DISTINCT '{kind}' AS identifier_kind, raw_value FROM ({raw_values_of(kind)})"
            for kind in KINDS
        )
    )


def add_people(con: duckdb.DuckDBPyConnection, people: int, *, first: int = 0) -> None:
    """Append the records of people ``first`` to ``first + people - 1``; equal calls, equal rows."""
    persons = _persons(people, first)
    con.register("bench_persons", persons)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE bench_person AS
        SELECT *, coalesce(short, first_name) AS called,
               lower(replace(first_name, ' ', '')) || '.' || lower(last_name) AS mailbox,
               CAST(DATE '1940-01-01' + CAST(birth AS INTEGER) AS DATE) AS birth_date
        FROM bench_persons
        """
    )
    con.unregister("bench_persons")
    for statement in _RECORDS:
        con.execute(f"INSERT INTO intermediate.int_identity_records BY NAME {statement}")
    con.execute("DROP TABLE bench_person")


def _persons(people: int, first: int) -> pa.Table:
    rng = np.random.default_rng([20261122, first])
    given = [*names_en.FEMALE, *names_en.MALE]
    shorts = [*names_en.FEMALE_SHORT, *names_en.MALE_SHORT]
    gender = ["f"] * len(names_en.FEMALE) + ["m"] * len(names_en.MALE)
    women = len(given)
    given += [*names_ru.FEMALE, *names_ru.MALE]
    shorts += [*names_ru.FEMALE_SHORT, *names_ru.MALE_SHORT]
    gender += ["f"] * len(names_ru.FEMALE) + ["m"] * len(names_ru.MALE)
    is_russian = rng.random(people) < 0.2
    english = _zipf(rng, women, people, 0.8)
    russian = women + _zipf(rng, len(given) - women, people, 0.8)
    name = np.where(is_russian, russian, english)
    tail = [
        (one + two + three + end).capitalize()
        for one in _SYLLABLES
        for two in _SYLLABLES
        for three in ("", *_SYLLABLES[:8])
        for end in _ENDINGS
    ]
    english_last = [*names_en.LAST, *rng.permutation(tail).tolist()]
    lasts = [*english_last, *names_ru.LAST]
    last = np.where(
        is_russian,
        len(english_last) + _zipf(rng, len(names_ru.LAST), people, 0.7),
        _zipf(rng, len(english_last), people, 0.9),
    )
    # Neighbouring numbers are families: one surname, address and home telephone.
    household = np.arange(first, first + people) // 4 * 4
    share = rng.random(people) < 0.3
    leader = household - first
    leader[leader < 0] = 0
    last = np.where(share, last[leader], last)
    home = np.where(share, household, np.arange(first, first + people))
    draws = {f"u{number}": rng.random(people) for number in range(24)}
    short = [shorts[n][0] if shorts[n] else None for n in range(len(given))]
    return pa.table(
        {
            "person": np.arange(first, first + people),
            "home": home,
            "first_name": np.array(given, object)[name],
            "short": np.array(short, object)[name],
            "gender": np.array(gender, object)[name],
            "last_name": np.array(lasts, object)[last],
            "birth": rng.integers(0, 25_000, people),
            "town": _zipf(rng, 3000, people, 0.9),
            **draws,
        }
    )


def _zipf(rng: np.random.Generator, values: int, size: int, exponent: float) -> np.ndarray:
    weight = 1 / (np.arange(values) + 3) ** exponent
    return rng.choice(values, size, p=weight / weight.sum())


_PHONE = "'+44 7' || lpad(CAST(hash({0}, 'phone') % 1000000000 AS VARCHAR), 9, '0')"
# A typing error: the second and third letter change places.
_TYPO = "(left({0}, 1) || substr({0}, 3, 1) || substr({0}, 2, 1) || substr({0}, 4))"
_PROVIDERS = "['gmail.com', 'outlook.com', 'yahoo.co.uk', 'mail.ru', 'yandex.ru', 'icloud.com']"
_EMAIL = (
    f"mailbox || CAST(person AS VARCHAR) || '@' || {_PROVIDERS}[1 + CAST(person % 6 AS INTEGER)]"
)
_OTHER_EMAIL = "'nick' || CAST(person AS VARCHAR) || '@yahoo.com'"
_CARD = "'27' || lpad(CAST(hash(person, 'card') % 10000000000 AS VARCHAR), 10, '0')"
_OWN_PHONE = f"CASE WHEN u0 < 0.12 THEN {_PHONE.format('home')} ELSE {_PHONE.format('person')} END"
_STREET = (
    "CAST(1 + home % 90 AS VARCHAR) || ' ' || "
    "['High Street', 'Mill Lane', 'Park Road', 'Church Walk', 'Station Road', 'Elm Close']"
    "[1 + CAST(hash(home) % 6 AS INTEGER)]"
)
_POSTAL = "'PC' || CAST(town AS VARCHAR) || ' ' || CAST(hash(home, 'postal') % 400 AS VARCHAR)"
_CITY = "'Town ' || CAST(town AS VARCHAR)"
_SEEN = "TIMESTAMP '2024-01-01' + INTERVAL (person % 500) DAY"

_PROFILE = f"""
    CASE WHEN {{a}} < 0.03 THEN {_TYPO.format("first_name")} WHEN {{a}} < 0.2 THEN called
        WHEN {{a}} < 0.22 THEN left(first_name, 1) WHEN {{a}} < 0.24 THEN last_name
        ELSE first_name END AS first_name,
    CASE WHEN {{b}} < 0.04 THEN {_TYPO.format("last_name")} WHEN {{b}} < 0.06 THEN NULL
        WHEN {{a}} BETWEEN 0.22 AND 0.24 THEN first_name ELSE last_name END AS last_name,
    CASE WHEN {{c}} < 0.15 THEN NULL WHEN {{c}} < 0.25 THEN {_OTHER_EMAIL}
        ELSE {_EMAIL} END AS email,
    CASE WHEN {{d}} < 0.25 THEN NULL WHEN {{d}} < 0.3 THEN {_PHONE.format("person, 'new'")}
        ELSE {_OWN_PHONE} END AS phone,
    CASE WHEN {{e}} < 0.4 THEN NULL WHEN {{e}} < 0.42 THEN birth_date + 1
        ELSE birth_date END AS birth_date,
    {_CITY} AS city, {_POSTAL} AS postal_code, gender,
    CASE WHEN {{f}} < 0.3 THEN {_CARD} END AS loyalty_card,
    true AS is_customer_evidence, false AS is_deleted, 'GB' AS country
"""


def _profile(first: int) -> str:
    return _PROFILE.format(**{key: f"u{first + n}" for n, key in enumerate("abcdef")})


_ORDER = f"""
    SELECT 'shop' AS source_system, 'orders' AS source_table,
           'O-' || CAST(person AS VARCHAR) || '-{{nth}}' AS source_id,
           {_SEEN} + INTERVAL {{nth}}0 DAY AS seen_at, true AS is_customer_evidence,
           false AS is_deleted, {_CITY} AS city,
           CASE WHEN {{u}} < 0.6 THEN {_EMAIL} WHEN {{u}} < 0.7 THEN {_OTHER_EMAIL} END AS email,
           CASE WHEN {{v}} < 0.7 THEN {_OWN_PHONE} END AS phone,
           CASE WHEN {{u}} >= 0.7 OR {{v}} >= 0.9 THEN {_CARD} END AS loyalty_card,
           CASE WHEN u20 < 0.6 AND {{v}} < 0.5 THEN 'A-' || CAST(person AS VARCHAR) END
               AS account_id
    FROM bench_person
"""

_RECORDS = (
    f"""
    SELECT 'crm' AS source_system, 'contacts' AS source_table,
           'C-' || CAST(person AS VARCHAR) AS source_id, {_SEEN} AS seen_at, {_profile(1)},
           CASE WHEN u7 < 0.5 THEN {_STREET} END AS street_address
    FROM bench_person
    """,
    f"""
    SELECT 'crm' AS source_system, 'contacts' AS source_table,
           'D-' || CAST(person AS VARCHAR) AS source_id, {_SEEN} AS seen_at, {_profile(8)},
           CASE WHEN u7 < 0.3 THEN {_STREET} END AS street_address
    FROM bench_person WHERE u21 < 0.2
    """,
    f"""
    SELECT 'shop' AS source_system, 'accounts' AS source_table,
           'A-' || CAST(person AS VARCHAR) AS source_id, {_SEEN} AS seen_at, {_profile(14)}
    FROM bench_person WHERE u20 < 0.6
    """,
    f"{_ORDER.format(nth=1, u='u1', v='u8')} WHERE u22 < 0.5",
    f"{_ORDER.format(nth=2, u='u2', v='u9')} WHERE u22 < 0.25",
    f"{_ORDER.format(nth=3, u='u3', v='u10')} WHERE u22 < 0.15",
    f"""
    SELECT 'call_center' AS source_system, 'calls' AS source_table,
           'L-' || CAST(person AS VARCHAR) AS source_id, {_SEEN} + INTERVAL 5 DAY AS seen_at,
           true AS is_customer_evidence, false AS is_deleted, {_OWN_PHONE} AS phone
    FROM bench_person WHERE u23 < 0.25
    """,
    f"""
    SELECT 'call_center' AS source_system, 'tickets' AS source_table,
           'T-' || CAST(person AS VARCHAR) AS source_id, {_SEEN} + INTERVAL 6 DAY AS seen_at,
           true AS is_customer_evidence, false AS is_deleted, {_EMAIL} AS email
    FROM bench_person WHERE u23 > 0.95
    """,
)
