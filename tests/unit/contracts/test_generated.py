"""What follows from the contract and the code is committed as `make contracts` writes it."""

import re
import shutil

import pytest
import yaml

from dagster_project.contracts import generate, load_contract
from dagster_project.contracts.generate.exposures import (
    PATH,
    exposures_file,
    published_models,
    report_pages,
)
from dagster_project.contracts.generate.staging import staging_sql
from dagster_project.report.pages import PAGES
from dagster_project.settings import PROJECT_ROOT

FILES = generate.generated_files()


@pytest.mark.parametrize("name", FILES)
def test_committed_file_is_what_the_contract_gives(name):
    """A column, table or reader was added, and dbt does not know it: run make contracts."""
    assert (PROJECT_ROOT / name).read_text(encoding="utf-8") == FILES[name]


def test_no_staging_model_of_a_table_that_is_gone():
    """A table left the contract, and dbt fails on the model that still reads it."""
    assert generate.orphans() == []


def test_writing_again_changes_nothing_and_mends_what_is_stale(tmp_path):
    """Every call makes dbt parse the project again, or leaves a stale or an orphaned file."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / name, tmp_path / name)
    assert generate.write(tmp_path) == []
    stale = "dbt/models/staging/crm/stg_crm__deals.sql"
    (tmp_path / stale).write_text("select 1\n")
    gone = "dbt/models/staging/crm/stg_crm__gone.sql"
    (tmp_path / gone).write_text("select 1\n")
    assert generate.write(tmp_path) == [f"wrote {stale}", f"removed {gone}"]
    assert (tmp_path / stale).read_text() == FILES[stale]


def test_a_table_staged_by_hand_has_its_model():
    """Its rows are in raw and reach no mart: nobody wrote the model that the contract promises."""
    by_hand = [
        (name, table.name)
        for name, system in load_contract().items()
        for table in system.tables.values()
        if table.staged_by_hand
    ]
    for system, table in by_hand:
        path = f"dbt/models/staging/{system}/stg_{system}__{table}.sql"
        assert path not in FILES
        assert f"contract_columns('{system}.{table}'" in (PROJECT_ROOT / path).read_text()


def test_as_of_cuts_every_table_that_happens_in_time():
    """Orders of tomorrow stand in the marts of a past day."""
    for name, system in load_contract().items():
        for table in system.tables.values():
            sql = staging_sql(name, table)
            assert bool(table.dated_by) == ("not_after_as_of(" in sql), table.name
            required = [c.name for c in table.columns if c.is_time and c.required]
            assert table.dated_by in required or not required, table.name


def test_exposures_name_every_published_mart():
    """Someone drops a mart, and dbt does not say which reader will miss it."""
    public, restricted = published_models(PROJECT_ROOT)
    exposures = yaml.safe_load(exposures_file(PROJECT_ROOT)[PATH])["exposures"]
    named = {
        e["name"]: {re.sub(r"ref\('(\w+)'\)", r"\1", r) for r in e["depends_on"]} for e in exposures
    }
    assert {"orders", "customers", "build"} <= public
    assert restricted == {"customer_contacts"}
    assert named["business_intelligence"] == public
    assert named["customer_service"] == restricted | {"customers"}
    assert set().union(*named.values()) == public | restricted


def test_each_page_of_the_report_is_an_exposure(tmp_path):
    """A section of the report reads a mart that its exposure does not name."""
    (tmp_path / "pages.py").write_text(
        'PAGES = (Page("index", noted("Overview"), (one, two)), Page("b", noted("B"), (two,)))\n'
    )
    (tmp_path / "sections").mkdir()
    one, two = tmp_path / "sections" / "one.py", tmp_path / "sections" / "two.py"
    one.write_text('MARTS: tuple[str, ...] = ("orders",)\nX = 1\n')
    two.write_text('MARTS = ("calls", "build")\n')
    assert report_pages(tmp_path) == [
        ("index", "Overview", {"orders", "calls", "build"}),
        ("b", "B", {"calls", "build"}),
    ]
    named = yaml.safe_load(exposures_file(PROJECT_ROOT)[PATH])["exposures"]
    slugs = {e["name"].removeprefix("report_") for e in named if e["name"].startswith("report_")}
    assert slugs == {page.slug for page in PAGES}
