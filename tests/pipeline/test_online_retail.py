"""The main job on a real shop's year, against figures counted from the files by themselves."""

import os
import random
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from dagster_project.load import load_landing
from dagster_project.settings import load_settings
from dagster_project.warehouse import connect
from tests.metrics_by_hand import published_faults
from tests.pipeline.conftest import Company
from tests.pipeline.digests import mart_digests
from tests.soak import SOAK, seeded

ORDERS = 20 if SOAK else 1
# Without a soak on so many days, and no further than the raw tables: test_killed_run.py and the
# load's own tests hold what is made of equal raw tables.
DAYS = 305 if SOAK else 40
RAW = ("orders", "order_lines", "refunds", "accounts", "products")


@pytest.fixture(scope="module")
def retail(shared_data, tmp_path_factory) -> Company:
    company = Company(tmp_path_factory.mktemp("retail") / "data")
    landing = company.data_dir / "landing" / "uci_online_retail"
    shutil.copytree(shared_data / "online_retail" / "by-day", landing)
    company.run()
    return company


def test_every_row_is_accounted_for(retail):
    """Rows of a real export vanish or are counted twice."""
    assert retail.warehouse(
        "SELECT count(*), sum(records), sum(quarantined), sum(left_out) FROM ledger.files"
    ) == [(305, 541_909, 0, 2_518)]
    assert retail.warehouse(
        "SELECT sum(records) FROM ledger.left_out GROUP BY rule ORDER BY 1"
    ) == [(3,), (2_515,)]
    assert retail.warehouse(
        "SELECT count(*), count(DISTINCT order_id), sum(total_amount), "
        "sum(total_amount) FILTER (account_id IS NOT NULL) FROM shop.orders"
    ) == [(19_959, 19_959, Decimal("10655622.48"), Decimal("8911407.90"))]
    assert retail.warehouse(
        "SELECT count(*), count(DISTINCT (order_id, line_number)) FROM shop.order_lines"
    ) == [(530_103, 530_103)]
    assert retail.warehouse(
        "SELECT count(*), count(DISTINCT refund_id), sum(amount), "
        "count(*) FILTER (account_id IS NULL), sum(amount) FILTER (account_id IS NULL) "
        "FROM shop.refunds"
    ) == [(9_288, 9_288, Decimal("896812.49"), 383, Decimal("285470.40"))]
    # 4,372 ids occur; one of them only on a gift that is left out.
    assert retail.warehouse("SELECT count(DISTINCT account_id) FROM shop.accounts") == [(4_371,)]


def test_sales_and_refunds_reconcile(retail):
    """The company's revenue in the marts is not what its invoices say."""
    assert retail.query("SELECT count(*) FROM order_lines") == [(530_103,)]
    assert retail.query(
        "SELECT count(*), sum(gross_revenue), "
        "sum(CASE WHEN customer_id IS NOT NULL THEN gross_revenue END) FROM orders WHERE is_sale"
    ) == [(19_959, Decimal("10655622.48"), Decimal("8911407.90"))]
    assert retail.query("SELECT sum(refunded_amount) FROM orders") == [(Decimal("473968.46"),)]
    assert retail.query("SELECT sum(amount) FROM unallocated_refunds") == [(Decimal("422844.03"),)]


def test_customers_and_their_first_cohort(retail):
    """Retention shown to the shop's owner is not the retention of the shop."""
    assert retail.query("SELECT count(*) FROM customers WHERE order_count > 0") == [(4_338,)]
    assert retail.query(
        "SELECT period_number, cohort_size, active_customers FROM cohort_retention "
        "WHERE period_kind = 'month' AND cohort_start = DATE '2010-12-01' AND period_number <= 4 "
        "ORDER BY 1"
    ) == [(0, 885, 885), (1, 885, 324), (2, 885, 286), (3, 885, 340), (4, 885, 321)]


def test_each_metric_is_its_mart(retail):
    """A real shop's owner is told another number by a metric than the mart holds."""
    assert published_faults(retail.marts_path) == []


def deliver(
    company: Company, files: list[Path], moments: random.Random, *, run_first: bool
) -> None:
    """Land the files in random order and batches, some again under another name.

    In a soak the last batch goes through a whole run, with ``run_first`` the first one too; the
    others are loaded.
    """
    landing = company.data_dir / "landing" / "uci_online_retail"
    landing.mkdir(parents=True)
    shuffled = moments.sample(files, len(files))
    batches = moments.randint(2, 5)
    cuts = sorted(moments.sample(range(1, len(files)), batches - 1))
    settings = load_settings(data_dir=company.data_dir)
    for number, (start, end) in enumerate(
        zip([0, *cuts], [*cuts, len(files)], strict=True), start=1
    ):
        make_unreadable(landing)
        for path in shuffled[start:end]:
            shutil.copyfile(path, landing / path.name)
        for again, path in enumerate(moments.sample(shuffled[:end], min(end, 5))):
            shutil.copyfile(path, landing / f"again_{number}_{again}_{path.name}")
        if SOAK and (number == batches or (number == 1 and run_first)):
            company.run()
        else:
            with connect(settings, keep_order=True) as con:
                load_landing(con, settings, run_id=f"batch {number}")


def make_unreadable(landing: Path) -> None:
    """Bytes that no reader survives, under an unchanged size and time, in every file there."""
    for path in landing.iterdir():
        stat = path.stat()
        path.write_bytes(b"\0" * stat.st_size)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_order_of_delivery_changes_nothing_and_no_file_is_read_twice(retail, shared_data, tmp_path):
    """A file that came late, or twice, leaves figures that no other run can reproduce.

    Or a daily run reads the whole history again, slower every day.
    """
    moments = seeded()
    files = sorted((shared_data / "online_retail" / "by-day").glob("*.csv.gz"))
    files = sorted(moments.sample(files, DAYS))
    counted = (
        "SELECT count(*), sum(records), sum(quarantined) FROM ledger.files "
        f"WHERE parse_filename(path) IN {tuple(path.name for path in files)}"
    )
    expected = outcome(retail, files)
    for number in range(ORDERS):
        company = Company(tmp_path / str(number) / "data")
        # A whole run takes most of the time; what it leaves is met often enough by every fourth.
        deliver(company, files, moments, run_first=number % 4 == 0)
        assert company.warehouse(
            "SELECT count(*), sum(records), sum(quarantined) FROM ledger.files"
        ) == retail.warehouse(counted), (
            f"order {number}: a file of an earlier batch was opened again"
        )
        found = outcome(company, files)
        differing = {name for name in expected if found[name] != expected[name]}
        assert not differing, f"order {number}"
        shutil.rmtree(company.data_dir.parent)


def outcome(company: Company, files: list[Path]) -> dict[str, tuple[int, str]]:
    """Rows and their checksum: of the marts in a soak, else of what the files gave."""
    if SOAK:
        return mart_digests(company)
    names = tuple(path.name for path in files)
    return {
        table: company.warehouse(
            "SELECT count(*), CAST(sum(CAST(hash(t) AS HUGEINT)) AS VARCHAR) FROM "
            f"(SELECT r.* EXCLUDE (_file_hash) FROM shop.{table} AS r WHERE r._file_hash IN "
            f"(SELECT file_hash FROM ledger.paths WHERE parse_filename(path) IN {names})) AS t"
        )[0]
        for table in RAW
    }
