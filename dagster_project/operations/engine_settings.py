"""Engine settings: where the models run, and what Spark is told; part of ``settings.Settings``."""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from dagster_project.operations.setting_values import empty_is_none

# A company of so many rows has outgrown one file: its copy would take longer than the models.
SPARK_PARQUET_ONLY_ROWS = 10_000_000


class EngineSettings(BaseModel):
    """The settings of the execution engine."""

    engine: Literal["duckdb", "spark"] = Field(
        default="duckdb", description="Where the models run: duckdb, or spark (make spark)."
    )
    spark_master: Annotated[str, BeforeValidator(lambda value: value or "local[*]")] = Field(
        default="local[*]",
        pattern=r"^(local(\[[\d*]+\])?|spark://\S+|yarn|k8s://\S+)$",
        description="Spark's master: local[*], spark://host:7077.",
    )
    spark_remote: str = Field(
        default="",
        pattern=r"^(sc://\S+)?$",
        description="A Spark Connect server, sc://host:15002, instead of a session of our own.",
    )
    spark_load_mb: int = Field(
        default=256, ge=0, description="From so many MB of new files on, Spark's workers read them."
    )
    spark_scored_pairs: Annotated[int | None, BeforeValidator(empty_is_none)] = Field(
        default=None,
        ge=0,
        description="From so many pairs of records on, Spark's workers score them; empty: never.",
    )
    spark_increment_rows: int = Field(
        default=10_000_000,
        ge=0,
        description="From so many raw records on, Spark's models go on from their last build.",
    )
    spark_warehouse: Annotated[Path | None, BeforeValidator(empty_is_none)] = Field(
        default=None,
        description="Folder for Spark's tables, the same path on this machine and every worker; "
        "by default in the warehouse's folder.",
    )
    spark_conf: Annotated[Path | None, BeforeValidator(empty_is_none)] = Field(
        default=None, description="File of Spark's own settings: name, blank, value a line."
    )
    spark_memory: str = Field(
        default="2g", pattern=r"^\d+[mg]$", description="Memory of Spark's driver and executors."
    )
    spark_partitions: int = Field(
        default=8, ge=1, le=100_000, description="Partitions of a shuffle on Spark."
    )
    parquet_only_rows: Annotated[int | None, BeforeValidator(empty_is_none)] = Field(
        default=None,
        ge=0,
        description="From so many rows on, a mart is published as Parquet alone and not in "
        "marts.duckdb; empty: 10 million on Spark, never on DuckDB.",
    )

    @property
    def parquet_only_from(self) -> float:
        """Rows from which on a mart is published as Parquet alone; infinite where none is."""
        if self.parquet_only_rows is not None:
            return self.parquet_only_rows
        return SPARK_PARQUET_ONLY_ROWS if self.engine == "spark" else math.inf
