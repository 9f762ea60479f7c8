"""Small companies at random, with everything that makes money hard to add up."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.integration.dbt_core.company import (
    AS_OF,
    Company,
    Rows,
    belongs,
    delivered,
    parameters,
)

STATUSES = ("pending", "paid", "shipped", "completed", "refunded", "cancelled", "failed")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo")


def random_company(seed: int) -> Company:
    """A shop of a few customers over eight months: late and repeated deliveries, refunds of every
    kind, taxes, currencies, unknown buyers, goods without a cost, gift cards, totals left to the
    lines."""
    draw = random.Random(seed)
    zone = draw.choice(ZONES)
    currencies = draw.choice([[None], ["EUR"], ["EUR", "USD"], [None, "USD"]])
    reporting = "EUR" if len(currencies) > 1 else None
    accounts = [f"a{i}" for i in range(draw.randint(1, 6))]
    people = [f"c{i}" for i in range(draw.randint(1, 4))]
    assignments = [
        belongs(draw.choice(people), "accounts", account)
        for account in accounts
        if draw.random() < 0.9
    ]
    products = [f"p{i}" for i in range(draw.randint(1, 4))]
    catalogue = [
        {
            "product_id": product,
            "category": draw.choice(["x", "y", None]),
            "is_service": draw.choice([None, False, False, True]),
            "unit_cost": draw.choice([None, Decimal("1.234567"), Decimal("0.5")]),
        }
        for product in products
        if draw.random() < 0.9
    ]
    orders: Rows = []
    lines: Rows = []
    for number in range(draw.randint(0, 30)):
        order = f"o{number}"
        key = {"account_id": draw.choice([*accounts, None])}
        if key["account_id"] is None and draw.random() < 0.5:
            assignments.append(belongs(draw.choice(people), "orders", order))
        moment = datetime(2023, 11, 1) + timedelta(minutes=draw.randint(0, 330_000))
        for version in range(draw.choice([1, 1, 1, 2])):
            file = f"file{draw.randint(0, 99):02}-{version}-"
            on = draw.choice([None, date(2024, 6, 1), date(2024, 6, 2)])
            own = [
                {
                    "order_id": order,
                    "line_number": line,
                    "product_id": draw.choice(products),
                    "quantity": draw.choice([Decimal(1), Decimal(2), Decimal("0.5"), Decimal(7)]),
                    # A gift in the parcel costs nothing.
                    "unit_price": Decimal(draw.choice([0, 1, 1, 1, 1]) * draw.randint(0, 3000))
                    / draw.choice([100, 1000]),
                    "discount_amount": draw.choice([None, None, Decimal("0.03")]),
                    "kind": draw.choice([None] * 7 + ["article", "gift_card"]),
                }
                for line in range(1, draw.choice([0, 1, 2, 3, 3]) + 1)
            ]
            lines += delivered(own, file + order, on)
            orders += delivered(
                [
                    {
                        "order_id": order,
                        **key,
                        "ordered_at": moment,
                        "status": draw.choice(STATUSES[1:4] * 3 + STATUSES),
                        "currency": draw.choice(currencies),
                        "total_amount": None
                        if draw.random() < 0.2
                        else Decimal(draw.randint(-300, 5000)) / 100,
                        "discount_amount": draw.choice([None, None, Decimal("0.25")]),
                        "tax_amount": draw.choice([None, Decimal("1.11")]),
                        "shipping_amount": draw.choice([None, Decimal("0.99")]),
                        "updated_at": draw.choice([None, moment + timedelta(days=version)]),
                    }
                ],
                file + order,
                on,
            )
    rates: Rows = []
    if "USD" in currencies:
        day = date(2023, 10, 25)
        while day <= AS_OF:
            rate = Decimal(draw.randint(70, 130)) / 100
            inverse = draw.random() < 0.3
            rates.append(
                {
                    "rate_date": day,
                    "from_currency": "EUR" if inverse else "USD",
                    "to_currency": "USD" if inverse else "EUR",
                    "rate": rate,
                }
            )
            day += timedelta(days=draw.randint(1, 8))
    refunds = [
        {
            "refund_id": f"r{number}",
            "order_id": draw.choice([f"o{draw.randint(0, 32)}", None]),
            "refunded_at": datetime(2024, 1, 1) + timedelta(minutes=draw.randint(0, 240_000)),
            "amount": Decimal(draw.randint(1, 3000)) / 100,
            "product_id": draw.choice([*products, None]),
            "quantity": draw.choice([None, Decimal(1), Decimal(3), Decimal("0.5"), Decimal(-2)]),
            "account_id": draw.choice([*accounts, "stranger", None]),
        }
        for number in range(draw.randint(0, 25))
    ]
    return {
        "control.parameters": parameters(time_zone=zone, currency=reporting),
        "shop.accounts": delivered([{"account_id": account} for account in accounts]),
        "shop.products": delivered(catalogue),
        "shop.orders": orders,
        "shop.order_lines": lines,
        "shop.refunds": delivered(refunds),
        "shop.exchange_rates": delivered(rates),
        "identity.customers": [
            {"customer_id": customer, "minted_at": datetime(2024, 6, 13), "record_count": 1}
            for customer in people
        ],
        "identity.assignments": assignments,
    }
