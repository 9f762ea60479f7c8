"""dbt's tests count only when they ran on the tables that are to be published."""

from datetime import timedelta

import pytest

from dagster_project.errors import HourglassError
from dagster_project.quality.dbt_results import dbt_results, record_dbt_results
from dagster_project.quality.fingerprint import fingerprint
from tests.small_warehouse import MODELS, NOON, dbt_files, record_dbt

LATER = NOON + timedelta(hours=1)


def reported(con) -> dict[str, str]:
    now = {
        name: fingerprint(con, "restricted" if name == "customer_contacts" else "marts", name)
        for name in MODELS
    }
    return {result.check: result.outcome for result in dbt_results(con, now)}


def test_tests_after_the_build_count(con):
    """If this fails, a sound dbt build never passes."""
    assert reported(con) == {f"unique_{model}": "passed" for model in MODELS}


def test_a_rebuild_without_tests_voids_them(con, tmp_path):
    """If this fails, a model rebuilt after its tests is published on their word."""
    record_dbt(con, tmp_path, models={"orders": "success"}, tests={}, built_at=LATER)
    found = reported(con)
    assert found["unique_orders"] == "missing"
    assert found["unique_customers"] == "passed"


def test_results_of_several_calls_add_up(con, tmp_path):
    """If this fails, the second call of dbt in a run wipes out what the first one proved."""
    record_dbt(
        con,
        tmp_path,
        models={"orders": "success"},
        tests={"unique_orders": "pass"},
        built_at=LATER,
        tested_at=LATER + timedelta(minutes=1),
    )
    assert set(reported(con).values()) == {"passed"}


def test_a_table_changed_behind_dbt_voids_its_tests(con):
    """If this fails, a table edited by hand is published as tested."""
    con.execute("DELETE FROM marts.orders WHERE order_id = 'o1'")
    assert reported(con)["unique_orders"] == "missing"


@pytest.mark.parametrize(
    ("status", "outcome", "rows"),
    [("fail", "failed", 3), ("error", "errored", None), ("skipped", "errored", None)],
)
def test_what_did_not_pass_is_a_failure(con, tmp_path, status, outcome, rows):
    """If this fails, a failed, broken or skipped test of dbt does not stop the publish."""
    record_dbt(con, tmp_path, tests={"unique_orders": status})
    results = {result.check: result for result in dbt_results(con, {})}
    result = results["unique_orders"]
    assert (result.outcome, result.failing_rows, result.blocks) == (outcome, rows, True)
    assert result.mart == "orders"


def test_a_test_that_never_ran_is_missing(con, tmp_path):
    """If this fails, a test left out of the selection counts as passed."""
    record_dbt(con, tmp_path, tests={"accepted_values_orders": "pass"}, built_at=LATER)
    con.execute("DELETE FROM quality.dbt_runs WHERE unique_id = 'test.h.unique_build'")
    assert reported(con)["unique_build"] == "missing"


def test_a_warning_of_dbt_does_not_block(con, tmp_path):
    """If this fails, a test that was declared a warning stops the daily run."""
    record_dbt(con, tmp_path, tests={"unique_orders": "warn"}, severity="WARN")
    result = {r.check: r for r in dbt_results(con, {})}["unique_orders"]
    assert (result.outcome, result.severity) == ("failed", "warning")


def test_a_model_that_was_not_built_is_a_failure(con, tmp_path):
    """If this fails, yesterday's table of a model that failed today is published as today's."""
    record_dbt(con, tmp_path, models={"orders": "error", "build": "skipped"}, tests={})
    found = {(r.mart, r.check): r.outcome for r in dbt_results(con, {}) if r.blocks}
    assert found["orders", "is_built"] == "errored"
    assert found["build", "is_built"] == "errored"


def test_no_results_at_all_is_a_failure(con):
    """If this fails, a warehouse that dbt never built passes."""
    con.execute("DELETE FROM quality.dbt_nodes")
    [result] = dbt_results(con, {})
    assert result.blocks


def test_results_that_dbt_did_not_finish_are_refused(con, settings, tmp_path):
    """If this fails, a dbt that died leaves a stack trace, or stale results that count."""
    run_results, manifest = dbt_files(tmp_path)
    run_results.write_text('{"metadata": {"generated')
    with pytest.raises(HourglassError, match=r"run_results\.json"):
        record_dbt_results(con, settings, run_results, manifest)
