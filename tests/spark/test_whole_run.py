"""The daily job on both engines: load to publish, and the two published versions compared."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_project.defs.transform import row_count_told
from dagster_project.publish import opened_marts
from dagster_project.publish.reading import marts_in, parquet_only
from dagster_project.quality.suites import load_suites
from dagster_project.sample import write_company
from tests.equal_marts import differences
from tests.pipeline.conftest import SAMPLE, Company, take_key
from tests.soak import SOAK, seeded
from tests.spark.conftest import ENGINE, SLOWEST

KEYS = {suite.mart: tuple(suite.key) for suite in load_suites().values()}


def small_company(landing: Path) -> None:
    seed = seeded().randrange(10**6)
    write_company(landing.parent, customers=60, months=8, seed=seed)


def simulated_company(landing: Path) -> None:
    seed = seeded().randrange(10**6)
    write_company(landing.parent, customers=400, months=18, seed=seed)


def sample(landing: Path) -> None:
    shutil.copytree(SAMPLE, landing)


def online_retail(landing: Path) -> None:
    from tests.conftest import SHARED_DATA

    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real data sets in ../shared/data, which this machine lacks")
    shutil.copytree(SHARED_DATA / "online_retail" / "by-day", landing / "uci_online_retail")


def rows_told(data_dir: Path) -> dict[str, int]:
    """Rows by model or seed, as dbt logged them."""
    found = {}
    for line in (data_dir / "warehouse" / "dbt" / "dbt.log").read_text().splitlines():
        event = json.loads(line)
        told = row_count_told(event)
        if told:
            found[told[0].rpartition(".")[2]] = told[1]
    return found


COMPANIES: list[Callable[[Path], None]] = [sample]
if SOAK:
    COMPANIES += [
        small_company,
        simulated_company,
        simulated_company,
        simulated_company,
        online_retail,
    ]


@pytest.mark.parametrize("land", COMPANIES)
def test_both_engines_publish_the_same_version(tmp_path: Path, land: Callable[[Path], None]):
    """The day a company moves to Spark its numbers change, or its customers get other ids."""
    company = Company(tmp_path / "duckdb", timeout=SLOWEST)
    land(company.data_dir / "landing")
    on_spark = Company(tmp_path / "spark", timeout=SLOWEST)
    shutil.copytree(company.data_dir / "landing", on_spark.data_dir / "landing")
    company.run("--now")
    # The same key, so the same ids; everything else is read and built there, too.
    take_key(on_spark, company)
    # Its larger marts are Parquet alone, as those of a company that needs Spark.
    large = {"HOURGLASS_PARQUET_ONLY_ROWS": "100"}
    result = on_spark.hourglass("run", "--now", **ENGINE, **large)
    assert result.returncode == 0, result.stdout + result.stderr
    with (
        opened_marts(company.marts_path.parent) as one,
        opened_marts(on_spark.marts_path.parent) as other,
    ):
        assert parquet_only(other, "marts")
        assert differences(one, other, keys=KEYS) == {}
        # What Dagster shows of each model.
        told = rows_told(on_spark.data_dir)
        assert len(told) > 100
        published = {mart: rows for mart, rows in told.items() if mart in marts_in(other)}
        assert published.keys() > {"customers", "orders"}
        for mart, rows in published.items():
            assert other.execute(f"SELECT count(*) FROM {mart}").fetchone() == (rows,), mart
