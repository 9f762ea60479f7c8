"""What customers said: NPS, CSAT, effort and reviews."""

from decimal import Decimal

from dagster_project.report import formats
from dagster_project.report.blocks import Cell, Column, Section, Table
from dagster_project.report.context import Context, Row

_KINDS = {
    "nps": "Recommendation (NPS)",
    "csat": "Satisfaction (CSAT)",
    "ces": "Effort (CES)",
    "review": "Reviews",
}

_BY_KIND = """
    select
        kind,
        count(*) as answers,
        count(score) as scored,
        avg(score) as mean_score,
        count(*) filter (where score >= 9) as promoters,
        count(*) filter (where score <= 6) as detractors,
        count(*) filter (where score >= 4) as good,
        count(*) filter (where score < 3) as bad
    from feedback
    group by kind
    order by kind
"""


def build(context: Context) -> Section:
    """One row per kind of feedback, over everything delivered up to ``as_of``."""
    section = {
        "id": "feedback",
        "title": "Feedback",
        "definition": (
            "NPS is the per cent that answered 9 or 10 less the per cent that answered 0 to 6. "
            "CSAT is good over good and bad answers, where 4 and 5 are good and 3 is neutral. "
            "Texts of comments and reviews are not shown."
        ),
    }
    rows = {row["kind"]: row for row in context.rows(_BY_KIND)}
    if not rows:
        return Section(**section, absent="No surveys and no reviews were delivered up to this day.")
    kinds = [kind for kind in _KINDS if kind in rows]
    kinds += sorted((kind for kind in rows if kind not in _KINDS), key=str)
    return Section(
        **section,
        blocks=[
            Table(
                "feedback-table",
                "Feedback by kind",
                [
                    Column("Kind", "text"),
                    Column("Answers"),
                    Column("Mean score"),
                    Column("Result"),
                ],
                [
                    [
                        Cell(_KINDS.get(kind, formats.clean(kind))),
                        Cell(formats.count(rows[kind]["answers"]), rows[kind]["answers"]),
                        Cell(formats.decimal(rows[kind]["mean_score"]), rows[kind]["mean_score"]),
                        _result(kind, rows[kind]),
                    ]
                    for kind in kinds
                ],
            )
        ],
    )


def _result(kind: str, row: Row) -> Cell:
    if kind == "nps" and row["scored"]:
        score = Decimal(row["promoters"] - row["detractors"]) / row["scored"] * 100
        return Cell(f"NPS {formats.decimal(score, 1)}", score)
    if kind == "csat" and row["good"] + row["bad"]:
        share = Decimal(row["good"]) / (row["good"] + row["bad"])
        return Cell(f"CSAT {formats.percent(share)}", share)
    return Cell(formats.NO_VALUE)
