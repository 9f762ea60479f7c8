"""Links that no single identifier proves: Fellegi-Sunter by Splink over pairs of profiles.

Splink works in a DuckDB of its own, in memory, that reaches one scratch folder beside the
warehouse; pairs go there as Parquet, so that a large run spills to disk. Only candidates that pass
the vetoes become links: a household shares name, address, telephone and sometimes a birthday, and
no sum of weights makes a wife her husband.
"""

import json
import logging
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from dagster_project.errors import UsageError
from dagster_project.identity.compare import CONTRADICTS, LEVELS
from dagster_project.identity.guards import RULES_DIR
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file

LINKAGE_PATH = RULES_DIR / "linkage.yml"
MODEL_PATH = RULES_DIR / "model.json"

# The model's comparisons, and those of them that weigh a rare value more than a common one.
FIELDS = (
    "first_name", "last_name", "birth_date", "national_id", "email", "phone", "loyalty_card",
    "address", "gender",
)  # fmt: skip
_BY_FREQUENCY = ("first_name", "last_name", "address")
_BITS = ", ".join(
    f"mw_{field} + coalesce(mw_tf_adj_{field}, 0) AS bits_{field}"
    if field in _BY_FREQUENCY
    else f"mw_{field} AS bits_{field}"
    for field in FIELDS
)
_BITS_COLUMNS = ", ".join(f"bits_{field} DOUBLE" for field in FIELDS)

# Below this many records the prior would take any likeness for identity.
_SMALLEST = 1000

COLUMNS = (
    "rid, first_key, first_names, last_key, last_names, "
    "strftime(birth_date, '%Y%m%d') AS birth, national_id, email, phone, loyalty_card, "
    "postal_code, street, house, city, gender"
)


@dataclass(frozen=True)
class Linkage:
    """The content of ``linkage.yml``."""

    expected_duplicates: float
    link: float
    review: float
    block_limit: int
    blocks: dict[str, str]


@lru_cache(maxsize=1)
def load_linkage(path: Path = LINKAGE_PATH) -> Linkage:
    """Read ``linkage.yml``; raises UsageError when an entry is missing or of a wrong kind."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Linkage(
            float(data["expected_duplicates"]),
            float(data["link"]),
            float(data["review"]),
            int(data["block_limit"]),
            dict(data["blocks"]),
        )
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise UsageError(
            f"{path} does not fit: {type(error).__name__} at {error}. "
            "Compare it with the version that came with the project."
        ) from None


def load_model(path: Path = MODEL_PATH) -> dict[str, Any]:
    """The Splink settings with the reviewed parameters, without blocking rules and prior."""
    return json.loads(path.read_text(encoding="utf-8"))


def link_by_probability(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Add to ``id_links`` what is probable enough, and fill ``id_scored`` and ``id_blocks``.

    ``id_scored`` (a, b, probability, weight, is_vetoed): pairs from the review threshold on.
    ``id_blocks`` (block, pairs): candidate pairs per blocking key.
    """
    linkage = load_linkage()
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_raw_scores "
        f"(rid_a BIGINT, rid_b BIGINT, probability DOUBLE, weight DOUBLE, {_BITS_COLUMNS})"
    )
    size = _block(con, linkage)
    if size:
        scores = _score(con, settings, linkage)
        con.register("id_incoming", scores)
        con.execute("INSERT INTO id_raw_scores SELECT * FROM id_incoming")
        con.unregister("id_incoming")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_scored AS
        WITH compared AS (
            SELECT s.*, {LEVELS}
            FROM id_raw_scores AS s
            JOIN id_nodes AS a ON a.rid = s.rid_a
            JOIN id_nodes AS b ON b.rid = s.rid_b
        )
        SELECT rid_a AS a, rid_b AS b, probability, weight, {CONTRADICTS} AS is_vetoed,
               {", ".join(f"bits_{field}" for field in FIELDS)}
        FROM compared
        """
    )
    con.execute(
        """
        INSERT INTO id_links
        SELECT s.a, s.b, 'probable', s.probability
        FROM id_scored AS s
        WHERE NOT s.is_vetoed AND s.probability >= ?
          AND NOT EXISTS (SELECT 1 FROM id_links AS l WHERE l.a = s.a AND l.b = s.b)
        """,
        [linkage.link],
    )


def _block(con: duckdb.DuckDBPyConnection, linkage: Linkage) -> int:
    """``id_input``: profiles with their block keys, too common ones NULL; returns pair count."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_input AS
        SELECT {COLUMNS},
               count(email) OVER (PARTITION BY split_part(email, '@', 2))
                   BETWEEN 1 AND {linkage.block_limit} AS is_rare_domain
        FROM id_nodes WHERE is_profile
        """
    )
    keys = [f"CAST({expression} AS VARCHAR) AS block_{n}" for n, expression in _numbered(linkage)]
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE id_keys AS SELECT rid, {', '.join(keys)} FROM id_input"
    )
    counts = []
    for number, (name, _) in enumerate(linkage.blocks.items()):
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE id_block_{number} AS
            SELECT block_{number} AS key, count(*) AS records FROM id_keys
            WHERE block_{number} IS NOT NULL GROUP BY key
            HAVING count(*) BETWEEN 2 AND {linkage.block_limit}
            """
        )
        counts.append(
            f"SELECT '{name}' AS block, "
            f"CAST(coalesce(sum(records * (records - 1) / 2), 0) AS BIGINT) AS pairs "
            f"FROM id_block_{number}"
        )
    con.execute(f"CREATE OR REPLACE TEMP TABLE id_blocks AS {' UNION ALL '.join(counts)}")
    joins = " ".join(
        f"LEFT JOIN id_block_{n} AS b{n} ON b{n}.key = k.block_{n}" for n, _ in _numbered(linkage)
    )
    kept = ", ".join(f"b{n}.key AS block_{n}" for n, _ in _numbered(linkage))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_input AS
        SELECT i.*, {kept} FROM id_input AS i JOIN id_keys AS k ON k.rid = i.rid {joins}
        """
    )
    row = con.execute("SELECT coalesce(sum(pairs), 0) FROM id_blocks").fetchone()
    return int(row[0]) if row else 0


def _numbered(linkage: Linkage) -> list[tuple[int, str]]:
    return list(enumerate(linkage.blocks.values()))


def splink_settings(linkage: Linkage, profiles: int) -> dict[str, Any]:
    """The model with the prior for ``profiles`` records and one blocking rule per key."""
    return {
        **load_model(),
        "retain_intermediate_calculation_columns": True,
        "probability_two_random_records_match": linkage.expected_duplicates
        / max(profiles, _SMALLEST),
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": f"l.block_{n} = r.block_{n}"} for n, _ in _numbered(linkage)
        ],
    }


def _score(con: duckdb.DuckDBPyConnection, settings: Settings, linkage: Linkage) -> pa.Table:
    """Pairs from the review threshold on: rid_a < rid_b, probability, weight."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    profiles = con.execute("SELECT * FROM id_input").to_arrow_table()
    settings.warehouse_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="identity-pairs-", dir=settings.warehouse_dir))
    scratch = connect_file(
        ":memory:",
        allowed_dirs=[folder],
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )
    try:
        api = DuckDBAPI(connection=scratch, materialisation="parquet", materialisation_dir=folder)
        linker = Linker(
            api.register(profiles),
            splink_settings(linkage, profiles.num_rows),
            log_level=None,
            # A second of checks of column names that the tests of this module make anyway.
            validate_settings=False,
        )
        found = linker.inference.predict(
            threshold_match_probability=linkage.review, warning_mode="never"
        )
        return scratch.execute(
            f"""
            SELECT least(rid_l, rid_r), greatest(rid_l, rid_r), match_probability, match_weight,
                   {_BITS}
            FROM {found.physical_name}
            """
        ).to_arrow_table()
    finally:
        scratch.close()
        shutil.rmtree(folder, ignore_errors=True)
