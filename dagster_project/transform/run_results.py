"""Run results: what dbt says of each model and test that it was to build (run_results.json)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster_project.errors import HourglassError

RUN_RESULTS = "run_results.json"


def read_results(target: Path) -> dict[str, Any]:
    """The results of the last call of dbt with this target folder.

    Raises HourglassError where it ended before there were any.
    """
    path = target / RUN_RESULTS
    if not path.exists():
        raise HourglassError(
            f"dbt stopped before it built anything: {target}/dbt.log says why. The version in "
            "force is untouched."
        )
    return json.loads(path.read_text(encoding="utf-8"))


def add_results(target: Path, earlier: Mapping[str, Any]) -> None:
    """Add to the results those of an ``earlier`` call whose models the last one did not repeat."""
    last = read_results(target)
    repeated = {result["unique_id"] for result in last["results"]}
    last["results"] = [
        *(result for result in earlier["results"] if result["unique_id"] not in repeated),
        *last["results"],
    ]
    (target / RUN_RESULTS).write_text(json.dumps(last), encoding="utf-8")


def out_of_memory(found: Mapping[str, Any]) -> list[str]:
    """Names of the models for which DuckDB had no memory left; two are built at a time."""
    return [
        result["unique_id"].split(".")[2] for result in found["results"] if had_no_memory(result)
    ]


def had_no_memory(result: Mapping[str, Any]) -> bool:
    """Whether one entry of the results failed because DuckDB had no memory left."""
    return "Out of Memory Error" in (result.get("message") or "")
