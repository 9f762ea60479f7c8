"""A SQLAlchemy dialect over duckdb-engine on which Great Expectations works.

Great Expectations fetches after it has closed the connection, so every result is buffered while
the connection is open. Columns are listed from DuckDB's own catalog: the PostgreSQL reflection
that duckdb-engine inherits asks for tables that DuckDB lacks (seen with SQLAlchemy 2.1).
"""

from collections.abc import Callable
from typing import Any

import duckdb
import sqlalchemy
from duckdb_engine import ConnectionWrapper, Dialect
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg2 import PGExecutionContext_psycopg2
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

DRIVER = "duckdb.hourglass"
URL = "duckdb+hourglass://"


class _BufferedContext(PGExecutionContext_psycopg2):
    def post_exec(self) -> None:
        super().post_exec()
        if self.cursor is not None and self.cursor.description:
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                self.cursor,
                initial_buffer=self.cursor.fetchall(),
                alternate_description=self.cursor.description,
            )


class HourglassDialect(Dialect):
    """duckdb-engine's dialect with buffered results and its own listing of columns."""

    driver = "hourglass"
    execution_ctx_cls = _BufferedContext
    supports_statement_cache = False

    def get_columns(
        self, connection: Any, table_name: str, schema: str | None = None, **_: Any
    ) -> list[dict[str, Any]]:
        rows = connection.execute(
            sqlalchemy.text(
                "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
                "WHERE table_name = :name AND schema_name = :schema ORDER BY column_index"
            ),
            {"name": str(table_name), "schema": schema or "main"},
        ).fetchall()
        if not rows:
            raise sqlalchemy.exc.NoSuchTableError(table_name)
        return [
            {"name": name, "type": self._type(declared), "nullable": nullable, "default": None}
            for name, declared, nullable in rows
        ]

    def get_pk_constraint(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"constrained_columns": [], "name": None}

    def _type(self, declared: str) -> Any:
        known = self.ischema_names.get(declared.partition("(")[0].lower())
        return known() if known else sqlalchemy.types.NullType()


registry.register(DRIVER, __name__, HourglassDialect.__name__)


def connector(con: duckdb.DuckDBPyConnection) -> Callable[[], ConnectionWrapper]:
    """What SQLAlchemy calls for a connection: another handle on the database behind ``con``.

    It shares that database's confinement, and nothing is opened a second time.
    """
    return lambda: ConnectionWrapper(con.cursor())
