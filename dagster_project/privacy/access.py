"""Access: everything that is held about a person, in one folder, as JSON and as a page to read.

Every delivered record of theirs with its file and line, all that the marts say, their consents in
order of time, and why each source is processed. Other people in the same rows (who shares a
telephone) are not told of.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.contracts import read_yaml
from dagster_project.errors import UsageError, counted
from dagster_project.privacy.erasure import prepare_tables, read_what_is_unread
from dagster_project.privacy.lineage import PURPOSES_PATH
from dagster_project.privacy.references import contract_tables
from dagster_project.privacy.rows import find_rows, found_keys, set_keys
from dagster_project.privacy.subject import find_customers, subject_of
from dagster_project.private_files import private_file
from dagster_project.settings import Settings
from dagster_project.warehouse import connect, identifier

# Marts that name a person in a column; the others of schema marts hold sums.
KEYS = ("customer_id", "order_id", "call_id")


@dataclass(frozen=True)
class PersonExport:
    """Where it was written, and how many records and mart rows are in it."""

    folder: Path
    records: int
    mart_rows: int

    def sentence(self) -> str:
        return (
            f"{counted(self.records, 'delivered record')} and "
            f"{counted(self.mart_rows, 'derived row')} written to {self.folder} "
            "(person.json, person.html). Check who asks before you hand it over."
        )


def export_person(settings: Settings, key: str) -> PersonExport:
    """Write what is held about the person behind ``key`` to ``exports/people/<customer id>/``.

    Raises UsageError when nobody, or more than one person, is known under the key.
    """
    read_what_is_unread(settings)
    with connect(settings) as con:
        prepare_tables(con)
        customers = find_customers(con, settings, [key])
        if len(customers) > 1:
            raise UsageError(
                f"{len(customers)} people are known under this key. Give a record, such as "
                "crm.contacts/C-000001, of the one who asks."
            )
        subject = subject_of(con, settings, customers)
        set_keys(con, subject.raw_values(), customers=subject.customer_ids)
        find_rows(con)
        (customer,) = customers
        content = {
            "customer_id": customer,
            "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "former_ids": sorted(set(subject.customer_ids) - {customer}),
            "purposes": read_yaml(PURPOSES_PATH),
            "addresses": {
                kind: sorted({raw for raw, _ in pairs}) for kind, pairs in subject.addresses.items()
            },
            "consents": _consents(con),
            "records": _records(con),
            "derived": _derived(con, subject.customer_ids),
        }
    folder = settings.exports_dir / "people" / customer
    for private in (settings.exports_dir, folder.parent, folder):
        private.mkdir(parents=True, exist_ok=True, mode=0o700)
        private.chmod(0o700)
    with private_file(folder / "person.json") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=2, default=str) + "\n")
    with private_file(folder / "person.html") as file:
        file.write(render(content))
    return PersonExport(
        folder,
        sum(len(rows) for rows in content["records"].values()),
        sum(len(rows) for rows in content["derived"].values()),
    )


def _records(con: duckdb.DuckDBPyConnection) -> dict[str, list[dict[str, Any]]]:
    """Raw rows by table, each with the file and line that it came from."""
    found = {}
    for system, table in contract_tables():
        rows = _rows(
            con,
            f"""
            SELECT t.* EXCLUDE (_file_hash, _line, _delivered_on, _source), f.path AS source_file,
                t._line AS source_line, t._delivered_on AS delivered_on, f.loaded_at
            FROM {identifier(system)}.{identifier(table.name)} AS t
            SEMI JOIN erase_rows AS e ON e.system = '{system}' AND e.table_name = '{table.name}'
                AND e.file_hash = t._file_hash AND e.line = t._line
            LEFT JOIN (SELECT file_hash, any_value(path) AS path, min(loaded_at) AS loaded_at
                       FROM ledger.files GROUP BY 1) AS f ON f.file_hash = t._file_hash
            ORDER BY t._file_hash, t._line
            """,
        )
        if rows:
            found[f"{system}.{table.name}"] = [
                {name: value for name, value in row.items() if value is not None} for row in rows
            ]
    return found


def _consents(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    return _rows(
        con,
        "SELECT t.purpose, t.status, t.effective_at, t.source FROM crm.consents AS t "
        "SEMI JOIN erase_rows AS e ON e.system = 'crm' AND e.table_name = 'consents' "
        "AND e.file_hash = t._file_hash AND e.line = t._line ORDER BY t.effective_at, t.purpose",
    )


def _derived(
    con: duckdb.DuckDBPyConnection, customers: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """Rows of marts that name the customer, or an order or call of theirs."""
    orders = [key for kind, key in found_keys(con) if kind == "order"]
    calls = [key for kind, key in found_keys(con) if kind == "call"]
    values = {"customer_id": list(customers), "order_id": orders, "call_id": calls}
    tables: dict[tuple[str, str], str] = {}
    for schema, name, column in con.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns "
        "WHERE table_schema IN ('marts', 'restricted') AND list_contains($1, column_name) "
        "ORDER BY table_name, list_position($1, column_name) DESC",
        [list(KEYS)],
    ).fetchall():
        tables[schema, name] = column
    found = {}
    for (schema, name), column in tables.items():
        rows = _rows(
            con,
            f"SELECT * FROM {identifier(schema)}.{identifier(name)} "
            f"WHERE list_contains($1, {identifier(column)}) ORDER BY ALL",
            [values[column]],
        )
        if rows:
            found[name] = rows
    return found


def _rows(
    con: duckdb.DuckDBPyConnection, sql: str, given: list[Any] | None = None
) -> list[dict[str, Any]]:
    result = con.execute(sql, given or [])
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def render(content: dict[str, Any]) -> str:
    """The page: one table per source and per mart; every value is escaped."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>What is held about you</title>",
        "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem;max-width:70rem}"
        "table{border-collapse:collapse;margin:.5rem 0 1.5rem;display:block;overflow-x:auto}"
        "th,td{border:1px solid #ccc;padding:.2rem .5rem;text-align:left;vertical-align:top}"
        "th{background:#f3f3f3}</style>",
        f"<h1>What is held about you</h1><p>Written {escape(content['written_at'])}. "
        f"Your number in this system: {escape(content['customer_id'])}.</p>",
        "<h2>Why</h2>",
        _table(
            [
                {
                    "source": system,
                    "purposes": ", ".join(facts["purposes"]),
                    "legal basis": facts["legal_basis"],
                }
                for system, facts in content["purposes"]["sources"].items()
            ]
        ),
        "<h2>Addresses</h2>",
        _table(
            [
                {"kind": kind, "value": v}
                for kind, found in content["addresses"].items()
                for v in found
            ]
        ),
        "<h2>Your consents, in order of time</h2>",
        _table(content["consents"]),
        "<h2>Records as they were delivered</h2>",
    ]
    for name, rows in content["records"].items():
        parts.append(f"<h3>{escape(name)}</h3>{_table(rows)}")
    parts.append("<h2>What was derived from them</h2>")
    for name, rows in content["derived"].items():
        parts.append(f"<h3>{escape(name)}</h3>{_table(rows)}")
    return "\n".join(parts) + "</html>\n"


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p>Nothing.</p>"
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_text(row.get(name)))}</td>" for name in names) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(value: Any) -> str:
    return "" if value is None else str(value)
