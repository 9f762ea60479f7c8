"""Audiences and consent: who may be written to, who is in which audience, what messages changed."""

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Note, Section, Table
from dagster_project.report.context import Context, Row
from dagster_project.report.differences import difference_cells, difference_columns, verdict
from dagster_project.report.language import noted, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("audience_changes", "audience_results", "audiences", "customers")

_CONSENT = """
    select
        count(*) as customers,
        count(*) filter (where can_email) as email,
        count(*) filter (where can_sms) as sms,
        count(*) filter (where can_call) as call,
        count(*) filter (where not (
            coalesce(can_email, false) or coalesce(can_sms, false) or coalesce(can_call, false)
        )) as nobody,
        count(*) filter (where is_profiling_withdrawn) as withdrawn
    from customers
"""

_AUDIENCES = """
    with newest as (
        select audience, count(*) as entered
        from audience_changes
        where change = 'entered' and build_id = (select max(build_id) from audience_changes)
        group by audience
    )

    select
        a.audience, any_value(a.medium) as medium, count(*) as members,
        coalesce(any_value(n.entered), 0) as entered,
        count(*) filter (where a.left_out_because is null) as contacted,
        count(*) filter (where a.left_out_because = 'no_consent') as no_consent,
        count(*) filter (where a.left_out_because = 'no_address') as no_address,
        count(*) filter (where a.left_out_because = 'cap') as cap,
        count(*) filter (where a.left_out_because = 'hold_out') as hold_out
    from audiences as a
    left join newest as n on a.audience = n.audience
    group by a.audience
    order by members desc, a.audience
"""

_RESULTS = """
    select
        h.audience, h.observed_subjects as held, c.observed_subjects as told,
        h.conversion_rate as held_rate, c.conversion_rate as told_rate, c.rate_difference,
        c.rate_ci_low, c.rate_ci_high, c.rate_p_value, c.revenue_difference, c.is_valid
    from audience_results as h
    inner join audience_results as c on h.audience = c.audience and c.variant = 'contacted'
    where h.variant = 'held_out'
    order by h.audience
"""

_MEDIA = {
    "email": noted("E-mail"),
    "sms": noted("SMS"),
    "call": noted("Call"),
    "none": noted("Nothing is sent"),
}


def build(context: Context) -> Section:
    """Consent in facts, a line per audience, and what contact changed against the hold-outs."""
    section = {
        "id": "audiences",
        "title": t("Audiences and consent"),
        "definition": t(
            "Consent is asked of the address that would be used, on the day of this version: "
            "unknown is no. Who is held out hears nothing, so that the others can be compared."
        ),
    }
    consent = context.row(_CONSENT)
    if not consent["customers"]:
        return Section(**section, absent=t("No customers: no record bears an identifier."))
    blocks: list[Block] = [_consent(consent)]
    if not context.known("audiences", "audience_changes", "audience_results"):
        blocks.append(Note(t("This version was built without audiences.")))
        return Section(**section, blocks=blocks)
    rows = context.rows(_AUDIENCES)
    results = context.rows(_RESULTS)
    if not rows:
        blocks.append(Note(t("Nobody is in any audience.")))
    else:
        blocks.append(_audiences(context, rows))
    if any(row["held"] or row["told"] for row in results):
        blocks.append(_results(context, results))
    elif results:
        blocks.append(
            Note(t("What messages change is known 30 days after the first people entered."))
        )
    return Section(**section, blocks=blocks)


def _medium(code: str | None) -> str:
    text = _MEDIA.get(code or "", "")
    return t(text) if text else formats.NO_VALUE


def _consent(row: Row) -> Facts:
    def fact(label: str, key: str) -> tuple[str, str, int]:
        share = formats.percent(row[key] / row["customers"])
        return (label, f"{formats.count(row[key])} ({share})", row[key])

    return Facts(
        [
            (t("Customers"), formats.count(row["customers"]), row["customers"]),
            fact(t("May be sent e-mail"), "email"),
            fact(t("May be sent SMS"), "sms"),
            fact(t("May be called"), "call"),
            fact(t("May not be contacted at all"), "nobody"),
            fact(t("Withdrew the consent to be profiled"), "withdrawn"),
        ]
    )


def _audiences(context: Context, rows: list[Row]) -> Table:
    def number(row: Row, key: str) -> Cell:
        return Cell(formats.count(row[key]), row[key])

    counts = ("members", "entered", "contacted", "no_consent", "no_address", "cap", "hold_out")
    return Table(
        "audiences-members",
        t("Audiences: who is in, who may be contacted, who is left out and why"),
        [
            Column(t("Audience"), "text"),
            Column(t("Medium"), "text"),
            Column(t("Members")),
            Column(t("Entered with this version")),
            Column(t("May be contacted")),
            Column(t("No consent")),
            Column(t("No address")),
            Column(t("Enough messages this week")),
            Column(t("Held out")),
        ],
        [
            [
                Cell(formats.words(row["audience"])),
                Cell(_medium(row["medium"])),
                *(number(row, key) for key in counts),
            ]
            for row in rows
        ],
        note=t(
            "hourglass audiences show NAME prints a definition, export NAME writes a file for "
            "your mail tool."
        ),
        is_wide=True,
        source=context.source(_AUDIENCES),
    )


def _results(context: Context, rows: list[Row]) -> Table:
    return Table(
        "audiences-results",
        t("What contact changed: people with a sale within 30 days of entering"),
        [
            Column(t("Audience"), "text"),
            Column(t("Held out")),
            Column(t("Contacted")),
            Column(t("Bought, held out")),
            Column(t("Bought, contacted")),
            *difference_columns(),
            Column(t("Revenue per person, difference")),
            Column(t("Result"), "text"),
        ],
        [
            [
                Cell(formats.words(row["audience"])),
                Cell(formats.count(row["held"]), row["held"]),
                Cell(formats.count(row["told"]), row["told"]),
                Cell(formats.percent(row["held_rate"]), row["held_rate"]),
                Cell(formats.percent(row["told_rate"]), row["told_rate"]),
                *difference_cells(row),
                Cell(context.money.exact(row["revenue_difference"]), row["revenue_difference"]),
                Cell(verdict(row)),
            ]
            for row in rows
        ],
        note=t("Only people whose 30 days are over."),
        is_wide=True,
        source=context.source(_RESULTS),
    )
