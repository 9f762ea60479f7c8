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

from dagster_project.warehouse import identifier

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
        relation = f"{identifier(schema or 'main')}.{identifier(str(table_name))}"
        try:
            rows = connection.execute(sqlalchemy.text(f"DESCRIBE {relation}")).fetchall()
        except sqlalchemy.exc.DBAPIError as error:
            if isinstance(error.orig, duckdb.CatalogException):
                raise sqlalchemy.exc.NoSuchTableError(table_name) from None
            raise
        return [
            {
                "name": row[0],
                "type": self._type(row[1]),
                "nullable": row[2] == "YES",
                "default": None,
            }
            for row in rows
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
