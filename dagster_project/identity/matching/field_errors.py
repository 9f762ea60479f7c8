"""Field errors: how often a first name, birth date or national id of one person is another one.

Whether two national ids that differ are two people or a slip depends on the data: in a company
whose clerks read them off a document it is two people, in a list typed by hand it may be a slip.
The records say which. Among profiles of one last name and home, those that agree on two of the
three fields and differ in the third show how often that field errs; if errors were all there is,
those that differ in two fields would be as many as the two shares multiplied. Twins, and a father
and son of one name, are what there is beyond: they differ in two fields at once and never in one.

Shares are rounded to steps and compared from day to day as the prior is.
"""

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from dagster_project.identity.rules.likeness import EXPLAINED, compared
from dagster_project.identity.rules.rule_set import RuleSet

# As many pairs' worth of trust do the reviewed weights have against the counted errors.
_TRUST = 100
# Fewer pairs that errors should have given explain nothing.
_FEWEST = 0.5
# Steps per doubling of a share.
_STEPS = 2
# A home of more records than this is an institution or a default value.
_LARGEST_HOME = 60

# By field: the column that is equal where it agrees beyond doubt; a pair that agrees, and one that
# differs, over the columns of LAYERS.
_EQUAL = {"first_name": "first_key", "birth_date": "birth", "national_id": "national_id"}
_AGREES = {
    "first_name": "first_level = 2",
    "birth_date": "birth_level = 2",
    "national_id": "national_level = 2",
}
_DIFFERS = {
    "first_name": "is_other_first_name",
    "birth_date": "birth_level = 0",
    "national_id": "national_level = 0",
}
# The level of the model that weighs a difference.
_LEVEL = "different"


@dataclass(frozen=True)
class FieldErrors:
    """``steps``: by field, half doublings of its share of errors above that of the reviewed model.

    ``explained``: the fields whose errors explain at least half of the pairs of profiles that
    differ in them.
    """

    steps: tuple[tuple[str, int], ...] = ()
    explained: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        """In one line, equal for equal errors; kept from one resolution to the next."""
        return f"{dict(self.steps)} {list(self.explained)}"

    def applied_to(self, rules: RuleSet) -> RuleSet:
        """``rules`` whose model weighs a difference by the errors that were counted.

        Agreement in all else is found where a record was copied, errors included, so the count is
        too low if anything: it never makes a difference weigh more than the reviewed model has it.
        """
        if not self.steps:
            return rules
        steps, changed = dict(self.steps), copy.deepcopy(rules.model)
        for comparison in changed["comparisons"]:
            step = steps.get(comparison["output_column_name"], 0)
            for level in comparison["comparison_levels"]:
                if level["label_for_charts"] == _LEVEL:
                    level["m_probability"] *= 2 ** (step / _STEPS)
        return replace(rules, model=changed)


def count_field_errors(con: duckdb.DuckDBPyConnection, model: dict[str, Any]) -> FieldErrors:
    """The errors among the profiles of ``resolution.nodes`` that bear a national id."""
    pairs = [fields for fields in EXPLAINED if len(fields) == 2]
    # A comparison of nobody takes as long to plan as a small company to resolve.
    compared = _has_namesakes(con)
    counts = {pair: _count(con, *pair) if compared else (0, 0, 0, 0) for pair in pairs}
    reviewed = {
        comparison["output_column_name"]: level["m_probability"]
        for comparison in model["comparisons"]
        for level in comparison["comparison_levels"]
        if level["label_for_charts"] == _LEVEL
    }
    steps = {}
    for (one, other), (neither, one_only, other_only, _) in counts.items():
        for field, errors in ((one, one_only), (other, other_only)):
            share = (errors + _TRUST * reviewed[field]) / (neither + errors + _TRUST)
            steps[field] = max(
                steps.get(field, 0), round(_STEPS * math.log2(share / reviewed[field]))
            )
    explained = []
    for fields in EXPLAINED:
        pair = next(pair for pair in pairs if set(fields) <= set(pair))
        neither, one_only, other_only, both = counts[pair]
        by_chance = one_only * other_only / max(neither, 1)
        if (by_chance if fields == pair else one_only) >= max(both - by_chance, _FEWEST):
            explained.append(fields)
    return FieldErrors(
        tuple(sorted((field, step) for field, step in steps.items() if step)), tuple(explained)
    )


def _has_namesakes(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether two profiles with a national id have one last name."""
    return bool(
        con.execute(
            """
            SELECT 1 FROM resolution.nodes
            WHERE is_profile AND national_id IS NOT NULL AND last_key IS NOT NULL
            GROUP BY last_key HAVING count(*) > 1 LIMIT 1
            """
        ).fetchall()
    )


def _count(con: duckdb.DuckDBPyConnection, one: str, other: str) -> tuple[int, int, int, int]:
    """Pairs of one last name and home that agree in the third field: (alike in both, other in
    ``one`` alone, in ``other`` alone, in both).
    """
    (same,) = (column for field, column in _EQUAL.items() if field not in (one, other))
    row = con.execute(
        f"""
        WITH homes AS (
            SELECT node, last_key, {same} AS same,
                   unnest([street || '|' || house, postal_code]) AS home
            FROM resolution.nodes
            WHERE is_profile AND national_id IS NOT NULL AND last_key IS NOT NULL
        ),
        bearers AS (
            SELECT * FROM homes WHERE home IS NOT NULL
            QUALIFY count(*) OVER (PARTITION BY last_key, home) BETWEEN 2 AND {_LARGEST_HOME}
        ),
        pairs AS (
            SELECT DISTINCT l.node AS rid_a, r.node AS rid_b
            FROM bearers AS l JOIN bearers AS r
              ON r.last_key = l.last_key AND r.home = l.home AND r.same = l.same AND r.node > l.node
        ),
        compared AS ({compared("pairs", "resolution.nodes", number="node")})
        SELECT count(*) FILTER ({_AGREES[one]} AND {_AGREES[other]}),
               count(*) FILTER ({_DIFFERS[one]} AND {_AGREES[other]}),
               count(*) FILTER ({_AGREES[one]} AND {_DIFFERS[other]}),
               count(*) FILTER ({_DIFFERS[one]} AND {_DIFFERS[other]})
        FROM compared
        """
    ).fetchone()
    assert row is not None
    return row
