"""Cases of the field about who is one person, and what one is worth: read in place, built whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from dagster_project.load import load_landing
from dagster_project.settings import Settings
from dagster_project.warehouse import connect
from tests.cases import PEOPLE
from tests.integration.conftest import Project, create_tables
from tests.integration.loaded_company import build_loaded


@contextmanager
def built_case(
    name: str, shared_data: Path, tmp_path: Path, project: Project, **overrides: str
) -> Iterator[duckdb.DuckDBPyConnection]:
    settings = Settings(data_dir=tmp_path / "data", **overrides)
    settings.data_dir.mkdir()
    settings.landing_dir.symlink_to(shared_data / "cases" / name / "landing")
    seeds = {path.parent for _, path, _ in project.seeds.values()}
    with connect(settings, extra_dirs=[*seeds, shared_data]) as con:
        create_tables(con)
        load_landing(con, settings, run_id="test", take_now=True)
        build_loaded(con, settings, project)
        yield con


PAIRS = {
    "email-dot-or-display-name": ("dot", "disp"),
    "email-invisible-characters": ("bom", "zw", "lrm"),
    "phone-as-float-or-annotated": ("flt", "ann"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_one_person_in_two_writings(name: str, shared_data, tmp_path, project: Project):
    """An invisible sign, a full stop or a name beside an address makes one customer two."""
    with built_case(name, shared_data, tmp_path, project, phone_region="RU") as con:
        found = dict(
            con.execute(
                "SELECT source_id, customer_id FROM identity.assignments "
                "WHERE source_table = 'contacts'"
            ).fetchall()
        )
    assert len(set(found.values())) == len(found) - len(PAIRS[name])
    for pair in PAIRS[name]:
        assert found[f"{pair}A"] == found[f"{pair}B"]


def test_one_price_for_everything(shared_data, tmp_path, project: Project):
    """A shop that sells at one price learns nothing of what its customers are worth."""
    name = "one-price-for-everything"
    with built_case(name, shared_data, tmp_path, project) as con:
        rows = con.execute(
            "SELECT predicted_12m_value, expected_orders_12m FROM marts.customer_value "
            "WHERE expected_orders_12m IS NOT NULL"
        ).fetchall()
    assert len(rows) > 50
    # One customer placed two orders on one day: the price of an order is 20.00 all the same.
    assert all(float(value) == pytest.approx(orders * 20, abs=0.0051) for value, orders in rows)


def test_these_cases_are_named():
    """A case that nobody tests is taken for a tested one."""
    assert {*PAIRS, "one-price-for-everything"} == PEOPLE
