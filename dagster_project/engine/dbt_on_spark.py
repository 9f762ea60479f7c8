"""dbt with a Spark session: the command ``hourglass-dbt-on-spark``, called as ``dbt`` is.

The catalog lives in memory and is made anew from the folders that were written whole, so that
nothing of a killed run can be wrong in it. dbt-spark's session method takes the session that it
finds. Its adapter gets what models that go on from the last build need (``increments``).
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dagster_project.engine.increments import Asked, SparkIncrements
from dagster_project.engine.session import start_session
from dagster_project.engine.tables import registered, rows_in
from dagster_project.transform.increments import LARGEST_SHARE

REGISTERED_AT_ONCE = 4


def main() -> None:
    """Register what is there, then do what the arguments say; exits with dbt's code."""
    from dbt.cli.main import cli

    _keep_ansi()
    folder = Path(os.environ["HOURGLASS_SPARK_WAREHOUSE"])
    spark = start_session()
    try:
        _register(spark, folder)
        increments = SparkIncrements(
            spark,
            folder,
            least_rows=int(os.environ["HOURGLASS_SPARK_INCREMENT_ROWS"]),
            buckets=int(spark.conf.get("spark.sql.shuffle.partitions")),
            largest_share=LARGEST_SHARE,
        )
        increments.register()
        _offer(increments, folder)
        cli()
    finally:
        spark.stop()


def _register(spark: Any, folder: Path) -> None:
    """Make a table of the catalog of each that was written whole.

    Several at once: Spark reads the columns of each from its files, a tenth of a second (2026-12).
    """

    def register(found: tuple[str, str, Path]) -> None:
        schema, table, path = found
        spark.sql(f"DROP TABLE IF EXISTS `{schema}`.`{table}`")
        spark.sql(f"CREATE TABLE `{schema}`.`{table}` USING parquet LOCATION '{path}'")

    tables = list(registered(folder))
    for schema in sorted({schema for schema, _, _ in tables}):
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
    with ThreadPoolExecutor(REGISTERED_AT_ONCE) as pool:
        list(pool.map(register, tables))


def _offer(increments: SparkIncrements, folder: Path) -> None:
    """Have dbt's macros find ``increments`` and the rows of the tables in ``folder`` with the
    adapter (dbt/macros/increment/state.sql, tell_row_count.sql)."""
    from dbt.adapters import spark
    from dbt.adapters.base.meta import available

    # dbt looks for the adapter's version in the package that its class is named after.
    class SparkAdapter(spark.Plugin.adapter):  # type: ignore[misc, name-defined]
        @available.parse_none
        def rows_written(self, schema: str, name: str) -> int | None:
            return rows_in(folder / schema / name)

        @available.parse_none
        def increments_pay(self) -> bool:
            return increments.pay

        @available.parse_none
        def increment_forgotten(self, schema: str, name: str) -> None:
            increments.forget(schema, name)

        @available.parse_none
        def increment_states(self, names: list[str]) -> dict[str, dict[str, Any]]:
            return increments.states(names)

        @available.parse_none
        def increment_files(self, name: str, raw: list[str]) -> dict[str, list[str]] | None:
            return increments.new_files(name, raw)

        @available.parse_none
        def increment_written(self, asked: dict[str, Any]) -> None:
            increments.write(Asked(**asked))

    spark.Plugin.adapter = SparkAdapter


def _keep_ansi() -> None:
    """Take back dbt-spark's switch of every session to wrapped integers and NULL for bad casts.

    It sets spark.sql.ansi.enabled to false with each statement, and lets no profile say otherwise
    (1.11). A sum that is too large has to stop the run, as it does on DuckDB.
    """
    from dbt.adapters.spark.connections import SparkCredentials

    theirs = SparkCredentials.__post_init__

    def ours(self: SparkCredentials) -> None:
        theirs(self)
        del self.server_side_parameters["spark.sql.ansi.enabled"]

    SparkCredentials.__post_init__ = ours  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main())
