"""Preferences: what customers want and do not buy, on what device, who waits for discounts."""

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Section, Table, bar_share
from dagster_project.report.context import Context, Row
from dagster_project.report.language import noted, t
from dagster_project.transform.thresholds import threshold

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("customer_preferences", "products")

_SHOWN = 10

_TOTALS = """
    select
        count(*) as customers, count(*) filter (where viewed_products > 0) as viewing,
        count(*) filter (where carted_products > 0) as carting
    from customer_preferences
"""

_WANTED = """
    select
        coalesce(any_value(p.name), w.product_id) as name, count(*) as customers,
        count(*) filter (where w.is_carted) as carting
    from (
        select last_viewed_product_id as product_id, false as is_carted from customer_preferences
        where last_viewed_product_id is not null
        union all
        select last_carted_product_id, true from customer_preferences
        where last_carted_product_id is not null
    ) as w
    left join products as p on w.product_id = p.product_id
    group by w.product_id
    order by carting desc, customers desc, name
    limit 10
"""

_DEVICES = """
    select
        favourite_device, count(*) as customers, sum(sessions) as visits, sum(sales) as sales
    from customer_preferences
    where favourite_device is not null
    group by favourite_device
    order by customers desc, favourite_device
"""

_ANSWERS = """
    select
        case
            when discounted_sales = 0 then 'never'
            when full_price_sales = 0 then 'always'
            when discounted_share > 0.5 then 'mostly'
            else 'sometimes'
        end as answer,
        count(*) as customers, sum(sales) as sales, sum(full_price_revenue) as full_price_revenue,
        sum(margin_given_away) as margin_given_away
    from customer_preferences
    where sales > 0
    group by 1
"""

# In the order in which they are shown.
_NAMES = {
    "never": noted("Never at a discount"),
    "sometimes": noted("Up to half of the sales at a discount"),
    "mostly": noted("More than half at a discount"),
    "always": noted("Always at a discount"),
}


def build(context: Context) -> Section:
    """Goods wanted and not bought, devices, and customers by how they answer to discounts."""
    section = {
        "id": "preferences",
        "title": t("Preferences"),
        "definition": t(
            "Goods that customers looked at or put into the cart in the last {days} days and have "
            "not bought since. Who withdrew the consent to be profiled is left out."
        ).format(days=threshold("product_interest_days")),
    }
    totals = context.row(_TOTALS)
    wanted, devices = context.rows(_WANTED), context.rows(_DEVICES)
    answers = {row["answer"]: row for row in context.rows(_ANSWERS)}
    if not (totals["viewing"] or totals["carting"] or devices or answers):
        return Section(
            **section,
            absent=context.absent(
                t("No visits or sales of known customers"), "shop.web_events", "shop.orders"
            ),
        )
    blocks: list[Block] = []
    if wanted:
        blocks += [_facts(totals), _wanted(context, wanted)]
    if answers:
        blocks.append(_answers(context, answers))
    if devices:
        blocks.append(_devices(context, devices))
    return Section(**section, blocks=blocks)


def _facts(totals: Row) -> Facts:
    return Facts(
        [
            (
                t("Customers who looked at goods and did not buy them"),
                formats.count(totals["viewing"]),
                totals["viewing"],
            ),
            (
                t("Customers who put goods into the cart and did not buy them"),
                formats.count(totals["carting"]),
                totals["carting"],
            ),
        ]
    )


def _wanted(context: Context, rows: list[Row]) -> Table:
    return Table(
        "preferences-wanted",
        t("Goods that most customers looked at or put into the cart last, and did not buy"),
        [
            Column(t("Product"), "text"),
            Column(t("Customers: cart")),
            Column(t("Customers: looked at")),
        ],
        [
            [
                Cell(formats.clean(row["name"])),
                Cell(formats.count(row["carting"]), row["carting"]),
                Cell(
                    formats.count(row["customers"] - row["carting"]),
                    row["customers"] - row["carting"],
                ),
            ]
            for row in rows
        ],
        source=context.source(_WANTED),
    )


def _answers(context: Context, found: dict[str, Row]) -> Table:
    rows = [(t(name), found[answer]) for answer, name in _NAMES.items() if answer in found]
    all_customers = sum(row["customers"] for _, row in rows)
    top = max(row["customers"] for _, row in rows)

    def money(value: float) -> Cell:
        return Cell(context.money.whole(value), value)

    return Table(
        "preferences-discounts",
        t("Customers with a sale by how they answer to discounts"),
        [
            Column(t("They buy"), "text"),
            Column(t("Customers")),
            Column(t("Share")),
            Column(t("Sales")),
            Column(t("Revenue at full price")),
            Column(t("Given away")),
        ],
        [
            [
                Cell(name),
                Cell(
                    formats.count(row["customers"]),
                    row["customers"],
                    bar=bar_share(row["customers"], top),
                ),
                Cell(
                    formats.percent(row["customers"] / all_customers),
                    row["customers"] / all_customers,
                ),
                Cell(formats.count(row["sales"]), row["sales"]),
                money(row["full_price_revenue"]),
                money(row["margin_given_away"]),
            ]
            for name, row in rows
        ],
        note=t(
            "Given away is what the discounts took from net revenue, and so from margin. Who never "
            "buys at a discount is in no audience that offers one."
        ),
        is_wide=True,
        source=context.source(_ANSWERS),
    )


def _devices(context: Context, rows: list[Row]) -> Table:
    known = sum(row["customers"] for row in rows)
    top = max(row["customers"] for row in rows)
    return Table(
        "preferences-devices",
        t("Customers by the device of most of their visits"),
        [
            Column(t("Device"), "text"),
            Column(t("Customers")),
            Column(t("Share")),
            Column(t("Visits")),
            Column(t("Sales")),
        ],
        [
            [
                Cell(formats.words(row["favourite_device"])),
                Cell(
                    formats.count(row["customers"]),
                    row["customers"],
                    bar=bar_share(row["customers"], top),
                ),
                Cell(formats.percent(row["customers"] / known), row["customers"] / known),
                Cell(formats.count(row["visits"]), row["visits"]),
                Cell(formats.count(row["sales"]), row["sales"]),
            ]
            for row in rows[:_SHOWN]
        ],
        source=context.source(_DEVICES),
    )
