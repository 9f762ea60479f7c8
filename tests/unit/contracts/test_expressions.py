"""The mapping language's own functions, and attempts to reach out of the record through it."""

from datetime import datetime

import pytest

from dagster_project.contracts.expressions import ExpressionError, parse
from dagster_project.warehouse import connect_file

PARAMETERS = (
    '[{"key": "page", "value": {"string_value": "https://shop.example/a?utm_source=x%20y+z"}},'
    '{"key": "number", "value": {"int_value": "7"}}]'
)


def evaluate(text: str, value: object) -> object:
    """The expression over a record whose only column ``a`` holds ``value``."""
    sql = parse(text, {"a"}).sql(lambda name: f'"{name}"')
    with connect_file(":memory:") as con:
        # Two records: a constant alone is worked out before TRY can catch its error.
        rows = con.execute(f"SELECT {sql} FROM (VALUES (?), (NULL)) AS t(a)", [value]).fetchall()
    return rows[0][0]


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("json_find(a, 'key', 'number', '$.value.int_value')", PARAMETERS, "7"),
        ("json_find(a, 'key', 'number', '$.value.string_value')", PARAMETERS, None),
        ("json_find(a, 'key', 'absent', '$.value')", PARAMETERS, None),
        ("json_find(a, 'key', 'page', '$.value')", '{"key": "page"}', None),
        ("json_find(a, 'key', 'page', '$.value')", "[1, null, [2]]", None),
        ("json_find(a, 'key', 'page', '$.value')", "no JSON", None),
        ("url_path(json_find(a, 'key', 'page', '$.value.string_value'))", PARAMETERS, "/a"),
        (
            "url_parameter(json_find(a, 'key', 'page', '$.value.string_value'), 'utm_source')",
            PARAMETERS,
            "x y z",
        ),
        ("click_source(a)", "https://shop.example/a?x=1&gclid=zz", "google"),
        ("click_medium(a)", "https://shop.example/a?wbraid=zz#top", "cpc"),
        ("click_source(a)", "/a?yclid=9&utm_source=x", "yandex"),
        ("click_medium(a)", "/a?fbclid=9", "social"),
        ("click_medium(a)", "/a?ttclid=9", "paid_social"),
        ("click_source(a)", "/a?gclid=", None),
        ("click_source(a)", "/a?notgclid=1", None),
        ("click_source(a)", "/gclid=1", None),
        ("json_extract_string(a, '$[1].id')", '[{"id": 1}, {"id": 2}]', "2"),
        ("json_extract_string(a, '$[0].id')", "[{", None),
        ("url_path(a)", "https://shop.example/a/b?c=/d#/e", "/a/b"),
        ("url_path(a)", "//shop.example/a", "/a"),
        ("url_path(a)", "/a/b?c", "/a/b"),
        ("url_path(a)", "https://shop.example?a=b", None),
        ("url_parameter(a, 'b')", "https://shop.example/?ab=1&b=%D0%B0#b=3", "а"),
        ("url_parameter(a, 'b.')", "https://shop.example/?bc=1", None),
        ("url_parameter(a, 'b')", "https://shop.example/?b=%ff", None),
        ("url_parameter(a, 'b')", "https://shop.example/?b=", None),
        ("make_timestamp(a)", 1_700_000_000_123_456, datetime(2023, 11, 14, 22, 13, 20, 123456)),
        ("make_timestamp(a)", 2**63 - 1, None),
        ("epoch_ms(a)", 2**63 - 1, None),
        (
            "CAST(timezone('Asia/Tokyo', a) AS TIMESTAMP)",
            datetime(2026, 1, 1, 9),
            datetime(2026, 1, 1),
        ),
        ("CAST(CAST(a AS DECIMAL(4, 2)) AS INTEGER)", "no number", None),
    ],
)
def test_functions(text, value, expected):
    """A page, a campaign or a time is lost or wrong, or one odd value ends the whole load."""
    assert evaluate(text, value) == expected


@pytest.mark.parametrize(
    "text",
    [
        "json_find(a, 'key', 'k', (SELECT path FROM ledger.files))",
        "json_find(a, 'key', 'k', read_text('x'))",
        "json_find(a, 'key', a, '$.v')",
        "json_find(a, 'key')",
        "url_parameter(a, a)",
        "url_path()",
        "url_path(getenv('HOME'))",
        "TRY(a)",
        "list_filter(a, lambda x: x = 1)",
        "read_csv('x')",
        "main.\"read_csv\"('x')",
        "read_csv/**/('x')",
        "read_csv\n('x')",
        "READ_JSON_AUTO('x')",
        "read_parquet('x')",
        "glob('*')",
        "ATTACH 'x.duckdb' AS y",
        "a; ATTACH 'x.duckdb'",
        "COPY (SELECT 1) TO 'x'",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "pragma_table_info('x')",
        "duckdb_settings()",
        "duckdb_secrets()",
        "current_setting('memory_limit')",
        "getvariable('x')",
        "SET threads = 1",
        "(FROM crm.contacts)",
        "(VALUES (1))",
        "(SELECT email FROM crm.contacts LIMIT 1)",
        "a = ANY (SELECT 1)",
        "CASE WHEN EXISTS (FROM crm.contacts) THEN 1 END",
        "(WITH x AS (SELECT 1) SELECT * FROM x)",
        "query_table('crm.contacts')",
        "a.upper()",
        "crm.contacts.email",
        '"no such function"(a)',
        "CAST(a AS no_such_type)",
        "localtimestamp",
        "localtime",
        "session_user",
        "transaction_timestamp()",
        "uuid()",
        "a || (TABLE ledger.files)",
        "UNNEST([1])",
        "struct_extract(a, 'x')",
        "timezone(a, a)",
        "timezone('Nowhere/City', a)",
        "timezone()",
        "[x FOR x IN a]",
    ],
)
def test_no_way_out(text):
    """Somebody's mapping reads a file, a table or a setting, or opens another database."""
    with pytest.raises(ExpressionError):
        parse(text, {"a"})


def test_text_is_text():
    """A value in an expression is run as SQL."""
    hostile = "'; DROP TABLE crm.contacts; --"
    escaped = hostile.replace("'", "''")
    assert evaluate(f"concat(a, '{escaped}')", "x") == "x" + hostile
    assert evaluate(f"json_find(a, 'key', '{escaped}', '$.v')", '[{"key": "x"}]') is None
    assert evaluate(f"json_find(a, '{escaped}', 'x', '{escaped}')", '[{"key": "x"}]') is None
    assert evaluate(f"url_parameter(a, '{escaped}')", "?x=1") is None
