"""Goods: what brings the money, what moves, what lies, and what is bought together."""

from dagster_project.report import formats
from dagster_project.report.blocks import (
    Block,
    Cell,
    Column,
    Facts,
    Folded,
    Section,
    Table,
    bar_share,
    heat_step,
)
from dagster_project.report.context import Context, Row
from dagster_project.report.language import noted, nt, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("model_quality", "product_affinities", "product_performance")

_SHOWN = 12

_TOTALS = """
    select
        count(*) filter (where units_sold > 0) as sold,
        count(*) filter (where movement = 'fast') as fast,
        count(*) filter (where movement = 'not_moving' and stock_on_hand > 0) as lying,
        sum(net_revenue) as revenue
    from product_performance
"""

_MATRIX = """
    select
        abc_class, xyz_class, count(*) as products, sum(net_revenue) as revenue,
        sum(greatest(net_revenue, 0)) as weight
    from product_performance
    where abc_class is not null and units_sold > 0
    group by abc_class, xyz_class
"""

_BEST = """
    select * from product_performance
    where net_revenue > 0
    order by net_revenue desc, product_id
    limit $shown
"""

_LYING = """
    select * from product_performance
    where stock_on_hand > 0 and (movement = 'not_moving' or stock_cover_days > 365)
    order by (movement = 'not_moving') desc, stock_cover_days desc nulls first, stock_on_hand desc,
        product_id
    limit $shown
"""

# Each pair once, from the product that asks for the other more often.
_PAIRS = """
    select
        coalesce(p.name, a.product_id) as name, coalesce(o.name, a.other_product_id) as other,
        a.order_count, a.confidence, a.lift
    from product_affinities as a
    left join product_performance as p on a.product_id = p.product_id
    left join product_performance as o on a.other_product_id = o.product_id
    where
        a.lift is not null
        and (
            a.product_order_count < a.other_order_count
            or (
                a.product_order_count = a.other_order_count and a.product_id < a.other_product_id
            )
        )
    order by a.lift desc, a.order_count desc, a.product_id, a.other_product_id
    limit $shown
"""

_QUALITY = """
    select model, metric, value, note from model_quality where model like 'recommendations.%'
"""

_STEADINESS = (
    ("X", noted("Steady (X)")),
    ("Y", noted("Changing (Y)")),
    ("Z", noted("Erratic (Z)")),
    (None, noted("Too new")),
)
_CLASSES = (("A", noted("A: first 80%")), ("B", noted("B: next 15%")), ("C", noted("C: the rest")))


def build(context: Context) -> Section:
    """Facts, the matrix of revenue and steadiness, best sellers, slow stock, pairs."""
    section = {
        "id": "products",
        "title": t("Products"),
        "definition": t(
            "Goods, without postage and other services, in the 364 days up to {day}. Fast movers "
            "make the first 80% of the units of the last 91 days."
        ).format(day=formats.day(context.as_of)),
    }
    totals = context.row(_TOTALS)
    if not totals["sold"]:
        return Section(**section, absent=context.absent(t("No goods sold"), "shop.order_lines"))
    blocks: list[Block] = [_facts(context, totals), _matrix(context), _best(context)]
    lying = context.rows(_LYING, {"shown": _SHOWN})
    if lying:
        blocks.append(Folded(t("Stock that lies"), [_lying(context, lying)]))
    pairs = context.rows(_PAIRS, {"shown": _SHOWN})
    if pairs:
        blocks.append(Folded(t("Bought together"), [_pairs(context, pairs)]))
    return Section(**section, blocks=blocks)


def _facts(context: Context, totals: Row) -> Facts:
    items = [
        (t("Products sold"), formats.count(totals["sold"]), totals["sold"]),
        (t("Fast movers"), formats.count(totals["fast"]), totals["fast"]),
        (t("In stock and not sold for 91 days"), formats.count(totals["lying"]), totals["lying"]),
    ]
    quality = {(row["model"], row["metric"]): row["value"] for row in context.rows(_QUALITY)}
    for name, label, rule in (
        (
            "buy_again",
            t("Customers who then bought again one of five recommended products"),
            noted("{rate} ({base} of their most bought)"),
        ),
        (
            "discover",
            t("Customers who then discovered one of five recommended products"),
            noted("{rate} ({base} of the most popular)"),
        ),
    ):
        rate = quality.get((f"recommendations.{name}", "holdout_hit_rate"))
        base = quality.get((f"recommendations.{name}", "baseline_hit_rate"))
        if rate is not None and base is not None:
            text = t(rule).format(rate=formats.percent(rate), base=formats.percent(base))
            items.append((label, text, rate))
    return Facts(items)


def _matrix(context: Context) -> Table:
    rows = {(row["abc_class"], row["xyz_class"]): row for row in context.rows(_MATRIX)}
    total = sum(row["weight"] or 0 for row in rows.values())
    shares = {
        key: float((row["weight"] or 0) / total) if total else 0.0 for key, row in rows.items()
    }
    top = max(shares.values(), default=0.0)

    def cell(abc: str, xyz: str | None) -> Cell:
        row = rows.get((abc, xyz))
        if row is None:
            return Cell("")
        share = shares[abc, xyz]
        return Cell(
            formats.count(row["products"]),
            row["products"],
            heat=heat_step(share, top),
            tip=t("{products}, {revenue}\n{share} of net revenue").format(
                products=nt("{n} product", "{n} products", row["products"]).format(
                    n=formats.count(row["products"])
                ),
                revenue=context.money.whole(row["revenue"]),
                share=formats.percent(share),
            ),
        )

    return Table(
        "products-matrix",
        t("Products by share of revenue and by steadiness"),
        [Column(t("Class"), "text"), *(Column(t(label), "heat") for _, label in _STEADINESS)],
        [[Cell(t(label)), *(cell(abc, xyz) for xyz, _ in _STEADINESS)] for abc, label in _CLASSES],
        note=t(
            "Numbers are products, shades their share of net revenue. Steady products of class A "
            "should never be out of stock; erratic ones of class C need none."
        ),
        is_heat=True,
        source=context.source(_MATRIX),
    )


def _name(row: Row) -> str:
    return formats.clean(row["name"] or row["product_id"])


def _classes(row: Row) -> str:
    letters = f"{row['abc_class'] or ''}{row['xyz_class'] or ''}"
    return f"{formats.clean(letters)}, {formats.first_small(formats.words(row['movement']))}"


def _cover(row: Row) -> Cell:
    days = row["stock_cover_days"]
    if days is None:
        return Cell(formats.NO_VALUE)
    return Cell(f"{formats.count(days)} d", days)


def _best(context: Context) -> Table:
    rows = context.rows(_BEST, {"shown": _SHOWN})
    top = max((row["net_revenue"] for row in rows), default=0)
    return Table(
        "products-best",
        nt(
            "The product with the most net revenue",
            "The {n} products with the most net revenue",
            len(rows),
        ).format(n=formats.count(len(rows))),
        [
            Column(t("Product"), "text"),
            Column("", "bar"),
            Column(t("Net revenue")),
            Column(t("Units")),
            Column(t("Returned")),
            Column(t("Class"), "text"),
            Column(t("Stock cover")),
        ],
        [
            [
                Cell(_name(row)),
                Cell("", bar=bar_share(row["net_revenue"], top)),
                Cell(context.money.whole(row["net_revenue"]), row["net_revenue"]),
                Cell(formats.count(row["units_sold"]), row["units_sold"]),
                Cell(formats.percent(row["return_rate"]), row["return_rate"]),
                Cell(_classes(row)),
                _cover(row),
            ]
            for row in rows
        ],
        source=context.source(_BEST, {"shown": _SHOWN}),
    )


def _lying(context: Context, rows: list[Row]) -> Table:
    return Table(
        "products-lying",
        t("Products in stock that do not move, or whose stock lasts for more than a year"),
        [
            Column(t("Product"), "text"),
            Column(t("In stock")),
            Column(t("Units sold in 364 days")),
            Column(t("in 91 days")),
            Column(t("Stock cover")),
        ],
        [
            [
                Cell(_name(row)),
                Cell(formats.count(row["stock_on_hand"]), row["stock_on_hand"]),
                Cell(formats.count(row["units_sold"]), row["units_sold"]),
                Cell(formats.count(row["units_sold_91d"]), row["units_sold_91d"]),
                _cover(row),
            ]
            for row in rows
        ],
        source=context.source(_LYING, {"shown": _SHOWN}),
    )


def _pairs(context: Context, rows: list[Row]) -> Table:
    return Table(
        "products-pairs",
        t("Goods that are bought together more often than by chance"),
        [
            Column(t("Who buys"), "text"),
            Column(t("also buys"), "text"),
            Column(t("Orders with both")),
            Column(t("Share of its orders")),
            Column(t("Lift"), hint=t("times as often as by chance")),
        ],
        [
            [
                Cell(formats.clean(row["name"])),
                Cell(formats.clean(row["other"])),
                Cell(formats.count(row["order_count"]), row["order_count"]),
                Cell(formats.percent(row["confidence"]), row["confidence"]),
                Cell(formats.decimal(row["lift"], 1), row["lift"]),
            ]
            for row in rows
        ],
        note=t(
            "Lift is the share of the product's orders that hold the other, over the share of all "
            "orders that do. Only pairs with at least 10 orders."
        ),
        source=context.source(_PAIRS, {"shown": _SHOWN}),
    )
