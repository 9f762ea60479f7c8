"""Results of two calls of dbt are those of one build."""

import json

from dagster_project.defs.transform import failure_of
from dagster_project.transform.run_results import add_results, out_of_memory, read_results


def result(name: str, status: str, message: str = "") -> dict[str, str]:
    return {"unique_id": f"model.hourglass.{name}", "status": status, "message": message}


def test_a_repeated_model_counts_once_and_the_others_stay(tmp_path):
    """The gate holds the models of the first call for never built, or a failure that was made good
    for one."""
    first = {
        "metadata": {"generated_at": "first"},
        "results": [
            result("orders", "success"),
            result("paths", "error", "Runtime Error\n  Out of Memory Error: failed to allocate"),
            result("reads_paths", "skipped", "Skipping"),
            result("wrong", "error", "Binder Error: no such column"),
        ],
    }
    assert out_of_memory(first) == ["paths"]
    again = [result("paths", "success"), result("reads_paths", "success")]
    last = {"metadata": {"generated_at": "last"}, "results": again}
    (tmp_path / "run_results.json").write_text(json.dumps(last))
    add_results(tmp_path, first)
    found = read_results(tmp_path)
    assert found["metadata"] == {"generated_at": "last"}
    assert {(one["unique_id"][16:], one["status"]) for one in found["results"]} == {
        ("orders", "success"),
        ("paths", "success"),
        ("reads_paths", "success"),
        ("wrong", "error"),
    }
    assert out_of_memory(found) == []


def test_a_model_that_needs_more_memory_says_what_to_do():
    """At night one model is too large, and the engineer has to find out why in a log of dbt."""
    said = failure_of(
        [
            result("paths", "error", "Runtime Error\n  Out of Memory Error: failed to allocate"),
            result("wrong", "error", "Binder Error: no such column"),
        ],
        {},
    )
    assert said == (
        "model paths needs more memory than HOURGLASS_MEMORY_LIMIT allows: raise it; "
        "model wrong could not be built: see the dbt log of this run"
    )
