"""PostgreSQL as a publish target, on a real server: whole versions, switched at once."""

import threading
import time

import duckdb
import pytest

from dagster_project.errors import HourglassError
from dagster_project.publish import opened_marts, rollback, version_in_force
from dagster_project.publish.targets import update_targets
from dagster_project.publish.targets.postgres import PostgresTarget
from tests.parquet_only import move_to_parquet
from tests.postgres_server import postgres_server
from tests.soak import SOAK

psycopg2 = pytest.importorskip("psycopg2")

READERS, PUBLISHES = 16, 20 if SOAK else 4
QUERY = """
    SELECT b.stamp, min(o.stamp), max(o.stamp), min(c.stamp), max(c.stamp), count(*)
    FROM analytics.build AS b, analytics.orders AS o
    JOIN analytics.customers AS c ON o.customer_id = c.customer_id GROUP BY b.stamp
"""


@pytest.fixture(scope="module")
def server():
    with postgres_server() as url:
        yield url


@pytest.fixture
def database(server):
    """An empty database with a role that may read what it is granted."""
    con = psycopg2.connect(server)
    con.autocommit = True
    with con.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS marts WITH (FORCE)")
        cursor.execute("CREATE DATABASE marts")
        cursor.execute("DROP ROLE IF EXISTS analyst")
        cursor.execute("CREATE ROLE analyst LOGIN")
    con.close()
    return server.removesuffix("/postgres") + "/marts"


@pytest.fixture
def settings(settings, database):
    return settings.model_copy(
        update={
            "publish_postgres_url": database,
            "publish_postgres_schema": "analytics",
            "publish_postgres_readers": ("analyst",),
        }
    )


def asked(database: str, sql: str, *, role: str = "analyst") -> list[tuple]:
    con = psycopg2.connect(database.replace("owner@", f"{role}@"))
    try:
        with con.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
    finally:
        con.close()


@pytest.mark.parametrize("alone", [set(), {"odd", "orders"}], ids=["tables", "parquet"])
def test_a_version_arrives_as_it_is(put_out, settings, database, alone):
    """Amounts, empty texts or absent values are others in the database than in the files."""
    version = put_out(1)
    odd = "CREATE TABLE odd AS SELECT * FROM (VALUES (CAST(1 AS BIGINT), 'a,\"b\n', true, "
    odd += "DATE '2024-02-29', TIMESTAMP '2024-02-29 12:00:00.123456', CAST(1e300 AS DOUBLE), "
    odd += "CAST(-12.34 AS DECIMAL(18, 2)), 7), (NULL, '', false, NULL, NULL, CAST('nan' AS "
    odd += "DOUBLE), NULL, NULL), (3, NULL, NULL, NULL, NULL, 0.1, 0.01, -1), "
    odd += "(4, 'a' || chr(0) || 'b', NULL, NULL, NULL, NULL, NULL, NULL)) AS "
    odd += "v(i, s, b, d, t, f, m, n)"
    with duckdb.connect(str(version.database)) as con:
        con.execute(odd)
    move_to_parquet(version.published, alone)
    assert update_targets(settings) == [PostgresTarget(database).name]
    with opened_marts(version.published) as con:
        for mart in ("build", "customers", "orders"):
            ours = con.execute(f"SELECT * FROM {mart} ORDER BY ALL").fetchall()
            theirs = asked(database, f"SELECT * FROM analytics.{mart}")
            assert sorted(theirs, key=repr) == sorted(ours, key=repr)
        ours = con.execute("SELECT * REPLACE (replace(s, chr(0), '') AS s) FROM odd").fetchall()
    assert repr(asked(database, "SELECT * FROM analytics.odd ORDER BY 1 NULLS FIRST")) == repr(
        sorted(ours, key=lambda row: row[0] or 0)
    )
    types = asked(
        database,
        "SELECT column_name, data_type, numeric_scale FROM information_schema.columns "
        "WHERE table_schema = 'analytics' AND table_name = 'customers' ORDER BY ordinal_position",
    )
    assert ("net_revenue", "numeric", 2) in types
    comments = "SELECT obj_description('analytics.orders'::regclass), "
    comments += "col_description('analytics.orders'::regclass, 4)"
    assert asked(database, comments) == [("The mart orders.", "It's one per version.")]
    # Nothing to do the second time.
    assert update_targets(settings) == []


def test_readers_see_one_version_during_publishes(put_out, settings, database):
    """A dashboard shows an error, or orders of one day beside customers of another, whenever the
    pipeline publishes."""
    put_out(1)
    update_targets(settings)
    names = [put_out(stamp).name for stamp in range(2, 2 + PUBLISHES)]
    errors: list[str] = []
    reads, seen = [0] * READERS, set()
    stopped = threading.Event()

    def read(number: int) -> None:
        con = psycopg2.connect(database.replace("owner@", "analyst@"))
        # Some keep their transaction for two queries, one with a snapshot older than the switch.
        if number % 4 == 1:
            con.set_session(isolation_level="REPEATABLE READ")
        con.autocommit = number % 4 != 1 and number % 2 == 0
        with con.cursor() as cursor:
            while not stopped.is_set():
                try:
                    if not con.autocommit:
                        cursor.execute("SELECT 1")
                    for _ in range(1 if con.autocommit else 2):
                        cursor.execute(QUERY)
                        [row] = cursor.fetchall()
                        if len(set(row[:5])) != 1 or row[5] != 100:
                            errors.append(f"mixed: {row}")
                        seen.add(row[0])
                    con.commit()
                    reads[number] += 1
                    time.sleep(0.002)
                except (psycopg2.Error, ValueError) as error:
                    errors.append(f"{type(error).__name__}: {error}")
                    con.rollback()
        con.close()

    threads = [threading.Thread(target=read, args=[number]) for number in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        for name in names:
            rollback(settings, name)
            update_targets(settings)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert min(reads) >= 3, reads
    assert len(seen) >= 3, seen
    assert asked(database, "SELECT stamp FROM analytics.build") == [(1 + PUBLISHES,)]
    # The version before stays for whoever still reads it; the others are gone.
    schemas = asked(
        database, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'analytics\\_2%'"
    )
    assert schemas == [(2,)]


def test_a_snapshot_from_before_the_publish_sees_the_rows(put_out, settings, database):
    """A long report that began before the publish finds every table empty."""
    put_out(1)
    update_targets(settings)
    put_out(2)
    con = psycopg2.connect(database.replace("owner@", "analyst@"))
    con.set_session(isolation_level="REPEATABLE READ")
    with con.cursor() as cursor:
        cursor.execute("SELECT 1")
        update_targets(settings)
        cursor.execute(QUERY)
        assert cursor.fetchall() == [(2, 2, 2, 2, 2, 100)]
    con.close()


def test_going_back_goes_back_there_too(put_out, settings, database):
    """A bad version is taken back in the files, and the dashboards on the database keep it."""
    first, _, third = (put_out(stamp) for stamp in (1, 2, 3))
    update_targets(settings)
    rollback(settings, first.name)
    update_targets(settings)
    assert asked(database, "SELECT stamp FROM analytics.build") == [(1,)]
    rollback(settings, third.name)
    update_targets(settings)
    assert asked(database, "SELECT stamp FROM analytics.build") == [(3,)]


def test_views_of_others_outlive_a_version(put_out, settings, database):
    """An analyst's own view is dropped by the next publish, or stops it."""
    put_out(1)
    update_targets(settings)
    con = psycopg2.connect(database)
    con.cursor().execute("CREATE VIEW mine AS SELECT max(stamp) AS newest FROM analytics.orders")
    con.commit()
    con.close()
    put_out(2)
    update_targets(settings)
    put_out(3)
    update_targets(settings)
    assert asked(database, "SELECT newest FROM mine", role="owner") == [(3,)]


def test_a_database_that_is_away_is_said_and_caught_up(put_out, settings, database):
    """The database was down for a minute: the run ends in a stack trace with the password in it, or
    readers stay on yesterday until somebody notices."""
    version = put_out(1)
    away = settings.model_copy(
        update={"publish_postgres_url": "postgresql://owner:s3cret@127.0.0.1:9/marts"}
    )
    with pytest.raises(HourglassError, match=r"in force in .* did not take it") as raised:
        update_targets(away)
    assert "s3cret" not in raised.value.message
    assert version_in_force(settings) == version
    assert update_targets(settings) != []
    assert asked(database, "SELECT stamp FROM analytics.build") == [(1,)]


def test_a_reader_that_holds_on_delays_nobody_for_ever(put_out, settings, database, monkeypatch):
    """Somebody left a query window open, and nothing is published until they come back."""
    monkeypatch.setattr("dagster_project.publish.targets.postgres.PATIENCE_SECONDS", 0.5)
    put_out(1)
    update_targets(settings)
    con = psycopg2.connect(database)
    con.cursor().execute("SELECT count(*) FROM analytics.orders")
    put_out(2)
    with pytest.raises(HourglassError, match="pg_stat_activity"):
        update_targets(settings)
    con.close()
    update_targets(settings)
    assert asked(database, "SELECT stamp FROM analytics.build") == [(2,)]
