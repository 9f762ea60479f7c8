"""Probabilistic links: Fellegi-Sunter by Splink over pairs that no single identifier proves.

Pairs go as Parquet to a scratch folder, where Splink scores them (``pair_scores``), here or on
Spark's workers. Only candidates that pass the vetoes become links: a household shares name,
address, telephone and sometimes a birthday, which together weigh more than a first name that
differs.

What a weight takes from all records at once (how common a name is, how many duplicates there are)
is rounded to steps. So it stays the same from day to day until it really changes, and then it is
known which pairs that touches (``increment``).
"""

import json
import math
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import numpy as np

from dagster_project.engine import spark_folder, spread
from dagster_project.identity.clustering.connected_components import components
from dagster_project.identity.frames import Frame, make, make_empty, make_from
from dagster_project.identity.matching.deterministic import ProvenLinks
from dagster_project.identity.matching.field_errors import FieldErrors
from dagster_project.identity.matching.pair_scores import (
    CANDIDATES,
    FIELDS,
    PROFILES,
    score_share,
)
from dagster_project.identity.matching.score_bounds import bound_columns, upper_bound
from dagster_project.identity.matching.splink_query import frequency_floors
from dagster_project.identity.records.identifiers import Records
from dagster_project.identity.rules.likeness import compared, contradicts
from dagster_project.identity.rules.linkage import Linkage
from dagster_project.identity.rules.normalisation import KINDS
from dagster_project.identity.rules.rule_set import RuleSet
from dagster_project.settings import Settings
from dagster_project.warehouse import quoted

SCRATCH = "identity_pairs"

# What speaks for a pair besides names and gender.
_BEYOND_NAMES = " + ".join(
    f"greatest(bits_{field}, 0)"
    for field in ("birth_date", "national_id", "email", "phone", "loyalty_card", "address")
)

# What of it a household does not share: without a first name or anything else of the person's own,
# a family name and a home are anybody's who lives there.
_OWN_EVIDENCE = "greatest({}) > 0".format(
    ", ".join(
        f"bits_{field}" for field in FIELDS if field not in ("last_name", "address", "gender")
    )
)

# Namesakes whose dates of birth differ by little, which says nothing, and against whose being one
# no identifier and no address speaks.
_NEAR_BIRTH = (
    "coalesce(a.birth <> b.birth, false) AND bits_birth_date >= -1 AND least("
    "bits_email, bits_phone, bits_national_id, bits_loyalty_card, bits_address) >= 0"
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
# Records of a single person that may bear a value which hardly any stranger shares; in a small
# company they alone would make it common.
_OWN = {"birth": 15, "postal_code": 15}


# A profile that bears one of these can be proven to be another's companion.
BEARS_IDENTIFIER = f"coalesce({', '.join(KINDS)}) IS NOT NULL"


def prior(linkage: Linkage, profiles: int, bearers: int, proven_pairs: int) -> float:
    """Probability that two random profiles are one person, rounded to a quarter of a doubling.

    From the pairs that identifiers prove among the ``bearers`` of one, as the companion records of
    a record are as many in the rest of the data; where there are few bearers it falls back on
    ``expected_duplicates``.
    """
    companions = (2 * proven_pairs + _SMOOTHING * linkage.expected_duplicates) / (
        bearers + _SMOOTHING
    )
    exact = companions / max(profiles, _SMALLEST)
    return min(0.5, 2 ** (round(math.log2(exact) * _PRIOR_STEPS) / _PRIOR_STEPS)) if exact else 0.0


def count_companions(con: duckdb.DuckDBPyConnection, nodes: Frame, proven_links: Frame) -> Frame:
    """How many other profiles identifiers prove to be the same person, of each profile."""
    row = con.execute(f"SELECT count(*) FROM {nodes} WHERE is_profile").fetchone()
    size = row[0] if row else 0
    links = con.execute(f"SELECT a, b FROM {proven_links}").fetchnumpy()
    labels = components(size, links["a"].astype(np.int64), links["b"].astype(np.int64))
    sizes = np.bincount(labels, minlength=1)[labels] if size else labels
    return make_from(con, "companions", {"rid": np.arange(size), "companions": sizes - 1})


@dataclass(frozen=True)
class Frequencies:
    """Of all profiles: values whose share is above their field's floor (``step``: half doublings
    above it), and mail domains of few people.
    """

    values: Frame
    rare_domains: Frame


def count_frequencies(con: duckdb.DuckDBPyConnection, rules: RuleSet) -> Frequencies:
    """How common the values of ``resolution.nodes`` are."""
    parts = [
        f"""
        SELECT '{field}' AS field, {field} AS value,
               CAST(round({_FREQUENCY_STEPS} * log2(
                   greatest(count(*) - {_OWN.get(field, 0)}, 1e-6) / {floor}
                   / (SELECT count({field}) FROM resolution.nodes WHERE is_profile)
               )) AS INTEGER) AS step
        FROM resolution.nodes WHERE is_profile AND {field} IS NOT NULL GROUP BY {field}
        """
        for field, floor in frequency_floors(rules.model).items()
    ]
    values = make(con, "frequencies", f"SELECT * FROM ({' UNION ALL '.join(parts)}) WHERE step > 0")
    rare_domains = make(
        con,
        "rare_domains",
        f"""
        SELECT split_part(email, '@', 2) AS domain FROM resolution.nodes
        WHERE is_profile AND email IS NOT NULL
        GROUP BY domain HAVING count(*) <= {rules.linkage.block_limit}
        """,
    )
    return Frequencies(values, rare_domains)


def score(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    rules: RuleSet,
    frequencies: Frequencies,
    *,
    frame: str,
    pairs: str,
    nodes: str,
    probability: float,
) -> Frame:
    """Those of ``pairs`` that reach the review threshold, as the frame ``frame``.

    ``pairs``: query of (a, b), numbers of ``nodes`` (a query of :func:`profiles_of`);
    ``probability``: the prior.
    """
    needed = _weight(rules.linkage.review) - _weight(probability) - _ROUNDING
    scores_frame = make_empty(con, frame)
    _weigh(con, rules, frequencies, nodes)
    with _scratch(settings) as folder:
        candidates = quoted(str(folder / CANDIDATES))
        con.execute(
            f"""
            COPY (
                SELECT p.a AS join_key_l, p.b AS join_key_r, '0' AS match_key
                FROM ({pairs}) AS p
                JOIN id_weighed AS l ON l.rid = p.a
                JOIN id_weighed AS r ON r.rid = p.b
                WHERE {upper_bound(rules.model)} >= {needed}
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
            ) TO {quoted(str(folder / PROFILES))} (FORMAT parquet)
            """
        )
        con.execute("DROP TABLE id_weighed")
        count = _count(con, f"read_parquet({candidates})")
        for path in _scored(settings, rules, folder, count, probability) if count else ():
            con.execute(f"INSERT INTO {scores_frame} FROM read_parquet({quoted(str(path))})")
    return scores_frame


def _scored(
    settings: Settings, rules: RuleSet, folder: Path, count: int, probability: float
) -> list[Path]:
    """Files with the scores of the ``count`` candidates in ``folder``."""
    least = settings.spark_scored_pairs
    is_spread = _may_spread(settings) and least is not None and count >= least
    shares = settings.spark_partitions if is_spread else 1
    task = partial(
        score_share,
        folder=folder,
        shares=shares,
        model=json.dumps(rules.model),
        probability=probability,
        review=rules.linkage.review,
        memory_limit=_half(settings.memory_limit),
        threads=1 if is_spread else settings.threads,
    )
    if not is_spread:
        return [task(0)]
    return spread(settings, folder, task, shares, what="score the pairs of records")


def _may_spread(settings: Settings) -> bool:
    return settings.engine == "spark" and settings.spark_scored_pairs is not None


def _weight(probability: float) -> float:
    return math.log2(probability / (1 - probability))


def _weigh(
    con: duckdb.DuckDBPyConnection, rules: RuleSet, frequencies: Frequencies, nodes: str
) -> None:
    """``id_weighed``: the profiles of ``nodes`` with what Splink and the bounds read of each."""
    shares, joins = [], []
    for field, floor in frequency_floors(rules.model).items():
        steps = f"coalesce({field}_f.step, 0) / {_FREQUENCY_STEPS}"
        shares.append(f"{floor} * 2 ** ({steps}) AS {field}_tf")
        joins.append(
            f"LEFT JOIN {frequencies.values} AS {field}_f "
            f"ON {field}_f.field = '{field}' AND {field}_f.value = p.{field}"
        )
    bounds = ", ".join(f"{sql} AS {name}" for name, sql in bound_columns(rules.model).items())
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_weighed AS
        SELECT *, {bounds} FROM (
            SELECT p.*, d.domain IS NOT NULL AS is_rare_domain, {", ".join(shares)}
            FROM ({nodes}) AS p
            LEFT JOIN {frequencies.rare_domains} AS d ON d.domain = split_part(p.email, '@', 2)
            {" ".join(joins)}
        )
        """
    )


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """A folder for pairs, where Spark's workers see it if they score them."""
    parent = spark_folder(settings) if _may_spread(settings) else settings.warehouse_dir
    folder = parent / SCRATCH
    # What a killed resolution left: one works at a time.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _half(limit: str) -> str:
    """Half of a memory limit: the warehouse is open beside the scratch database."""
    number, unit = re.fullmatch(r"([\d.]+)\s?(\w+)", limit).groups()
    return f"{float(number) / 2}{unit}"


def _count(con: duckdb.DuckDBPyConnection, table: str | Frame) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return row[0] if row else 0


@dataclass(frozen=True)
class ProbableLinks:
    """All scored pairs (with bits per field and whether vetoed), and the links among them."""

    scored: Frame
    links: Frame


def link_by_score(
    con: duckdb.DuckDBPyConnection,
    linkage: Linkage,
    records: Records,
    proven: ProvenLinks,
    scores: Frame,
    errors: FieldErrors,
) -> ProbableLinks:
    """Links of the pairs whose score is high enough and that no identifier proves already.

    Vetoed is what contradicts itself, and what is probable only by a value that a guard stopped, or
    by a telephone between different last names: families and companies have two Emmas, and a new
    last name after a marriage looks just like that. Such pairs are for a person to decide.
    """
    if not _count(con, scores):
        return ProbableLinks(make_empty(con, "scored"), make_empty(con, "probable_links"))
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_stopped AS
        SELECT kind, value FROM {records.high_degree}
        UNION
        SELECT v.kind, v.value FROM {proven.overshared} AS o
        JOIN {records.shared_values} AS v ON v.vid = o.vid
        """
    )
    beside = f"{_NEAR_BIRTH} AS is_near_birth, " + ", ".join(
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
    scored = make(
        con,
        "scored",
        f"""
        WITH compared AS ({compared(scores, records.nodes, beside=beside)})
        SELECT c.rid_a AS a, c.rid_b AS b, c.probability, c.weight,
               {contradicts(errors.explained)}
                   OR (c.weight >= {enough} AND c.weight - ({stopped}) < {enough}) AS is_vetoed,
               {_BEYOND_NAMES} AS own_bits, c.is_near_birth,
               {", ".join(f"c.bits_{field}" for field in FIELDS)}
        FROM compared AS c
        {stops}
        """,
    )
    links = make(
        con,
        "probable_links",
        f"""
        SELECT s.a, s.b, 'probable' AS rule, s.probability
        FROM {scored} AS s
        WHERE NOT s.is_vetoed AND s.probability >= {linkage.link}
          AND ({_OWN_EVIDENCE} OR s.is_near_birth)
          AND (s.own_bits >= {linkage.bits_beyond_names} OR s.bits_birth_date > 0
               OR s.is_near_birth)
          AND NOT EXISTS (SELECT 1 FROM {proven.links} AS l WHERE l.a = s.a AND l.b = s.b)
        """,
    )
    return ProbableLinks(scored, links)
