"""The contract and the mapping language as files that people edit."""

import pytest

from dagster_project.contracts import load_contract, read_system
from dagster_project.contracts.expressions import ExpressionError, parse
from dagster_project.contracts.mapping import load_mappings, read_mapping
from dagster_project.errors import UsageError

DIRECT = {
    "first_name",
    "middle_name",
    "last_name",
    "email",
    "phone",
    "customer_phone",
    "street_address",
    "national_id",
    "loyalty_card",
    "transcript",
    "comment",
    "body",
    "handle",
    "full_name",
    "subject",
}


def test_contract_tags_direct_identifiers():
    """A name or an address is published because nobody said that it is one."""
    contract = load_contract()
    for system in contract.values():
        for table in system.tables.values():
            for column in table.columns:
                if column.name in DIRECT:
                    assert column.personal == "direct identifier", (table.name, column.name)


def test_unknown_key_raises(tmp_path):
    """A misspelt rule lets bad records through."""
    path = tmp_path / "x.yml"
    path.write_text(
        "system: x\ndescription: x\ntables:\n  t:\n    description: x\n    columns:\n"
        "      - {name: a, type: text, personal: none, description: x, requird: true}\n"
    )
    with pytest.raises(UsageError, match=r"x\.yml.*requird"):
        read_system(path)


def test_not_yaml_says_where(tmp_path):
    """An editor's slip ends in a stack trace."""
    path = tmp_path / "x.yml"
    path.write_text("a: [1\nb: 2\n")
    with pytest.raises(UsageError, match=r"x\.yml, line \d"):
        read_system(path)


def test_shipped_mappings_are_valid():
    """A mapping that is shipped does not load."""
    assert "uci_online_retail" in load_mappings()


def test_mapping_that_lacks_a_required_column(tmp_path):
    """A mapping sends every record to quarantine."""
    path = tmp_path / "x.yml"
    path.write_text(
        "mapping: x\ndescription: x\nreference: x\ncolumns: {a: {}}\n"
        "tables:\n  shop.orders:\n    columns: {order_id: a}\n"
    )
    with pytest.raises(UsageError, match="ordered_at"):
        read_mapping(path)


@pytest.mark.parametrize(
    "text",
    [
        "(SELECT 1)",
        "read_csv('/etc/passwd')",
        "read_text('x')",
        "other.a",
        "a; DROP TABLE x",
        "getenv('HOME')",
        "*",
        "a OVER ()",
        "sum(a) OVER ()",
        "$1",
        "current_setting('x')",
        "current_date",
        "current_user",
        "now()",
        "random()",
        "missing",
        "a FROM crm.contacts",
        "",
        "list_transform([1], x -> x)",
        "EXISTS (SELECT 1)",
        "a IN (SELECT 1)",
        "query('SELECT 1')",
        "'a' || (TABLE crm.contacts)",
        "nextval('s')",
        "pragma_version()",
        "COLUMNS('a')",
        '"read_csv"(a)',
        "a.b.c",
        "#1",
    ],
)
def test_expression_cannot_reach_outside_the_record(text):
    """A mapping reads a file, or another table."""
    with pytest.raises(ExpressionError):
        parse(text, {"a"})


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("upper(trim(a))", "UPPER(TRIM(x.a))"),
        ("CAST(a AS INTEGER)", "TRY_CAST(x.a AS INT)"),
        ("first(lower(a))", 'ARG_MIN(LOWER(x.a), "_row")'),
        ("line_number()", '"_number"'),
        (
            "line_number(a)",
            'ROW_NUMBER() OVER (PARTITION BY "_file", x.a ORDER BY "_row")',
        ),
    ],
)
def test_expression_gives_sql(text, sql):
    """A mapping computes something else than it says."""
    assert parse(text, {"a"}).sql(lambda name: f"x.{name}") == sql
