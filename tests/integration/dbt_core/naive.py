"""The definitions once more, as loops: slow, obvious, and written without the models' SQL.

Amounts are whole cents and exact fractions of them.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.integration.dbt_core.company import Company, Rows

SALES = {"paid", "shipped", "completed", "refunded"}


@dataclass
class Line:
    """A line of an order, as it is after refunds."""

    order: "Order"
    number: int
    product: str
    quantity: Decimal
    listed: int
    is_gift_card: bool = False
    gross: int = 0
    refunded: int = 0
    returned: Decimal = Decimal(0)
    net: int = 0
    margin: int | None = None


@dataclass
class Order:
    """An order, as it is after refunds; money in cents of the reporting currency."""

    order_id: str
    customer: str | None
    at: datetime
    day: date
    is_sale: bool
    status: str
    rate: Decimal
    total: int
    goods: int
    gift_cards: int = 0
    lines: list[Line] = field(default_factory=list)
    refunded: int = 0
    net: int = 0
    margin: int | None = 0
    number: int | None = None


def rounded(value: Fraction | int) -> int:
    """Half away from zero."""
    value = Fraction(value)
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def cents(amount: Decimal | None, rate: Decimal = Decimal(1)) -> int:
    exact = (amount or Decimal(0)) * rate
    return int(exact.quantize(Decimal("0.01"), ROUND_HALF_UP) * 100)


def file_age(row: dict[str, Any]) -> tuple:
    """Newer files of lines are greater."""
    on = row["_delivered_on"]
    return (on is not None, on or date.min, row["_file_hash"])


def own_cents(line: dict[str, Any]) -> int:
    """A line's amount after its discount, in cents of the order's currency."""
    return cents(line["quantity"] * line["unit_price"]) - cents(line["discount_amount"])


def is_gift_card(line: dict[str, Any]) -> bool:
    return line.get("kind") == "gift_card"


def shares(total: int, weights: list[Fraction]) -> list[int]:
    """``total`` in proportion to the weights: differences of rounded running totals."""
    whole = sum(weights)
    parts, before, so_far = [], 0, Fraction(0)
    for weight in weights:
        so_far += weight
        now = rounded(total * so_far / whole)
        parts.append(now - before)
        before = now
    return parts


def newest(rows: Rows, *key: str) -> Rows:
    """The newest version of each key, whatever the order of the rows."""
    best: dict[tuple, dict[str, Any]] = {}

    def age(row: dict[str, Any]) -> tuple:
        updated, on = row.get("updated_at"), row["_delivered_on"]
        return (
            (updated is not None, updated or datetime.min),
            (on is not None, on or date.min),
            row["_file_hash"],
            row["_line"],
        )

    for row in rows:
        name = tuple(row[column] for column in key)
        if name not in best or age(row) > age(best[name]):
            best[name] = row
    return list(best.values())


class Oracle:
    """Orders, refunds and monthly retention of one company."""

    def __init__(self, company: Company) -> None:
        self.company = company
        setting = company["control.parameters"][0]
        self.zone = ZoneInfo(setting["time_zone"])
        self.as_of: date = setting["as_of"]
        self.reporting = setting["currency"]
        self.owner = {
            (row["source_table"], row["source_id"]): row["customer_id"]
            for row in company["identity.assignments"]
        }
        self.products = {row["product_id"]: row for row in company["shop.products"]}
        self.unallocated: dict[str, int] = {}
        self.own_lines = self._newest_lines()
        self.orders = {order.order_id: order for order in self._orders()}
        self._lines()
        self._refunds()
        for order in self.orders.values():
            self._close(order)
        self._number()

    def day_of(self, moment: datetime) -> date:
        return moment.replace(tzinfo=UTC).astimezone(self.zone).date()

    def rate_on(self, currency: str | None, day: date) -> Decimal:
        if currency is None or self.reporting is None or currency == self.reporting:
            return Decimal(1)
        for back in range(8):
            for row in self.company["shop.exchange_rates"]:
                if row["rate_date"] == day - timedelta(days=back):
                    if row["from_currency"] == currency:
                        return row["rate"]
                    return (1 / row["rate"]).quantize(Decimal("1E-9"), ROUND_HALF_UP)
        raise LookupError(f"no rate of {currency} on {day}")

    def _orders(self) -> list[Order]:
        found = []
        for row in newest(self.company["shop.orders"], "order_id"):
            day = self.day_of(row["ordered_at"])
            if day > self.as_of:
                continue
            rate = self.rate_on(row["currency"], day)
            own = self.own_lines.get(row["order_id"], [])
            charged = self.charged(row)
            cards = Decimal(sum(own_cents(line) for line in own if is_gift_card(line))) / 100
            cards = cents(min(max(cards, Decimal(0)), max(charged, Decimal(0))), rate)
            total = cents(charged, rate) - cards
            beside = cents(row["tax_amount"], rate) + cents(row["shipping_amount"], rate)
            customer = self.owner.get(("accounts", row["account_id"]))
            customer = customer or self.owner.get(("orders", row["order_id"]))
            found.append(
                Order(
                    row["order_id"],
                    customer,
                    row["ordered_at"],
                    day,
                    row["status"] in SALES and total >= 0,
                    row["status"],
                    rate,
                    total,
                    total - beside,
                    cards,
                )
            )
        return found

    def charged(self, row: dict[str, Any]) -> Decimal:
        """The order's total, of its own or by its lines, before gift cards are taken off."""
        if row["total_amount"] is not None:
            return row["total_amount"]
        own = self.own_lines.get(row["order_id"], [])
        listed = Decimal(sum(map(own_cents, own))) / 100
        goods = max(listed - (row["discount_amount"] or 0), min(listed, Decimal(0)))
        return goods + ((row["shipping_amount"] or 0) if own else 0)

    def _newest_lines(self) -> dict[str, Rows]:
        """Order to the lines of its newest file, by their number."""
        sets: dict[str, tuple] = {}
        for row in self.company["shop.order_lines"]:
            sets[row["order_id"]] = max(sets.get(row["order_id"], file_age(row)), file_age(row))
        found: dict[str, Rows] = defaultdict(list)
        for row in sorted(self.company["shop.order_lines"], key=lambda row: row["line_number"]):
            if sets[row["order_id"]] == file_age(row):
                found[row["order_id"]].append(row)
        return found

    def _lines(self) -> None:
        for order in self.orders.values():
            order.lines = [
                Line(
                    order,
                    row["line_number"],
                    row["product_id"],
                    row["quantity"],
                    own_cents(row),
                    is_gift_card(row),
                )
                for row in self.own_lines.get(order.order_id, [])
            ]
            if order.is_sale and order.lines:
                # A gift card brings nothing, unless there is nothing else to bear the postage.
                articles = [int(not line.is_gift_card) for line in order.lines]
                weights = [
                    Fraction(line.listed * article)
                    for line, article in zip(order.lines, articles, strict=True)
                ]
                if sum(weights) <= 0:
                    weights = [Fraction(article) for article in articles]
                if sum(weights) <= 0:
                    weights = [Fraction(1)] * len(order.lines)
                for line, gross in zip(order.lines, shares(order.total, weights), strict=True):
                    line.gross = gross

    def _refunds(self) -> None:
        named: dict[str, list[tuple[dict[str, Any], int]]] = defaultdict(list)
        loose = []
        for row in sorted(
            self.company["shop.refunds"], key=lambda row: (row["refunded_at"], row["refund_id"])
        ):
            if self.day_of(row["refunded_at"]) > self.as_of:
                continue
            order = self.orders.get(row["order_id"])
            person = self.owner.get(("accounts", row["account_id"]))
            if row["order_id"] is not None:
                if order is None or not order.is_sale:
                    rate = order.rate if order else self._rate_of(person)
                    self.unallocated[row["refund_id"]] = cents(row["amount"], rate)
                    continue
                amount = cents(row["amount"], order.rate)
                own = self.own_lines.get(order.order_id, [])
                cards = {line["product_id"] for line in own if is_gift_card(line)}
                if row["product_id"] in cards:
                    self.unallocated[row["refund_id"]] = amount
                    continue
                goods = amount
                if row["product_id"] is None and order.gift_cards:
                    whole = order.total + order.gift_cards
                    goods = rounded(Fraction(amount * order.total, whole))
                taken = min(goods, order.total - sum(part for _, part in named[order.order_id]))
                named[order.order_id].append((row, taken))
                if taken < amount:
                    self.unallocated[row["refund_id"]] = amount - taken
            elif person is None or row["product_id"] is None or not row["quantity"]:
                self.unallocated[row["refund_id"]] = cents(row["amount"], self._rate_of(person))
            else:
                loose.append((row, person))
        for order in self.orders.values():
            if order.is_sale and named[order.order_id]:
                self._take_named(order, named[order.order_id])
            elif order.is_sale and order.status == "refunded":
                self._take_named(order, [({"product_id": None, "quantity": None}, order.total)])
                for line in order.lines:
                    line.returned = max(line.quantity, line.returned)
        for row, person in loose:
            self._take_loose(row, person)

    def _rate_of(self, person: str | None) -> Decimal:
        known = [order for order in self.orders.values() if person and order.customer == person]
        known = known or list(self.orders.values())
        if not known:
            return Decimal(1)
        return max(known, key=lambda order: (order.at, order.order_id)).rate

    def _take_named(self, order: Order, refunds: list[tuple[dict[str, Any], int]]) -> None:
        order.refunded = sum(part for _, part in refunds)
        if not order.lines:
            return
        rest = order.refunded
        for product in {line.product for line in order.lines}:
            money = sum(part for row, part in refunds if row["product_id"] == product)
            units = sum(
                abs(row["quantity"] or 0) for row, _ in refunds if row["product_id"] == product
            )
            for line in order.lines:
                if line.product == product:
                    part = min(money, max(line.gross, 0))
                    line.refunded += part
                    money, rest = money - part, rest - part
                    back = min(units, line.quantity)
                    line.returned += back
                    units -= back
        left = [Fraction(line.gross - line.refunded) for line in order.lines]
        if sum(left) > 0:
            for line, part in zip(order.lines, shares(rest, left), strict=True):
                line.refunded += part
        for line in order.lines:
            if 0 < line.gross <= line.refunded:
                line.returned = line.quantity

    def _take_loose(self, row: dict[str, Any], person: str) -> None:
        wanted = abs(row["quantity"])
        lines = [
            line
            for order in self.orders.values()
            if order.is_sale and order.customer == person and order.at <= row["refunded_at"]
            for line in order.lines
            if line.product == row["product_id"] and line.quantity > line.returned
            if not line.is_gift_card
        ]
        lines.sort(key=lambda line: (line.order.at, line.order.order_id, line.number), reverse=True)
        amount, given, so_far = cents(row["amount"]), 0, Decimal(0)
        for line in lines:
            units = min(wanted - so_far, line.quantity - line.returned)
            if units <= 0:
                break
            so_far += units
            line.returned += units
            upto = rounded(Fraction(amount) * Fraction(so_far) / Fraction(wanted))
            part = cents(Decimal(upto - given) / 100, line.order.rate)
            line.refunded += part
            line.order.refunded += part
            given = upto
        if given < amount:
            left = Decimal(amount - given) / 100
            self.unallocated[row["refund_id"]] = cents(left, self._rate_of(person))

    def _close(self, order: Order) -> None:
        if not order.is_sale:
            return
        if order.total:
            order.net = rounded(Fraction(order.goods * (order.total - order.refunded), order.total))
        so_far, before = 0, 0
        for line in order.lines:
            so_far += line.gross - line.refunded
            now = rounded(Fraction(order.goods * so_far, order.total)) if order.total else 0
            line.net, before = now - before, now
            product = self.products.get(line.product, {})
            kept = line.quantity - line.returned
            cost = product.get("unit_cost")
            is_service = product.get("is_service") or line.is_gift_card
            if kept and cost is None and not is_service:
                line.margin = None
            else:
                line.margin = line.net - cents(kept * (cost or Decimal(0)))
        margins = [line.margin for line in order.lines]
        if not margins or None in margins:
            order.margin = None
        else:
            order.margin = order.net - sum(
                line.net - line.margin for line in order.lines if line.margin is not None
            )

    def _number(self) -> None:
        counts: dict[str, int] = defaultdict(int)
        for order in self.sales():
            counts[order.customer] += 1
            order.number = counts[order.customer]

    def sales(self) -> list[Order]:
        """Sales of known customers, oldest first."""
        return sorted(
            (order for order in self.orders.values() if order.is_sale and order.customer),
            key=lambda order: (order.at, order.order_id),
        )

    def months(self) -> dict[str, list[date]]:
        """Months in which each customer bought, with repeats, oldest first."""
        found: dict[str, list[date]] = defaultdict(list)
        for order in self.sales():
            found[order.customer].append(order.day.replace(day=1))
        return found

    def retention(self) -> dict[date, tuple[int, int, int, int, int]]:
        """Month to (at start, at end, new, reactivated, retained)."""
        months = self.months()
        found = {}
        month = min((bought[0] for bought in months.values()), default=None)
        previous: set[str] = set()
        while month is not None and month <= self.as_of:
            active = {customer for customer, bought in months.items() if month in bought}
            new = {customer for customer in active if months[customer][0] == month}
            found[month] = (
                len(previous),
                len(active),
                len(new),
                len(active - new - previous),
                len(active & previous),
            )
            previous, month = active, after(month)
        return found


def after(month: date) -> date:
    """First day of the next month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)
