"""Spark session: of this process, or of a Spark Connect server; for processes that end with it."""

import os
from pathlib import Path
from typing import Any

from dagster_project.engine.configuration import DEFAULTS, read_conf


def start_session() -> Any:
    """A session with the configuration that ``spark_environment`` wrote.

    A session of this process reads it by itself. A server has a configuration of its own: of ours
    it is told what a session may choose, and all that results depend on is such.
    """
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    if os.environ.get("SPARK_REMOTE"):
        conf = Path(os.environ["SPARK_CONF_DIR"]) / DEFAULTS
        for name, value in read_conf(conf).items():
            if spark.conf.isModifiable(name):
                spark.conf.set(name, value)
    return spark
