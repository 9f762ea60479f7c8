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
import numpy as np
import pyarrow as pa
import yaml

from dagster_project.errors import UsageError
from dagster_project.identity.arrays import create_table
from dagster_project.identity.cluster import components
from dagster_project.identity.compare import CONTRADICTS, LEVELS
from dagster_project.identity.guards import RULES_DIR
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file, quoted

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

# What speaks for a pair besides names and gender.
_BEYOND_NAMES = " + ".join(
    f"greatest(bits_{field}, 0)"
    for field in ("birth_date", "national_id", "email", "phone", "loyalty_card", "address")
)

# Below this many records the prior would take any likeness for identity.
_SMALLEST = 1000
# As many records' worth of trust does the declared number of duplicates have against the counted.
_SMOOTHING = 100

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
    bits_beyond_names: float
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
            float(data["bits_beyond_names"]),
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
               {_BEYOND_NAMES} AS own_bits,
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
          AND (s.own_bits >= ? OR (s.bits_birth_date <> 0 AND s.bits_birth_date > -4))
          AND NOT EXISTS (SELECT 1 FROM id_links AS l WHERE l.a = s.a AND l.b = s.b)
        """,
        [linkage.link, linkage.bits_beyond_names],
    )


def _block(con: duckdb.DuckDBPyConnection, linkage: Linkage) -> int:
    """``id_input`` (profiles), ``id_keys`` (rid, block, key) that pair records, ``id_blocks``.

    Returns the number of candidate pairs, a pair counted once for each key that it shares.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_input AS
        SELECT {COLUMNS},
               count(email) OVER (PARTITION BY split_part(email, '@', 2))
                   BETWEEN 1 AND {linkage.block_limit} AS is_rare_domain
        FROM id_nodes WHERE is_profile
        """
    )
    # Keys are compared as hashes: a collision costs one comparison and can link nobody.
    keys = " UNION ALL ".join(
        f"SELECT rid, {number} AS block, hash({expression}) AS key "
        f"FROM id_input WHERE ({expression}) IS NOT NULL"
        for number, expression in enumerate(linkage.blocks.values())
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_keys AS
        WITH keys AS ({keys}),
        shared AS (
            SELECT block, key FROM keys GROUP BY block, key
            HAVING count(*) BETWEEN 2 AND {linkage.block_limit}
        )
        SELECT k.rid, k.block, k.key
        FROM keys AS k JOIN shared AS s ON s.block = k.block AND s.key = k.key
        """
    )
    create_table(
        con,
        "id_block_names",
        {"block": list(range(len(linkage.blocks))), "name": list(linkage.blocks)},
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_blocks AS
        WITH sizes AS (SELECT block, count(*) AS records FROM id_keys GROUP BY block, key)
        SELECT n.name AS block,
               CAST(coalesce(sum(s.records * (s.records - 1) / 2), 0) AS BIGINT) AS pairs
        FROM id_block_names AS n LEFT JOIN sizes AS s ON s.block = n.block
        GROUP BY n.name
        """
    )
    row = con.execute("SELECT coalesce(sum(pairs), 0) FROM id_blocks").fetchone()
    return int(row[0]) if row else 0


def prior(linkage: Linkage, profiles: int, proven_pairs: int) -> float:
    """Probability that two random profiles are one person.

    From the pairs that identifiers prove, as the companion records of a record are as many in the
    rest of the data; a small company falls back on ``expected_duplicates``.
    """
    companions = (2 * proven_pairs + _SMOOTHING * linkage.expected_duplicates) / (
        profiles + _SMOOTHING
    )
    return companions / max(profiles, _SMALLEST)


def _proven_pairs(con: duckdb.DuckDBPyConnection, profiles: int) -> int:
    links = con.execute("SELECT a, b FROM id_links").fetchnumpy()
    labels = components(profiles, links["a"].astype(np.int64), links["b"].astype(np.int64))
    sizes = np.bincount(labels, minlength=1)
    return int((sizes * (sizes - 1) // 2).sum())


def splink_settings(probability: float) -> dict[str, Any]:
    """The model with this prior; it scores the pairs that it is given."""
    return {
        **load_model(),
        "retain_intermediate_calculation_columns": True,
        "probability_two_random_records_match": probability,
        "blocking_rules_to_generate_predictions": [],
    }


def _score(con: duckdb.DuckDBPyConnection, settings: Settings, linkage: Linkage) -> pa.Table:
    """Pairs from the review threshold on: rid_a < rid_b, probability, weight."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    profiles = con.execute("SELECT * FROM id_input").to_arrow_table()
    probability = prior(linkage, profiles.num_rows, _proven_pairs(con, profiles.num_rows))
    settings.warehouse_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="identity-pairs-", dir=settings.warehouse_dir))
    pairs = quoted(str(folder / "candidates.parquet"))
    scratch = connect_file(
        ":memory:",
        allowed_dirs=[folder],
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )
    try:
        con.execute(
            f"""
            COPY (
                SELECT l.rid AS join_key_l, r.rid AS join_key_r,
                       CAST(min(l.block) AS VARCHAR) AS match_key
                FROM id_keys AS l
                JOIN id_keys AS r ON r.block = l.block AND r.key = l.key AND r.rid > l.rid
                GROUP BY l.rid, r.rid
            ) TO {pairs} (FORMAT parquet)
            """
        )
        scratch.execute(f"CREATE VIEW candidates AS FROM read_parquet({pairs})")
        api = DuckDBAPI(connection=scratch, materialisation="parquet", materialisation_dir=folder)
        linker = Linker(
            api.register(profiles),
            splink_settings(probability),
            log_level=None,
            # A second of checks of column names that the tests of this module make anyway.
            validate_settings=False,
        )
        linker.table_management.register_blocked_pairs_for_predict(api.register("candidates"))
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
