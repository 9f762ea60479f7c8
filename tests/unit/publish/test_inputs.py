"""A run rebuilds exactly when something that the marts depend on has changed."""

import pytest

from dagster_project.identity.matching.overrides import (
    add_overrides,
    make_override,
    overrides_path,
    sync_overrides,
)
from dagster_project.identity.registry.tables import create_identity_tables
from dagster_project.publish.inputs import changed_parts, input_parts, inputs_fingerprint


@pytest.fixture
def root(tmp_path):
    for name in ("dagster_project", "dbt", "expectations"):
        (tmp_path / "code" / name).mkdir(parents=True)
        (tmp_path / "code" / name / "file.txt").write_text(name)
    return tmp_path / "code"


@pytest.fixture
def inputs(con, settings, root):
    con.execute(
        "CREATE TABLE ledger.files AS SELECT 'h1' AS file_hash, 'a.csv' AS path, 'crm' AS "
        "system_or_mapping, NULL::DATE AS delivered_on, 10::BIGINT AS accepted, 0::BIGINT AS erased"
    )

    def inputs(**changed):
        parts = input_parts(settings.model_copy(update=changed), con, root=root)
        return inputs_fingerprint(parts)

    return inputs


def test_what_does_not_matter_changes_nothing(inputs, con, root):
    """If this fails, every run rebuilds everything although nothing has changed."""
    before = inputs()
    assert inputs(threads=7, memory_limit="9GB", keep_versions=9) == before
    con.execute("UPDATE ledger.files SET path = 'renamed.csv'")
    con.execute("INSERT INTO ledger.files FROM ledger.files")
    (root / "dagster_project" / "__pycache__").mkdir()
    (root / "dagster_project" / "__pycache__" / "file.pyc").write_text("x")
    (root / "dbt" / "target").mkdir()
    (root / "dbt" / "target" / "manifest.json").write_text("x")
    assert inputs() == before


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO ledger.files SELECT 'h2', 'b.csv', 'crm', NULL, 10, 0",
        "UPDATE ledger.files SET system_or_mapping = 'shop'",
        "UPDATE ledger.files SET delivered_on = DATE '2024-01-01'",
        "UPDATE ledger.files SET erased = 1",
        "UPDATE control.parameters SET as_of = DATE '2024-07-01'",
    ],
)
def test_data_and_day_matter(inputs, con, change):
    """If this fails, new files, corrections of people or a new day are not built."""
    before = inputs()
    con.execute(change)
    assert inputs() != before


def test_decisions_about_people_matter(inputs, con, settings):
    """If this fails, a person who was told apart by hand stays merged until new files arrive."""
    before = inputs()
    decision = make_override("unlink", "crm.contacts/1", "crm.contacts/2", who="ann", why="twins")
    add_overrides(settings, [decision])
    after = inputs()
    assert after != before
    create_identity_tables(con)
    sync_overrides(con, settings)
    assert inputs() == after
    # A lost file comes back from the table: nothing has changed.
    overrides_path(settings).unlink()
    assert inputs() == after


@pytest.mark.parametrize(
    "change",
    [
        {"time_zone": "Europe/London"},
        {"currency": "GBP"},
        {"phone_region": "DE"},
        {"lookback_days": 7},
        {"half_life_days": 3.5},
        {"won_deals": "sales"},
        {"holiday_country": "RU"},
        {"loyalty_point_days": 90},
        {"loyalty_gold_percent": 5},
        {"loyalty_silver_percent": 50},
        {"affinity_partners": 30},
    ],
)
def test_settings_matter(inputs, change):
    """If this fails, a changed setting shows no effect until new files arrive."""
    assert inputs(**change) != inputs()


@pytest.mark.parametrize("folder", ["dagster_project", "dbt", "expectations"])
def test_code_matters(inputs, root, folder):
    """If this fails, a corrected model or suite is not applied to what is published."""
    before = inputs()
    (root / folder / "file.txt").write_text("changed")
    changed = inputs()
    assert changed != before
    (root / folder / "file.txt").rename(root / folder / "moved.txt")
    assert inputs() not in (before, changed)


def test_what_changed_is_said():
    """A run rebuilds for an hour, and nobody can tell which file, setting or release made it."""
    before = {"files": "a", "settings": {"currency": "EUR", "half_life_days": 7.0}, "code": "x"}
    now = {"files": "b", "settings": {"currency": "GBP", "half_life_days": 7.0}, "code": "x"}
    assert changed_parts(before, now) == ["files", "setting currency (EUR to GBP)"]
    assert changed_parts(before, before) == []
    assert changed_parts({}, before) == ["files", "settings", "code"]


def test_own_definitions_matter(inputs, tmp_path):
    """A mapping of the company's own is corrected, and nothing is built."""
    own = tmp_path / "ours"
    (own / "mappings").mkdir(parents=True)
    before = inputs(project_dir=own)
    (own / "data").mkdir()
    (own / "data" / "big.csv").write_text("a")
    assert inputs(project_dir=own) == before
    (own / "mappings" / "shop.yml").write_text("mapping: shop")
    assert inputs(project_dir=own) != before
