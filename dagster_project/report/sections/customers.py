"""Who the customers are: lifecycle stage, segment, first channel, consent."""

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Section, Table, bar_share
from dagster_project.report.context import Context

_GROUPS = 15

# (column, caption, what an empty value means): shown when any customer has a value.
_CUTS = (
    ("lifecycle_stage", "Customers by lifecycle stage", "No stage"),
    ("rfm_segment", "Customers by RFM segment", "No sale yet"),
    ("value_tier", "Customers by value tier", "No sale yet"),
    ("acquisition_channel", "Customers by the channel that brought them", "Not known"),
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
        "title": "Customers",
        "definition": (
            "A customer is a person with at least one record that bears an identifier: contact, "
            "account, guest order, call or ticket. Stages are measured against the usual gap "
            "between this company's sales. Consent unknown is no."
        ),
    }
    consent = context.row(_CONSENT)
    if not consent["customers"]:
        return Section(**section, absent="No customers: no record bears an identifier.")
    present = {
        row["column_name"]
        for row in context.rows(
            "select column_name from information_schema.columns where table_name = 'customers'"
        )
    }
    blocks: list[Block] = [
        _cut(context, column, caption, missing)
        for column, caption, missing in _CUTS
        # Segments are added by a later stage of the pipeline; a build without them has no column.
        if column in present
        and context.row(f"select count({column}) as known from customers")["known"]
    ]
    blocks.append(
        Facts(
            [
                (
                    f"May be contacted by {label}",
                    f"{formats.count(consent[name])} "
                    f"({formats.percent(consent[name] / consent['customers'])})",
                    consent[name],
                )
                for name, label in (("email", "e-mail"), ("sms", "SMS"), ("calls", "telephone"))
            ]
        )
    )
    return Section(**section, blocks=blocks)


def _cut(context: Context, column: str, caption: str, missing: str) -> Table:
    rows = context.rows(
        f"""
        select
            {column} as name,
            count(*) as customers,
            coalesce(sum(net_revenue), 0) as net_revenue
        from customers
        group by 1
        order by customers desc, name
        """
    )
    total = sum(row["customers"] for row in rows)
    top = max(row["customers"] for row in rows)
    # A stage is a code of the project's own, a channel or segment is a name as it stands.
    write = formats.words if column == "lifecycle_stage" else formats.clean
    shown = [
        (write(row["name"] or missing), row["customers"], row["net_revenue"])
        for row in rows[:_GROUPS]
    ]
    rest = rows[_GROUPS:]
    if rest:
        shown.append(
            (
                f"{len(rest)} more",
                sum(row["customers"] for row in rest),
                sum(row["net_revenue"] for row in rest),
            )
        )
    return Table(
        f"customers-by-{column.replace('_', '-')}",
        caption,
        [
            Column("Group", "text"),
            Column("", "bar"),
            Column("Customers"),
            Column("Share"),
            Column("Net revenue"),
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
    )
