"""Event logs of Spark: what its tasks took, wrote between stages and spilled, by call of dbt."""

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What a bench writes into spark.conf so that there is one plain file for each session.
SETTINGS = """spark.eventLog.enabled true
spark.eventLog.compress false
spark.eventLog.rolling.enabled false
"""
# A table that dbt-spark makes, and one in buckets (dagster_project/engine/increments.py).
TABLES = (
    re.compile(r"Arguments: `spark_catalog`\.`\w+`\.`(\w+)`, ErrorIfExists"),
    re.compile(r"Arguments: file:\S+/(\w+)/(?:rows|changes)-\d+"),
)


@dataclass
class Session:
    """One session of Spark: its length, and the sums over its tasks."""

    seconds: float = 0.0
    tasks: int = 0
    task_seconds: float = 0.0
    shuffle_mb: float = 0.0
    spilled_mb: float = 0.0
    # Of the stage with the longest task: the model, that task's seconds, the median of the others.
    longest: tuple[str, float, float] = ("", 0.0, 0.0)
    by_model: dict[str, float] = field(default_factory=dict)


def sessions(folder: Path) -> list[Session]:
    """The sessions whose logs lie in ``folder``, oldest first."""
    logs = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    return [_session(_events(path)) for path in logs]


def _events(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            # The last line of a killed session is cut off.
            if line.endswith("\n"):
                yield json.loads(line)


def _session(events: Iterator[Mapping[str, Any]]) -> Session:
    found = Session()
    models: dict[str, str] = {}
    stages: dict[int, str] = {}
    taken: dict[int, list[float]] = defaultdict(list)
    began = ended = 0.0
    for event in events:
        kind = event["Event"].rpartition(".")[2]
        if kind == "SparkListenerApplicationStart":
            began = event["Timestamp"]
        elif kind == "SparkListenerSQLExecutionStart":
            models[str(event["executionId"])] = _written(event["physicalPlanDescription"])
        elif kind == "SparkListenerJobStart":
            query = event.get("Properties", {}).get("spark.sql.execution.root.id", "")
            for stage in event["Stage IDs"]:
                stages.setdefault(stage, models.get(query, ""))
        elif kind == "SparkListenerTaskEnd" and "Task Metrics" in event:
            metrics = event["Task Metrics"]
            seconds = metrics["Executor Run Time"] / 1000
            taken[event["Stage ID"]].append(seconds)
            found.tasks += 1
            found.task_seconds += seconds
            found.shuffle_mb += metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"] / 1e6
            found.spilled_mb += metrics["Disk Bytes Spilled"] / 1e6
        ended = event.get("Timestamp", event.get("time", ended)) or ended
    found.seconds = (ended - began) / 1000
    for stage, seconds in taken.items():
        name = stages.get(stage, "")
        found.by_model[name] = found.by_model.get(name, 0.0) + sum(seconds)
        if max(seconds) > found.longest[1]:
            found.longest = (name, max(seconds), statistics.median(seconds))
    return found


def _written(plan: str) -> str:
    """The table that a statement writes from a query, by its plan; empty for every other."""
    found = [match for table in TABLES if (match := table.search(plan))]
    return found[0][1] if found else ""
