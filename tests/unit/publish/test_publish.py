"""Only the build that was checked is published, and wholly; until then readers keep the last."""

import json
import stat
from datetime import UTC

import duckdb
import pytest

from dagster_project.errors import HourglassError
from dagster_project.publish import (
    current_manifest,
    list_versions,
    opened_marts,
    publish,
    restricted_database,
    version_in_force,
)
from dagster_project.publish import writing as build_module
from dagster_project.publish.descriptions import descriptions_in
from dagster_project.publish.flip import publishing
from dagster_project.publish.writing import write_parquet
from dagster_project.warehouse import connect
from tests.small_warehouse import ORDERS, fill, pass_gate, record_dbt, report_page, stamps


def test_a_version_holds_what_the_design_says(put_out, settings):
    """If this fails, analysts do not find the marts, their Parquet, the report or the record."""
    version = put_out()
    folder = settings.published_dir / "current"
    assert folder.resolve() == version.published
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    marts = {f"parquet/{mart}.parquet" for mart in ("build", "customers", "orders")}
    assert found == marts | {"marts.duckdb", "report/index.html", "quality.json", "manifest.json"}
    with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as con:
        [(build_id, as_of, published_at)] = con.execute(
            "SELECT build_id, as_of, published_at FROM build"
        ).fetchall()
        kinds = con.execute("SELECT DISTINCT table_type FROM information_schema.tables").fetchall()
        [(options,)] = con.execute(
            "SELECT tags FROM duckdb_databases() WHERE database_name = 'marts'"
        ).fetchall()
    assert (build_id, str(as_of)) == ("b1", "2024-06-30")
    assert published_at.replace(tzinfo=UTC) == version.published_at
    # Views lose the types of DECIMAL columns in BI.
    assert kinds == [("BASE TABLE",)]
    # A reader two releases of DuckDB behind opens it.
    assert options["storage_version"].startswith("v1.0.0")
    assert "20 customers" in (folder / "report" / "index.html").read_text()
    manifest = current_manifest(settings)
    assert manifest["version"] == version.name
    assert manifest["build_id"] == "b1"
    assert manifest["inputs"] == "in-b1"
    assert manifest["marts"]["orders"]["rows"] == 100
    assert manifest["files"].keys() == found - {"manifest.json"}
    assert json.loads((folder / "quality.json").read_text())["counts"]["blocking"] == 0


def test_marts_carry_their_definitions(put_out, settings):
    """If this fails, an analyst's tool shows columns without saying what they mean."""
    put_out()
    path = settings.published_dir / "current" / "marts.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        tables = con.execute("SELECT comment FROM duckdb_tables() ORDER BY 1").fetchall()
        columns = con.execute(
            "SELECT DISTINCT column_name, comment FROM duckdb_columns() WHERE comment IS NOT NULL"
        ).fetchall()
    assert tables[0] == ("The mart build.",)
    assert columns == [("stamp", "It's one per version.")]


def test_a_large_mart_is_parquet_alone_and_the_manifest_says_so(put_out, settings):
    """A billion events are copied into one file every day, or a reader does not know where they
    are."""
    put_out(parquet_only_rows=ORDERS)
    folder = settings.published_dir / "current"
    with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as con:
        tables = con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    assert tables == [("build",), ("customers",)]
    marts = current_manifest(settings)["marts"]
    assert {name for name, facts in marts.items() if facts["is_parquet_only"]} == {"orders"}
    assert (folder / "parquet" / "customers.parquet").exists()
    # Comments, types and rows are with the file, and the report was made of it.
    with opened_marts(folder) as con:
        assert descriptions_in(con)["orders"][None] == "The mart orders."
        assert con.execute("SELECT count(*) FROM orders").fetchall() == [(ORDERS,)]
    # Also of no rows: only the mart that tells versions apart stays a table.
    put_out(2, parquet_only_rows=0)
    with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as con:
        assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("build",)]
    put_out(3)
    assert not any(
        facts["is_parquet_only"] for facts in current_manifest(settings)["marts"].values()
    )
    assert stamps(settings) == {3}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("SELECT * FROM {orders} LIMIT 99", "mart orders is not the one"),
        ("SELECT * REPLACE (7 AS stamp) FROM {orders}", "mart orders is not the one"),
    ],
)
def test_parquet_that_differs_is_not_put_in_force(put_out, settings, monkeypatch, damage, said):
    """The only copy of a mart is not that which was checked."""
    before = put_out(parquet_only_rows=50)

    def written(con, table, path, *rest):
        if path.stem == "orders":
            table = f"({damage.format(orders=table)})"
        return write_parquet(con, table, path, *rest)

    monkeypatch.setattr(build_module, "write_parquet", written)
    with pytest.raises(HourglassError, match=said):
        put_out(2, parquet_only_rows=50)
    assert version_in_force(settings) == before


def test_direct_identifiers_lie_apart_and_closed(put_out, settings):
    """If this fails, names and addresses are readable by everybody on the machine."""
    version = put_out()
    for path in (settings.restricted_dir, version.restricted):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    database = restricted_database(settings)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    with duckdb.connect(str(database), read_only=True) as con:
        tables = con.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables ORDER BY 1"
        ).fetchall()
    assert [name for (name,) in tables] == [
        "identity.registry_ids",
        "main.build",
        "main.customer_contacts",
    ]
    for path in version.published.rglob("*"):
        assert not path.is_file() or b"@example.org" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM quality.gate_records", "no record"),
        ("UPDATE control.parameters SET build_id = 'b2'", "build b2"),
        (
            "UPDATE control.parameters SET build_id = 'b2'; UPDATE marts.build SET build_id = 'b2'",
            "checks ran on build b1",
        ),
        ("DELETE FROM control.parameters", "holds no build"),
        ("DELETE FROM marts.orders WHERE order_id = 'o1'", "mart orders is not the one"),
        ("UPDATE marts.customers SET net_revenue = 0", "mart customers is not the one"),
        ("UPDATE restricted.customer_contacts SET email = 'x'", "mart customer_contacts is not"),
        ("CREATE TABLE marts.extra AS SELECT 1 AS x", "mart extra is not"),
        ("DROP TABLE marts.orders", "orders"),
        ("UPDATE marts.build SET build_id = 'b0'", "build"),
        ("DELETE FROM marts.build", "build"),
    ],
)
def test_an_unchecked_build_is_refused(put_out, con, settings, suites_dir, tmp_path, damage, said):
    """If this fails, readers get marts that nobody checked."""
    before = put_out()
    fill(con, "b1", stamp=2)
    pass_gate(con, settings, suites_dir, tmp_path / "dbt")
    con.execute(damage)
    with pytest.raises(HourglassError, match=said):
        publish(con, settings, render=report_page, suites_dir=suites_dir)
    assert version_in_force(settings) == before
    assert stamps(settings) == {1}
    assert [version.name for version in list_versions(settings)] == [before.name]
    assert not list((settings.restricted_dir / "versions").glob(".*"))


def test_marts_of_another_build_are_refused(con, settings, suites_dir, tmp_path):
    """If this fails, a run that rebuilt some of the marts publishes the rest as of today."""
    con.execute("UPDATE marts.build SET build_id = 'b0'")
    pass_gate(con, settings, suites_dir, tmp_path / "dbt")
    with pytest.raises(HourglassError, match="not all rebuilt"):
        publish(con, settings, render=report_page, suites_dir=suites_dir)


def test_a_check_that_was_added_since_is_asked_for(put_out, con, settings, suites_dir):
    """If this fails, a check written today is not applied to today's publish."""
    put_out()
    path = suites_dir / "orders.yml"
    path.write_text(
        path.read_text()
        + """
  - name: added
    sql: select order_id from {batch} where order_id is null
    severity: blocking
    why: New.
"""
    )
    with pytest.raises(HourglassError, match="orders: added did not run"):
        publish(con, settings, render=report_page, suites_dir=suites_dir)


@pytest.mark.parametrize("parquet_only_rows", [None, 0])
def test_a_type_that_bi_mishandles_is_refused(
    con, settings, suites_dir, tmp_path, parquet_only_rows
):
    """If this fails, a dashboard shows nonsense for a column."""
    settings = settings.model_copy(update={"parquet_only_rows": parquet_only_rows})
    con.execute("ALTER TABLE marts.orders ADD COLUMN big HUGEINT")
    pass_gate(con, settings, suites_dir, tmp_path / "dbt")
    with pytest.raises(HourglassError, match=r"orders\.big has the type HUGEINT"):
        publish(con, settings, render=report_page, suites_dir=suites_dir)


def test_a_failing_report_publishes_nothing(put_out, con, settings, suites_dir):
    """If this fails, a version without its report is in force."""
    before = put_out()

    def broken(*_, **__):
        raise HourglassError("The report asks for a mart that is not there.")

    with pytest.raises(HourglassError, match="asks for"):
        publish(con, settings, render=broken, suites_dir=suites_dir)
    assert version_in_force(settings) == before
    assert not list(settings.published_dir.glob("versions/.*"))


def test_a_copy_that_differs_is_not_put_in_force(put_out, con, settings, suites_dir, monkeypatch):
    """If this fails, a disk that lost rows while writing is published."""
    before = put_out()
    copied = build_module._copy

    def losing(con, schema, name, target, published_at):
        copied(con, schema, name, target, published_at)
        if name == "customers":
            con.execute(f"DELETE FROM {target}.{name} WHERE customer_id = 'c3'")

    monkeypatch.setattr(build_module, "_copy", losing)
    with pytest.raises(HourglassError, match="customers is not the one"):
        publish(con, settings, render=report_page, suites_dir=suites_dir)
    assert version_in_force(settings) == before


def test_a_registry_that_was_not_copied_whole_is_not_put_in_force(
    put_out, con, settings, suites_dir, monkeypatch
):
    """If this fails, customer ids change after the warehouse was lost, for no copy had them all."""
    before = put_out()
    copied = build_module._copy

    def losing(con, schema, name, target, published_at):
        copied(con, schema, name, target, published_at)
        if name == "registry_ids":
            con.execute(f"DELETE FROM {target}.{name} WHERE customer_id = 'c3'")

    monkeypatch.setattr(build_module, "_copy", losing)
    with pytest.raises(HourglassError, match="identity registry"):
        publish(con, settings, render=report_page, suites_dir=suites_dir)
    assert version_in_force(settings) == before


def test_two_publishers_do_not_meet(con, settings, suites_dir):
    """If this fails, a rollback during a publish leaves half of each in force."""
    with publishing(settings), pytest.raises(HourglassError, match="Another process"):
        publish(con, settings, render=report_page, suites_dir=suites_dir)


def test_a_folder_that_cannot_be_written_is_named(con, settings, suites_dir):
    """If this fails, a wrong owner or a file in the way ends in a stack trace."""
    settings.published_dir.write_text("in the way")
    with pytest.raises(HourglassError, match="cannot be written") as raised:
        publish(con, settings, render=report_page, suites_dir=suites_dir)
    assert str(settings.published_dir) in raised.value.message


def test_a_damaged_version_in_force_is_said(put_out, settings):
    """If this fails, a damaged manifest passes for "nothing was ever published"."""
    version = put_out()
    (version.published / "manifest.json").write_text("{")
    with pytest.raises(HourglassError, match="damaged"):
        current_manifest(settings)


def test_nothing_is_in_force_before_the_first(settings):
    """If this fails, the first run of a new installation stops."""
    assert current_manifest(settings) is None
    assert version_in_force(settings) is None
    assert restricted_database(settings) is None
    assert list_versions(settings) == []


def test_the_warehouse_is_free_after_publishing(put_out, con, settings):
    """If this fails, the step after the publish cannot open the warehouse."""
    put_out()
    con.close()
    with connect(settings) as again:
        attached = again.execute("SELECT database_name FROM duckdb_databases()").fetchall()
    assert ("new_version",) not in attached


def test_a_refused_publish_can_be_repeated(put_out, con, settings, suites_dir, tmp_path):
    """If this fails, one refusal blocks every later publish of the same warehouse."""
    put_out()
    con.execute("DELETE FROM marts.orders WHERE order_id = 'o1'")
    with pytest.raises(HourglassError):
        publish(con, settings, render=report_page, suites_dir=suites_dir)
    fill(con, "b1", stamp=5)
    record_dbt(con, tmp_path / "dbt")
    pass_gate(con, settings, suites_dir, tmp_path / "dbt")
    publish(con, settings, render=report_page, suites_dir=suites_dir)
    assert stamps(settings) == {5}
