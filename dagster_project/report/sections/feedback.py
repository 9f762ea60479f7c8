"""What customers said: NPS, CSAT, effort, reviews, and their reasons."""

from datetime import date
from decimal import Decimal

from dagster_project.report import formats
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Folded,
    Section,
    Table,
    bar_share,
)
from dagster_project.report.charts import Series, time_plot
from dagster_project.report.context import CHART_MONTHS, Context, Row, add_months, month_range
from dagster_project.report.language import noted, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("churn_reasons", "feedback", "satisfaction")

_KINDS = {
    "nps": noted("Recommendation (NPS)"),
    "csat": noted("Satisfaction (CSAT)"),
    "ces": noted("Effort (CES)"),
    "review": noted("Reviews"),
}

_BY_KIND = """
    select kind, count(*) as answers, avg(score) as mean_score
    from feedback
    group by kind
    order by kind
"""

_SUMS = """
        sum(nps_answers) as nps_answers, sum(promoters) as promoters, sum(detractors) as detractors,
        sum(csat_answers) as csat_answers, sum(csat_good) as good, sum(csat_bad) as bad,
        sum(reviews) as reviews, sum(mean_rating * reviews) as ratings
    from satisfaction
"""

_ALL = f"select {_SUMS} where dimension = 'all'"

_BY_MONTH = f"""
    select month, {_SUMS}
    where dimension = 'all' and month is not null and nps_answers + csat_answers > 0
    group by month
    order by month
"""

_CUTS = f"""
    select dimension_value as name, {_SUMS}
    where dimension = $dimension and month >= $since and nps_answers is not null
    group by 1
    order by sum(nps_answers + csat_answers + reviews) desc, name
"""

_DIMENSIONS = {
    "channel": noted("Where it was"),
    "acquisition_channel": noted("Acquisition channel"),
    "segment": noted("Segment of today"),
}

_REASONS = """
    select
        reason_group as name,
        sum(statements) filter (where declared_in = 'survey') as surveys,
        sum(statements) filter (where declared_in = 'call') as calls,
        sum(statements) filter (where declared_in = 'ticket') as tickets,
        sum(customers) as customers, sum(lapsed_customers) as lapsed
    from churn_reasons
    where month >= $since and reason_group is not null
    group by 1
    order by reason_group = '(other)', sum(statements) desc, name
"""
_SHOWN = 20


def build(context: Context) -> Section:
    """A row per kind over all time; NPS and CSAT by month where they were asked."""
    section = {
        "id": "feedback",
        "title": t("Feedback"),
        "definition": t("Texts of comments and reviews are not shown."),
    }
    rows = {row["kind"]: row for row in context.rows(_BY_KIND)}
    since = add_months(context.as_of.replace(day=1), -11)
    reasons = context.rows(_REASONS, {"since": since})
    if not rows and not reasons:
        absent = context.absent(
            t("No answers"), "crm.surveys", "shop.reviews", "call_center.tickets"
        )
        return Section(**section, absent=absent)
    kinds = [kind for kind in _KINDS if kind in rows]
    kinds += sorted((kind for kind in rows if kind not in _KINDS), key=str)
    scores = context.row(_ALL)
    blocks: list[Block] = []
    if rows:
        blocks.append(_by_kind(context, rows, kinds, scores))
    figure = _figure(context, {row["month"]: row for row in context.rows(_BY_MONTH)})
    if figure:
        blocks.append(figure)
    if reasons:
        blocks.append(_reasons(context, reasons, since))
    cuts = [table for name in _DIMENSIONS if (table := _cut(context, name, since)).rows]
    if cuts:
        blocks.append(Folded(t("By channel and segment"), list(cuts)))
    return Section(**section, blocks=blocks)


def _nps(row: Row | None) -> float | None:
    if row is None or not row["nps_answers"]:
        return None
    return float(row["promoters"] - row["detractors"]) / float(row["nps_answers"]) * 100


def _csat(row: Row | None) -> float | None:
    if row is None or not (row["good"] or 0) + (row["bad"] or 0):
        return None
    return float(row["good"]) / float(row["good"] + row["bad"]) * 100


def _by_kind(context: Context, rows: dict[str, Row], kinds: list[str], scores: Row) -> Table:
    return Table(
        "feedback-table",
        t("Feedback by kind"),
        [
            Column(t("Kind"), "text"),
            Column(t("Answers")),
            Column(t("Mean score")),
            Column(t("Result")),
        ],
        [
            [
                Cell(t(_KINDS[kind]) if kind in _KINDS else formats.clean(kind)),
                Cell(formats.count(rows[kind]["answers"]), rows[kind]["answers"]),
                Cell(formats.decimal(rows[kind]["mean_score"]), rows[kind]["mean_score"]),
                _result(kind, scores),
            ]
            for kind in kinds
        ],
        source=context.source(_BY_KIND),
    )


def _result(kind: str, row: Row) -> Cell:
    if kind == "nps" and (score := _nps(row)) is not None:
        return Cell(t("NPS {score}").format(score=formats.decimal(score, 1)), score)
    if kind == "csat" and (score := _csat(row)) is not None:
        return Cell(t("CSAT {score}%").format(score=formats.decimal(score, 1)), score)
    return Cell(formats.NO_VALUE)


def _reasons(context: Context, rows: list[Row], since: date) -> Table:
    def said(row: Row) -> int:
        return (row["surveys"] or 0) + (row["calls"] or 0) + (row["tickets"] or 0)

    top = max(said(row) for row in rows)
    return Table(
        "feedback-reasons",
        t("Reasons that people declared, last 12 months"),
        [
            Column(t("Reason"), "text"),
            Column("", "bar"),
            Column(t("In surveys")),
            Column(t("In calls")),
            Column(t("In tickets")),
            Column(t("Customers")),
            Column(t("Of these lapsed")),
        ],
        [
            [
                Cell(formats.words(row["name"])),
                Cell("", bar=bar_share(said(row), top)),
                *(
                    Cell(formats.count(row[place] or 0), row[place] or 0)
                    for place in ("surveys", "calls", "tickets", "customers", "lapsed")
                ),
            ]
            for row in rows
        ],
        note=(
            t(
                "Customers count once a month and place. What a call or ticket is about is a "
                "reason to leave only where the customer then left. Words that no group knows "
                "are (other)."
            )
        ),
        is_wide=True,
        source=context.source(
            _REASONS, {"since": since}, first=since, last=context.as_of.replace(day=1)
        ),
    )


def _cut(context: Context, dimension: str, since: date) -> Table:
    rows = context.rows(_CUTS, {"dimension": dimension, "since": since})
    label = t(_DIMENSIONS[dimension])

    def cells(row: Row) -> list[Cell]:
        nps, csat = _nps(row), _csat(row)
        rating = float(row["ratings"] / row["reviews"]) if row["reviews"] else None
        return [
            Cell(formats.decimal(nps, 1), nps),
            Cell(formats.count(row["nps_answers"]), row["nps_answers"]),
            Cell(formats.decimal(csat, 1), csat),
            Cell(formats.count(row["csat_answers"]), row["csat_answers"]),
            Cell(formats.decimal(rating, 2), rating),
            Cell(formats.count(row["reviews"]), row["reviews"]),
        ]

    return Table(
        f"feedback-by-{dimension.replace('_', '-')}",
        t("NPS, CSAT and reviews, last 12 months: {label}").format(
            label=formats.first_small(label)
        ),
        [
            Column(label, "text"),
            Column(t("NPS")),
            Column(t("Answers")),
            Column(t("CSAT (%)")),
            Column(t("Answers")),
            Column(t("Rating")),
            Column(t("Reviews")),
        ],
        [[Cell(formats.words(row["name"])), *cells(row)] for row in rows[:_SHOWN]],
        is_wide=True,
        source=context.source(
            _CUTS,
            {"dimension": dimension, "since": since},
            first=since,
            last=context.as_of.replace(day=1),
        ),
    )


def _figure(context: Context, found: dict[date, Row]) -> Figure | None:
    if not found:
        return None
    last = context.as_of.replace(day=1)
    months = month_range(max(min(found), add_months(last, 1 - CHART_MONTHS)), last)
    scores = {
        "NPS": [_nps(found.get(month)) for month in months],
        "CSAT (%)": [_csat(found.get(month)) for month in months],
    }
    known = {name: values for name, values in scores.items() if any(v is not None for v in values)}
    if not known:
        return None

    def answers(kind: str, month: date) -> Cell:
        number = found[month][f"{kind}_answers"] if month in found else 0
        return Cell(formats.count(number), number)

    def one_decimal(value: float | Decimal) -> str:
        return formats.decimal(value, 1)

    table = Table(
        "feedback-months",
        t("NPS and CSAT by month"),
        [
            Column(t("Month"), "text"),
            Column(t("NPS")),
            Column(t("Answers")),
            Column(t("CSAT (%)")),
            Column(t("Answers")),
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
        source=context.source(_BY_MONTH, months=months),
    )
    plot = time_plot(
        months,
        [Series(name, values) for name, values in known.items()],
        axis=formats.short,
        reading=one_decimal,
        complete_until=context.last_complete_month,
    )
    return Figure(
        "feedback-chart", t("{known} by month").format(known=" and ".join(known)), plot, table
    )
