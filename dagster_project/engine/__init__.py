"""Execution engine: where the models run, and how tables travel between it and DuckDB.

DuckDB by default, in the warehouse itself. With ``HOURGLASS_ENGINE=spark`` the models run on Spark
and everything else stays on DuckDB, with Parquet between the two: ``requirements`` says what Spark
needs and what is missing, ``configuration`` what Spark is told, ``tables`` hands source tables over
and takes the models' tables back, ``increments`` has models go on from their last build,
``session`` starts the Spark session in which ``dbt_on_spark`` is
dbt, ``spread_work`` has Spark's workers do what is no SQL, ``spread_load`` read files.
"""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.engine.configuration import spark_environment, spark_folder
from dagster_project.engine.increment_states import forget_states
from dagster_project.engine.requirements import require_spark
from dagster_project.engine.spread_work import spread
from dagster_project.engine.tables import drop_views, hand_over, take_back
from dagster_project.settings import Settings
from dagster_project.warehouse import connect

__all__ = [
    "after_models",
    "before_models",
    "dbt_executable",
    "dbt_target",
    "engine_environment",
    "forget_models",
    "require_engine",
    "spark_folder",
    "spread",
]


def require_engine(settings: Settings) -> None:
    """Raise UsageError, with what to do, unless the engine of ``settings`` can be used here."""
    if settings.engine == "spark":
        require_spark(settings)


def engine_environment(settings: Settings) -> dict[str, str]:
    """The variables of a process in which the engine works."""
    if settings.engine != "spark":
        return {}
    return spark_environment(settings) | dbt_target("spark")


def dbt_target(engine: str) -> dict[str, str]:
    """The variable that names another target of dbt/profiles.yml than its default."""
    return {} if engine == "duckdb" else {"DBT_TARGET": engine}


def dbt_executable(settings: Settings) -> Path:
    """The command that runs the models: dbt of this very interpreter, or dbt with Spark."""
    name = "hourglass-dbt-on-spark" if settings.engine == "spark" else "dbt"
    return Path(sys.executable).parent / name


def before_models(settings: Settings, manifest: Mapping[str, Any], models: Collection[str]) -> None:
    """Give the engine what ``models`` (by name) read and the warehouse holds, and room for them."""
    with connect(settings) as con:
        if settings.engine == "spark":
            hand_over(con, settings, manifest, models)
        else:
            drop_views(con, manifest, models)


def forget_models(settings: Settings) -> None:
    """Have Spark's next build make every table anew; DuckDB's is told in the warehouse."""
    forget_states(spark_folder(settings))


def after_models(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    manifest: Mapping[str, Any],
    built: Collection[str],
) -> None:
    """Let the warehouse show what the engine ``built`` (unique ids of dbt)."""
    if settings.engine == "spark":
        take_back(con, settings, manifest, built)
