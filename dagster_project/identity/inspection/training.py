"""The model's weights estimated again from a company's own records, beside those in force.

Nothing is put in force here: the weights are a reviewed file, and what is printed or written is a
proposal to whoever reviews it. Unlabelled data show how often a field agrees among strangers (u)
well, and how often it agrees among records of one person (m) only as far as other fields find
such records, so a level that was hardly seen keeps the weight that it has.
"""

import copy
import logging
import math
from dataclasses import dataclass
from typing import Any

import duckdb

from dagster_project.errors import UsageError
from dagster_project.identity.inspection.built import require_built
from dagster_project.identity.matching.blocking import profiles_of
from dagster_project.identity.matching.splink_query import splink_settings
from dagster_project.identity.rules.linkage import load_linkage, load_model
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file

# Pairs of strangers that are looked at, in some thirty seconds.
MAX_PAIRS = 2e6
# An estimate below one in a million pairs is of a level that was not seen.
SMALLEST = 1e-6
# Fewer profiles say more about chance than about people.
FEWEST_PROFILES = 1000
FEWEST_PAIRS = 100
# Each finds pairs by one field and estimates the others; every field is estimated by two of them.
SESSIONS = (
    "l.email = r.email",
    "l.phone = r.phone",
    "l.last_key = r.last_key AND l.birth = r.birth",
    "l.first_key = r.first_key AND l.postal_code = r.postal_code",
)


@dataclass(frozen=True)
class Weight:
    """One level of one comparison: match weights in bits, the one in force and the estimated.

    ``estimated`` is None where the level was not seen among enough pairs.
    """

    comparison: str
    level: str
    in_force: float
    estimated: float | None


def train(
    con: duckdb.DuckDBPyConnection, settings: Settings, *, seed: int
) -> tuple[dict[str, Any], list[Weight]]:
    """(the model with estimated weights, every level's change) from the last resolution's records.

    Reads ``resolution.*`` and writes nothing. The same seed on the same records gives the same
    weights. UsageError when nothing is built, or there are too few records to learn from.
    """
    require_built(con)
    numbered = (
        "(SELECT *, row_number() OVER (ORDER BY source_system, source_table, source_id) AS number "
        "FROM resolution.nodes)"
    )
    profiles = con.execute(
        f"""
        WITH p AS ({profiles_of(numbered, "number")}),
        rare AS (
            SELECT split_part(email, '@', 2) AS domain FROM p WHERE email IS NOT NULL
            GROUP BY domain HAVING count(*) <= {load_linkage().block_limit}
        )
        SELECT p.*, r.domain IS NOT NULL AS is_rare_domain
        FROM p LEFT JOIN rare AS r ON r.domain = split_part(p.email, '@', 2)
        ORDER BY p.rid
        """
    ).to_arrow_table()
    if profiles.num_rows < FEWEST_PROFILES:
        raise UsageError(
            f"Records with names to learn from: {profiles.num_rows:,}; weights estimated "
            f"from fewer than {FEWEST_PROFILES:,} would be chance. The weights in force stay."
        )
    row = con.execute("SELECT max(probability) FROM resolution.parameters").fetchone()
    probability = row[0] if row and row[0] else 1 / profiles.num_rows
    # One thread: a sample drawn by several is another one each time.
    scratch = connect_file(
        ":memory:", allowed_dirs=[], memory_limit=settings.memory_limit, threads=1
    )
    try:
        trained = _estimated(scratch, profiles, probability, seed)
    finally:
        scratch.close()
    return _compared(load_model(), trained)


def _estimated(
    scratch: duckdb.DuckDBPyConnection, profiles: Any, probability: float, seed: int
) -> dict[str, Any]:
    """Splink's model after training, as its JSON."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    scratch.register("profiles", profiles)
    api = DuckDBAPI(connection=scratch)
    linker = Linker(
        api.register("profiles"),
        splink_settings(load_model(), probability),
        log_level=None,
        validate_settings=False,
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=MAX_PAIRS, seed=seed)
    for rule in SESSIONS:
        pairs = scratch.execute(
            f"SELECT count(*) FROM profiles AS l JOIN profiles AS r ON {rule} AND l.rid < r.rid"
        ).fetchone()
        # A company without telephones has no pairs that share one.
        if pairs and pairs[0] >= FEWEST_PAIRS:
            linker.training.estimate_parameters_using_expectation_maximisation(
                rule,
                estimate_without_term_frequencies=True,
                record_sample_proportion=1.0,
            )
    return linker.misc.save_model_to_json()


def _compared(
    model: dict[str, Any], trained: dict[str, Any]
) -> tuple[dict[str, Any], list[Weight]]:
    """``model`` with the estimated probabilities in place, and the change of every level."""
    merged = copy.deepcopy(model)
    found = {
        (comparison["output_column_name"], level["label_for_charts"]): level
        for comparison in trained["comparisons"]
        for level in comparison["comparison_levels"]
    }
    weights = []
    for comparison in merged["comparisons"]:
        name = comparison["output_column_name"]
        for level in comparison["comparison_levels"]:
            if level.get("is_null_level"):
                continue
            before = math.log2(level["m_probability"] / level["u_probability"])
            seen = found[name, level["label_for_charts"]]
            after = _bits(seen)
            if after is not None:
                level["m_probability"] = round(seen["m_probability"], 6)
                level["u_probability"] = float(f"{seen['u_probability']:.3g}")
            weights.append(Weight(name, level["label_for_charts"], before, after))
    return merged, weights


def _bits(level: dict[str, Any]) -> float | None:
    m, u = level.get("m_probability"), level.get("u_probability")
    if not isinstance(m, float) or not isinstance(u, float) or min(m, u) < SMALLEST:
        return None
    return math.log2(m / u)
