"""SQL in a suite is data that somebody wrote: one SELECT over the warehouse, or it is refused."""

import sqlglot
from sqlglot import exp

from dagster_project.errors import UsageError

BATCH = "{batch}"
READABLE_SCHEMAS = frozenset(
    {
        "marts",
        "restricted",
        "intermediate",
        "staging",
        "seeds",
        "identity",
        "ledger",
        "control",
    }
)
# Relations that are made of their arguments and reach no file.
TABLE_FUNCTIONS = (exp.Unnest, exp.Values, exp.GenerateSeries)


def parse_select(query: str, *, batch: str, where: str) -> frozenset[str]:
    """The tables that ``query`` reads, as ``schema.table``.

    ``{batch}`` in it stands for the mart, ``batch`` (``schema.table``). Raises UsageError that
    begins with ``where`` when it is not exactly one SELECT, when it names a table without its
    schema or in a schema that a check has no business in, or reads files.
    """
    try:
        statements = sqlglot.parse(query.replace(BATCH, batch), read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"{where}: this SQL does not parse ({first}).") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise UsageError(f"{where}: a check is exactly one SELECT, and this is something else.")
    statement = statements[0]
    for node in statement.walk():
        if isinstance(node, exp.DML | exp.DDL | exp.Command | exp.Into) and not isinstance(
            node, exp.Query
        ):
            raise UsageError(f"{where}: a check is exactly one SELECT; it may not {node.key}.")
    named = {cte.alias_or_name.lower() for cte in statement.find_all(exp.CTE)}
    tables = set()
    for table in statement.find_all(exp.Table):
        if isinstance(table.this, TABLE_FUNCTIONS):
            continue
        if not isinstance(table.this, exp.Identifier):
            raise UsageError(
                f"{where}: {table.sql(dialect='duckdb')} is a table function; a check reads tables."
            )
        schema = table.db.lower()
        if not schema and table.name.lower() in named:
            continue
        if table.catalog or schema not in READABLE_SCHEMAS:
            raise UsageError(
                f"{where}: {table.sql(dialect='duckdb')} is not readable for a check. Write the "
                f"table with its schema, one of {', '.join(sorted(READABLE_SCHEMAS))}, "
                f"or {BATCH} for the mart itself."
            )
        tables.add(f"{schema}.{table.name.lower()}")
    return frozenset(tables)
