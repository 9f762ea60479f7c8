"""Frames: the named relations that the stages of a resolution take and return.

A frame is a temporary table (or view) of one connection. Its columns are declared here and nowhere
else; a stage that makes it with others fails at once. Tables that only one file needs are its own
and no frames; what outlives a resolution stands in ``registry/tables``.
"""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

Columns = dict[str, np.ndarray | list | pa.Array | pa.ChunkedArray]

_NODE = (
    "node BIGINT, source_system VARCHAR, source_table VARCHAR, source_id VARCHAR, "
    "seen_at TIMESTAMP, row_hash UBIGINT, told_hash UBIGINT, is_profile BOOLEAN, email VARCHAR, "
    "further_emails VARCHAR[], phone VARCHAR, further_phones VARCHAR[], loyalty_card VARCHAR, "
    "national_id VARCHAR, first_key VARCHAR, "
    "first_names VARCHAR[], last_key VARCHAR, last_names VARCHAR[], patronymic VARCHAR, "
    "birth_date DATE, birth VARCHAR, gender VARCHAR, postal_code VARCHAR, street VARCHAR, "
    "house VARCHAR, flat VARCHAR, city VARCHAR, "
    "account_id VARCHAR, contact_id VARCHAR"
)
_BITS = ", ".join(
    f"bits_{field} DOUBLE"
    for field in (
        *("first_name", "last_name", "birth_date", "national_id", "email", "phone"),
        *("loyalty_card", "address", "gender", "patronymic"),
    )
)
_SCORE = f"rid_a BIGINT, rid_b BIGINT, probability DOUBLE, weight DOUBLE, {_BITS}"
_LINK = "a BIGINT, b BIGINT, rule VARCHAR, probability DOUBLE"
_KEY = "source_system VARCHAR, source_table VARCHAR, source_id VARCHAR"
_CLAIM = (
    "cluster BIGINT, customer_id VARCHAR, profiles BIGINT, records BIGINT, is_by_phone BOOLEAN, "
    "oldest_at TIMESTAMP, rid BIGINT"
)
_RAW = "identifier_kind VARCHAR, raw_value VARCHAR"

# By frame: its columns. ``rid`` numbers the nodes that are resolved now, profiles first, by key;
# ``node`` is the number that lasts between resolutions; ``a < b`` are rids of a pair.
FRAMES = {
    # Records. Raw values that came or went; nodes resolved now; which of them bears which value
    # (a reference to an account or contact is a value too).
    "added_values": _RAW,
    "removed_values": _RAW,
    "further": "of_system VARCHAR, of_table VARCHAR, of_id VARCHAR, further_emails VARCHAR[], "
    "further_phones VARCHAR[]",
    "nodes": f"rid BIGINT, {_NODE}",
    "borne": "rid BIGINT, kind VARCHAR, value VARCHAR, is_profile BOOLEAN, is_own BOOLEAN",
    "shared_values": "vid BIGINT, kind VARCHAR, value VARCHAR, degree BIGINT",
    "bearers": "rid BIGINT, kind VARCHAR, vid BIGINT, is_profile BOOLEAN, is_own BOOLEAN",
    "high_degree": "kind VARCHAR, value VARCHAR, profiles BIGINT",
    # Matching. How many keys of a block how many records share; keys that may pair, keys of
    # oversized blocks, the limits; counts over all profiles; links by stage, and decisions.
    "block_sizes": "block INTEGER, records INTEGER, keys BIGINT",
    "block_keys": "rid BIGINT, block UTINYINT, key UBIGINT, records USMALLINT",
    "oversized_keys": "block INTEGER, key UBIGINT",
    "block_limits": "block INTEGER, name VARCHAR, records INTEGER, pairs BIGINT",
    "companions": "rid BIGINT, companions BIGINT",
    "frequencies": "field VARCHAR, value VARCHAR, step INTEGER",
    "rare_domains": "domain VARCHAR",
    "proven_links": _LINK,
    "overshared": "vid BIGINT, profiles BIGINT, people BIGINT",
    "scores": _SCORE,
    "scored": "a BIGINT, b BIGINT, probability DOUBLE, weight DOUBLE, is_vetoed BOOLEAN, "
    f"own_bits DOUBLE, is_near_birth BOOLEAN, {_BITS}",
    "probable_links": _LINK,
    "overrides": "kind VARCHAR, left_record VARCHAR, right_record VARCHAR, who VARCHAR, "
    "why VARCHAR, decided_at TIMESTAMP",
    "evidence": _LINK,
    "links": _LINK,
    "forbidden": "a BIGINT, b BIGINT",
    "must": "a BIGINT, b BIGINT",
    "decided": "a BIGINT, b BIGINT",
    # Clustering. Profiles by cluster, links not followed, other records by cluster, all together.
    "members": "rid BIGINT, cluster BIGINT",
    "cut_links": "a BIGINT, b BIGINT",
    "attached": "rid BIGINT, cluster BIGINT, method VARCHAR",
    "clustered": "rid BIGINT, cluster BIGINT, method VARCHAR, probability DOUBLE",
    "guard_events": "guard VARCHAR, identifier_kind VARCHAR, record_count BIGINT, "
    "customer_count BIGINT, reason VARCHAR, identifier_hash VARCHAR",
    # Registry. Former ids that the records of a cluster had, which of them it has no right to,
    # the id of every cluster, ids that are new, records whose id is another than before.
    "claims": _CLAIM,
    "contested": _CLAIM,
    "disclaimed": "cluster BIGINT, customer_id VARCHAR",
    "owners": "cluster BIGINT, customer_id VARCHAR",
    "minted": "cluster BIGINT, customer_id VARCHAR, mint_number BIGINT",
    "reassigned": f"{_KEY}, customer_id VARCHAR, former_customer_id VARCHAR",
    # Of the version in force, for the comparison with it.
    "published_records": "records BIGINT",
    "published_largest": "profiles DOUBLE",
    # Incremental. What changed, whom it concerns, and in which component a node lies.
    "retold": "node BIGINT, told_hash UBIGINT",
    "gone": "node BIGINT",
    "gone_nodes": _NODE,
    "fresh_nodes": _NODE,
    "rescored": "node BIGINT",
    "key_seeds": "node BIGINT",
    "fresh_scores": _SCORE,
    "other_scores": _SCORE,
    "touched_components": "component BIGINT",
    "part": "node BIGINT, customer_id VARCHAR",
    "places": "node BIGINT, component BIGINT, companions BIGINT, customer_id VARCHAR, rid BIGINT",
    # Output.
    "value_owners": "identifier_kind VARCHAR, value VARCHAR, customer_id VARCHAR, "
    "customers BIGINT, records BIGINT, rid BIGINT",
}


# So few rows are handed over as parameters, in a sixth of the time that reading Arrow takes.
_FEW = 500
_SQL_TYPES = {
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.string(): "VARCHAR",
    pa.list_(pa.string()): "VARCHAR[]",
}


@dataclass(frozen=True)
class Frame:
    """A relation by its name in the connection; written into SQL as it is: ``FROM {links}``."""

    name: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


def make(con: duckdb.DuckDBPyConnection, name: str, query: str, *, as_view: bool = False) -> Frame:
    """The frame ``name`` as ``query`` gives it, instead of an earlier one of that name.

    ``as_view``: a view, which costs nothing and follows its tables. Raises ValueError when the
    query's columns are others than declared.
    """
    kind = "VIEW" if as_view else "TABLE"
    con.execute(f"CREATE OR REPLACE TEMP {kind} frame_{name} AS {query}")
    return _checked(con, name)


def make_from(con: duckdb.DuckDBPyConnection, name: str, columns: Columns) -> Frame:
    """The frame ``name`` of arrays of equal length. Raises ValueError as :func:`make` does."""
    create_table(con, f"frame_{name}", columns)
    return _checked(con, name)


def make_empty(con: duckdb.DuckDBPyConnection, name: str) -> Frame:
    """The frame ``name`` without rows, for a stage that fills it step by step."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE frame_{name} ({FRAMES[name]})")
    return _checked(con, name)


def _checked(con: duckdb.DuckDBPyConnection, name: str) -> Frame:
    found = tuple(con.table(f"frame_{name}").columns)
    declared = column_names(FRAMES[name])
    if found != declared:
        raise ValueError(f"frame {name} has columns {found}; declared are {declared}")
    return Frame(f"frame_{name}", found)


def column_names(columns: str) -> tuple[str, ...]:
    """The names in a list such as ``a BIGINT, b BIGINT``."""
    return tuple(column.split()[0] for column in columns.split(", "))


def create_table(con: duckdb.DuckDBPyConnection, name: str, columns: Columns) -> None:
    """Create or replace the temporary table ``name`` with these columns of equal length."""
    table = pa.table(columns)
    kinds = [_SQL_TYPES.get(kind) for kind in table.schema.types]
    if table.num_rows <= _FEW and all(kinds):
        lists = ", ".join(
            f"unnest(CAST(${number} AS {kind}[])) AS {column}"
            for number, (column, kind) in enumerate(
                zip(table.column_names, kinds, strict=True), start=1
            )
        )
        values = [column.to_pylist() for column in table.columns]
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {lists}", values)
        return
    con.register("id_incoming", table)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM id_incoming")
    con.unregister("id_incoming")
