"""When these fail, a run ends well and nobody hears what it lacked."""

import duckdb

from dagster_project.cli.run import exit_code
from dagster_project.cli.summary import empty_files, order_notes, record_counts, refused_files


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


def test_the_records_of_a_load_add_up():
    """A full refresh reads 402 records of erased people, tells nobody, and rows look lost."""
    counts = {"records": 1000, "accepted": 900, "quarantined": 3, "left_out": 2, "erased": 95}
    assert record_counts(counts) == (
        "1,000 read: 900 accepted, 3 quarantined, 2 left out by a rule, 95 erased"
    )
    assert record_counts({**counts, "records": 905, "erased": 0}).endswith("2 left out by a rule")


def test_a_file_that_gave_nothing_is_an_exit_code():
    """An extract without its columns is missing for weeks, because cron saw that all went well."""
    assert exit_code({"files_loaded": 3, "files_quarantined": 1}) == 0, "notes that nobody sends"
    assert exit_code({"files_empty": 1}) == exit_code({"files_refused": 1}) == 4
    assert empty_files({"files_empty": 0}) == {}
    assert empty_files({"files_empty": 2}) == {
        "Empty": "2 new files of which no record was accepted (exit code 4): hourglass status"
    }


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
            "Incomplete": "1 order with a line in quarantine",
            "Totals": "2 orders without a total: computed of the lines",
        }
        con.execute("DELETE FROM orders WHERE NOT is_sale")
        assert order_notes(con) == {}
