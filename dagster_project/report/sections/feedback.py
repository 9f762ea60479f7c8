"""What customers said: NPS, CSAT, effort and reviews."""

from datetime import date
from decimal import Decimal

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Figure, Section, Table
from dagster_project.report.charts import Series, time_plot
from dagster_project.report.context import CHART_MONTHS, Context, Row, add_months, month_range

_KINDS = {
    "nps": "Recommendation (NPS)",
    "csat": "Satisfaction (CSAT)",
    "ces": "Effort (CES)",
    "review": "Reviews",
}

_COUNTS = """
        count(*) as answers,
        count(score) as scored,
        avg(score) as mean_score,
        count(*) filter (where score >= 9) as promoters,
        count(*) filter (where score <= 6) as detractors,
        count(*) filter (where score >= 4) as good,
        count(*) filter (where score < 3) as bad
    from feedback
"""

_BY_KIND = f"select kind, {_COUNTS} group by kind order by kind"

_BY_MONTH = f"""
    select
        date_trunc('month', feedback_date)::date as month, kind, {_COUNTS}
    where kind in ('nps', 'csat') and feedback_date is not null
    group by 1, 2
    order by 1, 2
"""


def build(context: Context) -> Section:
    """A row per kind over all time; NPS and CSAT by month where they were asked."""
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
        absent = context.absent("answers", "crm.surveys", "shop.reviews", "call_center.tickets")
        return Section(**section, absent=absent)
    kinds = [kind for kind in _KINDS if kind in rows]
    kinds += sorted((kind for kind in rows if kind not in _KINDS), key=str)
    blocks: list[Block] = [
        Table(
            "feedback-table",
            "Feedback by kind",
            [Column("Kind", "text"), Column("Answers"), Column("Mean score"), Column("Result")],
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
    ]
    monthly = {(row["kind"], row["month"]): row for row in context.rows(_BY_MONTH)}
    figure = _figure(context, monthly)
    if figure:
        blocks.append(figure)
    return Section(**section, blocks=blocks)


def _nps(row: Row | None) -> Decimal | None:
    if row is None or not row["scored"]:
        return None
    return Decimal(row["promoters"] - row["detractors"]) / row["scored"] * 100


def _csat(row: Row | None) -> Decimal | None:
    if row is None or not row["good"] + row["bad"]:
        return None
    return Decimal(row["good"]) / (row["good"] + row["bad"]) * 100


def _result(kind: str, row: Row) -> Cell:
    if kind == "nps" and (score := _nps(row)) is not None:
        return Cell(f"NPS {formats.decimal(score, 1)}", score)
    if kind == "csat" and (score := _csat(row)) is not None:
        return Cell(f"CSAT {formats.decimal(score, 1)}%", score)
    return Cell(formats.NO_VALUE)


def _figure(context: Context, found: dict[tuple[str, date], Row]) -> Figure | None:
    if not found:
        return None
    last = context.as_of.replace(day=1)
    first = min(month for _, month in found)
    months = month_range(max(first, add_months(last, 1 - CHART_MONTHS)), last)
    scores = {
        "NPS": [_nps(found.get(("nps", month))) for month in months],
        "CSAT (%)": [_csat(found.get(("csat", month))) for month in months],
    }
    known = {name: values for name, values in scores.items() if any(v is not None for v in values)}
    if not known:
        return None

    def answers(kind: str, month: date) -> Cell:
        number = found[kind, month]["answers"] if (kind, month) in found else 0
        return Cell(formats.count(number), number)

    def one_decimal(value: float | Decimal) -> str:
        return formats.decimal(value, 1)

    table = Table(
        "feedback-months",
        "NPS and CSAT by month",
        [
            Column("Month", "text"),
            Column("NPS"),
            Column("Answers"),
            Column("CSAT (%)"),
            Column("Answers"),
        ],
        [
            [
                Cell(
                    formats.month_short(month),
                    is_incomplete=month > context.last_complete_month,
                ),
                Cell(formats.decimal(scores["NPS"][index], 1), scores["NPS"][index]),
                answers("nps", month),
                Cell(formats.decimal(scores["CSAT (%)"][index], 1), scores["CSAT (%)"][index]),
                answers("csat", month),
            ]
            for index, month in enumerate(months)
        ],
    )
    plot = time_plot(
        months,
        [Series(name, values) for name, values in known.items()],
        axis=formats.short,
        reading=one_decimal,
        complete_until=context.last_complete_month,
    )
    return Figure("feedback-chart", f"{' and '.join(known)} by month", plot, table)
