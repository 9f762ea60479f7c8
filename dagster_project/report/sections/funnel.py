"""Hourglass funnel: how many people reach each stage from first seen to advocate."""

from dagster_project.report.blocks import Section
from dagster_project.report.context import Context
from dagster_project.report.cubes import Measure, Pivot, cube, stages_figure
from dagster_project.report.language import noted, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("funnel_hourglass",)

_CUBE = """
    select month, channel, segment, stage, sum(customers) as customers
    from funnel_hourglass
    where month is not null and stage is not null
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4
"""

STAGES = {
    "reach": noted("Reach"),
    "capture": noted("Capture"),
    "warm": noted("Warm"),
    "sale": noted("Sale"),
    "upsell": noted("Upsell"),
    "loyalty": noted("Loyalty"),
    "advocacy": noted("Advocacy"),
}


def build(context: Context) -> Section:
    """The stages as centred bars, to be filtered by month first seen, channel and segment."""
    section = {
        "id": "funnel",
        "title": t("The hourglass"),
        "definition": t(
            "Everybody who was ever seen, narrowing to the first sale and widening again to those "
            "who bring others. The lower half may widen: an advocate need not have bought."
        ),
    }
    rows = context.rows(_CUBE)
    if not rows or not any(row["customers"] for row in rows):
        return Section(**section, absent=t("No customers and no visitors are known."))
    people = cube(
        "funnel",
        rows,
        (
            ("channel", t("Acquisition channel")),
            ("segment", t("Segment of today")),
            ("stage", t("Stage")),
        ),
        ("customers",),
    )
    months = tuple(people.months)
    figure = stages_figure(
        context,
        Pivot(
            "funnel-chart",
            t("Customers, and visitors without one, by the stage they reached"),
            people,
            "stage",
            (Measure(t("People"), "customers"),),
            context.source(_CUBE),
            t("Stage"),
            t(
                "Months are those in which people were first seen. Conversion is those reaching a "
                "stage over those at the stage before."
            ),
            months,
        ),
        list(STAGES),
    )
    return Section(**section, blocks=[figure], cubes=(people,))
