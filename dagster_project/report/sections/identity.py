"""From records to people: how many, how sure, and what changed."""

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Section, Table, bar_share
from dagster_project.report.context import Context

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

_BANDS = {6: "6 to 10", 11: "11 to 20", 21: "21 and more"}


def build(context: Context) -> Section:
    """Records and people by source, cluster sizes, links by method, and changes of ids."""
    section = {
        "id": "identity",
        "title": "From records to people",
        "definition": (
            "Records of all systems become people with one customer id each: by e-mails, telephone "
            "numbers, cards and references that they share, and by likeness where that is probable "
            "enough. Values that are nobody's or many people's join nobody. No id changes without "
            "an entry in the list of changes."
        ),
    }
    totals = context.row(_TOTALS)
    if not totals["records"]:
        return Section(**section, absent="No customers: no record bears an identifier.")
    per_person = totals["records"] / totals["customers"]
    facts = Facts(
        [
            ("Records", formats.count(totals["records"]), totals["records"]),
            ("People", formats.count(totals["customers"]), totals["customers"]),
            ("Records per person", formats.decimal(per_person), per_person),
            ("Most records of one person", formats.count(totals["largest"]), totals["largest"]),
        ]
    )
    sources = context.rows(_SOURCES)
    most = max(row["records"] for row in sources)
    blocks: list[Block] = [
        facts,
        Table(
            "identity-sources",
            "Records and people by source",
            [
                Column("Source", "text"),
                Column("", "bar"),
                Column("Records"),
                Column("People"),
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
            note="A person with records in several sources counts in each.",
        ),
        _sizes(context),
        _methods(context),
        _changes(context),
    ]
    return Section(**section, blocks=blocks)


def _sizes(context: Context) -> Table:
    rows = context.rows(_SIZES)
    total = sum(row["customers"] for row in rows)
    top = max((row["customers"] for row in rows), default=0)
    return Table(
        "identity-sizes",
        "People by number of records",
        [Column("Records", "text"), Column("", "bar"), Column("People"), Column("Share")],
        [
            [
                Cell(_BANDS.get(row["band"], str(row["band"]))),
                Cell("", bar=bar_share(row["customers"], top)),
                Cell(formats.count(row["customers"]), row["customers"]),
                Cell(formats.percent(row["customers"] / total), row["customers"] / total),
            ]
            for row in rows
        ],
    )


def _methods(context: Context) -> Table:
    rows = context.rows(_METHODS)
    top = max(row["records"] for row in rows)
    return Table(
        "identity-methods",
        "Records by the method that linked them",
        [
            Column("Method", "text"),
            Column("", "bar"),
            Column("Records"),
            Column("Mean probability"),
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
    )


def _changes(context: Context) -> Block:
    rows = context.rows(_CHANGES)
    if not rows:
        return Facts([("Customer ids changed so far", "0", 0)])
    return Table(
        "identity-changes",
        "Changes of customer ids since the beginning",
        [Column("Kind", "text"), Column("Changes"), Column("Newest", "text")],
        [
            [
                Cell(formats.words(row["name"])),
                Cell(formats.count(row["changes"]), row["changes"]),
                Cell(formats.day(row["newest"])),
            ]
            for row in rows
        ],
    )
