"""From records to people: how many, how sure, and what changed."""

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Section, Table, bar_share
from dagster_project.report.context import Context
from dagster_project.report.language import noted, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("customer_id_changes", "customer_identities")

_TOTALS = """
    select
        count(*) as records,
        count(distinct customer_id) as customers,
        coalesce(max(size), 0) as largest
    from (
        select customer_id, count(*) over (partition by customer_id) as size
        from customer_identities
        where customer_id is not null
    )
"""

_SOURCES = """
    select
        source_system || '.' || source_table as name,
        count(*) as records,
        count(distinct customer_id) as customers
    from customer_identities
    group by 1
    order by records desc, name
"""

_SIZES = """
    with sizes as (
        select customer_id, count(*) as size
        from customer_identities
        where customer_id is not null
        group by customer_id
    ),

    banded as (
        select
            case
                when size <= 5 then size
                when size <= 10 then 6
                when size <= 20 then 11
                else 21
            end as band
        from sizes
    )
    select band, count(*) as customers from banded group by band order by band
"""

_METHODS = """
    select method as name, count(*) as records, avg(probability) as probability
    from customer_identities
    group by method
    order by records desc, name
"""

_CHANGES = """
    select kind as name, count(*) as changes, max(changed_at) as newest
    from customer_id_changes
    group by kind
    order by changes desc, name
"""

_BANDS = {6: noted("6 to 10"), 11: noted("11 to 20"), 21: noted("21 and more")}


def build(context: Context) -> Section:
    """Records and people by source, cluster sizes, links by method, and changes of ids."""
    section = {
        "id": "identity",
        "title": t("From records to people"),
        "definition": t(
            "Records of all systems become people with one customer id each. Values that are "
            "nobody's or many people's join nobody, and no id changes without an entry in the "
            "list of changes."
        ),
    }
    totals = context.row(_TOTALS)
    if not totals["records"]:
        return Section(**section, absent=t("No customers: no record bears an identifier."))
    per_person = totals["records"] / totals["customers"]
    facts = Facts(
        [
            (t("Records"), formats.count(totals["records"]), totals["records"]),
            (t("People"), formats.count(totals["customers"]), totals["customers"]),
            (t("Records per person"), formats.decimal(per_person), per_person),
            (t("Most records of one person"), formats.count(totals["largest"]), totals["largest"]),
        ]
    )
    sources = context.rows(_SOURCES)
    most = max(row["records"] for row in sources)
    blocks: list[Block] = [
        facts,
        Table(
            "identity-sources",
            t("Records and people by source"),
            [
                Column(t("Source"), "text"),
                Column("", "bar"),
                Column(t("Records")),
                Column(t("People")),
            ],
            [
                [
                    Cell(formats.clean(row["name"])),
                    Cell("", bar=bar_share(row["records"], most)),
                    Cell(formats.count(row["records"]), row["records"]),
                    Cell(formats.count(row["customers"]), row["customers"]),
                ]
                for row in sources
            ],
            note=t("A person with records in several sources counts in each."),
            source=context.source(_SOURCES),
        ),
        _sizes(context),
        _methods(context),
        _changes(context),
    ]
    return Section(**section, blocks=blocks)


def _band(size: int) -> str:
    return t(_BANDS[size]) if size in _BANDS else str(size)


def _sizes(context: Context) -> Table:
    rows = context.rows(_SIZES)
    total = sum(row["customers"] for row in rows)
    top = max((row["customers"] for row in rows), default=0)
    return Table(
        "identity-sizes",
        t("People by number of records"),
        [Column(t("Records"), "text"), Column("", "bar"), Column(t("People")), Column(t("Share"))],
        [
            [
                Cell(_band(row["band"])),
                Cell("", bar=bar_share(row["customers"], top)),
                Cell(formats.count(row["customers"]), row["customers"]),
                Cell(formats.percent(row["customers"] / total), row["customers"] / total),
            ]
            for row in rows
        ],
        source=context.source(_SIZES),
    )


def _methods(context: Context) -> Table:
    rows = context.rows(_METHODS)
    top = max(row["records"] for row in rows)
    return Table(
        "identity-methods",
        t("Records by the method that linked them"),
        [
            Column(t("Method"), "text"),
            Column("", "bar"),
            Column(t("Records")),
            Column(t("Mean probability")),
        ],
        [
            [
                Cell(formats.words(row["name"])),
                Cell("", bar=bar_share(row["records"], top)),
                Cell(formats.count(row["records"]), row["records"]),
                Cell(formats.decimal(row["probability"], 3), row["probability"]),
            ]
            for row in rows
        ],
        source=context.source(_METHODS),
    )


def _changes(context: Context) -> Block:
    rows = context.rows(_CHANGES)
    if not rows:
        return Facts([(t("Customer ids changed so far"), "0", 0)])
    return Table(
        "identity-changes",
        t("Changes of customer ids since the beginning"),
        [Column(t("Kind"), "text"), Column(t("Changes")), Column(t("Newest"), "text")],
        [
            [
                Cell(formats.words(row["name"])),
                Cell(formats.count(row["changes"]), row["changes"]),
                Cell(formats.day(row["newest"])),
            ]
            for row in rows
        ],
        source=context.source(_CHANGES),
    )
