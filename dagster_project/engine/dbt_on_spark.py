"""dbt with a Spark session: the command ``hourglass-dbt-on-spark``, called as ``dbt`` is.

The catalog lives in memory and is made anew from the folders that were written whole, so that
nothing of a killed run can be wrong in it. dbt-spark's session method takes the session that it
finds.
"""

import os
import sys
from pathlib import Path

from dagster_project.engine.tables import registered


def main() -> None:
    """Register what is there, then do what the arguments say; exits with dbt's code."""
    from dbt.cli.main import cli
    from pyspark.sql import SparkSession

    folder = Path(os.environ["HOURGLASS_SPARK_WAREHOUSE"])
    spark = SparkSession.builder.getOrCreate()
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


if __name__ == "__main__":
    sys.exit(main())
