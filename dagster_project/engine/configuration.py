"""Spark's configuration: what this installation tells it, and what its results depend on."""

import os
import sys
from pathlib import Path

from dagster_project.errors import UsageError
from dagster_project.private_files import private_folder
from dagster_project.settings import Settings

# Spark's names for what has to be the same wherever it runs, or results differ from DuckDB's.
MEANING = {
    # Timestamps are UTC, and naive ones in Parquet are read as such.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A folder that a killed run left half written is overwritten by the next.
    "spark.sql.legacy.allowNonEmptyLocationInCTAS": "true",
    # What does not fit its type is an error, as on DuckDB (dbt_on_spark.py keeps it so).
    "spark.sql.ansi.enabled": "true",
    # Decimals keep all their digits until they are cast.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
}


# What Spark reads below SPARK_CONF_DIR.
DEFAULTS = "spark-defaults.conf"


def spark_folder(settings: Settings) -> Path:
    """Where the tables of Spark lie: one folder per schema and table, Parquet inside."""
    return settings.spark_warehouse or settings.warehouse_dir / "spark"


def spark_conf(settings: Settings) -> dict[str, str]:
    """Every entry of spark-defaults.conf."""
    scratch = settings.warehouse_dir / "spark_scratch"
    conf = {
        "spark.app.name": "hourglass",
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_memory,
        "spark.executor.memory": settings.spark_memory,
        "spark.sql.shuffle.partitions": str(settings.spark_partitions),
        "spark.sql.warehouse.dir": str(spark_folder(settings)),
        "spark.local.dir": str(scratch),
        "spark.driver.extraJavaOptions": f"-Duser.timezone=UTC -Djava.io.tmpdir={scratch}",
        "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
        # Nothing to look at, and no port that somebody else could.
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    if conf["spark.master"].startswith("local"):
        conf |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    # What results depend on is nobody's to choose.
    return conf | read_conf(settings.spark_conf) | MEANING


def read_conf(path: Path | None) -> dict[str, str]:
    """The entries of a file of Spark's settings; raises UsageError where it is not one."""
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"HOURGLASS_SPARK_CONF names {path}, which cannot be read.") from None
    entries = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, value = line.strip().partition(" ")
        if not name.startswith("spark.") or not value.strip():
            raise UsageError(
                f"{path}, line {number}: expected a setting of Spark as spark.name and its value "
                "after a blank."
            )
        entries[name] = value.strip()
    return entries


def spark_environment(settings: Settings) -> dict[str, str]:
    """The variables of a process that starts Spark; writes the configuration that they name."""
    folder = settings.warehouse_dir / "spark_conf"
    for private in (folder, settings.warehouse_dir / "spark_scratch", spark_folder(settings)):
        private_folder(private)
    lines = [f"{name} {value}" for name, value in spark_conf(settings).items()]
    (folder / DEFAULTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    remote = {"SPARK_REMOTE": settings.spark_remote} if settings.spark_remote else {}
    return remote | {
        "SPARK_CONF_DIR": str(folder),
        # Workers would take the first python3 of their PATH, which lacks this package.
        "PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON") or sys.executable,
        # Where the models' tables are written (dbt/macros/engine/tables.sql).
        "HOURGLASS_SPARK_WAREHOUSE": str(spark_folder(settings)),
        # From how many records on they go on from there (dagster_project/engine/increments.py).
        "HOURGLASS_SPARK_INCREMENT_ROWS": str(settings.spark_increment_rows),
    }
