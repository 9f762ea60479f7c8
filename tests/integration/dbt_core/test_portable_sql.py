"""Every model is SQL that a second, distributed engine accepts too."""

import random
import re

import pytest
import sqlglot
from sqlglot.errors import ErrorLevel

from dagster_project.contracts import load_contract
from dagster_project.quality.suites import load_suites
from dagster_project.settings import PROJECT_ROOT
from tests.equal_marts import differences
from tests.integration.conftest import Project
from tests.integration.dbt_core.busy_company import busy_company
from tests.integration.dbt_core.company import Company
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.test_random_facts import with_deals
from tests.soak import SOAK

# Refused by Spark although its parser, as sqlglot plays it, lets them pass.
# It reads "where (true)" as an alias, where, with one column, true.
DUCKDB_ONLY = ("::", " exclude ", "group by all", "qualify ", " asof ", "where (true")


def test_every_model_parses_as_spark_sql(project: Project):
    """The models cannot move to Spark when the company outgrows one machine."""
    refused = {}
    for name, (_, sql) in project.models.items():
        try:
            parsed = sqlglot.parse_one(sql, dialect="spark", error_level=ErrorLevel.RAISE)
        except sqlglot.errors.ParseError as error:
            refused[name] = str(error).splitlines()[0]
            continue
        if not isinstance(parsed, sqlglot.exp.Query):
            refused[name] = f"not a query but {type(parsed).__name__}"
    assert refused == {}


@pytest.mark.parametrize("words", DUCKDB_ONLY)
def test_no_model_uses_what_only_duckdb_knows(project: Project, words: str):
    """A model would fail on Spark at run time."""
    used = [name for name, (_, sql) in project.models.items() if words in sql.lower()]
    assert used == []


def test_models_round_to_digits_by_the_macro():
    """A rate of 1 in 640 ends in another digit on each engine, and a mart differs."""
    own = []
    for path in sorted((PROJECT_ROOT / "dbt" / "models").rglob("*.sql")):
        text = path.read_text()
        for match in re.finditer(r"(?<!\w)round\(", text):
            depth, end = 1, match.end()
            while depth:
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            if not re.search(r",\s*0\s*\)$", text[:end]):
                own.append((path.name, text[match.start() : end]))
    assert own == []


def with_gaps(company: Company, draw: random.Random) -> Company:
    """The company with texts that its sources may leave out, and lacks a tenth of such values."""
    tables = {
        f"{system}.{name}": [c for c in table.columns if not (c.required or c.key)]
        for system, found in load_contract().items()
        for name, table in found.tables.items()
    }
    found: Company = {}
    for name, rows in company.items():
        optional = tables.get(name, [])
        # A currency asks for rates.
        texts = {
            c.name: [None, *(c.accepted_values or "ab")]
            for c in optional
            if c.type == "text" and c.name != "currency"
        }
        leaving = {c.name for c in optional}
        found[name] = [
            {column: draw.choice(values) for column, values in texts.items()}
            | {
                column: None if column in leaving and draw.random() < 0.1 else value
                for column, value in row.items()
            }
            for row in rows
        ]
    return found


@pytest.mark.parametrize("seed", range(4, 16) if SOAK else [4])
def test_no_result_rests_on_where_nulls_are_sorted(
    warehouse: Warehouse, project: Project, seed: int
):
    """Spark sorts them first, DuckDB last: marts of the same company differ between the two."""
    company = with_gaps(with_deals(busy_company(seed), seed), random.Random(seed))
    warehouse.build(company)
    as_spark = Warehouse(project)
    as_spark.con.execute("SET default_null_order = 'nulls_first_on_asc_last_on_desc'")
    as_spark.build(company)
    keys = {suite.mart: tuple(suite.key) for suite in load_suites().values()}
    found = differences(warehouse.con, as_spark.con, ("marts", "restricted"), keys)
    as_spark.con.close()
    assert found == {}
