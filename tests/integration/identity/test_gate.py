"""If these fail, a broken export renames half of the customers and is published."""

import pytest
import yaml

from dagster_project.errors import HourglassError
from dagster_project.identity import REGISTRY_TABLES, forget_unpublished
from dagster_project.identity.matching.overrides import add_overrides, make_override
from dagster_project.identity.resolution import resolve_records
from dagster_project.quality.gate import run_gate
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.warehouse import connect
from tests.bench.people import add_people, collect_values, create_tables

CHECKS = ("few_customers_changed_their_id", "no_customer_grew_at_a_bound")
PEOPLE = 300


@pytest.fixture
def suites_dir(tmp_path):
    """The two checks as they are shipped, without the rest of the marts around them."""
    suite = yaml.safe_load((PROJECT_ROOT / "expectations" / "customers.yml").read_text())
    suite["expectations"] = [item for item in suite["expectations"] if item["name"] in CHECKS]
    del suite["volume"]
    folder = tmp_path / "suites"
    folder.mkdir()
    (folder / "customers.yml").write_text(yaml.safe_dump(suite))
    return folder


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def con(settings, tmp_path):
    """A warehouse of 300 people, resolved, and published as far as identity goes."""
    with connect(settings, extra_dirs=[tmp_path]) as con:
        create_tables(con)
        add_people(con, PEOPLE)
        con.execute("CREATE SCHEMA marts")
        con.execute("CREATE TABLE control.parameters (build_id VARCHAR)")
        _resolve(con, settings, None)
        con.execute(f"ATTACH '{_published(settings)}' AS version")
        con.execute("CREATE SCHEMA version.identity")
        for table in ("assignments", "metrics", *REGISTRY_TABLES):
            con.execute(f"CREATE TABLE version.identity.{table} AS FROM identity.{table}")
        con.execute("DETACH version")
        yield con


def _published(settings):
    return settings.data_dir / "restricted.duckdb"


def _resolve(con, settings, published):
    collect_values(con)
    summary = resolve_records(con, settings, run_id="test", published=published)
    con.execute(
        "CREATE OR REPLACE TABLE marts.customers AS SELECT customer_id FROM identity.customers"
    )
    con.execute("DELETE FROM control.parameters")
    con.execute("INSERT INTO control.parameters VALUES (uuid()::VARCHAR)")
    return summary


def _failed(con, settings, suites_dir):
    record = run_gate(con, settings, suites_dir=suites_dir)
    # dbt built nothing here, which is a failure of its own.
    return record, {
        result.check: result.severity
        for result in record.results
        if result.outcome != "passed" and result.check != "dbt_results_recorded"
    }


def test_a_day_like_any_other_passes(con, settings, suites_dir):
    """Every morning somebody has to raise a limit by hand."""
    add_people(con, 10, first=PEOPLE)
    _resolve(con, settings, _published(settings))
    assert _failed(con, settings, suites_dir)[1] == {}


def test_a_published_day_is_followed_by_an_increment(con, settings):
    """Every morning takes as long as the first, because the registry seems to be another."""
    con.execute(
        "INSERT INTO intermediate.int_identity_records BY NAME SELECT 'shop' AS source_system, "
        "'orders' AS source_table, 'new' AS source_id, 'nobody.yet@example.com' AS email, "
        "true AS is_customer_evidence, false AS is_deleted"
    )
    assert _resolve(con, settings, _published(settings)).is_increment
    # Nobody published that one, so the next starts from the version in force again.
    assert not _resolve(con, settings, _published(settings)).is_increment


def test_an_export_whose_columns_slipped_is_stopped(con, settings, suites_dir):
    """E-mails and phones one row off: everybody's history goes to a stranger."""
    con.execute(
        """
        CREATE TABLE slipped AS
        SELECT source_id, lead(email) OVER w AS email, lead(phone) OVER w AS phone,
               lead(first_name) OVER w AS first_name, lead(last_name) OVER w AS last_name,
               lead(loyalty_card) OVER w AS loyalty_card, lead(birth_date) OVER w AS birth_date
        FROM intermediate.int_identity_records WHERE source_table = 'contacts'
        WINDOW w AS (ORDER BY source_id)
        """
    )
    con.execute(
        """
        UPDATE intermediate.int_identity_records AS r
        SET email = s.email, phone = s.phone, first_name = s.first_name, last_name = s.last_name,
            loyalty_card = s.loyalty_card, birth_date = s.birth_date
        FROM slipped AS s WHERE s.source_id = r.source_id AND r.source_table = 'contacts'
        """
    )
    _resolve(con, settings, _published(settings))
    record, failed = _failed(con, settings, suites_dir)
    assert failed == {"few_customers_changed_their_id": "blocking"}
    with pytest.raises(HourglassError, match="few_customers_changed_their_id"):
        record.require_passed()


def test_strangers_in_one_customer_are_stopped(con, settings, suites_dir):
    """A form that fills in one person's data makes a dozen people one, and all buy as one."""
    con.execute(
        """
        UPDATE intermediate.int_identity_records
        SET email = 'form@filled.com', phone = '+44 20 7183 8750', first_name = 'Anna',
            last_name = 'Smith', birth_date = DATE '1980-02-03', loyalty_card = NULL
        WHERE source_id IN (
            SELECT source_id FROM intermediate.int_identity_records
            WHERE source_table = 'contacts' ORDER BY source_id LIMIT 20
        )
        """
    )
    _resolve(con, settings, _published(settings))
    assert _failed(con, settings, suites_dir)[1]["no_customer_grew_at_a_bound"] == "blocking"


def _changed_percent(con):
    return con.execute(
        "SELECT value FROM identity.metrics WHERE metric = 'changed_ids_percent'"
    ).fetchone()[0]


def _clerk_links(con, settings, count):
    rows = con.execute(
        """
        SELECT min(source_id) FROM identity.assignments
        WHERE source_table = 'contacts' GROUP BY customer_id ORDER BY 1 LIMIT ?
        """,
        [2 * count],
    ).fetchall()
    keys = [f"crm.contacts/{row[0]}" for row in rows]
    add_overrides(
        settings,
        [
            make_override("link", left, right, who="Ann", why="asked")
            for left, right in zip(keys[::2], keys[1::2], strict=True)
        ],
    )


def test_what_a_person_decided_is_no_fault(con, settings):
    """A clerk's decisions stop the build, so nobody decides anything."""
    _clerk_links(con, settings, 20)
    _resolve(con, settings, _published(settings))
    assert _changed_percent(con) == 0.0
    assert con.execute("SELECT count(*) FROM identity.id_changes").fetchone()[0] >= 20
    # Also when the run that took them was not published, and the next one goes on from it.
    _resolve(con, settings, _published(settings))
    assert _changed_percent(con) == 0.0


def test_a_failed_run_blocks_none_that_follows(con, settings, suites_dir):
    """One run with a mistaken setting, and nothing is published ever after."""
    before = con.execute("FROM identity.registry ORDER BY ALL").fetchall()
    con.execute("CREATE TABLE kept AS FROM intermediate.int_identity_records")
    con.execute(
        """
        UPDATE intermediate.int_identity_records
        SET email = NULL, phone = NULL, loyalty_card = NULL, birth_date = NULL
        WHERE source_table IN ('contacts', 'accounts')
        """
    )
    _resolve(con, settings, _published(settings))
    assert _failed(con, settings, suites_dir)[1] == {"few_customers_changed_their_id": "blocking"}
    con.execute("CREATE OR REPLACE TABLE intermediate.int_identity_records AS FROM kept")
    _resolve(con, settings, _published(settings))
    assert _failed(con, settings, suites_dir)[1] == {}
    assert _changed_percent(con) == 0.0
    assert con.execute("FROM identity.registry ORDER BY ALL").fetchall() == before
    for table in ("id_changes", "registry_trail"):
        assert con.execute(f"SELECT count(*) FROM identity.{table}").fetchone() == (0,)
    assert con.execute(
        "SELECT count(*) FROM identity.registry_ids WHERE merged_into IS NOT NULL"
    ).fetchone() == (0,)


def test_the_first_run_leaves_no_id_when_it_is_not_published(con, settings):
    """Customers of a first, mistaken run give way to others before anybody has seen them."""
    con.execute("DELETE FROM intermediate.int_identity_records WHERE source_table = 'contacts'")
    _resolve(con, settings, None)
    assert con.execute("SELECT count(*) FROM identity.id_changes").fetchone()[0] > 0
    forget_unpublished(con)
    _resolve(con, settings, None)
    assert con.execute("SELECT count(*) FROM identity.id_changes").fetchone() == (0,)
    assert con.execute(
        "SELECT count(*) FROM identity.registry_ids "
        "WHERE customer_id NOT IN (SELECT customer_id FROM identity.customers)"
    ).fetchone() == (0,)
