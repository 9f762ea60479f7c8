"""Suites are files that people edit: a slip in one must be named, not ignored."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dagster_project.activation.mart_schemas import DESCRIPTIONS as AUDIENCE_MARTS
from dagster_project.errors import UsageError
from dagster_project.quality.sql import parse_select
from dagster_project.quality.suites import load_suite, load_suites
from dagster_project.settings import PROJECT_ROOT
from tests.small_warehouse import SUITES, write_suites

MODELS = PROJECT_ROOT / "dbt" / "models"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "customers.yml"
    path.write_text(text)
    return path


def test_a_suite_is_read_as_it_is_written(tmp_path):
    """If this fails, a rule that a person wrote down is not the rule that is checked."""
    suite = load_suite(written(tmp_path, SUITES["customers"]))
    assert suite.table == "marts.customers"
    assert suite.check_names == (
        "not_empty",
        "volume",
        "customer_id_is_unique",
        "order_count_is_not_negative",
        "mean_order_count_is_plausible",
    )
    assert suite.expectations[1].arguments == {"column": "order_count", "min_value": 0}
    assert suite.expectations[2].min_rows == 10


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("key:", "keys:", "keys"),
        ("severity: blocking", "severity: fatal", "fatal"),
        ("{column: order_count, min_value: 0}", "{column: order_count, minimum: 0}", "minimum"),
        ("{column: order_count, min_value: 0}", "{column: order_count}", "min_value"),
        ("column_values_to_be_unique", "column_values_to_be_uniqe", "uniqe"),
        ("    min_rows: 10\n", "", "min_rows"),
        ("why: One person has one row.", "whi: x", "whi"),
        ("mart: customers", "mart: clients", "clients"),
        ("name: order_count_is_not_negative", "name: volume", "volume"),
        ("outcome: pass", "outcome: maybe", "maybe"),
        ("warn_drop_percent: 5", "warn_drop_percent: 50", "block_drop_percent"),
        ("expectations:", "expectations: 1\nmore:", "more"),
        ("mart: customers", "mart: [", "line"),
    ],
)
def test_a_slip_names_the_file_and_the_key(tmp_path, old, new, named):
    """If this fails, a misspelt rule is silently no rule at all."""
    assert old in SUITES["customers"]
    path = written(tmp_path, SUITES["customers"].replace(old, new, 1))
    with pytest.raises(UsageError) as raised:
        load_suite(path)
    assert "customers.yml" in raised.value.message
    assert named in raised.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "delete from {batch}",
        "select 1 from {batch}; drop table marts.customers",
        "with gone as (delete from marts.orders returning *) select * from gone",
        "select * into marts.other from {batch}",
        "copy marts.customers to 'out.csv'",
        "attach 'other.duckdb'",
        "pragma database_list",
        "set threads = 1",
        "select * from read_csv('/etc/passwd')",
        "select * from 'landing/crm/contacts.csv'",
        "select * from {batch} where x in (select file from glob('**'))",
        "select * from query('drop table marts.customers')",
        "select * from customers",
        "select * from other_database.marts.customers",
        "select * from quality.check_results",
        "select from where",
    ],
)
def test_sql_in_a_suite_may_only_select_from_the_warehouse(sql):
    """If this fails, whoever may edit a suite can change or read what a check must not."""
    with pytest.raises(UsageError) as raised:
        parse_select(sql, batch="marts.customers", where="expectations/customers.yml")
    assert "expectations/customers.yml" in raised.value.message


def test_sql_says_which_marts_it_reads():
    """If this fails, a mart can be rebuilt after a check that read it, and still be checked."""
    query = """
        with o as (select customer_id from marts.Orders)
        select * from {batch} as c join o on c.customer_id = o.customer_id
        where exists (select 1 from staging.stg_shop__orders)
    """
    read = parse_select(query, batch="marts.customers", where="here")
    assert read == {"marts.customers", "marts.orders", "staging.stg_shop__orders"}


def test_sql_reads_the_mart_that_it_is_about(tmp_path):
    """If this fails, a check can stand in a suite and say nothing of its mart."""
    text = SUITES["orders"].replace("left join {batch} as o", "left join marts.orders as o")
    path = tmp_path / "orders.yml"
    path.write_text(text)
    with pytest.raises(UsageError, match="never reads the mart"):
        load_suite(path)


def published(pattern: str) -> Iterator[Path]:
    """Files of the marts, and of the core but what prepares it."""
    for layer in ("core", "marts"):
        for path in (MODELS / layer).rglob(pattern):
            if "preparation" not in path.parts:
                yield path


def test_every_mart_has_a_suite_and_every_suite_a_mart():
    """If this fails, a mart is published that nobody said anything about."""
    models = {path.stem for path in published("*.sql")}
    assert set(load_suites()) == models | set(AUDIENCE_MARTS)


def test_suites_name_columns_that_the_marts_declare():
    """If this fails, a check looks at a column that does not exist and blocks every publish."""
    declared = {mart: set(texts) - {None} for mart, texts in AUDIENCE_MARTS.items()}
    for path in published("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            columns = {column["name"] for column in model.get("columns", [])}
            declared[model["name"]] = columns
    for mart, suite in load_suites().items():
        named = set(suite.key).union(*(item.columns for item in suite.expectations))
        assert named <= declared[mart], (mart, named - declared[mart])


def test_a_suite_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path):
    """A company cannot say what its readers rely on without changing the package."""
    shipped = write_suites(tmp_path / "shipped")
    own = tmp_path / "ours" / "expectations"
    own.mkdir(parents=True)
    (own / "ours.yml").write_text(SUITES["build"].replace("mart: build", "mart: ours"))
    (own / "build.yml").write_text(SUITES["build"].replace("says which", "tells which"))
    suites = load_suites(shipped, project_dir=tmp_path / "ours")
    assert set(suites) == {*SUITES, "ours"}
    assert "tells which" in suites["build"].empty.why
    assert load_suites(shipped).keys() == SUITES.keys()
