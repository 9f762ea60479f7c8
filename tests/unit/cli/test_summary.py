"""When these fail, a run ends well and nobody hears what it lacked."""

import duckdb

from dagster_project.cli.run import exit_code
from dagster_project.cli.summary import order_notes, refused_files


def test_a_file_refused_whole_is_said_to_be():
    """A whole extract is missing, and the summary counts it as one record among three."""
    reasons = [
        {"source": "shop.orders", "reason": "unknown_word", "level": "row", "records": 2},
        {"source": "crm.contacts", "reason": "missing_column", "level": "file", "records": 1},
    ]
    assert refused_files({"reasons": reasons}) == [
        "crm.contacts: 1 file refused whole, missing column. hourglass quarantine list says more."
    ]
    assert refused_files({}) == []


def test_a_file_that_gave_nothing_is_an_exit_code():
    """An extract without its columns is missing for weeks, because cron saw that all went well."""
    assert exit_code({"files_loaded": 3, "files_quarantined": 1}) == 0, "notes that nobody sends"
    assert exit_code({"files_empty": 1}) == exit_code({"files_refused": 1}) == 4


def test_orders_that_are_no_sales_are_told():
    """A shop whose delivered orders stay unpaid in its export publishes 0.00 and hears nothing."""
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE orders AS SELECT * FROM (VALUES ('pending', false, true, false), "
            "('pending', false, false, true), ('failed', false, false, true), "
            "('paid', true, false, false)) "
            "AS t(status, is_sale, is_incomplete, is_total_computed)"
        )
        assert order_notes(con) == {
            "No sales": "2 pending, 1 failed",
            "Incomplete": "1 orders lack a line that stands in quarantine",
            "Totals": "2 orders have no total: that of their lines is taken",
        }
        con.execute("DELETE FROM orders WHERE NOT is_sale")
        assert order_notes(con) == {}
