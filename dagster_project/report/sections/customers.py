"""Who the customers are: lifecycle stage, segment, first channel, consent."""

from dataclasses import dataclass

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Section, Table, bar_share
from dagster_project.report.context import Context
from dagster_project.report.language import noted, nt, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("customers",)

_GROUPS = 15


@dataclass(frozen=True)
class _Cut:
    """A column to count customers by, and what a reader must know of it."""

    column: str
    caption: str
    missing: str
    note: str
    is_by_name: bool = False


_CUTS = (
    _Cut(
        "lifecycle_stage",
        noted("Customers by lifecycle stage"),
        noted("No stage"),
        noted(
            "By days since the last sale, against the median and the 90th percentile of the gaps "
            "between sales of customers who buy as often: beyond the first is at risk, beyond the "
            "second lapsed. New: one sale, at most 30 days ago. Lead: no sale."
        ),
    ),
    _Cut(
        "rfm_segment",
        noted("Customers by RFM segment"),
        noted("No sale yet"),
        noted(
            "Recency, frequency and net revenue are scored 1 to 5 by the share of customers who "
            "are worse; a table of names turns scores into segments."
        ),
    ),
    _Cut(
        "value_tier",
        noted("Customers by value tier"),
        noted("No sale yet"),
        noted(
            "A: the best customers who make the first 80% of gross margin (of net revenue where a "
            "margin is not known), B up to 95%, C the rest."
        ),
        is_by_name=True,
    ),
    _Cut(
        "acquisition_channel",
        noted("Customers by the channel that brought them"),
        noted("Not known"),
        noted(
            "Channel of the last touch up to the first sale, else of the first touch, else as "
            "the CRM or the shop recorded it."
        ),
    ),
)

_CONSENT = """
    select
        count(*) as customers,
        count(*) filter (where can_email) as email,
        count(*) filter (where can_sms) as sms,
        count(*) filter (where can_call) as calls
    from customers
"""


def build(context: Context) -> Section:
    """A table with bars per cut that the build has computed, and how many may be contacted."""
    section = {
        "id": "customers",
        "title": t("Customers"),
        "definition": t("Consent belongs to the address used, and unknown is no."),
    }
    consent = context.row(_CONSENT)
    if not consent["customers"]:
        return Section(**section, absent=t("No customers: no record bears an identifier."))
    present = {
        row["column_name"]
        for row in context.rows(
            "select column_name from information_schema.columns where table_name = 'customers'"
        )
    }
    blocks: list[Block] = [
        _cut(context, cut)
        for cut in _CUTS
        # Segments are added by a later stage of the pipeline; a build without them has no column.
        if cut.column in present
        and context.row(f"select count({cut.column}) as known from customers")["known"]
    ]
    blocks.append(
        Facts(
            [
                (
                    t(label),
                    f"{formats.count(consent[name])} "
                    f"({formats.percent(consent[name] / consent['customers'])})",
                    consent[name],
                )
                for name, label in (
                    ("email", noted("May be contacted by e-mail")),
                    ("sms", noted("May be contacted by SMS")),
                    ("calls", noted("May be contacted by telephone")),
                )
            ]
        )
    )
    return Section(**section, blocks=blocks)


def _cut(context: Context, cut: _Cut) -> Table:
    order = "name nulls last" if cut.is_by_name else "customers desc, name"
    sql = f"""
        select
            {cut.column} as name,
            count(*) as customers,
            coalesce(sum(net_revenue), 0) as net_revenue
        from customers
        group by 1
        order by {order}
    """
    rows = context.rows(sql)
    total = sum(row["customers"] for row in rows)
    top = max(row["customers"] for row in rows)
    shown = [
        (
            formats.words(row["name"]) if row["name"] else t(cut.missing),
            row["customers"],
            row["net_revenue"],
        )
        for row in rows[:_GROUPS]
    ]
    rest = rows[_GROUPS:]
    if rest:
        shown.append(
            (
                nt("{n} more", "{n} more", len(rest)).format(n=len(rest)),
                sum(row["customers"] for row in rest),
                sum(row["net_revenue"] for row in rest),
            )
        )
    return Table(
        f"customers-by-{cut.column.replace('_', '-')}",
        t(cut.caption),
        [
            Column(t("Group"), "text"),
            Column("", "bar"),
            Column(t("Customers")),
            Column(t("Share")),
            Column(t("Net revenue")),
        ],
        [
            [
                Cell(name),
                Cell("", bar=bar_share(number, top)),
                Cell(formats.count(number), number),
                Cell(formats.percent(number / total), number / total),
                Cell(context.money.whole(revenue), revenue),
            ]
            for name, number, revenue in shown
        ],
        note=t(cut.note),
        source=context.source(sql),
    )
