"""The command that a company runs every day, as a person or cron runs it."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.pipeline.conftest import copied
from tests.soak import SOAK


def test_run_publishes_and_says_what_it_did(sample_company):
    """A newcomer's first run leaves nothing that a BI tool can read, or does not say where."""
    current = sample_company.data_dir / "published" / "current"
    assert current.is_symlink()
    manifest = json.loads((current / "manifest.json").read_text())
    assert manifest["as_of"] == "2026-06-30"
    assert (current / "report" / "index.html").stat().st_size > 10_000
    assert sample_company.query("SELECT count(*) > 1000 FROM customers") == [(True,)]
    parquet = {path.stem for path in (current / "parquet").glob("*.parquet")}
    tables = {name for (name,) in sample_company.query("SELECT table_name FROM duckdb_tables()")}
    assert parquet == tables
    assert "customer_contacts" not in tables


def test_as_of_rebuilds_a_past_day(copy_of_company):
    """Last month's report cannot be made again, or shows what happened after it; or the day after
    everybody who was not known then has another id."""
    ids = (
        "SELECT source_system, source_table, source_id, customer_id FROM identity.assignments "
        "ORDER BY ALL"
    )
    before_it = copy_of_company.warehouse(ids)
    rows = "SELECT count(*) FILTER ({0} < TIMESTAMP '2026-04-01'), count(*) FROM {1}"
    asked = [rows.format("ordered_at", "orders"), rows.format("touched_at", "touchpoints")]
    known = [copy_of_company.query(query)[0] for query in asked]
    assert all(0 < before < all_rows for before, all_rows in known)
    copy_of_company.run("--as-of", "2026-03-31", "--make-current")
    found = [copy_of_company.query(query)[0] for query in asked]
    assert [(before, before) for before, _ in found] == found
    assert copy_of_company.query("SELECT max(order_date) FROM orders") <= [(date(2026, 3, 31),)]
    # Records that leave and come back are the same person in tests/unit/identity/test_registry.py.
    if SOAK:
        copy_of_company.run()
        assert copy_of_company.warehouse(ids) == before_it


# A model that has no memory beside another one, one that reads it, and a test of it.
FREE = "{{ config(contract={'enforced': false}) }} "
GREEDY = """{% if target.threads > 1 %}
select error('Out of Memory Error: as if another model held it') as id
{% else %}
select 1 as id
{% endif %}
"""
OWN_MODELS = {
    "greedy.sql": FREE + GREEDY,
    "reads_greedy.sql": FREE + "select id from {{ ref('greedy') }}",
    "own.yml": "models: [{name: greedy, columns: [{name: id, data_tests: [not_null]}]}]",
}


@pytest.fixture(scope="module")
def unpublished(company_after_run, tmp_path_factory):
    """The company after a run whose gate failed, with models of its own; what the run said."""
    folder = tmp_path_factory.mktemp("unpublished")
    company = copied(company_after_run, folder)
    landing = company.data_dir / "landing" / "marketing"
    landing.mkdir(exist_ok=True)
    # Currencies without a rate: the one thing in the data itself that must stop a publish.
    (landing / "ad_spend_2026-07-01.csv").write_text(
        "spend_date,channel,campaign_id,cost,currency\n2026-06-01,paid_search,,10.00,XTS\n"
    )
    models = folder / "own" / "models"
    models.mkdir(parents=True)
    for name, text in OWN_MODELS.items():
        (models / name).write_text(text)
    return company, company.hourglass("run", HOURGLASS_PROJECT_DIR=str(models.parent))


def test_broken_mart_is_not_published(unpublished, company_after_run):
    """A wrong number reaches the people who act on it."""
    company, result = unpublished
    before = company_after_run.version
    assert result.returncode == 1
    assert "XTS" in result.stdout or "rate" in result.stdout
    assert before in result.stdout
    assert company.version == before


def test_a_model_without_memory_beside_another_is_built_alone(unpublished):
    """A large company has no marts of the day because two of its models were built at once."""
    company, _ = unpublished
    assert company.warehouse("SELECT id FROM marts.reads_greedy") == [(1,)]
    outcomes = company.warehouse(
        "SELECT unique_id, status FROM quality.dbt_runs WHERE unique_id LIKE '%greedy%'"
    )
    assert len(outcomes) == 3
    assert {status for _, status in outcomes} <= {"success", "pass"}
    log = max((company.data_dir / "dagster" / "logs").glob("*.log")).read_text()
    assert "greedy: out of memory" in log


def test_no_direct_identifier_is_published(sample_company):
    """A customer's name or address stands in a mart or on the report that everybody may open."""
    contacts = sample_company.data_dir / "restricted" / "current" / "restricted.duckdb"
    with duckdb.connect(str(contacts), read_only=True) as con:
        emails = [
            row[0]
            for row in con.execute(
                "SELECT email FROM customer_contacts WHERE email IS NOT NULL ORDER BY 1 LIMIT 50"
            ).fetchall()
        ]
    assert emails
    published = sample_company.data_dir / "published" / "current"
    pages = sorted((published / "report").rglob("*.*"))
    assert len(pages) > 20
    text = b"".join(path.read_bytes().lower() for path in pages)
    marts = (published.resolve() / "marts.duckdb").read_bytes().lower()
    for email in emails:
        assert email.lower().encode() not in text
        assert email.lower().encode() not in marts


def test_no_network_is_asked_for(sample_company):
    """The pipeline sends telemetry, or stops where a company's network is closed."""
    log = sample_company.data_dir.parent / "connections.txt"
    assert not log.exists(), log.read_text()


def test_dbt_build_works_by_hand(copy_of_company, tmp_path):
    """An engineer who tries dbt as dbt is used elsewhere finds that it does not work."""
    result = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "dbt"), "build", "--select", "+customers"),
            *("--exclude", "resource_type:unit_test"),
        ],
        cwd=PROJECT_ROOT / "dbt",
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "DBT_TARGET_PATH": str(tmp_path / "target"),
            "DBT_LOG_PATH": str(tmp_path / "logs"),
            "HOURGLASS_WAREHOUSE_PATH": str(
                copy_of_company.data_dir / "warehouse" / "warehouse.duckdb"
            ),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:]
