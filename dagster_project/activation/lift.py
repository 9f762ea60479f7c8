"""Hold-outs read back as experiments: what an audience's messages changed, with intervals.

Compared are, per audience, who was contacted and who was held out, from the day after they first
entered: the share that bought within :data:`WINDOW_DAYS`, and net revenue per person. Both were
chosen by the same keyed hash among people with consent, so the difference is the message's. The
tests are those of experiments: two proportions with Newcombe's interval, Welch for means, and
whether the split is the planned one.
"""

from collections.abc import Mapping
from datetime import date
from math import isnan

import duckdb

from dagster_project.activation.definitions import Audience
from dagster_project.predict.experiments import newcombe, split_mismatch, two_proportions, welch
from dagster_project.transform.thresholds import threshold

WINDOW_DAYS = 30
RESULTS = """
    audience VARCHAR, variant VARCHAR, subjects BIGINT, observed_subjects BIGINT,
    conversions BIGINT, conversion_rate DOUBLE, net_revenue DECIMAL(18, 2),
    revenue_per_subject DOUBLE, rate_difference DOUBLE, rate_ci_low DOUBLE, rate_ci_high DOUBLE,
    rate_p_value DOUBLE, revenue_difference DOUBLE, revenue_ci_low DOUBLE, revenue_ci_high DOUBLE,
    revenue_p_value DOUBLE, split_p_value DOUBLE, is_valid BOOLEAN"""


def write_results(
    con: duckdb.DuckDBPyConnection, audiences: Mapping[str, Audience], as_of: date
) -> None:
    """Make ``marts.audience_results`` from ``marts.audience_changes`` and ``marts.orders``.

    Two rows per audience with a hold-out that somebody entered: ``held_out`` and ``contacted``.
    Differences are those of ``contacted``; NULL where the data do not determine them.
    """
    rows = con.execute(
        f"""
        WITH entered AS (
            SELECT audience, customer_id, min(changed_on) AS entered_on,
                arg_min(left_out_because, changed_on) AS because
            FROM marts.audience_changes
            WHERE change = 'entered' AND coalesce(left_out_because, 'hold_out') = 'hold_out'
            GROUP BY ALL
        ),
        bought AS (
            SELECT e.audience, e.customer_id, sum(o.net_revenue) AS revenue
            FROM entered AS e
            INNER JOIN marts.orders AS o ON e.customer_id = o.customer_id AND o.is_sale
                AND o.order_date > e.entered_on AND o.order_date <= e.entered_on + {WINDOW_DAYS}
            GROUP BY ALL
        )
        SELECT e.audience, coalesce(e.because, '') = 'hold_out' AS is_held_out, count(*),
            count_if(e.entered_on + {WINDOW_DAYS} <= DATE '{as_of}'),
            count_if(e.entered_on + {WINDOW_DAYS} <= DATE '{as_of}' AND b.customer_id IS NOT NULL),
            coalesce(sum(b.revenue) FILTER (
                e.entered_on + {WINDOW_DAYS} <= DATE '{as_of}'), 0)::DOUBLE,
            coalesce(sum(b.revenue::DOUBLE * b.revenue::DOUBLE) FILTER (
                e.entered_on + {WINDOW_DAYS} <= DATE '{as_of}'), 0)
        FROM entered AS e
        LEFT JOIN bought AS b ON e.audience = b.audience AND e.customer_id = b.customer_id
        GROUP BY ALL ORDER BY 1, 2
        """
    ).fetchall()
    groups: dict[str, dict[bool, tuple]] = {}
    for audience, is_held_out, *sums in rows:
        groups.setdefault(audience, {})[is_held_out] = tuple(sums)
    con.execute(f"CREATE OR REPLACE TABLE marts.audience_results ({RESULTS})")
    for name, found in groups.items():
        if name in audiences and audiences[name].hold_out:
            _write(con, name, audiences[name].hold_out, found)


def _write(
    con: duckdb.DuckDBPyConnection, name: str, share: float, found: dict[bool, tuple]
) -> None:
    nobody = (0, 0, 0, 0.0, 0.0)
    held, told = found.get(True, nobody), found.get(False, nobody)
    _, split = split_mismatch((held[0], told[0]), (share, 1 - share))
    differences: list[float | None] = [None] * 8
    if held[1] and told[1]:
        counts = (told[2], told[1], held[2], held[1])
        low, high = newcombe(*counts)
        revenue = welch((told[1], told[3], told[4]), (held[1], held[3], held[4]))
        found_differences = [
            told[2] / told[1] - held[2] / held[1],
            low,
            high,
            two_proportions(*counts)[1],
            *revenue[:3],
            revenue[4],
        ]
        differences = [None if isnan(value) else value for value in found_differences]
    for variant, sums in (("held_out", held), ("contacted", told)):
        subjects, observed, conversions, revenue_sum, _ = sums
        con.execute(
            f"INSERT INTO marts.audience_results VALUES ({', '.join('?' * 18)})",
            [
                name,
                variant,
                subjects,
                observed,
                conversions,
                round(conversions / observed, 6) if observed else None,
                round(revenue_sum, 2),
                round(revenue_sum / observed, 6) if observed else None,
                *(differences if variant == "contacted" else [None] * 8),
                split,
                split >= threshold("experiment_split_p_value"),
            ],
        )
