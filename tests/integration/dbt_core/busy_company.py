"""A shop at random that is busy enough for pairs, recommendations, campaigns and points."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.integration.dbt_core.company import (
    AS_OF,
    Company,
    Rows,
    belongs,
    delivered,
    known_as,
    parameters,
)

EVENTS = ("sent", "delivered", "opened", "clicked", "bounced", "unsubscribed")
KINDS = ("account", "contact", "visitor", "email")


def busy_company(seed: int) -> Company:
    """Sixty customers with tastes, goods and postage, 500 days, and everything around it."""
    draw = random.Random(seed)
    people = [f"c{i:02}" for i in range(draw.choice([3, 60, 60, 60]))]
    company: Company = {
        # Moments are drawn at noon, so that a day is the same day in both.
        "control.parameters": parameters(time_zone=draw.choice(["UTC", "Europe/Berlin"])),
        "shop.accounts": delivered([{"account_id": f"a-{person}"} for person in people]),
        "shop.exchange_rates": [],
        "crm.contacts": delivered([{"contact_id": f"k-{person}"} for person in people]),
        "crm.consents": delivered(
            [
                {
                    "contact_id": f"k-{person}",
                    "purpose": "profiling",
                    "status": "withdrawn",
                    "effective_at": datetime(2024, 5, 1),
                }
                for person in people
                if draw.random() < 0.1
            ]
        ),
        "identity.customers": [
            {"customer_id": person, "minted_at": datetime(2024, 6, 13), "record_count": 2}
            for person in people
        ],
        "identity.assignments": [
            row
            for person in people
            for row in (
                belongs(person, "accounts", f"a-{person}"),
                belongs(person, "contacts", f"k-{person}", "crm"),
                belongs(person, "web_events", f"v-{person}"),
            )
        ],
        "identity.identifiers": [
            row
            for person in people
            for row in (
                known_as("email", f"{person}@x.test", person),
                known_as("loyalty_card", f"card-{person}", person if person < "c30" else None),
            )
        ],
    }
    _sell(company, people, draw)
    _advertise(company, people, draw)
    _assign(company, people, draw)
    company["shop.loyalty_transactions"] = _points(people, draw)
    # A generator of its own: what is added leaves the rest of each shop as it was.
    draw = random.Random(f"{seed} visits")
    _describe(company, people, draw)
    _visit(company, people, draw)
    _plan(company, random.Random(f"{seed} plan"))
    return company


# Days at which a definition begins or ends.
EDGES = [
    59, 60, 61, 84, 89, 90, 91, 112, 179, 180, 181, 269, 270, 334, 335, 336, 363, 364, 365
]  # fmt: skip


def moment(draw: random.Random, days: int = 500) -> datetime:
    """Noon of a day up to as_of, or now and then a day later; often at an edge."""
    noon = datetime.combine(AS_OF, datetime.min.time()) + timedelta(hours=12)
    edges = [day for day in EDGES if day <= days]
    ago = draw.choice(edges) if draw.random() < 0.3 else draw.randint(-1, days)
    return noon - timedelta(days=ago)


def _sell(company: Company, people: list[str], draw: random.Random) -> None:
    goods = [f"p{i:02}" for i in range(20)]
    company["shop.products"] = delivered(
        [
            {
                "product_id": product,
                "name": product.upper(),
                "is_service": product == "post",
                "unit_cost": draw.choice([None, Decimal("1.5"), Decimal("0.333333")]),
                "stock_on_hand": draw.choice([None, Decimal(0), Decimal(-2), Decimal(70)]),
                "discontinued_at": draw.choice(
                    [None, None, None, datetime(2024, 2, 1, 12), datetime(2025, 1, 1)]
                ),
            }
            for product in [*goods, "post", "unsold"]
            if draw.random() < 0.95
        ]
    )
    # Goods of one taste are bought together and again, in every other shop; some only lately.
    tastes = [goods[i : i + 5] for i in range(0, 20, 5)] if draw.random() < 0.7 else [goods[:7]]
    taste = {person: draw.choice(tastes) for person in people}
    since = {product: draw.choice([500, 500, 500, 200, 60]) for product in goods}
    orders, lines = [], []
    for number in range(draw.choice([0, 15, 260, 260, 360, 360])):
        person = draw.choice([*people, None])
        orders.append(
            {
                "order_id": f"o{number:03}",
                "account_id": f"a-{person}" if person else None,
                "visitor_id": draw.choice([None, f"v{draw.randint(0, 5)}"]),
                "ordered_at": moment(draw),
                "status": draw.choice(["paid"] * 9 + ["refunded", "cancelled"]),
                "currency": None,
                "total_amount": Decimal(draw.randint(100, 9000)) / 100,
                "tax_amount": None,
                "shipping_amount": None,
                "updated_at": None,
            }
        )
        lines += [
            {
                "order_id": f"o{number:03}",
                "line_number": line,
                "product_id": product,
                "quantity": draw.choice([Decimal(1), Decimal(1), Decimal(3), Decimal("0.5")]),
                "unit_price": Decimal(draw.randint(50, 3000)) / 100,
                "discount_amount": None,
            }
            for line, product in enumerate(
                draw.sample([*taste.get(person, goods), "post"], draw.randint(1, 4)), start=1
            )
            if (AS_OF - orders[-1]["ordered_at"].date()).days <= since.get(product, 500)
        ]
    company["shop.orders"] = delivered(orders)
    company["shop.order_lines"] = delivered(lines)
    company["shop.refunds"] = delivered(
        [
            {
                "refund_id": f"r{number}",
                "order_id": draw.choice(orders)["order_id"],
                "refunded_at": datetime(2024, 6, 1),
                "amount": Decimal(draw.randint(1, 2000)) / 100,
                "product_id": draw.choice([None, *goods]),
                "quantity": draw.choice([None, Decimal(1)]),
                "account_id": None,
            }
            for number in range(12 if orders else 0)
        ]
    )


def _advertise(company: Company, people: list[str], draw: random.Random) -> None:
    campaigns = ["k1", "k2", "k3", "k4"]
    company["marketing.campaigns"] = delivered(
        [
            {"campaign_id": "k1", "name": "Spring", "channel": "Email"},
            {"campaign_id": "k2", "name": "Clicks", "channel": "google"},
            {"campaign_id": "idle", "name": "Idle", "channel": "pigeon"},
        ]
    )
    messages: Rows = []
    for number in range(draw.choice([0, 60])):
        person = draw.choice([*people, "stranger"])
        address = draw.choice(
            [
                {"contact_id": f"k-{person}"},
                {"account_id": f"a-{person}"},
                {"email": f"{person}@x.test"},
                {"phone": f"+44{number % 3}"},
                {},
            ]
        )
        at = moment(draw, 90)
        campaign = draw.choice([*campaigns, None])
        messages += [
            {
                "message_id": f"m{number}",
                "event": event,
                "medium": "email",
                "occurred_at": at,
                "campaign_id": campaign,
                **address,
            }
            for event in draw.sample(EVENTS, draw.randint(1, 3))
        ]
    company["marketing.messages"] = delivered(messages)
    company["marketing.ad_spend"] = delivered(
        [
            {
                "spend_date": date(2024, 6, number + 1),
                "channel": "paid_search",
                "campaign_id": draw.choice(["k2", "k5", None]),
                "cost": Decimal(draw.randint(0, 5000)) / 100,
                "impressions": draw.choice([None, 100]),
                "clicks": draw.choice([None, 7]),
            }
            for number in range(draw.randint(0, 10))
        ]
    )
    company["shop.web_events"] = delivered(
        [
            {
                "event_id": f"e{number:02}",
                "visitor_id": f"v{draw.randint(0, 5)}",
                "account_id": draw.choice([None, f"a-{draw.choice(people)}"]),
                "occurred_at": moment(draw, 60),
                "event_name": "page_view",
                "utm_source": "google",
                "utm_medium": "cpc",
                "utm_campaign": draw.choice(["k2", "spring", "other", None]),
                "referrer": None,
            }
            for number in range(40)
        ]
    )


def _assign(company: Company, people: list[str], draw: random.Random) -> None:
    prefix = {"account": "a-{}", "contact": "k-{}", "visitor": "v-{}", "email": "{}@x.test"}
    rows: Rows = []
    for kind in KINDS:
        subjects = [prefix[kind].format(person) for person in [*people, "stranger"]]
        if kind == "visitor":
            subjects += [f"v{i}" for i in range(6)]
        variants = draw.choice([["A", "B"], ["blue", "Control", "red"], ["only"]])
        rows += [
            {
                "experiment_id": f"by {kind}",
                "subject_kind": kind,
                "subject_id": subject,
                "variant": draw.choice(variants),
                "assigned_at": moment(draw, 200),
            }
            for subject in subjects
        ]
    company["marketing.experiment_assignments"] = delivered(draw.choice([[], rows, rows, rows]))


def _plan(company: Company, draw: random.Random) -> None:
    """Shares of the variants, of some experiments; of one variant too few, or that nobody got."""
    variants: dict[str, set[str]] = {"never begun": {"A"}}
    for row in company["marketing.experiment_assignments"]:
        variants.setdefault(row["experiment_id"], set()).add(row["variant"])
    company["marketing.experiments"] = delivered(
        [
            {
                "experiment_id": experiment,
                "variant": variant,
                "planned_share": Decimal(draw.randint(0, 12)) / 10,
            }
            for experiment, known in variants.items()
            for variant in draw.choice(
                [[], sorted(known), sorted(known)[1:], [*sorted(known), "z"]]
            )
        ]
    )


def _points(people: list[str], draw: random.Random) -> Rows:
    expires = draw.random() < 0.7
    rows: Rows = []
    for number in range(draw.choice([0, 150])):
        person = draw.choice([*people, "stranger"])
        kind = draw.choice(["earn", "earn", "earn", "redeem", "adjust"] + ["expire"] * expires)
        points = Decimal(draw.randint(1, 60))
        rows.append(
            {
                "transaction_id": f"t{number}",
                **draw.choice(
                    [
                        {"account_id": f"a-{person}"},
                        {"loyalty_card": f"card-{person}"},
                        {"order_id": f"o{draw.randint(0, 300):03}"},
                    ]
                ),
                "kind": kind,
                "points": points if kind == "earn" or draw.random() < 0.1 else -points,
                "occurred_at": moment(draw),
            }
        )
    return delivered(rows)


def _describe(company: Company, people: list[str], draw: random.Random) -> None:
    """Where people and goods come from, who sent whom, who called and who was pleased."""

    def before() -> datetime | None:
        return draw.choice([None, moment(draw, 500) - timedelta(days=1)])

    def sender(prefix: str) -> str | None:
        return draw.choice([None, None, None, f"{prefix}{draw.choice([*people, 'stranger'])}"])

    for row in company["crm.contacts"]:
        row["created_at"] = before()
        row["lead_source"] = draw.choice([None, "fair", "partner"])
        row["referred_by_contact_id"] = sender("k-")
    for row in company["shop.accounts"]:
        row["registered_at"] = before()
        row["registration_channel"] = draw.choice([None, "site", "pos"])
        row["referred_by_account_id"] = sender("a-")
    for row in company["shop.products"]:
        row["category"] = draw.choice([None, "garden", "kitchen"])
    for row in company["shop.orders"]:
        row["sales_channel"] = draw.choice([None, "web", "web", "pos"])
    calls = [
        {
            "call_id": f"call{number}",
            "direction": "inbound",
            "customer_phone": f"+44700{number}",
            "disposition": draw.choice(["answered", "missed"]),
            "started_at": moment(draw) - timedelta(days=1),
        }
        for number in range(draw.choice([0, 12]))
    ]
    for row in calls:
        if draw.random() < 0.8:
            company["identity.assignments"].append(
                belongs(draw.choice(people), "calls", row["call_id"], "call_center")
            )
    company["call_center.calls"] = delivered(calls)
    company["crm.surveys"] = delivered(
        [
            {
                "survey_id": f"s{number}",
                "kind": draw.choice(["nps", "csat"]),
                "score": Decimal(draw.randint(3, 10)),
                "answered_at": moment(draw, 300) - timedelta(days=1),
                "contact_id": f"k-{draw.choice([*people, 'stranger'])}",
            }
            for number in range(draw.choice([0, 20]))
        ]
    )
    company["shop.reviews"] = delivered(
        [
            {
                "review_id": f"w{number}",
                "account_id": f"a-{draw.choice([*people, 'stranger'])}",
                "rating": Decimal(draw.randint(3, 5)),
                "reviewed_at": moment(draw, 300) - timedelta(days=1),
            }
            for number in range(draw.choice([0, 20]))
        ]
    )


def _visit(company: Company, people: list[str], draw: random.Random) -> None:
    """Visits of several steps: of customers, of strangers, and of devices that both use."""
    names = ["page_view", "product_view", "add_to_cart", "checkout_started", "order_placed"]
    sources = [
        {},
        {"referrer": "https://blog.example.org/post"},
        {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "k2"},
        {"utm_source": "newsletter", "utm_medium": "email"},
    ]
    columns = dict.fromkeys(["utm_source", "utm_medium", "utm_campaign", "referrer"])
    events: Rows = []
    for visit in range(draw.choice([0, 80, 160])):
        at = moment(draw, 120)
        visitor = draw.choice([f"v{draw.randint(0, 5)}", f"w{draw.randint(0, 25)}"])
        account = draw.choice([None, None, f"a-{draw.choice([*people, 'stranger'])}"])
        source = draw.choice(sources)
        for step in range(draw.randint(1, 4)):
            at += timedelta(seconds=draw.choice([4, 10, 11, 240, 1799, 1800]) if step else 0)
            events.append(
                {
                    "event_id": f"x{visit:03}-{step}",
                    "visitor_id": visitor,
                    "account_id": account,
                    "occurred_at": at,
                    "event_name": draw.choice([*names, "page_view", "sign_up"]),
                    **columns,
                    **(source if step == 0 else {}),
                }
            )
    company["shop.web_events"] += delivered(events, "f2")
