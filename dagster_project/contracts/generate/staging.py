"""Staging models of dbt, their YAML and that of the raw tables, as text from the source contract.

A staging model renames nothing and computes nothing: the newest version of each row, up to as_of.
Where a table needs another rule its contract says ``staged_by_hand``, and only its YAML is given.
"""

from typing import Any

import yaml

from dagster_project.contracts.model import Column, System, Table

COMMENT = "Written by make contracts: change dagster_project/contracts/{system}.yml instead."
_FOLDER = "dbt/models/staging/{system}"
_NEWEST = """\
newest as (
    {{{{ newest_version('delivered', [{key}]{updated}) }}}}
)"""
_DISTINCT = """\
newest as (
    select distinct
{columns}
    from delivered
)"""
_MODEL = """\
-- {comment}
{increment}
with

delivered as (
    select * from {{{{ source('{system}', '{table}') }}}}{within}
),

{newest}

select
{columns}
from newest
"""
_MACROS = """\
{{# {comment} #}}

{{# Source tables that hold any record: source_system, source_name (as crm.contacts). #}}
{{% macro sources_present() %}}
{present}
{{%- endmacro %}}

{{# The columns of a contract table in its order, each of `relation`. #}}
{{% macro contract_columns(table, relation) %}}
    {{%- set columns = {{
{columns}
    }}[table] -%}}
    {{%- for column in columns %}}
    {{{{ relation }}}}.{{{{ column }}}}{{{{ "," if not loop.last }}}}
    {{%- endfor %}}
{{%- endmacro %}}
"""
_PRESENT = """\
    select
        '{system}' as source_system,
        '{system}.{table}' as source_name
    where exists (select 1 from {{{{ source('{system}', '{table}') }}}})"""


def staging_sql(system: str, table: Table) -> str:
    """The model ``stg_<system>__<table>``. Without a key or version_of each row stays, once."""
    names = table.column_names
    same = table.key or table.version_of
    if same:
        key = ", ".join(f"'{name}'" for name in same)
        updated = ", has_updated_at=true" if "updated_at" in names else ""
        newest = _NEWEST.format(key=key, updated=updated)
    else:
        newest = _DISTINCT.format(columns=_listed(names, 8))
    # Rebuilt by what names a row, or by the first of several columns that do.
    is_keyed = bool(same) and table.column(same[0]).required
    sql = _MODEL.format(
        comment=COMMENT.format(system=system),
        increment=_increment(system, table, same[0]) if is_keyed else "{{ keeps_changes() }}",
        within=f"\n    where {{{{ is_within('{same[0]}') }}}}" if is_keyed else "",
        system=system,
        table=table.name,
        newest=newest,
        columns=_listed(names, 4),
    )
    if table.dated_by:
        of_date = "date_" if table.column(table.dated_by).type == "date" else ""
        sql += f"where {{{{ {of_date}not_after_as_of('{table.dated_by}') }}}}\n"
    return sql


def _increment(system: str, table: Table, key: str) -> str:
    """What of the raw table may change the newest versions: new records, and another as_of."""
    records = f"select {key} from {{{{ new_records_of('{system}', '{table.name}') }}}} as added"
    if table.dated_by:
        source = f"{{{{ source('{system}', '{table.name}') }}}}"
        crossed = f"{{{{ may_have_crossed('{table.dated_by}') }}}}"
        records += f"\n\nunion all\n\nselect {key} from {source} as dated where {crossed}"
    return f"{{% call increment_by('{key}') %}}\n{records}\n{{% endcall %}}"


def _listed(names: tuple[str, ...], indent: int) -> str:
    return ",\n".join(" " * indent + name for name in names)


def _column(column: Column) -> dict[str, Any]:
    written: dict[str, Any] = {"name": column.name, "description": column.description}
    if column.personal != "none":
        written["config"] = {"meta": {"personal_data": column.personal}}
    return written


def _sources(system: System) -> dict[str, Any]:
    tables = [
        {
            "name": table.name,
            "description": table.description,
            "columns": [_column(column) for column in table.columns],
        }
        for table in system.tables.values()
    ]
    source = {
        "name": system.system,
        "schema": system.system,
        "description": system.description,
        "tables": tables,
    }
    return {"version": 2, "sources": [source]}


def _model(system: str, table: Table) -> dict[str, Any]:
    model: dict[str, Any] = {
        "name": f"stg_{system}__{table.name}",
        "description": (
            f"{table.description} The newest version of each, up to as_of. "
            f"Grain: {', '.join(table.key or table.version_of) or 'all columns'}."
        ),
    }
    if same := table.key or table.version_of:
        rules = {
            "name": f"{model['name']}_rules",
            "description": f"One row per {', '.join(same)}.",
            "arguments": {"unique": [same[0] if len(same) == 1 else list(same)]},
        }
        model["data_tests"] = [{"column_rules": rules}]
    model["columns"] = [_column(column) for column in table.columns]
    return model


def _models(system: System) -> dict[str, Any]:
    return {
        "version": 2,
        "models": [_model(system.system, table) for table in system.tables.values()],
    }


def _macros(contract: dict[str, System]) -> str:
    tables = [(s.system, t) for s in contract.values() for t in s.tables.values()]
    present = [_PRESENT.format(system=system, table=table.name) for system, table in tables]
    columns = [
        f"        '{system}.{table.name}': [\n"
        + _listed(tuple(f"'{name}'" for name in table.column_names), 12)
        + "\n        ]"
        for system, table in tables
        if table.staged_by_hand
    ]
    return _MACROS.format(
        comment=COMMENT.format(system="*"),
        present="\n    union all\n".join(present),
        columns=",\n".join(columns),
    )


def staging_files(contract: dict[str, System]) -> dict[str, str]:
    """Text of each file by its path below the project's root."""
    files = {"dbt/macros/staging/contract.sql": _macros(contract)}
    for name, system in contract.items():
        folder = _FOLDER.format(system=name)
        for kind, content in (("sources", _sources(system)), ("models", _models(system))):
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
            files[f"{folder}/_{name}__{kind}.yml"] = f"# {COMMENT.format(system=name)}\n{text}"
        for table in system.tables.values():
            if not table.staged_by_hand:
                files[f"{folder}/stg_{name}__{table.name}.sql"] = staging_sql(name, table)
    return files
