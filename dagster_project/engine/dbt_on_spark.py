"""dbt with a Spark session: the command ``hourglass-dbt-on-spark``, called as ``dbt`` is.

The catalog lives in memory and is made anew from the folders that were written whole, so that
nothing of a killed run can be wrong in it. dbt-spark's session method takes the session that it
finds.
"""

import os
import sys
from pathlib import Path

from dagster_project.engine.session import start_session
from dagster_project.engine.tables import registered


def main() -> None:
    """Register what is there, then do what the arguments say; exits with dbt's code."""
    from dbt.cli.main import cli

    _keep_ansi()
    folder = Path(os.environ["HOURGLASS_SPARK_WAREHOUSE"])
    spark = start_session()
    try:
        known = set()
        for schema, table, path in registered(folder):
            if schema not in known:
                spark.sql(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
                known.add(schema)
            spark.sql(f"DROP TABLE IF EXISTS `{schema}`.`{table}`")
            spark.sql(f"CREATE TABLE `{schema}`.`{table}` USING parquet LOCATION '{path}'")
        cli()
    finally:
        spark.stop()


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
