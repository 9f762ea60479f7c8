"""Great Expectations over DuckDB: suites pushed down into the warehouse as SQL.

Importing Great Expectations takes several seconds, so it is imported by the first run and not by
this module.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from dagster_project.quality.sql import BATCH
from dagster_project.quality.suites import Expectation, Suite

# Aggregates whose number is not the value of any cell.
SHOWN_AGGREGATES = ("row_count", "mean", "sum", "stdev", "proportion", "unique_value_count")
# DuckDB's errors quote values; these kinds speak of names and grammar only.
SPEAKS_OF_NAMES = frozenset({"Binder Error", "Catalog Error", "Parser Error"})


@dataclass(frozen=True)
class Verdict:
    """What Great Expectations found: ``failing_rows`` None when it counts none.

    ``observed`` is an aggregate's number when that is not the value of a cell. ``error`` is set
    when it could not answer, in words without values.
    """

    passed: bool
    failing_rows: int | None = None
    observed: str | None = None
    error: str | None = None


class ExpectationRunner:
    """Runs suites on the database behind one DuckDB connection.

    One context and data source serve every suite of a gate: setting them up costs more than a
    small mart's checks.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._source: Any = None

    def run(self, suite: Suite, expectations: Iterable[Expectation]) -> dict[str, Verdict]:
        """The verdict of each of ``expectations`` by name; columns that are missing are errors."""
        chosen = list(expectations)
        if not chosen:
            return {}
        batch = self._data_source().add_table_asset(
            suite.mart, table_name=suite.mart, schema_name=suite.schema
        )
        import great_expectations as gx

        suite_of_gx = gx.ExpectationSuite(
            name=suite.mart, expectations=[_built(item) for item in chosen]
        )
        report = (
            batch.add_batch_definition_whole_table("all")
            .get_batch()
            .validate(
                suite_of_gx,
                result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
            )
        )
        self._data_source().delete_asset(suite.mart)
        return {
            result.expectation_config.meta["check"]: _verdict(result) for result in report.results
        }

    def _data_source(self) -> Any:
        if self._source is None:
            # Read when the package is imported: it would send usage statistics.
            os.environ["GX_ANALYTICS_ENABLED"] = "false"
            import great_expectations as gx
            from sqlalchemy.pool import NullPool

            from dagster_project.quality.dialect import URL, connector

            context = gx.get_context(mode="ephemeral")
            # It is saved nowhere, and would be written as YAML three times a mart all the same.
            context._save_project_config = lambda: None
            context.enable_analytics(False)
            context.variables.progress_bars = {"globally": False, "metric_calculations": False}
            # A pooled connection would keep the warehouse open after the gate.
            self._source = context.data_sources.add_sql(
                "warehouse",
                connection_string=URL,
                kwargs={"creator": connector(self._con), "poolclass": NullPool},
            )
        return self._source


def warm_up() -> None:
    """Import what the first run would wait for (7 s of one core) while others are at work."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations.expectations  # noqa: F401
    from sqlalchemy.pool import NullPool  # noqa: F401


def _built(item: Expectation) -> Any:
    """The object of Great Expectations for one entry of a suite."""
    import great_expectations.expectations as gxe

    meta = {"check": item.name}
    if item.sql is not None:
        # Other braces are the query's own: Great Expectations formats it as a template.
        parts = [p.replace("{", "{{").replace("}", "}}") for p in item.sql.split(BATCH)]
        query = BATCH.join(parts)
        return _counting_expectation()(unexpected_rows_query=query, meta=meta)
    name = "".join(word.capitalize() for word in f"expect_{item.expect}".split("_"))
    arguments = dict(item.arguments)
    if item.expect == "column_pair_values_a_to_be_greater_than_b":
        arguments["ignore_row_if"] = "either_value_is_missing"
    return getattr(gxe, name)(**arguments, meta=meta)


@cache
def _counting_expectation() -> Any:
    """UnexpectedRowsExpectation that counts the rows and does not fetch them.

    The original runs the query a second time to bring 200 rows into this process, where no value
    of a mart has any business.
    """
    import great_expectations.expectations as gxe

    class ExpectNoRows(gxe.UnexpectedRowsExpectation):
        metric_dependencies = ("unexpected_rows_query.row_count",)

        def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
            count = metrics["unexpected_rows_query.row_count"]
            return {"success": count == 0, "result": {"observed_value": count}}

    return ExpectNoRows


def _verdict(result: Any) -> Verdict:
    error = _error(result.exception_info)
    if error is not None:
        return Verdict(passed=False, error=error)
    found = result.result
    if "unexpected_count" in found:
        # A sum over no rows is NULL.
        failing = int(found["unexpected_count"] or 0)
        return Verdict(passed=bool(result.success), failing_rows=failing)
    observed = found.get("observed_value")
    kind = result.expectation_config.type
    if kind == "expect_no_rows":
        return Verdict(passed=bool(result.success), failing_rows=int(observed))
    is_shown = any(word in kind for word in SHOWN_AGGREGATES) and observed is not None
    return Verdict(
        passed=bool(result.success), observed=f"{float(observed):.6g}" if is_shown else None
    )


def _error(info: Mapping[str, Any]) -> str | None:
    """The first exception in words without values, None when there is none."""
    if "raised_exception" in info:
        return reworded(str(info["exception_message"])) if info["raised_exception"] else None
    for item in info.values():
        return reworded(str(item["exception_message"]))
    return None


def reworded(message: str) -> str:
    """An error of DuckDB or Great Expectations without the values that it may quote."""
    found = re.search(r"\b((?:[A-Z][A-Za-z]+ ){1,3}Error): ([^\n]*)", message)
    if found is None:
        return "It could not be computed."
    kind, text = found[1], found[2]
    return f"{kind}: {text}" if kind in SPEAKS_OF_NAMES else f"DuckDB stopped with {kind}."
