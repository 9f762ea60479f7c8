"""Links that no single identifier proves: Fellegi-Sunter by Splink over pairs of profiles.

Splink works in a DuckDB of its own, in memory, that reaches one scratch folder beside the
warehouse; pairs go there as Parquet, so that a large run spills to disk. Only candidates that pass
the vetoes become links: a household shares name, address, telephone and sometimes a birthday, and
no sum of weights makes a wife her husband.

What a weight takes from all records at once (how common a name is, how many duplicates there are)
is rounded to steps. So it stays the same from day to day until it really changes, and then it is
known which pairs that touches (``increment``).
"""

import logging
import math
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from dagster_project.identity.clustering.connected_components import components
from dagster_project.identity.frames import create_table
from dagster_project.identity.matching.score_bounds import bound_columns, upper_bound
from dagster_project.identity.rules.likeness import CONTRADICTS, LEVELS
from dagster_project.identity.rules.linkage import Linkage, load_model
from dagster_project.identity.rules.normalisation import KINDS
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file, quoted

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

# Bits that sums in another order may differ by.
_ROUNDING = 1e-6

# Steps per doubling: an eighth of a bit is the most that rounding moves a prior, a quarter the most
# that it moves the weight of a name.
_PRIOR_STEPS = 4
_FREQUENCY_STEPS = 2


def prior(linkage: Linkage, profiles: int, proven_pairs: int) -> float:
    """Probability that two random profiles are one person, rounded to a quarter of a doubling.

    From the pairs that identifiers prove, as the companion records of a record are as many in the
    rest of the data; a small company falls back on ``expected_duplicates``.
    """
    companions = (2 * proven_pairs + _SMOOTHING * linkage.expected_duplicates) / (
        profiles + _SMOOTHING
    )
    exact = companions / max(profiles, _SMALLEST)
    return min(0.5, 2 ** (round(math.log2(exact) * _PRIOR_STEPS) / _PRIOR_STEPS)) if exact else 0.0


def count_companions(con: duckdb.DuckDBPyConnection) -> None:
    """``id_companions`` (rid, companions): how many profiles identifiers prove to be the same."""
    row = con.execute("SELECT count(*) FROM id_nodes WHERE is_profile").fetchone()
    size = row[0] if row else 0
    links = con.execute("SELECT a, b FROM id_links").fetchnumpy()
    labels = components(size, links["a"].astype(np.int64), links["b"].astype(np.int64))
    sizes = np.bincount(labels, minlength=1)[labels] if size else labels
    create_table(con, "id_companions", {"rid": np.arange(size), "companions": sizes - 1})


def frequency_floors(model: dict[str, Any]) -> dict[str, float]:
    """Columns whose values weigh by how rare they are, with the share below which all are alike."""
    return {
        level["tf_adjustment_column"]: level["tf_minimum_u_value"]
        for comparison in model["comparisons"]
        for level in comparison["comparison_levels"]
        if "tf_adjustment_column" in level
    }


def count_frequencies(con: duckdb.DuckDBPyConnection, linkage: Linkage) -> None:
    """``id_frequencies`` (field, value, step) of all profiles, and ``id_rare_domains`` (domain).

    ``step``: half doublings above the field's floor; values at the floor are left out.
    """
    parts = [
        f"""
        SELECT '{field}' AS field, {field} AS value,
               CAST(round({_FREQUENCY_STEPS} * log2(
                   count(*) / {floor}
                   / (SELECT count({field}) FROM resolution.nodes WHERE is_profile)
               )) AS INTEGER) AS step
        FROM resolution.nodes WHERE is_profile AND {field} IS NOT NULL GROUP BY {field}
        """
        for field, floor in frequency_floors(load_model()).items()
    ]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_frequencies AS "
        f"SELECT * FROM ({' UNION ALL '.join(parts)}) WHERE step > 0"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_rare_domains AS
        SELECT split_part(email, '@', 2) AS domain FROM resolution.nodes
        WHERE is_profile AND email IS NOT NULL
        GROUP BY domain HAVING count(*) <= {linkage.block_limit}
        """
    )


def splink_settings(probability: float) -> dict[str, Any]:
    """The model with this prior; it scores the pairs that it is given."""
    return {
        **load_model(),
        "retain_intermediate_calculation_columns": True,
        "probability_two_random_records_match": probability,
        "blocking_rules_to_generate_predictions": [],
    }


def create_scores(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """An empty table for :func:`score`: rid_a, rid_b, probability, weight and bits per field."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} "
        f"(rid_a BIGINT, rid_b BIGINT, probability DOUBLE, weight DOUBLE, {_BITS_COLUMNS})"
    )


def score(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    linkage: Linkage,
    *,
    table: str,
    pairs: str,
    nodes: str,
    probability: float,
) -> None:
    """Append to ``table`` those of ``pairs`` that reach the review threshold.

    ``pairs``: query of (a, b), numbers of ``nodes`` (a query of :func:`profiles_of`);
    ``probability``: the prior. Needs :func:`count_frequencies`.
    """
    needed = _weight(linkage.review) - _weight(probability) - _ROUNDING
    _weigh(con, nodes)
    with _scratch(settings) as (folder, scratch):
        candidates = quoted(str(folder / "candidates.parquet"))
        profiles = quoted(str(folder / "profiles.parquet"))
        scores = quoted(str(folder / "scores.parquet"))
        con.execute(
            f"""
            COPY (
                SELECT p.a AS join_key_l, p.b AS join_key_r, '0' AS match_key
                FROM ({pairs}) AS p
                JOIN id_weighed AS l ON l.rid = p.a
                JOIN id_weighed AS r ON r.rid = p.b
                WHERE {upper_bound(load_model())} >= {needed}
            ) TO {candidates} (FORMAT parquet)
            """
        )
        con.execute(
            f"""
            COPY (
                FROM id_weighed WHERE rid IN (
                    SELECT join_key_l FROM read_parquet({candidates})
                    UNION ALL SELECT join_key_r FROM read_parquet({candidates})
                )
            ) TO {profiles} (FORMAT parquet)
            """
        )
        con.execute("DROP TABLE id_weighed")
        scratch.execute(f"CREATE VIEW candidates AS FROM read_parquet({candidates})")
        scratch.execute(f"CREATE TABLE profiles AS FROM read_parquet({profiles})")
        if not _count(scratch, "candidates"):
            return
        scratch.execute(
            f"COPY ({_predicted(scratch, folder, linkage, probability)}) TO {scores} "
            "(FORMAT parquet)"
        )
        con.execute(f"INSERT INTO {table} SELECT * FROM read_parquet({scores})")


def _weight(probability: float) -> float:
    return math.log2(probability / (1 - probability))


def _weigh(con: duckdb.DuckDBPyConnection, nodes: str) -> None:
    """``id_weighed``: the profiles of ``nodes`` with what Splink and the bounds read of each."""
    shares, joins = [], []
    for field, floor in frequency_floors(load_model()).items():
        steps = f"coalesce({field}_f.step, 0) / {_FREQUENCY_STEPS}"
        shares.append(f"{floor} * 2 ** ({steps}) AS {field}_tf")
        joins.append(
            f"LEFT JOIN id_frequencies AS {field}_f "
            f"ON {field}_f.field = '{field}' AND {field}_f.value = p.{field}"
        )
    bounds = ", ".join(f"{sql} AS {name}" for name, sql in bound_columns(load_model()).items())
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_weighed AS
        SELECT *, {bounds} FROM (
            SELECT p.*, d.domain IS NOT NULL AS is_rare_domain, {", ".join(shares)}
            FROM ({nodes}) AS p
            LEFT JOIN id_rare_domains AS d ON d.domain = split_part(p.email, '@', 2)
            {" ".join(joins)}
        )
        """
    )


def _predicted(
    scratch: duckdb.DuckDBPyConnection, folder: Path, linkage: Linkage, probability: float
) -> str:
    """Query for what Splink found."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connection=scratch, materialisation="parquet", materialisation_dir=folder)
    linker = Linker(
        api.register("profiles"),
        splink_settings(probability),
        log_level=None,
        # A second of checks of column names that the tests of this module make anyway.
        validate_settings=False,
    )
    for field in frequency_floors(load_model()):
        scratch.execute(
            f"CREATE TABLE frequency_{field} AS SELECT DISTINCT {field}, {field}_tf AS tf_{field} "
            f"FROM profiles WHERE {field} IS NOT NULL"
        )
        linker.table_management.register_term_frequency_lookup(
            api.register(f"frequency_{field}"), field
        )
    linker.table_management.register_blocked_pairs_for_predict(api.register("candidates"))
    found = linker.inference.predict(
        threshold_match_probability=linkage.review, warning_mode="never"
    )
    return (
        "SELECT least(rid_l, rid_r), greatest(rid_l, rid_r), match_probability, match_weight, "
        f"{_BITS} FROM {found.physical_name}"
    )


@contextmanager
def _scratch(settings: Settings) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    settings.warehouse_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="identity-pairs-", dir=settings.warehouse_dir))
    scratch = connect_file(
        ":memory:",
        allowed_dirs=[folder],
        memory_limit=_half(settings.memory_limit),
        threads=settings.threads,
    )
    try:
        yield folder, scratch
    finally:
        scratch.close()
        shutil.rmtree(folder, ignore_errors=True)


def _half(limit: str) -> str:
    """Half of a memory limit: the warehouse is open beside the scratch database."""
    number, unit = re.fullmatch(r"([\d.]+)\s?(\w+)", limit).groups()
    return f"{float(number) / 2}{unit}"


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return row[0] if row else 0


def link_by_score(con: duckdb.DuckDBPyConnection, linkage: Linkage) -> None:
    """``id_scored`` from ``id_raw_scores``, and its probable pairs added to ``id_links``.

    ``id_scored`` (a, b, probability, weight, is_vetoed, own_bits and bits per field). Vetoed is
    what contradicts itself, and what is probable only by a value that a guard stopped, or by a
    telephone between different last names: families and companies have two Emmas, and a new last
    name after a marriage looks just like that. Such pairs are for a person to decide.
    """
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_stopped AS
        SELECT kind, value FROM id_heavy
        UNION
        SELECT v.kind, v.value FROM id_overshared AS o JOIN id_vids AS v ON v.vid = o.vid
        """
    )
    same = ", ".join(
        f"CASE WHEN a.{kind} = b.{kind} THEN a.{kind} END AS same_{kind}" for kind in KINDS
    )
    stops = "\n".join(
        f"LEFT JOIN id_stopped AS {kind}_s ON {kind}_s.kind = '{kind}' "
        f"AND {kind}_s.value = c.same_{kind}"
        for kind in KINDS
    )
    is_nothing = {kind: f"{kind}_s.value IS NOT NULL" for kind in KINDS}
    is_nothing["phone"] += " OR (c.is_other_last_name AND c.same_phone IS NOT NULL)"
    stopped = " + ".join(
        f"CASE WHEN {is_nothing[kind]} THEN c.bits_{kind} ELSE 0 END" for kind in KINDS
    )
    enough = _weight(linkage.link)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_scored AS
        WITH compared AS (
            SELECT s.*, {same}, {LEVELS}
            FROM id_raw_scores AS s
            JOIN id_nodes AS a ON a.rid = s.rid_a
            JOIN id_nodes AS b ON b.rid = s.rid_b
        )
        SELECT c.rid_a AS a, c.rid_b AS b, c.probability, c.weight,
               {CONTRADICTS} OR (c.weight >= {enough} AND c.weight - ({stopped}) < {enough})
                   AS is_vetoed,
               {_BEYOND_NAMES} AS own_bits,
               {", ".join(f"c.bits_{field}" for field in FIELDS)}
        FROM compared AS c
        {stops}
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
