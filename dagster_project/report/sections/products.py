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

_STEADINESS = (("X", "Steady (X)"), ("Y", "Changing (Y)"), ("Z", "Erratic (Z)"), (None, "Too new"))
_CLASSES = (("A", "A: first 80%"), ("B", "B: next 15%"), ("C", "C: the rest"))


def build(context: Context) -> Section:
    """Facts, the matrix of revenue and steadiness, best sellers, slow stock, pairs."""
    section = {
        "id": "products",
        "title": "Products",
        "definition": (
            "Goods, without postage and other services, in the 364 days up to "
            f"{formats.day(context.as_of)}. Revenue is net of refunds, tax and shipping. Class A "
            "are the products that make the first 80% of it, B the next 15%. X, Y and Z tell how "
            "much the units sold differ between 28-day spans: up to half of their mean, up to all "
            "of it, more. Fast movers make the first 80% of the units of the last 91 days. Stock "
            "cover is the days that the stock lasts at the pace of these 91 days."
        ),
    }
    totals = context.row(_TOTALS)
    if not totals["sold"]:
        return Section(**section, absent=context.absent("goods sold", "shop.order_lines"))
    blocks: list[Block] = [_facts(context, totals), _matrix(context), _best(context)]
    lying = context.rows(_LYING, {"shown": _SHOWN})
    if lying:
        blocks.append(Folded("Stock that lies", [_lying(lying)]))
    pairs = context.rows(_PAIRS, {"shown": _SHOWN})
    if pairs:
        blocks.append(Folded("Bought together", [_pairs(pairs)]))
    return Section(**section, blocks=blocks)


def _facts(context: Context, totals: Row) -> Facts:
    items = [
        ("Products sold", formats.count(totals["sold"]), totals["sold"]),
        ("Fast movers", formats.count(totals["fast"]), totals["fast"]),
        ("In stock and not sold for 91 days", formats.count(totals["lying"]), totals["lying"]),
    ]
    quality = {(row["model"], row["metric"]): row["value"] for row in context.rows(_QUALITY)}
    for name, what, rule in (
        ("buy_again", "bought again one of five", "of their most bought"),
        ("discover", "discovered one of five", "of the most popular"),
    ):
        rate = quality.get((f"recommendations.{name}", "holdout_hit_rate"))
        base = quality.get((f"recommendations.{name}", "baseline_hit_rate"))
        if rate is not None and base is not None:
            label = f"Customers who then {what} recommended products"
            items.append((label, f"{formats.percent(rate)} ({formats.percent(base)} {rule})", rate))
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
            tip=f"{formats.plural(row['products'], 'product')}, "
            f"{context.money.whole(row['revenue'])}\n{formats.percent(share)} of net revenue",
        )

    return Table(
        "products-matrix",
        "Products by share of revenue and by steadiness",
        [Column("Class", "text"), *(Column(label, "heat") for _, label in _STEADINESS)],
        [[Cell(label), *(cell(abc, xyz) for xyz, _ in _STEADINESS)] for abc, label in _CLASSES],
        note="Numbers are products, shades their share of net revenue. Steady products of class A "
        "should never be out of stock; erratic ones of class C need none.",
        is_heat=True,
    )


def _name(row: Row) -> str:
    return formats.clean(row["name"] or row["product_id"])


def _classes(row: Row) -> str:
    letters = f"{row['abc_class'] or ''}{row['xyz_class'] or ''}"
    return f"{formats.clean(letters)}, {formats.words(row['movement']).lower()}"


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
        f"The {formats.plural(len(rows), 'product')} with the most net revenue",
        [
            Column("Product", "text"),
            Column("", "bar"),
            Column("Net revenue"),
            Column("Units"),
            Column("Returned"),
            Column("Class", "text"),
            Column("Stock cover"),
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
    )


def _lying(rows: list[Row]) -> Table:
    return Table(
        "products-lying",
        "Products in stock that do not move, or whose stock lasts for more than a year",
        [
            Column("Product", "text"),
            Column("In stock"),
            Column("Units sold in 364 days"),
            Column("in 91 days"),
            Column("Stock cover"),
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
    )


def _pairs(rows: list[Row]) -> Table:
    return Table(
        "products-pairs",
        "Goods that are bought together more often than by chance",
        [
            Column("Who buys", "text"),
            Column("also buys", "text"),
            Column("Orders with both"),
            Column("Share of its orders"),
            Column("Lift", hint="times as often as by chance"),
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
        note="Lift is the share of the product's orders that hold the other, over the share of all "
        "orders that do. Only pairs with at least 10 orders.",
    )
