"""From suites to results to the record without which nothing is published.

``suites`` are the files in expectations/, ``expectations`` runs them with Great Expectations
inside DuckDB (through ``dialect``), ``dbt_results`` keeps what dbt's own tests said, and ``gate``
compares what reported with what was expected. Nothing here knows about orchestration.
"""

from dagster_project.quality.build_id import current_build_id
from dagster_project.quality.column_rules import RuleOutcome, column_rules, recorded_rules
from dagster_project.quality.dbt_results import record_dbt_results
from dagster_project.quality.expectations import ExpectationRunner, warm_up
from dagster_project.quality.fingerprint import Fingerprints
from dagster_project.quality.gate import (
    create_quality_tables,
    expected_checks,
    latest_record,
    marts_of,
    record_gate,
    rerun_stale,
    run_gate,
    run_suite,
)
from dagster_project.quality.results import CheckResult, Fingerprint, GateRecord
from dagster_project.quality.suites import Suite, load_suite, load_suites

__all__ = [
    "CheckResult",
    "ExpectationRunner",
    "Fingerprint",
    "Fingerprints",
    "GateRecord",
    "RuleOutcome",
    "Suite",
    "column_rules",
    "create_quality_tables",
    "current_build_id",
    "expected_checks",
    "latest_record",
    "load_suite",
    "load_suites",
    "marts_of",
    "record_dbt_results",
    "record_gate",
    "recorded_rules",
    "rerun_stale",
    "run_gate",
    "run_suite",
    "warm_up",
]
