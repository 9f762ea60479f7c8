"""PostgreSQL as a publish target: each version in a schema of its own, views that lead to it.

Readers use the views in one schema. They are switched in one transaction that first locks all of
them, so that a query which has begun to resolve them ends on the version that it began with. Rows
are copied frozen: also a transaction whose snapshot is older than the version sees them.
"""

import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import duckdb
from pyarrow import csv

from dagster_project.errors import HourglassError, UsageError
from dagster_project.publish.descriptions import descriptions_in
from dagster_project.publish.reading import marts_in, opened_marts
from dagster_project.publish.versions import PublishedVersion
from dagster_project.quality.fingerprint import columns_of
from dagster_project.warehouse import identifier

TYPES = {
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}
ROWS_AT_ONCE = 100_000
CONNECT_SECONDS = 10
# Below PostgreSQL's deadlock_timeout (1 s), so that this side gives up and never a reader.
LOCK_WAIT = "300ms"
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.2
# Marks the schemas that are ours, by their comment.
MARK = "Hourglass version "
# One publisher at a time in a database; any number that nobody else is likely to use.
ADVISORY_LOCK = 0x486F7572


class PostgresTarget:
    """The database at ``url``: views in ``schema``, readable by the roles ``readers``."""

    def __init__(self, url: str, *, schema: str = "hourglass", readers: Sequence[str] = ()) -> None:
        self._url, self._schema, self._readers = url, schema, tuple(readers)
        parts = urlsplit(url)
        # Without user and password.
        self.name = f"PostgreSQL at {parts.hostname or 'this machine'}{parts.path}"

    def in_force(self) -> str | None:
        """The version that the views lead to; None when there are none yet."""
        with self._connected() as con:
            return self._versions(con).get(self._schema)

    def put_in_force(self, version: PublishedVersion) -> None:
        """Load the version into a schema of its own, unless it is there, and switch the views."""
        own = f"{self._schema}_{version.name.lower().replace('-', '_')}"
        with self._connected() as con, _cursor(con) as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
            if not cursor.fetchone()[0]:
                raise HourglassError("Another process is publishing there.")
            con.commit()
            before = self._versions(con)
            if before.get(own) != version.name:
                self._load(con, own, version)
            self._patiently(con, lambda: self._switch(con, own, version.name))
            kept = {own, *(s for s, name in before.items() if name == before.get(self._schema))}
            self._drop(con, [s for s in before if s not in kept and s != self._schema])

    def _load(self, con: Any, own: str, version: PublishedVersion) -> None:
        """All marts in one transaction: the schema is there whole, or not at all."""
        with _cursor(con) as cursor, opened_marts(version.published) as source:
            cursor.execute(f"DROP SCHEMA IF EXISTS {identifier(own)} CASCADE")
            cursor.execute(f"CREATE SCHEMA {identifier(own)}")
            marts, said = marts_in(source), descriptions_in(source)
            for mart in marts:
                table = f"{identifier(own)}.{identifier(mart)}"
                _copy(source, cursor, mart, table, said.get(mart, {}))
            cursor.execute(f"COMMENT ON SCHEMA {identifier(own)} IS %s", [MARK + version.name])
            con.commit()
            # What the planner knows of them; readers could go without.
            for mart in marts:
                cursor.execute(f"ANALYZE {identifier(own)}.{identifier(mart)}")
            con.commit()

    def _switch(self, con: Any, own: str, name: str) -> None:
        """Point every view at the schema ``own``, in one transaction."""
        with _cursor(con) as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(self._schema)}")
            present = self._relations(cursor, self._schema)
            marts = self._relations(cursor, own)
            taken = sorted(mart for mart in marts if present.get(mart, "v") != "v")
            if taken:
                raise UsageError(
                    f"{self._schema}.{taken[0]} is no view, so it is not replaced. Choose another "
                    "schema with HOURGLASS_PUBLISH_POSTGRES_SCHEMA."
                )
            views = [f"{identifier(self._schema)}.{identifier(view)}" for view in sorted(present)]
            if views:
                cursor.execute(f"LOCK TABLE {', '.join(views)} IN ACCESS EXCLUSIVE MODE")
            for mart in sorted(marts):
                self._view(cursor, own, mart, is_new=mart not in present)
            for view in sorted(present.keys() - marts.keys()):
                if present[view] == "v":
                    cursor.execute(f"DROP VIEW {identifier(self._schema)}.{identifier(view)}")
            for role in self._readers:
                schema = identifier(self._schema)
                cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {identifier(role)}")
                cursor.execute(
                    f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {identifier(role)}"
                )
            cursor.execute(f"COMMENT ON SCHEMA {identifier(self._schema)} IS %s", [MARK + name])
        con.commit()

    def _view(self, cursor: Any, own: str, mart: str, *, is_new: bool) -> None:
        view = f"{identifier(self._schema)}.{identifier(mart)}"
        table = f"{identifier(own)}.{identifier(mart)}"
        create = f"VIEW {view} AS SELECT * FROM {table}"
        if is_new:
            cursor.execute(f"CREATE {create}")
        else:
            # Replaced where its columns allow it: views that others built on it stay.
            import psycopg2

            cursor.execute("SAVEPOINT replaced")
            try:
                cursor.execute(f"CREATE OR REPLACE {create}")
            except psycopg2.errors.InvalidTableDefinition:
                cursor.execute("ROLLBACK TO SAVEPOINT replaced")
                cursor.execute(f"DROP VIEW {view}")
                cursor.execute(f"CREATE {create}")
        cursor.execute(
            "SELECT a.attname, col_description(a.attrelid, a.attnum) FROM pg_attribute AS a "
            "WHERE a.attrelid = %s::regclass AND a.attnum > 0 "
            "UNION ALL SELECT NULL, obj_description(%s::regclass, 'pg_class')",
            [table, table],
        )
        _comment(cursor, "VIEW", view, dict(cursor.fetchall()))

    def _drop(self, con: Any, schemas: Sequence[str]) -> None:
        """Remove versions that nobody is led to; one that is still being read stays until later."""
        import psycopg2

        for schema in schemas:
            try:
                with _cursor(con) as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
                    cursor.execute(f"DROP SCHEMA {identifier(schema)} CASCADE")
                con.commit()
            except (psycopg2.errors.LockNotAvailable, psycopg2.errors.OutOfMemory):
                con.rollback()

    def _patiently(self, con: Any, work: Callable[[], None]) -> None:
        """Try again while readers hold locks, and let those through that wait behind this one."""
        import psycopg2

        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return work()
            except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected):
                con.rollback()
                if time.monotonic() > deadline:
                    raise HourglassError(
                        f"a transaction there has kept a view of {self._schema} for "
                        f"{PATIENCE_SECONDS:g} s (pg_stat_activity says whose). "
                    ) from None
                time.sleep(PAUSE_SECONDS)

    def _versions(self, con: Any) -> dict[str, str]:
        """Version by schema, of the schemas that are marked as ours."""
        with _cursor(con) as cursor:
            cursor.execute(
                "SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace "
                "WHERE starts_with(nspname, %s)",
                [self._schema],
            )
            rows = cursor.fetchall()
        con.commit()
        return {
            schema: comment.removeprefix(MARK)
            for schema, comment in rows
            if (comment or "").startswith(MARK)
        }

    @staticmethod
    def _relations(cursor: Any, schema: str) -> dict[str, str]:
        """Tables and views of a schema by name: their ``relkind``."""
        cursor.execute(
            "SELECT c.relname, c.relkind FROM pg_class AS c JOIN pg_namespace AS n "
            "ON c.relnamespace = n.oid WHERE n.nspname = %s "
            "AND c.relkind IN ('r', 'v', 'm', 'p', 'f')",
            [schema],
        )
        return dict(cursor.fetchall())

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """A connection; what PostgreSQL says is reworded, because it may quote a value."""
        try:
            import psycopg2
        except ImportError:
            raise UsageError(
                "HOURGLASS_PUBLISH_POSTGRES_URL needs PostgreSQL's driver: "
                "pip install 'hourglass[postgres]'."
            ) from None
        try:
            con = psycopg2.connect(
                self._url, application_name="hourglass", connect_timeout=CONNECT_SECONDS
            )
        except (psycopg2.Error, UnicodeError) as error:
            told = str(error).strip().splitlines()
            raise HourglassError(f"{told[-1] if told else type(error).__name__}.") from None
        try:
            yield con
        except psycopg2.Error as error:
            raise HourglassError(
                f"PostgreSQL refused it ({type(error).__name__}, SQLSTATE "
                f"{error.pgcode or 'unknown'}; its log says more)."
            ) from None
        finally:
            con.close()


@contextmanager
def _cursor(con: Any) -> Iterator[Any]:
    with con.cursor() as cursor:
        yield cursor


def _copy(
    source: duckdb.DuckDBPyConnection,
    cursor: Any,
    mart: str,
    table: str,
    said: Mapping[str | None, str],
) -> None:
    """Create ``table`` as the mart is, and copy its rows and what is ``said`` of it."""
    columns = columns_of(source, "main", mart)
    declared = ", ".join(f"{identifier(name)} {_type(kind)}" for name, kind in columns.items())
    cursor.execute(f"CREATE TABLE {table} ({declared})")
    # PostgreSQL's text cannot hold the character 0.
    selected = ", ".join(
        f"replace({identifier(name)}, chr(0), '') AS {identifier(name)}"
        if kind == "VARCHAR"
        else identifier(name)
        for name, kind in columns.items()
    )
    rows = source.execute(f"SELECT {selected} FROM {identifier(mart)}")
    reader = rows.to_arrow_reader(ROWS_AT_ONCE)
    for batch in reader:
        text = io.BytesIO()
        csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
        text.seek(0)
        cursor.copy_expert(f"COPY {table} FROM STDIN WITH (FORMAT csv, FREEZE)", text)
    _comment(cursor, "TABLE", table, {None: None, **said})


def _type(kind: str) -> str:
    return TYPES.get(kind) or kind.replace("DECIMAL", "numeric")


def _comment(cursor: Any, kind: str, relation: str, texts: Mapping[str | None, str | None]) -> None:
    """Descriptions by column; that of None is the relation's own."""
    for column, text in texts.items():
        if column is None:
            cursor.execute(f"COMMENT ON {kind} {relation} IS %s", [text])
        elif text:
            cursor.execute(f"COMMENT ON COLUMN {relation}.{identifier(column)} IS %s", [text])
