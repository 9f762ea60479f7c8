"""MetricFlow project: the metrics as a dbt project over the published file, for ``mf query``.

Its models are the published marts and are never built: their relations are the tables that
``marts.duckdb`` has. The definitions are copied, so that a number asked through MetricFlow and
one of ``hourglass metric`` have one definition; a dimension whose name MetricFlow keeps for itself
(month) is called ``month_start`` there. MetricFlow is installed with the extra ``metrics``; nothing
here imports it.
"""

import shutil
from pathlib import Path
from typing import Any

import yaml

from dagster_project.contracts.yaml_files import read_yaml
from dagster_project.errors import UsageError
from dagster_project.metrics.definitions import METRICS_DIR, load_metrics
from dagster_project.publish.reading import opened_marts, parquet_only

NAME = "hourglass_metrics"
# The mart with one row per day, which MetricFlow joins time to.
CALENDAR = "calendar"
DAY = "date_day"
# Granularities, which MetricFlow allows as no dimension's name.
RESERVED = frozenset({"day", "week", "month", "quarter", "year", "hour", "minute", "second"})


def write_project(marts: Path, folder: Path) -> None:
    """Write the project to ``folder``, which must be new, empty, or one that this wrote.

    ``marts`` is published/current/marts.duckdb; its stem is the name of the catalogue in DuckDB.
    Raises UsageError when ``folder`` holds something else, there is no such file, or a mart that
    the metrics need is Parquet alone.
    """
    if not marts.is_file():
        raise UsageError(f"{marts} is not there. Run hourglass run first.")
    used = {model.mart for model in load_metrics().models.values()} | {CALENDAR}
    with opened_marts(marts.parent) as con:
        alone = sorted(used.intersection(parquet_only(con)))
    if alone:
        raise UsageError(
            f"MetricFlow reads marts.duckdb, and {', '.join(alone)} are Parquet alone in this "
            "version. Set HOURGLASS_PARQUET_ONLY_ROWS higher and run again, or ask hourglass "
            "metric."
        )
    if folder.exists() and any(folder.iterdir()) and not (folder / "dbt_project.yml").is_file():
        raise UsageError(f"{folder} holds other files. Name a new folder.")
    shutil.rmtree(folder / "models", ignore_errors=True)
    (folder / "models").mkdir(parents=True)
    _write(folder / "dbt_project.yml", _project(marts))
    _write(folder / "profiles.yml", _profile(marts))
    for mart in sorted(used):
        (folder / "models" / f"{mart}.sql").write_text(
            f"-- The published mart; never built from here.\nselect * from main.{mart}\n",
            encoding="utf-8",
        )
    for path in sorted(METRICS_DIR.glob("*.yml")):
        _write(folder / "models" / path.name, _renamed(read_yaml(path)))
    _write(folder / "models" / "time_spine.yml", _time_spine())


def _renamed(content: dict[str, Any]) -> dict[str, Any]:
    """The definitions with dimensions that are called as a granularity under another name."""
    for model in content.get("semantic_models") or ():
        for dimension in model["dimensions"]:
            if dimension["name"] in RESERVED:
                dimension.setdefault("expr", dimension["name"])
                dimension["name"] += "_start"
        defaults = model["defaults"]
        if defaults["agg_time_dimension"] in RESERVED:
            defaults["agg_time_dimension"] += "_start"
    return content


def _project(marts: Path) -> dict:
    return {
        "name": NAME,
        "version": "1.0.0",
        "config-version": 2,
        "profile": NAME,
        "model-paths": ["models"],
        "flags": {"send_anonymous_usage_stats": False, "partial_parse": False},
        "models": {
            NAME: {"+database": marts.stem, "+materialized": "table"},
        },
    }


def _profile(marts: Path) -> dict:
    # The link ``current`` stays in the path: each query opens the version in force.
    output = {
        "type": "duckdb",
        "path": str(marts.absolute()),
        "schema": "main",
        "config_options": {"access_mode": "READ_ONLY"},
    }
    return {NAME: {"target": "published", "outputs": {"published": output}}}


def _time_spine() -> dict:
    return {
        "models": [
            {
                "name": CALENDAR,
                "description": "One row per day.",
                "time_spine": {"standard_granularity_column": DAY},
                "columns": [{"name": DAY, "granularity": "day"}],
            }
        ]
    }


def _write(path: Path, content: dict) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
