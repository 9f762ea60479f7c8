"""What each model declares of its increment, tried alone, without dbt.

A step of a history is built whole. From the tables before it and after it follow the rows that came
and went; the block of a declaration gives keys from these, and the table before, with the rows of
these keys made anew, must be the table after. Nothing but the declaration is tried here, so that a
hundred histories cost what a few cost with dbt, and so that a declaration can be tried with a part
of its block left out.
"""

import re
from dataclasses import dataclass, replace
from datetime import date

import duckdb

from tests.integration.conftest import Project
from tests.integration.increments.histories import History

# As dbt/macros/increment reads them.
BLOCK = re.compile(r"/\* increment by ([^\n]+)\n(.*?)\*/", re.DOTALL)
WITHIN = re.compile(r"\(true /\* within (.*?) \*/\)", re.DOTALL)
AMONG = re.compile(r"\(true /\* (.*?) among (.*?) \*/\)", re.DOTALL)
CHANGES = re.compile(r"\{changes of (\w+)\}")
# A union of the block itself stands at the beginning of a line.
BRANCH = re.compile(r"^union all$", re.MULTILINE)


@dataclass(frozen=True)
class Declared:
    """A model that is rebuilt by ``key`` for the keys that the union of ``branches`` gives."""

    model: str
    schema: str
    key: str
    branches: tuple[str, ...]
    sql: str
    parents: frozenset[str]

    @property
    def table(self) -> str:
        return f"{self.schema}.{self.model}"

    def without(self, number: int) -> "Declared":
        left = self.branches[:number] + self.branches[number + 1 :]
        none = f"select * from ({self.branches[number]}) as one limit 0"
        return replace(self, branches=left or (none,))


def declarations(project: Project) -> list[Declared]:
    """Those of all models but staging, whose files dbt keeps a list of."""
    found = []
    for model, (schema, sql) in project.models.items():
        block = BLOCK.search(sql)
        if block and schema != "staging":
            branches = tuple(branch.strip() for branch in BRANCH.split(block[2]))
            parents = frozenset(project.parents[model])
            found.append(Declared(model, schema, block[1].strip(), branches, sql, parents))
    return found


def opened(project: Project) -> duckdb.DuckDBPyConnection:
    """An empty warehouse with the project's seeds, in memory."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET TimeZone = 'UTC'")
    con.execute("ATTACH ':memory:' AS warehouse")
    con.execute(f"ATTACH '{project.warehouse}' AS built (READ_ONLY)")
    tables = con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'built'"
    ).fetchall()
    made = {*(schema for schema, _ in project.models.values()), "increment", "tests"}
    for schema in {schema for schema, _ in tables} | made:
        con.execute(f'CREATE SCHEMA IF NOT EXISTS warehouse."{schema}"')
    for schema, table in tables:
        if schema not in made:
            con.execute(
                f'CREATE TABLE warehouse."{schema}"."{table}" AS FROM built."{schema}"."{table}"'
            )
    con.execute("DETACH built")
    con.execute("USE warehouse")
    return con


class Steps:
    """A warehouse that is built whole at each step of a history, and what it was before."""

    def __init__(self, project: Project, history: History, con: duckdb.DuckDBPyConnection) -> None:
        self.history, self.con = history, con
        self.declared = declarations(project)
        needed = project.with_ancestors(*(one.model for one in self.declared))
        self.models = {m: of for m, of in project.models.items() if m in needed}
        self.as_of: date | None = None
        history.begin(con)
        self._build()

    def step(self) -> str:
        """Have something happen, and build all of it; what."""
        self.as_of = self.history.day
        self.con.execute("DROP SCHEMA IF EXISTS before CASCADE")
        self.con.execute("DROP SCHEMA IF EXISTS changes CASCADE")
        self.con.execute("CREATE SCHEMA before")
        self.con.execute("CREATE SCHEMA changes")
        for model, (schema, _) in self.models.items():
            self.con.execute(f"CREATE TABLE before.{model} AS FROM {schema}.{model}")
        happened = self.history.step(self.con)
        self._build()
        for parent in {parent for one in self.declared for parent in one.parents}:
            there = f"{self.models[parent][0]}.{parent}"
            self.con.execute(
                f"CREATE TABLE changes.{parent} AS "
                f"(FROM before.{parent} EXCEPT ALL FROM {there}) UNION ALL BY NAME "
                f"(FROM {there} EXCEPT ALL FROM before.{parent})"
            )
        return happened

    def _build(self) -> None:
        for model, (schema, sql) in self.models.items():
            self.con.execute(f"CREATE OR REPLACE TABLE {schema}.{model} AS {sql}")

    def differing(self, one: Declared) -> int:
        """Rows in which going on by this declaration differs from the table built whole.

        0 as well where the state would not be gone on from: another setting, or a change that the
        block does not mention.
        """
        return 0 if self._is_built_whole(one) else self._differing(one)

    def _differing(self, one: Declared) -> int:
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE keys AS {self._keys(one)}")
        part = WITHIN.sub(r"(\1 in (select key from keys))", one.sql)
        part = AMONG.sub(r"(\1 in (\2))", part)
        shown = self._rounded(one)
        of_keys = f"{one.key} IN (SELECT key FROM keys)"
        row = self.con.execute(
            f"WITH gone_on AS (SELECT * FROM before.{one.model} WHERE NOT ({of_keys}) "
            f"UNION ALL BY NAME SELECT * FROM ({part}) AS part WHERE {of_keys}), "
            f"a AS (SELECT {shown} FROM gone_on), b AS (SELECT {shown} FROM {one.table}) "
            "SELECT count(*) FROM ((FROM a EXCEPT ALL FROM b) UNION ALL (FROM b EXCEPT ALL FROM a))"
        ).fetchone()
        return row[0] if row else 0

    def misses(self, one: Declared, number: int) -> bool:
        """Whether going on without one branch of the block leaves another table than the whole.

        A model that it alone mentions counts as mentioned: dbt would build the table whole.
        """
        if self._is_built_whole(one):
            return False
        left, alone = one.without(number), replace(one, branches=(one.branches[number],))
        own = self.con.execute(
            f"SELECT count(*) FROM (({self._keys(alone)}) EXCEPT ({self._keys(left)}))"
        ).fetchone()
        return own != (0,) and self._differing(left) > 0

    def _keys(self, one: Declared) -> str:
        block = "\nunion all\n".join(one.branches)
        block = CHANGES.sub(r"(select * from changes.\1)", block)
        block = re.sub(r"\{any change of [\w.]+\}", "true", block)
        block = block.replace("{rows before}", f"before.{one.model}")
        block = block.replace("{as_of before}", f"date '{self.as_of}'")
        return f"SELECT DISTINCT key FROM ({block}) AS k (key) WHERE key IS NOT NULL"

    def _rounded(self, one: Declared) -> str:
        """All columns; doubles to nine digits, as their last ones depend on the order of adding."""
        columns = self.con.execute(f"DESCRIBE {one.table}").fetchall()
        return ", ".join(
            f'round("{name}", 9) + 0.0 AS "{name}"' if kind == "DOUBLE" else f'"{name}"'
            for name, kind, *_ in columns
        )

    def _is_built_whole(self, one: Declared) -> bool:
        block = "\n".join(one.branches)
        query = re.sub(r"--[^\n]*", "", BLOCK.sub("", one.sql))
        reads_as_of = re.search(r"\bas_of\b", query) and "{as_of before}" not in block
        if self.history.is_set_otherwise or (reads_as_of and self.as_of != self.history.day):
            return True
        return any(
            f" of {parent}}}" not in block and self._has_changed(parent) for parent in one.parents
        )

    def _has_changed(self, model: str) -> bool:
        row = self.con.execute(f"SELECT count(*) FROM changes.{model}").fetchone()
        return row is not None and row[0] > 0
