"""Nothing is published unless every expected check reported a pass on exactly this build."""

import stat

import duckdb
import pytest

from dagster_project.errors import HourglassError
from dagster_project.quality import (
    ExpectationRunner,
    expected_checks,
    latest_record,
    record_gate,
    rerun_stale,
    run_gate,
    run_suite,
)
from dagster_project.quality.fingerprint import fingerprint
from dagster_project.quality.gate import was_ever_passed
from dagster_project.quality.results import GateRecord
from tests.small_warehouse import SUITES, AllPass, fill, pass_gate, record_dbt


def outcomes(record: GateRecord) -> dict[tuple[str, str], str]:
    return {(result.mart, result.check): result.outcome for result in record.results}


def test_a_sound_build_passes(con, settings, suites_dir):
    """If this fails, a sound build is never published."""
    record = run_gate(con, settings, suites_dir=suites_dir)
    record.require_passed()
    assert set(outcomes(record).values()) == {"passed"}
    expected = {
        (mart, check) for mart, checks in expected_checks(suites_dir).items() for check in checks
    }
    assert expected <= outcomes(record).keys()
    assert record.fingerprints["customers"].rows == 20
    assert latest_record(con) == record


@pytest.mark.parametrize(
    ("damage", "mart", "check", "rows"),
    [
        (
            "INSERT INTO marts.customers SELECT * FROM marts.customers WHERE customer_id = 'c7'",
            "customers",
            "customer_id_is_unique",
            2,
        ),
        (
            "UPDATE marts.customers SET order_count = -1 WHERE customer_id IN ('c1', 'c2', 'c3')",
            "customers",
            "order_count_is_not_negative",
            3,
        ),
        ("DELETE FROM marts.orders WHERE order_id = 'o5'", "orders", "no_order_is_lost", 1),
    ],
)
def test_a_broken_mart_is_refused_by_name(
    con, settings, suites_dir, tmp_path, damage, mart, check, rows
):
    """If this fails, customers are doubled, counts negative or orders lost in what readers see."""
    (settings.warehouse_dir / "failing_rows").mkdir(mode=0o755)
    con.execute(damage)
    record_dbt(con, tmp_path / "dbt")
    record = run_gate(con, settings, suites_dir=suites_dir)
    [result] = record.blocking
    assert (result.mart, result.check, result.failing_rows) == (mart, check, rows)
    kept = settings.data_dir / result.failing_rows_path
    with pytest.raises(HourglassError) as raised:
        record.require_passed()
    found = f", {rows:,} {'row' if rows == 1 else 'rows'}. "
    for part in (mart, check, found, str(result.failing_rows_path)):
        assert part in raised.value.message
    assert con.execute(f"SELECT count(*) FROM read_parquet('{kept}')").fetchone() == (rows,)
    for folder in (kept.parent, kept.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_results_hold_keys_and_counts_but_no_values(con, settings, suites_dir, tmp_path):
    """If this fails, personal data reach asset metadata, quality.json and the report."""
    con.execute("ALTER TABLE marts.customers ADD COLUMN note VARCHAR")
    con.execute("UPDATE marts.customers SET order_count = -1, note = 'secret' WHERE stamp = 1")
    (suites_dir / "orders.yml").write_text(
        (suites_dir / "orders.yml").read_text()
        + """
  - name: note_is_a_number
    sql: >-
      select o.order_id
      from {batch} as o
      inner join marts.customers as c on o.customer_id = c.customer_id
      where cast(c.note as integer) > 1
    severity: blocking
    why: It is not.
"""
    )
    record_dbt(con, tmp_path / "dbt")
    record = run_gate(con, settings, suites_dir=suites_dir)
    text = str(record.to_json())
    assert "secret" not in text
    found = outcomes(record)
    assert found["orders", "note_is_a_number"] == "errored"
    assert "Conversion Error" in text
    assert not record.passed
    [result] = [r for r in record.results if r.check == "order_count_is_not_negative"]
    assert result.failing_rows == 20
    assert {"customer_id": "c7"} in [dict(key) for key in result.failing_keys]


def test_a_check_that_cannot_answer_is_a_failure(con, settings, suites_dir, tmp_path):
    """If this fails, a mart without the column that is to be checked passes its check."""
    con.execute("ALTER TABLE marts.customers DROP COLUMN order_count")
    record_dbt(con, tmp_path / "dbt")
    record = run_gate(con, settings, suites_dir=suites_dir)
    found = outcomes(record)
    assert found["customers", "order_count_is_not_negative"] == "errored"
    # SQL that names the column, too, though it only warns.
    assert found["orders", "sales_reconcile_with_customers"] == "errored"
    with pytest.raises(HourglassError, match="no column order_count"):
        record.require_passed()


def test_a_mart_that_was_not_built_is_a_failure(con, settings, suites_dir):
    """If this fails, a version without a mart that readers use is put in force."""
    con.execute("DROP TABLE marts.orders")
    record = run_gate(con, settings, suites_dir=suites_dir)
    assert outcomes(record)["orders", "no_order_is_lost"] == "errored"
    assert not record.passed


def test_a_check_that_did_not_run_is_a_failure(con, settings, suites_dir):
    """If this fails, leaving a check out is the way to publish."""
    for mart in ("customers", "customer_contacts", "build"):
        run_suite(con, settings, mart, suites_dir=suites_dir)
    record = record_gate(con, settings, suites_dir=suites_dir)
    assert {(r.mart, r.outcome) for r in record.blocking} == {("orders", "missing")}
    run_suite(con, settings, "orders", suites_dir=suites_dir)
    assert record_gate(con, settings, suites_dir=suites_dir).passed


def test_a_failed_gate_does_not_hide_one_that_passed_before(con, settings, suites_dir):
    """Both published folders are lost after a bad day, and every customer gets a new id."""
    assert not was_ever_passed(con)
    record_gate(con, settings, suites_dir=suites_dir)
    assert not was_ever_passed(con)
    assert run_gate(con, settings, suites_dir=suites_dir).passed
    con.execute("DROP TABLE marts.orders")
    assert not run_gate(con, settings, suites_dir=suites_dir).passed
    assert was_ever_passed(con)


def test_a_check_of_another_build_does_not_count(con, settings, suites_dir, tmp_path):
    """If this fails, yesterday's checks let today's marts through."""
    assert run_gate(con, settings, suites_dir=suites_dir).passed
    fill(con, "b2")
    record_dbt(con, tmp_path / "dbt")
    record = record_gate(con, settings, suites_dir=suites_dir)
    assert {r.outcome for r in record.results if r.kind == "expectation"} == {"missing"}


def test_rebuilding_a_mart_voids_every_check_that_read_it(con, settings, suites_dir, tmp_path):
    """If this fails, a mart can change between its check and its publishing."""
    assert run_gate(con, settings, suites_dir=suites_dir).passed
    con.execute("UPDATE marts.customers SET net_revenue = 0 WHERE customer_id = 'c1'")
    record_dbt(con, tmp_path / "dbt")
    record = record_gate(con, settings, suites_dir=suites_dir)
    # orders reads customers; contacts and build do not.
    assert {r.mart for r in record.results if r.outcome == "missing"} == {"customers", "orders"}


def test_a_mart_without_a_suite_is_a_failure(con, settings, suites_dir):
    """If this fails, a new mart reaches readers unchecked."""
    con.execute("CREATE TABLE marts.extra AS SELECT 1 AS x")
    [result] = run_gate(con, settings, suites_dir=suites_dir).blocking
    assert (result.mart, result.outcome) == ("extra", "missing")


def test_aggregates_wait_for_enough_rows(con, settings, suites_dir, tmp_path):
    """If this fails, a shop's first day is blocked by a mean over three rows, or over none."""
    con.execute("UPDATE marts.customers SET order_count = 5000")
    con.execute("DELETE FROM marts.customers WHERE length(customer_id) > 2 OR customer_id > 'c6'")
    record_dbt(con, tmp_path / "dbt")
    by_check = {r.check: r for r in run_suite(con, settings, "customers", suites_dir=suites_dir)}
    result = by_check["mean_order_count_is_plausible"]
    assert result.passed
    assert "from 10 rows on" in result.message
    con.execute("DELETE FROM marts.customers")
    emptied = run_suite(con, settings, "customers", suites_dir=suites_dir)
    assert all(result.passed for result in emptied)
    con.execute("DELETE FROM marts.build")
    [result] = run_suite(con, settings, "build", suites_dir=suites_dir)
    assert (result.check, result.outcome) == ("not_empty", "failed")


def test_a_warning_is_shown_and_does_not_block(con, settings, suites_dir, tmp_path):
    """If this fails, a warning stops the daily run, or nobody sees it."""
    con.execute("UPDATE marts.customers SET order_count = 7 WHERE customer_id = 'c1'")
    record_dbt(con, tmp_path / "dbt")
    record = run_gate(con, settings, suites_dir=suites_dir)
    record.require_passed()
    [result] = record.warnings
    assert (result.check, result.failing_rows) == ("sales_reconcile_with_customers", 1)


def test_the_gate_leaves_the_warehouse_free(con, settings, suites_dir):
    """If this fails, publishing right after the gate stops with a lock."""
    runner = ExpectationRunner(con)
    run_suite(con, settings, "customers", suites_dir=suites_dir, runner=runner)
    con.close()
    # Another configuration, which DuckDB refuses while anything of the first is open.
    with duckdb.connect(str(settings.warehouse_path)) as again:
        assert again.execute("SELECT count(*) FROM marts.customers").fetchone() == (20,)


def test_fingerprints_see_every_change_but_not_the_order(con):
    """If this fails, a changed mart passes for the one that was checked."""
    before = fingerprint(con, "marts", "orders")
    con.execute("CREATE OR REPLACE TABLE marts.orders AS FROM marts.orders ORDER BY order_id DESC")
    assert fingerprint(con, "marts", "orders") == before
    con.execute("UPDATE marts.orders SET customer_id = NULL WHERE order_id = 'o1'")
    changed = fingerprint(con, "marts", "orders")
    assert (changed.rows, changed.digest) != (before.rows, before.digest)
    con.execute("ALTER TABLE marts.orders RENAME COLUMN stamp TO stomp")
    assert fingerprint(con, "marts", "orders").digest != changed.digest
    # Two equal rows more in each: an exclusive or cannot tell which.
    for name, order in (("left", "o2"), ("right", "o3")):
        con.execute(
            f'CREATE VIEW marts."{name}" AS FROM marts.orders UNION ALL '
            f"SELECT o.* FROM marts.orders AS o, range(2) WHERE o.order_id = '{order}'"
        )
    left, right = fingerprint(con, "marts", "left"), fingerprint(con, "marts", "right")
    assert left.rows == right.rows
    assert left.digest != right.digest
    build = fingerprint(con, "marts", "build")
    con.execute("UPDATE marts.build SET published_at = TIMESTAMP '2024-07-02'")
    assert fingerprint(con, "marts", "build") == build


def test_a_mended_suite_heals_the_gate(con, settings, suites_dir, tmp_path):
    """The gate is started again after its suite was mended, says that a mart was rebuilt, which
    none was, and fails for ever."""
    pass_gate(con, settings, suites_dir, tmp_path / "dbt")
    assert rerun_stale(con, settings, suites_dir=suites_dir) == []
    mended = SUITES["customers"].replace("max_value: 1000", "max_value: 2000")
    (suites_dir / "customers.yml").write_text(mended)
    stale = record_gate(con, settings, suites_dir=suites_dir)
    assert "Its suite or a mart that it reads changed" in stale.blocking[0].message
    again = rerun_stale(con, settings, suites_dir=suites_dir, runner=AllPass())
    # The suite of customers, and no other reads it.
    assert again == ["customers"]
    record_gate(con, settings, suites_dir=suites_dir).require_passed()


def test_checks_that_never_ran_are_run_by_the_gate(con, settings, suites_dir, tmp_path):
    """Somebody materialises the gate alone after a new build, and no check ever runs."""
    pass_gate(con, settings, suites_dir, tmp_path / "dbt")
    fill(con, "b2", stamp=2)
    record_dbt(con, tmp_path / "dbt")
    assert set(rerun_stale(con, settings, suites_dir=suites_dir, runner=AllPass())) == set(SUITES)
    record_gate(con, settings, suites_dir=suites_dir).require_passed()
