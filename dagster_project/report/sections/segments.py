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
from dagster_project.report.language import noted, nt, t

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
    noted("Champions"),
    noted("Loyal"),
    noted("Potential loyalist"),
    noted("New"),
    noted("Promising"),
    noted("Need attention"),
    noted("About to sleep"),
    noted("At risk"),
    noted("Cannot lose"),
    noted("Hibernating"),
    noted("Lost"),
)
_FIRST_SALE = "(none)"

_CUTS = (
    ("age_band", noted("Customers by age")),
    ("gender", noted("Customers by gender")),
    ("country", noted("Customers by country")),
    ("region", noted("Customers by region")),
)


def build(context: Context) -> Section:
    """Personas, the moves of the last month as a heat map, twelve months of moves, demography."""
    section = {
        "id": "segments",
        "title": t("Groups and moves"),
        "definition": t(
            "Personas are found in the data, and each is named by what sets it apart. Segments "
            "are given: a table of names for scores of recency, frequency and net revenue."
        ),
    }
    moves = context.rows(_MOVES)
    personas = context.rows(_PERSONAS)
    demography = [table for cut in _CUTS if (table := _cut(context, *cut))]
    if not moves and not personas and not demography:
        if context.has("customers"):
            return Section(**section, absent=t("No month with a sale is complete yet."))
        return Section(**section, absent=t("No customers: no record bears an identifier."))
    blocks: list[Block] = []
    if personas:
        blocks.append(_personas(context, personas))
    else:
        reasons = context.rows(_WHY_NOT)
        reason = (
            formats.clean(reasons[0]["note"]) if reasons else t("too few customers have bought")
        )
        blocks.append(Note(t("There are no personas: {reason}.").format(reason=reason)))
    if moves:
        blocks += _moves(context, moves)
    if demography:
        blocks.append(Folded(t("Age, gender and place"), list(demography)))
    return Section(**section, blocks=blocks)


def _personas(context: Context, rows: list[Row]) -> Table:
    total = sum(row["customers"] for row in rows)
    top = max(row["customers"] for row in rows)
    return Table(
        "segments-personas",
        t("Customers with a sale by persona"),
        [
            Column(t("Persona"), "text"),
            Column("", "bar"),
            Column(t("Customers")),
            Column(t("Share")),
            Column(t("Net revenue so far")),
            Column(t("Expected in 12 months")),
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
        note=t(
            "After the colon stands what is unlike the average customer. Who withdrew the consent "
            "to be profiled has no persona."
        ),
        source=context.source(_PERSONAS),
    )


def _place(segment: str) -> tuple[int, str]:
    known = _ORDER.index(segment) if segment in _ORDER else len(_ORDER)
    return (-1 if segment == _FIRST_SALE else known, segment)


def _moves(context: Context, moves: list[Row]) -> list[Block]:
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
                (
                    t("Changed segment in {name}").format(name=name),
                    f"{formats.count(moved)}{share}",
                    moved,
                ),
                (t("Stayed in theirs"), formats.count(known - moved), known - moved),
                (t("Bought for the first time"), formats.count(new), new),
            ]
        )
    ]
    if known:
        blocks.append(_map(context, last, name))
    if len(months) > 1:
        blocks.append(Folded(t("Moves by month"), [_monthly(context, moves)]))
    return blocks


def _map(context: Context, rows: list[Row], month: str) -> Table:
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
        whence = (
            t("First sale in the month")
            if origin == _FIRST_SALE
            else t("From {segment}").format(segment=formats.words(origin))
        )
        return Cell(
            formats.percent(share, 0),
            share,
            heat=heat_step(share, top) if origin != target else None,
            tip=t("{whence} to {target}\n{customers} of {size} customers, {share}").format(
                whence=formats.clean(whence),
                target=formats.words(target),
                customers=formats.count(row["customers"]),
                size=formats.count(size[origin]),
                share=formats.percent(share),
            ),
        )

    return Table(
        "segments-moves",
        t("Where the customers of each segment went in {month}").format(month=month),
        [
            Column(t("From segment"), "text"),
            Column(t("Customers")),
            *(Column(formats.words(target), "heat") for target in targets),
        ],
        [
            [
                Cell(t("First sale") if origin == _FIRST_SALE else formats.words(origin)),
                Cell(formats.count(size[origin]), size[origin]),
                *(cell(origin, target) for target in targets),
            ]
            for origin in origins
        ],
        note=t(
            "A line is a segment at the end of the month before, a column the segment a month "
            "later; shares of the line. Those who stayed are not shaded. Scores compare "
            "customers with each other, so somebody may move because others did."
        ),
        is_wide=True,
        is_heat=True,
        source=context.source(_MOVES),
    )


def _monthly(context: Context, moves: list[Row]) -> Table:
    lines: dict[object, list[int]] = {}
    for row in moves:
        line = lines.setdefault(row["month"], [0, 0, 0])
        kind = 2 if row["from_segment"] == _FIRST_SALE else int(bool(row["is_move"]))
        line[kind] += row["customers"] or 0
    return Table(
        "segments-months",
        t("Customers by what they did between the ends of two months"),
        [
            Column(t("Month"), "text"),
            Column(t("Stayed")),
            Column(t("Moved")),
            Column(t("Share moved")),
            Column(t("First sale")),
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
        source=context.source(_MOVES),
    )


def _cut(context: Context, column: str, caption: str) -> Table | None:
    sql = f"""
        select s.{column} as name, count(*) as customers, sum(c.net_revenue) as revenue
        from customer_segments as s
        inner join customers as c on s.customer_id = c.customer_id
        group by 1
        order by customers desc, name
    """
    rows = context.rows(sql)
    if not any(row["name"] for row in rows):
        return None
    total = sum(row["customers"] for row in rows)
    top = max(row["customers"] for row in rows)
    shown = [(row["name"] or t("Not known"), row["customers"], row["revenue"]) for row in rows]
    if len(shown) > _GROUPS:
        rest = shown[_GROUPS:]
        shown = shown[:_GROUPS]
        shown.append(
            (
                nt("{n} more", "{n} more", len(rest)).format(n=len(rest)),
                sum(r[1] for r in rest),
                sum((r[2] or 0) for r in rest),
            )
        )
    return Table(
        f"segments-{column.replace('_', '-')}",
        t(caption),
        [
            Column(t("Group"), "text"),
            Column("", "bar"),
            Column(t("Customers")),
            Column(t("Share")),
            Column(t("Net revenue")),
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
        source=context.source(sql),
    )
