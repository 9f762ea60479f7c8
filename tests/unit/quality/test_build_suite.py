"""The suite of ``build``: what was delivered decides about the publish as each source says."""

import pytest

from dagster_project.quality import run_suite
from dagster_project.warehouse import connect
from tests.small_warehouse import small_settings

BLOCKS = "sources_that_block_are_in_time_and_of_usual_volume"
WARNS = "sources_are_in_time_and_of_usual_volume"
COLUMNS = "sources_kept_their_columns"
CONFLICTS_BLOCK = "no_source_has_more_conflicting_keys_than_it_may"
CONFLICTS_WARN = "keys_have_one_content_in_a_file"
PARENTS = "references_meet_their_parents"


@pytest.fixture
def con(tmp_path):
    with connect(small_settings(tmp_path)) as con:
        con.execute(
            """
            CREATE SCHEMA IF NOT EXISTS marts;
            CREATE OR REPLACE TABLE control.parameters AS
                SELECT 'b1' AS build_id, DATE '2026-03-19' AS as_of;
            CREATE OR REPLACE TABLE marts.build AS SELECT 'b1' AS build_id,
                DATE '2026-03-19' AS as_of, TIMESTAMP '2026-03-20 05:00' AS started_at;
            CREATE OR REPLACE TABLE ledger.deliveries (
                source VARCHAR, late_or_odd VARCHAR, is_late BOOLEAN, is_odd BOOLEAN
            );
            CREATE OR REPLACE TABLE ledger.schema_events (
                target VARCHAR, kind VARCHAR, happened_at TIMESTAMP
            );
            CREATE OR REPLACE TABLE ledger.key_versions (
                path VARCHAR, table_name VARCHAR, conflicts BIGINT, is_blocking BOOLEAN
            );
            CREATE OR REPLACE TABLE ledger.missing_parents (
                reference VARCHAR, parent VARCHAR, missing BIGINT, is_odd BOOLEAN
            );
            INSERT INTO ledger.key_versions VALUES ('shop/orders.csv', 'orders', 0, false);
            INSERT INTO ledger.missing_parents VALUES
                ('shop.orders.account_id', 'shop.accounts', 3, false);
            INSERT INTO ledger.deliveries VALUES
                ('crm.contacts', 'block', false, false), ('shop.orders', 'warn', false, false);
            INSERT INTO ledger.schema_events VALUES
                ('crm.contacts', 'unknown_column', TIMESTAMP '2026-03-12 05:00');
            """
        )
        yield con


def failed(con, tmp_path) -> dict[str, str]:
    """Checks that did not pass, with their severity."""
    results = run_suite(con, small_settings(tmp_path), "build")
    assert {BLOCKS, WARNS, COLUMNS, CONFLICTS_BLOCK, CONFLICTS_WARN, PARENTS} <= {
        result.check for result in results
    }
    return {result.check: result.severity for result in results if not result.passed}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("SELECT 1", {}),
        ("UPDATE ledger.deliveries SET is_late = (late_or_odd = 'block')", {BLOCKS: "blocking"}),
        ("UPDATE ledger.deliveries SET is_odd = (late_or_odd = 'block')", {BLOCKS: "blocking"}),
        ("UPDATE ledger.deliveries SET is_late = (late_or_odd = 'warn')", {WARNS: "warning"}),
        ("UPDATE ledger.deliveries SET is_odd = (late_or_odd = 'warn')", {WARNS: "warning"}),
        (
            "INSERT INTO ledger.schema_events VALUES "
            "('crm.contacts', 'alias_used', TIMESTAMP '2026-03-20 05:00')",
            {COLUMNS: "warning"},
        ),
        ("UPDATE ledger.key_versions SET conflicts = 1", {CONFLICTS_WARN: "warning"}),
        (
            "UPDATE ledger.key_versions SET conflicts = 1, is_blocking = true",
            {CONFLICTS_BLOCK: "blocking"},
        ),
        ("UPDATE ledger.missing_parents SET is_odd = true", {PARENTS: "warning"}),
    ],
)
def test_source_blocks_or_warns_as_it_says(con, tmp_path, change: str, expected: dict) -> None:
    """Figures without the source that they stand on are published, or a late newsletter export
    keeps yesterday's figures in force."""
    con.execute(change)
    assert failed(con, tmp_path) == expected
