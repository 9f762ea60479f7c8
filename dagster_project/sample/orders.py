"""Orders with their lines and refunds: every true purchase, and the attempts around them."""

from dataclasses import dataclass

import numpy as np

from dagster_project.sample import writing
from dagster_project.sample.columns import (
    NONE,
    at_rows,
    blank,
    expand,
    key,
    money,
    pick,
    stamp,
    take,
    where,
)
from dagster_project.sample.draw import (
    DAY,
    chance,
    cumulative,
    gamma,
    generator,
    office_time,
    weighted,
)
from dagster_project.sample.layout import Files
from dagster_project.sample.people import People
from dagster_project.sample.purchases import BASELINE, CALLS, Purchases
from dagster_project.sample.rates import SPEND_P, rate
from dagster_project.sample.records import Accounts, Keys, account_key, order_key, write_truth
from dagster_project.sample.world import DELIVERY, DELIVERY_PRICE, World

SALES_CHANNELS = ("web", "app", "pos", "phone", "marketplace")
WEB, APP, POS, PHONE, MARKETPLACE = range(5)
STATUSES = ("pending", "paid", "shipped", "completed", "refunded", "cancelled", "failed")
PENDING, PAID, SHIPPED, COMPLETED, REFUNDED, CANCELLED, FAILED = range(7)


@dataclass
class Orders:
    """One element per order, sorted by time; person -1 is a walk-in buyer.

    ``purchase`` is the row in Purchases (-1: no true purchase of a known person), ``account`` a
    row in Accounts (-1 none), ``visitor`` a visitor number (NONE none), money in pence.
    """

    number: np.ndarray
    person: np.ndarray
    time: np.ndarray
    purchase: np.ndarray
    cause: np.ndarray
    status: np.ndarray
    channel: np.ndarray
    account: np.ndarray
    visitor: np.ndarray
    line_order: np.ndarray
    line_product: np.ndarray
    line_quantity: np.ndarray
    line_discount: np.ndarray
    first_product: np.ndarray
    total: np.ndarray
    discount: np.ndarray
    shipping: np.ndarray
    tax: np.ndarray
    coupon: np.ndarray
    refunded_at: np.ndarray

    @property
    def size(self) -> int:
        return len(self.number)

    @property
    def is_online(self) -> np.ndarray:
        return self.channel <= APP


def make_orders(
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    purchases: Purchases,
    accounts: Accounts,
) -> Orders:
    """All orders, without their visitors, which the sessions bring."""
    rng = generator(seed, chunk, "orders")
    calendar, n = world.calendar, purchases.size
    favourite = weighted(rng, cumulative([58, 17, 18, 2, 5]), people.size)
    channel = np.where(
        chance(rng, n, 0.7),
        favourite[purchases.person],
        weighted(rng, cumulative([58, 17, 18, 2, 5]), n),
    )
    channel = np.where(purchases.cause == CALLS, PHONE, channel)

    failed = np.flatnonzero((channel <= APP) & chance(rng, n, rate("failed_attempt")))
    cancelled = np.flatnonzero(chance(rng, n, rate("cancelled_order")))
    pending = np.flatnonzero(chance(rng, n, rate("pending_order")))
    walk_in = np.flatnonzero(chance(rng, n, rate("walk_in_order")))
    copies = np.r_[np.arange(n), failed, cancelled, pending, walk_in]
    sizes = [n, len(failed), len(cancelled), len(pending), len(walk_in)]
    sort_of = np.repeat(np.arange(5), sizes)
    shift = np.select(
        [sort_of == 1, sort_of == 2],
        [-rng.integers(120, 900, len(copies)), rng.integers(-8 * DAY, 8 * DAY, len(copies))],
        0,
    )
    time = purchases.time[copies] + shift
    time = np.where(sort_of == 3, calendar.end - 1 - rng.integers(0, 3 * DAY, len(copies)), time)
    time = np.where(sort_of == 4, time + rng.integers(-DAY, DAY, len(copies)), time)
    time = np.clip(time, calendar.start + 900, calendar.end - 1)
    walk_channel = pick_index(rng, [WEB, POS, MARKETPLACE], [20, 65, 15], len(copies))
    person = np.where(sort_of == 4, -1, purchases.person[copies])
    channel = np.where(sort_of == 4, walk_channel, channel[copies])
    channel = np.where((sort_of == 3) & (channel == POS), WEB, channel)
    # Stores and operators work by day; the day stays the one of the purchase.
    by_day = (channel == POS) | (channel == PHONE)
    time = np.where(by_day, time // DAY * DAY + office_time(rng, len(time)), time)
    order = np.argsort(time, kind="stable")
    copies, sort_of, time = copies[order], sort_of[order], time[order]
    person, channel = person[order], channel[order]

    age = (calendar.end - time) // DAY
    status = np.select([age < 1, age < 5], [PAID, SHIPPED], COMPLETED)
    status = np.where((channel == POS), COMPLETED, status)
    status = np.select(
        [sort_of == 1, sort_of == 2, sort_of == 3], [FAILED, CANCELLED, PENDING], status
    )
    size = len(copies)
    account = np.where(person >= 0, accounts.at(np.maximum(person, 0), time), -1)
    uses = (channel <= APP) & ~chance(rng, size, rate("guest_checkout"))
    uses |= (channel == PHONE) & chance(rng, size, 0.6)
    account = np.where(uses, account, -1)
    lines = _lines(world, rng, people, person, size)
    totals = _totals(world, rng, lines, channel, size)
    sale = (status >= PAID) & (status <= REFUNDED)
    full = sale & chance(rng, size, rate("full_refund"))
    back = time + rng.integers(2 * DAY, 21 * DAY, size)
    full &= back < calendar.end
    numbers = keys.order + 1 + np.arange(size)
    keys.order += size
    return Orders(
        number=numbers,
        person=person,
        time=time,
        purchase=np.where(sort_of == 0, copies, -1),
        cause=np.where(sort_of == 4, BASELINE, purchases.cause[copies]),
        status=np.where(full, REFUNDED, status),
        channel=channel,
        account=account,
        visitor=np.full(size, NONE),
        refunded_at=np.where(full, back, NONE),
        **lines,
        **totals,
    )


def pick_index(
    rng: np.random.Generator, values: list[int], weights: list[int], size: int
) -> np.ndarray:
    return np.array(values)[weighted(rng, cumulative(weights), size)]


def _lines(
    world: World, rng: np.random.Generator, people: People, person: np.ndarray, size: int
) -> dict[str, np.ndarray]:
    """Products and quantities whose value comes near the Gamma-Gamma draw of each order."""
    goods = world.products
    mean = np.where(person >= 0, people.mean_value[np.maximum(person, 0)], 40.0)
    target = np.maximum(np.round(gamma(rng, SPEND_P, 1 / SPEND_P, size) * mean * 100), 300)
    counts = 1 + weighted(rng, cumulative([46, 28, 16, 10]), size)
    owner, position = expand(counts)
    share = target[owner] / counts[owner] * (0.4 + 1.2 * rng.random(len(owner)))
    favourite = rng.integers(0, len(goods.ids) // goods.per_category, people.size)
    any_category = rng.integers(0, len(goods.ids) // goods.per_category, len(owner))
    likes = (person[owner] >= 0) & chance(rng, len(owner), 0.55)
    category = np.where(likes, favourite[np.maximum(person[owner], 0)], any_category)
    quantity = 1 + weighted(rng, cumulative([72, 18, 6, 4]), len(owner))
    product = np.zeros(len(owner), dtype=np.int64)
    for c in range(len(goods.ids) // goods.per_category):
        first = c * goods.per_category
        prices = goods.price[first : first + goods.per_category]
        middle = (prices[1:] + prices[:-1]) / 2
        product = np.where(
            category == c, first + np.searchsorted(middle, share / quantity), product
        )
    price = goods.price[product] * quantity
    promo = chance(rng, len(owner), 0.06)
    del position
    return {
        "line_order": owner,
        "line_product": product,
        "line_quantity": quantity,
        "line_discount": np.where(promo, price // 10, 0),
        "first_product": product[np.cumsum(counts) - counts],
    }


def _totals(
    world: World,
    rng: np.random.Generator,
    lines: dict[str, np.ndarray],
    channel: np.ndarray,
    size: int,
) -> dict[str, np.ndarray]:
    """Money per order; prices include 20% tax, total = lines - discounts + shipping."""
    value = world.products.price[lines["line_product"]] * lines["line_quantity"]
    goods = np.bincount(lines["line_order"], value - lines["line_discount"], minlength=size).astype(
        np.int64
    )
    coupon = chance(rng, size, 0.12) & (channel != MARKETPLACE)
    discount = np.where(coupon, goods // 10, 0)
    express = (channel <= APP) & chance(rng, size, 0.05)
    delivered = (channel != POS) & (goods - discount < 5000) & ~express
    shipping = np.where(delivered, 399, 0)
    charged = goods - discount + np.where(express, DELIVERY_PRICE, 0)
    at = np.flatnonzero(express)
    lines["line_order"] = np.r_[lines["line_order"], at]
    lines["line_product"] = np.r_[lines["line_product"], np.full(len(at), -1)]
    lines["line_quantity"] = np.r_[lines["line_quantity"], np.ones(len(at), dtype=np.int64)]
    lines["line_discount"] = np.r_[lines["line_discount"], np.zeros(len(at), dtype=np.int64)]
    order = np.argsort(lines["line_order"], kind="stable")
    for name in ("line_order", "line_product", "line_quantity", "line_discount"):
        lines[name] = lines[name][order]
    return {
        "total": charged + shipping,
        "discount": discount,
        "shipping": shipping,
        "tax": (charged * 2 + 6) // 12,
        "coupon": coupon,
    }


def write_orders(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    accounts: Accounts,
    orders: Orders,
) -> None:
    """Orders with what identifies their buyer, order lines and refunds."""
    rng = generator(seed, chunk, "order rows")
    size, known = orders.size, orders.person >= 0
    who = np.maximum(orders.person, 0)
    has_account = orders.account >= 0
    has_card = known & (people.card[who] != NONE)
    mail, shared = writing.emails(rng, people, who, orders.time)
    digits, of_family = writing.phone_numbers(rng, people, who, orders.time)
    show_mail = chance(rng, size, np.select([has_account, orders.channel == POS], [0.5, 0.3], 0.88))
    show_phone = chance(
        rng, size, np.select([has_account, orders.channel == POS], [0.3, 0.5], 0.62)
    )
    show_phone |= orders.channel == PHONE
    show_card = has_card & np.where(
        orders.channel == POS, chance(rng, size, 0.8), chance(rng, size, 0.05)
    )
    alone = ~has_account & ~show_card
    # Without an account or a card somebody's own e-mail or phone is there, and both are on the
    # first order of a guest and where one of them is shared with others.
    guest = alone & (accounts.of_person[who] < 0)
    starts = guest & (orders.purchase >= 0)
    starts[starts] = _first_of(who[starts])
    both = alone & (shared | of_family | starts)
    show_mail |= both
    show_phone |= both
    show_mail |= alone & ~show_phone
    ghost = has_account & show_mail & chance(rng, size, rate("unknown_account"))
    account = account_key(at_rows(accounts.number, orders.account))
    final_delay = np.select(
        [orders.status == PAID, orders.status == SHIPPED, orders.status == COMPLETED],
        [600, 2 * DAY, 6 * DAY],
        3600,
    )
    updated = orders.time + np.where(orders.channel == POS, 60, final_delay)
    updated = np.where(orders.refunded_at == NONE, updated, orders.refunded_at)
    place = writing.addresses(people, who)
    ids = order_key(orders.number)
    columns = {
        "order_id": ids,
        "account_id": where(ghost, key("A-X", orders.number), account),
        "email": blank(mail, ~(known & show_mail)),
        "phone": blank(writing.write_phones(rng, digits), ~(known & show_phone)),
        "visitor_id": key("V", orders.visitor, 7),
        "loyalty_card": blank(writing.cards(rng, people.card[who], in_crm=False), ~show_card),
        "ordered_at": stamp(orders.time),
        "status": pick(STATUSES, orders.status),
        "currency": "GBP",
        "total_amount": money(orders.total),
        "discount_amount": money(orders.discount),
        "shipping_amount": money(orders.shipping),
        "tax_amount": money(orders.tax),
        "coupon_code": blank(
            pick(["WELCOME10", "SPRING10", "FRIENDS10"], rng.integers(0, 3, size)), ~orders.coupon
        ),
        "sales_channel": pick(SALES_CHANNELS, orders.channel),
        "store_id": blank(
            pick(["ST-1", "ST-2", "ST-3", "ST-4"], rng.integers(0, 4, size)), orders.channel != POS
        ),
        "city": blank(place["city"], ~known),
        "country": blank(place["country"], ~known),
        "updated_at": stamp(np.minimum(updated, world.calendar.end - 1)),
    }
    late = np.flatnonzero(
        (orders.status >= COMPLETED)
        & (orders.status <= CANCELLED)
        & (orders.channel != POS)
        & chance(rng, size, rate("late_version"))
    )
    early = {n: c if isinstance(c, str) else take(c, late) for n, c in columns.items()}
    early["status"] = pick(["paid"], np.zeros(len(late), dtype=np.int64))
    early["updated_at"] = stamp(orders.time[late] + 60)
    files.write("shop/orders", columns)
    files.write("shop/orders", early, len(late))
    write_truth(files, "shop", "orders", ids, people, orders.person)
    _write_lines(files, world, rng, orders)
    _write_refunds(files, world, rng, keys, accounts, orders)


def _first_of(labels: np.ndarray) -> np.ndarray:
    """True at the first element of each label."""
    first = np.zeros(len(labels), dtype=bool)
    first[np.unique(labels, return_index=True)[1]] = True
    return first


def _write_lines(files: Files, world: World, rng: np.random.Generator, orders: Orders) -> None:
    product = orders.line_product
    rows = len(product)
    starts = np.r_[0, np.cumsum(np.bincount(orders.line_order, minlength=orders.size))]
    price = np.where(product < 0, DELIVERY_PRICE, world.products.price[product])
    unknown = chance(rng, rows, rate("unknown_product"))
    ids = where(product < 0, DELIVERY, pick(world.products.ids, product))
    files.write(
        "shop/order_lines",
        {
            "order_id": order_key(orders.number[orders.line_order]),
            "line_number": np.arange(rows) - starts[orders.line_order] + 1,
            "product_id": where(unknown, "P-000", where(product < 0, DELIVERY, ids)),
            "quantity": orders.line_quantity,
            "unit_price": money(price),
            "discount_amount": money(orders.line_discount),
        },
    )


def _write_refunds(
    files: Files,
    world: World,
    rng: np.random.Generator,
    keys: Keys,
    accounts: Accounts,
    orders: Orders,
) -> None:
    size, end = orders.size, world.calendar.end
    sale = (orders.status >= PAID) & (orders.status < REFUNDED)
    back = orders.time + rng.integers(DAY, 28 * DAY, size)
    partial = np.flatnonzero(sale & chance(rng, size, rate("partial_refund")) & (back < end))
    full = np.flatnonzero(orders.refunded_at != NONE)
    at = np.r_[full, partial]
    is_full = np.arange(len(at)) < len(full)
    when = np.r_[orders.refunded_at[full], back[partial]]
    # The first line of the order goes back, one piece of it, less its share of any discount.
    first_line = np.searchsorted(orders.line_order, at)
    product, quantity = orders.line_product[first_line], orders.line_quantity[first_line]
    price = world.products.price[product]
    piece = (
        price
        - orders.line_discount[first_line] // quantity
        - np.where(orders.coupon[at], price // 10, 0)
    )
    amount = np.where(is_full, orders.total[at], np.minimum(piece, orders.total[at]))
    account = orders.account[at]
    nameless = ~is_full & (account >= 0) & chance(rng, len(at), rate("refund_without_order"))
    ghost = ~is_full & chance(rng, len(at), rate("refund_of_nothing"))
    order = np.argsort(when, kind="stable")
    numbers = np.empty(len(at), dtype=np.int64)
    numbers[order] = keys.refund + 1 + np.arange(len(at))
    keys.refund += len(at)
    target = where(ghost, "O-0000000", order_key(orders.number[at]))
    reasons = ["changed my mind", "damaged", "wrong item", "late delivery", "не подошло", "брак"]
    columns = {
        "refund_id": key("R-", numbers),
        "order_id": blank(target, nameless),
        "refunded_at": stamp(when),
        "amount": money(amount),
        "product_id": blank(pick(world.products.ids, product), is_full),
        "quantity": np.where(is_full, NONE, 1),
        "reason": pick(reasons, rng.integers(0, len(reasons), len(at))),
        "account_id": account_key(at_rows(accounts.number, account)),
    }
    files.write("shop/refunds", {name: take(c, order) for name, c in columns.items()})
