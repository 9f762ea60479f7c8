"""Every model is SQL that a second, distributed engine accepts too."""

import pytest
import sqlglot
from sqlglot.errors import ErrorLevel

from tests.integration.conftest import Project

# Refused by Spark although its parser, as sqlglot plays it, lets them pass.
DUCKDB_ONLY = ("::", " exclude ", "group by all", "qualify ", " asof ")


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
