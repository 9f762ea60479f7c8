"""P3: what a person decided about people is followed by every mart, and can be taken back."""

import duckdb
import pytest

from tests.pipeline.digests import mart_digests
from tests.soak import SOAK

WHO = ("--who", "Kim", "--why", "said so on the telephone")


def two_buyers(company) -> tuple[tuple[str, str], tuple[str, str]]:
    """((customer id, record), ...) of two customers with several sales, from different cohorts."""
    return tuple(
        company.query(
            """
            SELECT c.customer_id, min(concat('shop.accounts/', i.source_id))
            FROM customers AS c
            JOIN customer_identities AS i USING (customer_id)
            WHERE i.source_table = 'accounts' AND c.order_count BETWEEN 2 AND 6
            GROUP BY c.customer_id, c.first_order_at
            ORDER BY c.first_order_at NULLS LAST, c.customer_id
            """
        )[index]
        for index in (3, -3)
    )


def golden_records(company) -> set[tuple]:
    """The contacts as published to the few who may see them."""
    path = company.data_dir / "restricted" / "current" / "restricted.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        return set(con.execute("SELECT * EXCLUDE (resolved_at) FROM customer_contacts").fetchall())


@pytest.mark.skipif(
    not SOAK,
    reason="make soak: two whole runs. tests/unit/identity holds ids through merges and undos, "
    "tests/integration/increments marts",
)
def test_merge_and_its_undo_leave_the_marts_as_they_were(copy_of_company) -> None:
    """A wrong merge is for ever: cohorts, attribution and ids do not come back.

    Or a lost warehouse, or a full refresh, gives everybody another id.
    """
    company = copy_of_company
    before, contacts = mart_digests(company, with_ids=True), golden_records(company)
    (older, left), (younger, right) = two_buyers(company)
    both = f"FROM orders WHERE customer_id IN ('{older}', '{younger}')"
    orders = company.query(f"SELECT count(*) {both}")
    assert company.hourglass("identity", "link", left, right, *WHO).returncode == 0
    company.run()
    merged = company.query(f"SELECT DISTINCT customer_id {both}")
    assert len(merged) == 1, "history follows the merge"
    assert company.query(f"SELECT count(*) {both}") == orders
    changed = {row[0] for row in golden_records(company) ^ contacts}
    assert merged[0][0] in changed
    assert changed <= {older, younger}, "only the people concerned"
    after = mart_digests(company, with_ids=True)
    for mart in ("customers", "orders", "cohort_retention", "customer_identities"):
        assert after[mart] != before[mart], mart
    assert company.hourglass("identity", "unlink", left, right, *WHO).returncode == 0
    (company.data_dir / "warehouse" / "warehouse.duckdb").unlink()
    company.run("--full-refresh")
    undone = mart_digests(company, with_ids=True)
    assert {mart for mart in before if undone[mart] != before[mart]} == set()
    assert golden_records(company) == contacts
