"""Groups of customers who buy alike, and who moved between segments."""

from dagster_project.report import formats
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Facts,
    Folded,
    Note,
    Section,
    Table,
    bar_share,
    heat_step,
)
from dagster_project.report.context import Context, Row

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = (
    "customer_segments",
    "customer_value",
    "customers",
    "model_quality",
    "segment_migrations",
)

_GROUPS = 15
# What a heat map can show; a seed of an own making may name more.
_SEGMENTS = 20

_PERSONAS = """
    select
        s.persona_label as name, count(*) as customers, sum(v.ltv_to_date) as revenue,
        sum(v.predicted_12m_value) as expected
    from customer_segments as s
    inner join customer_value as v on s.customer_id = v.customer_id
    where s.persona_label is not null
    group by 1
    order by customers desc, name
"""

_WHY_NOT = """
    select note from model_quality where model = 'personas' and metric = 'fitted' and value = 0
"""

_MOVES = """
    select month, from_segment, to_segment, customers, share_of_from, is_move
    from segment_migrations
    where month is not null and from_segment is not null and to_segment is not null
    order by month, from_segment, to_segment
"""

# From the best customers to those who are gone; names of an own seed follow.
_ORDER = (
    "Champions",
    "Loyal",
    "Potential loyalist",
    "New",
    "Promising",
    "Need attention",
    "About to sleep",
    "At risk",
    "Cannot lose",
    "Hibernating",
    "Lost",
)
_FIRST_SALE = "(none)"

_CUTS = (
    ("age_band", "Customers by age"),
    ("gender", "Customers by gender"),
    ("country", "Customers by country"),
    ("region", "Customers by region"),
)


def build(context: Context) -> Section:
    """Personas, the moves of the last month as a heat map, twelve months of moves, demography."""
    section = {
        "id": "segments",
        "title": "Groups and moves",
        "definition": (
            "Personas are found in the data: customers are grouped by how lately, how often, for "
            "how much, how regularly, at what discount and on which days they buy, and each group "
            "is named by what sets it apart. Segments are given: a table of names for scores of "
            "recency, frequency and net revenue, taken here at the end of each month among the "
            "customers of that day."
        ),
    }
    moves = context.rows(_MOVES)
    personas = context.rows(_PERSONAS)
    demography = [table for cut in _CUTS if (table := _cut(context, *cut))]
    if not moves and not personas and not demography:
        if context.has("customers"):
            return Section(**section, absent="No month with a sale is complete yet.")
        return Section(**section, absent="No customers: no record bears an identifier.")
    blocks: list[Block] = []
    if personas:
        blocks.append(_personas(context, personas))
    else:
        reasons = context.rows(_WHY_NOT)
        reason = formats.clean(reasons[0]["note"]) if reasons else "too few customers have bought"
        blocks.append(Note(f"There are no personas: {reason}."))
    if moves:
        blocks += _moves(moves)
    if demography:
        blocks.append(Folded("Age, gender and place", list(demography)))
    return Section(**section, blocks=blocks)


def _personas(context: Context, rows: list[Row]) -> Table:
    total = sum(row["customers"] for row in rows)
    top = max(row["customers"] for row in rows)
    return Table(
        "segments-personas",
        "Customers with a sale by persona",
        [
            Column("Persona", "text"),
            Column("", "bar"),
            Column("Customers"),
            Column("Share"),
            Column("Net revenue so far"),
            Column("Expected in 12 months"),
        ],
        [
            [
                Cell(formats.clean(row["name"])),
                Cell("", bar=bar_share(row["customers"], top)),
                Cell(formats.count(row["customers"]), row["customers"]),
                Cell(formats.percent(row["customers"] / total), row["customers"] / total),
                Cell(context.money.whole(row["revenue"]), row["revenue"]),
                Cell(context.money.whole(row["expected"]), row["expected"]),
            ]
            for row in rows
        ],
        note="After the colon stands what is unlike the average customer. Who withdrew the consent "
        "to be profiled has no persona.",
    )


def _place(segment: str) -> tuple[int, str]:
    known = _ORDER.index(segment) if segment in _ORDER else len(_ORDER)
    return (-1 if segment == _FIRST_SALE else known, segment)


def _moves(moves: list[Row]) -> list[Block]:
    months = sorted({row["month"] for row in moves})
    last = [row for row in moves if row["month"] == months[-1]]
    known = sum(row["customers"] or 0 for row in last if row["from_segment"] != _FIRST_SALE)
    moved = sum(
        row["customers"] or 0
        for row in last
        if row["is_move"] and row["from_segment"] != _FIRST_SALE
    )
    new = sum(row["customers"] or 0 for row in last if row["from_segment"] == _FIRST_SALE)
    name = formats.month_name(months[-1])
    share = f" ({formats.percent(moved / known)})" if known else ""
    blocks: list[Block] = [
        Facts(
            [
                (f"Changed segment in {name}", f"{formats.count(moved)}{share}", moved),
                ("Stayed in theirs", formats.count(known - moved), known - moved),
                ("Bought for the first time", formats.count(new), new),
            ]
        )
    ]
    if known:
        blocks.append(_map(last, name))
    if len(months) > 1:
        blocks.append(Folded("Moves by month", [_monthly(moves)]))
    return blocks


def _map(rows: list[Row], month: str) -> Table:
    found = {(row["from_segment"], row["to_segment"]): row for row in rows}
    origins = sorted({origin for origin, _ in found}, key=_place)[:_SEGMENTS]
    targets = sorted({target for _, target in found}, key=_place)[:_SEGMENTS]
    size: dict[str, int] = {}
    for (origin, _), row in found.items():
        size[origin] = size.get(origin, 0) + (row["customers"] or 0)
    # Most customers stay, which would use up the whole scale.
    shares = [
        row["customers"] / size[origin]
        for (origin, target), row in found.items()
        if origin != target and size[origin]
    ]
    top = max(shares, default=0.0)

    def cell(origin: str, target: str) -> Cell:
        row = found.get((origin, target))
        if row is None or not size[origin]:
            return Cell("")
        share = row["customers"] / size[origin]
        whence = "First sale in the month" if origin == _FIRST_SALE else f"From {origin}"
        return Cell(
            formats.percent(share, 0),
            share,
            heat=heat_step(share, top) if origin != target else None,
            tip=f"{formats.clean(whence)} to {formats.clean(target)}\n"
            f"{formats.count(row['customers'])} of {formats.count(size[origin])} customers, "
            f"{formats.percent(share)}",
        )

    return Table(
        "segments-moves",
        f"Where the customers of each segment went in {month}",
        [
            Column("From", "text"),
            Column("Customers"),
            *(Column(formats.clean(target), "heat") for target in targets),
        ],
        [
            [
                Cell("First sale" if origin == _FIRST_SALE else formats.clean(origin)),
                Cell(formats.count(size[origin]), size[origin]),
                *(cell(origin, target) for target in targets),
            ]
            for origin in origins
        ],
        note="A line is a segment at the end of the month before, a column the segment a month "
        "later; shares of the line. Those who stayed are not shaded. Scores compare customers with "
        "each other, so somebody may move because others did.",
        is_wide=True,
        is_heat=True,
    )


def _monthly(moves: list[Row]) -> Table:
    lines: dict[object, list[int]] = {}
    for row in moves:
        line = lines.setdefault(row["month"], [0, 0, 0])
        kind = 2 if row["from_segment"] == _FIRST_SALE else int(bool(row["is_move"]))
        line[kind] += row["customers"] or 0
    return Table(
        "segments-months",
        "Customers by what they did between the ends of two months",
        [
            Column("Month", "text"),
            Column("Stayed"),
            Column("Moved"),
            Column("Share moved"),
            Column("First sale"),
        ],
        [
            [
                Cell(formats.month_short(month)),
                Cell(formats.count(stayed), stayed),
                Cell(formats.count(moved), moved),
                Cell(
                    formats.percent(moved / (stayed + moved) if stayed + moved else None),
                    moved / (stayed + moved) if stayed + moved else None,
                ),
                Cell(formats.count(new), new),
            ]
            for month, (stayed, moved, new) in sorted(lines.items())
        ],
    )


def _cut(context: Context, column: str, caption: str) -> Table | None:
    rows = context.rows(
        f"""
        select s.{column} as name, count(*) as customers, sum(c.net_revenue) as revenue
        from customer_segments as s
        inner join customers as c on s.customer_id = c.customer_id
        group by 1
        order by customers desc, name
        """
    )
    if not any(row["name"] for row in rows):
        return None
    total = sum(row["customers"] for row in rows)
    top = max(row["customers"] for row in rows)
    shown = [(row["name"] or "Not known", row["customers"], row["revenue"]) for row in rows]
    if len(shown) > _GROUPS:
        rest = shown[_GROUPS:]
        shown = shown[:_GROUPS]
        shown.append((f"{len(rest)} more", sum(r[1] for r in rest), sum((r[2] or 0) for r in rest)))
    return Table(
        f"segments-{column.replace('_', '-')}",
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
                Cell(formats.words(name)),
                Cell("", bar=bar_share(number, top)),
                Cell(formats.count(number), number),
                Cell(formats.percent(number / total), number / total),
                Cell(context.money.whole(revenue), revenue),
            ]
            for name, number, revenue in shown
        ],
    )
