"""Histories of a small shop: what a company delivers day by day, out of order, and takes back.

Rows go straight into raw tables and into what identity would have found, so that a step costs no
load and no resolution. Everything is small and drawn from few values, so that things collide.
"""

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from tests.integration.conftest import fill
from tests.integration.dbt_core.company import (
    Rows,
    belongs,
    known_as,
    parameters,
)

FIRST_DAY = date(2024, 3, 1)
RAW = (
    *("shop.web_events", "shop.orders", "shop.order_lines", "shop.refunds", "shop.accounts"),
    *("shop.products", "shop.exchange_rates", "crm.deals"),
    *("marketing.messages", "marketing.social_interactions", "marketing.campaigns"),
    *("marketing.ad_spend", "call_center.calls"),
)
CHANNELS = ("direct", "organic_search", "referral", "paid_search", "email", "sms", "call_center")


class History:
    """One shop whose every step is drawn from a seed; ``con`` is its warehouse."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.day = FIRST_DAY + timedelta(days=60)
        self.files = 0
        self.lookback = 30
        # Whether the last step changed a setting, which has what names it made anew.
        self.is_set_otherwise = False
        self.time_zone = self.draw.choice(("UTC", "America/New_York", "Asia/Tokyo"))
        self.owner = {f"a{n}": f"c{n % 5}" for n in range(7)}
        self.address = {f"u{n}@x.test": f"c{n % 6}" for n in range(5)}
        self.calls = {f"q{n}": f"c{n % 4}" for n in range(6)}
        self.guests: dict[str, str] = {}
        self.phones = {f"+{n}": f"c{n % 4}" for n in range(3)}
        self.contacts = {f"k{n}": f"c{n % 3}" for n in range(4)}
        self.effects = dict.fromkeys(CHANNELS, 0.5)
        self.won_deals = self.draw.choice([None, "sales", "sales"])
        # A shop may send its first order when its deals have been sales for long.
        self.sells = self.won_deals is not None or self.draw.random() < 0.5
        self.steps: dict[str, Callable[[duckdb.DuckDBPyConnection], None]] = {
            "a day": self._a_day,
            "another day": self._a_day,
            "the day after": self._a_day,
            "late events": self._late_events,
            "an update": self._an_update,
            "a catalogue": self._a_catalogue,
            "another rate": self._another_rate,
            "a refused line": self._a_refused_line,
            "other journeys": self._other_journeys,
            "a replaced file": self._a_replaced_file,
            "a file dated otherwise": self._another_date,
            "a file read again": self._read_again,
            "deleted rows": self._deleted_rows,
            "a merge": self._a_merge,
            "a second merge": self._a_merge,
            "another caller": self._another_caller,
            "a split": self._a_split,
            "a past day": self._a_past_day,
            "another look-back": self._another_lookback,
            "nothing": lambda con: None,
        }

    def begin(self, con: duckdb.DuckDBPyConnection) -> None:
        """Empty the warehouse's inputs and deliver the first files."""
        for table in (*RAW, "identity.assignments", "identity.identifiers", "identity.customers"):
            con.execute(f"DELETE FROM {table}")
        con.execute("DELETE FROM ledger.files")
        con.execute("DELETE FROM ledger.quarantined_parts")
        for _ in range(4):
            self._deliver(con, FIRST_DAY, self.day)
        campaigns = [
            {"campaign_id": f"k{n}", "name": f"Name {n}", "channel": "email"} for n in range(3)
        ]
        self.file(con, {"marketing.campaigns": campaigns}, FIRST_DAY)
        # Every day has a rate: a build without one is stopped.
        first = FIRST_DAY - timedelta(days=20)
        self._rates(con, [first + timedelta(days=5 * n) for n in range(60)])
        self._a_catalogue(con)
        self._decide(con)

    def step(self, con: duckdb.DuckDBPyConnection, name: str | None = None) -> str:
        """Have something happen, or what is named; what."""
        name = name or self.draw.choice(list(self.steps))
        lookback = self.lookback
        self.steps[name](con)
        self.is_set_otherwise = self.lookback != lookback
        self._decide(con)
        return name

    def _decide(self, con: duckdb.DuckDBPyConnection) -> None:
        """What identity and the plan of the build say today."""
        for table in ("identity.assignments", "identity.identifiers", "identity.customers"):
            con.execute(f"DELETE FROM {table}")
        con.execute("DELETE FROM control.parameters")
        con.execute("DELETE FROM predictions.channel_removal_effects")
        people = {*self.owner.values(), *self.address.values(), *self.calls.values()}
        people |= {*self.guests.values(), *self.contacts.values(), *self.phones.values()}
        fill(
            con,
            {
                "identity.customers": [
                    {"customer_id": c, "minted_at": datetime(2024, 1, 1), "record_count": 1}
                    for c in sorted(people)
                ],
                "identity.assignments": [
                    *(belongs(c, "accounts", a) for a, c in self.owner.items()),
                    *(belongs(c, "orders", o) for o, c in self.guests.items()),
                    *(belongs(c, "calls", q, "call_center") for q, c in self.calls.items()),
                    *(belongs(c, "contacts", k, "crm") for k, c in self.contacts.items()),
                ],
                "predictions.channel_removal_effects": [
                    {"channel": channel, "removal_effect": effect}
                    for channel, effect in self.effects.items()
                ],
                "identity.identifiers": [
                    *(known_as("email", raw, c) for raw, c in self.address.items()),
                    *(known_as("phone", raw, c) for raw, c in self.phones.items()),
                ],
                "control.parameters": parameters(
                    as_of=self.day,
                    time_zone=self.time_zone,
                    lookback_days=self.lookback,
                    currency="GBP",
                    won_deals=self.won_deals,
                ),
            },
        )

    @property
    def noon(self) -> datetime:
        """Of the day that is the last to count."""
        return datetime.combine(self.day, datetime.min.time()) + timedelta(hours=12)

    def file(
        self, con: duckdb.DuckDBPyConnection, tables: dict[str, Rows], on: date | None
    ) -> None:
        """Deliver rows of several tables as one file's."""
        self.files += 1
        # Contents are told by their hashes, which come in any order.
        name = f"{self.draw.randint(100, 999)}-{self.files}"
        own = {"_file_hash": name, "_delivered_on": on, "_source": "x"}
        fill(
            con,
            {
                table: [{**row, **own, "_line": line} for line, row in enumerate(rows, start=2)]
                for table, rows in tables.items()
            },
        )
        con.execute(
            "INSERT INTO ledger.files (file_hash, loaded_at) VALUES (?, ?)",
            [name, datetime(2024, 1, 1) + timedelta(seconds=self.files)],
        )

    def _deliver(self, con: duckdb.DuckDBPyConnection, first: date, last: date) -> None:
        """A file of each table with what happened between two days, or is said to have."""
        draw = self.draw

        def moment() -> datetime:
            minutes = (last - first).days * 1440 + 1440
            start = datetime.combine(first, datetime.min.time())
            return start + timedelta(minutes=draw.randint(0, minutes))

        def some(most: int) -> range:
            return range(draw.randint(0, most))

        accounts = [*self.owner, "a-unknown"]
        visits: Rows = []
        for _ in some(8):
            visitor, at = f"v{draw.randint(0, 9)}", moment()
            account = draw.choice([None, None, *accounts])
            for _ in range(draw.randint(1, 4)):
                at += timedelta(minutes=draw.choice([1, 5, 29, 31]))
                visits.append(
                    {
                        "event_id": f"e{draw.randint(0, 400)}",
                        "visitor_id": visitor,
                        "account_id": account,
                        "occurred_at": at,
                        "event_name": (
                            name := draw.choice(
                                ["page_view", "product_view", "add_to_cart", "order_placed"]
                            )
                        ),
                        "order_id": self._any("o", 40) if name == "order_placed" else None,
                        "utm_source": draw.choice([None, None, "google", "news"]),
                        "utm_medium": draw.choice([None, "cpc", "email"]),
                        "utm_campaign": draw.choice([None, "k1", "Name 2", "spring"]),
                        "referrer": draw.choice([None, "https://blog.test/a"]),
                        "device": draw.choice(["mobile", "desktop", None]),
                    }
                )
        orders: Rows = []
        lines: Rows = []
        for _ in some(4) if self.sells else ():
            order = f"o{draw.randint(0, 40)}"
            account = draw.choice([None, *accounts])
            if account is None and draw.random() < 0.5:
                self.guests[order] = f"c{draw.randint(0, 6)}"
            orders.append(
                {
                    "order_id": order,
                    "account_id": account,
                    "visitor_id": draw.choice([None, f"v{draw.randint(0, 9)}"]),
                    "ordered_at": moment(),
                    "status": draw.choice(["paid", "paid", "refunded", "cancelled"]),
                    "currency": draw.choice([None, "GBP", "USD"]),
                    "sales_channel": draw.choice(["web", "store", None]),
                    "total_amount": Decimal(draw.randint(1, 5000)) / 100,
                    "updated_at": draw.choice([None, moment()]),
                }
            )
            lines += [
                {
                    "order_id": draw.choice([order, order, f"o{draw.randint(0, 40)}"]),
                    "line_number": line,
                    "product_id": f"p{draw.randint(0, 3)}",
                    "quantity": Decimal(draw.randint(1, 3)),
                    "unit_price": Decimal(draw.randint(1, 900)) / 100,
                    "kind": draw.choice([None, None, None, "gift_card"]),
                }
                for line in range(1, draw.randint(1, 4))
            ]
        who: list[dict[str, Any]] = [
            {"account_id": draw.choice(accounts)},
            {"email": f"u{draw.randint(0, 6)}@x.test"},
            {"contact_id": self._any("k", 4)},
            {},
        ]

        def clicked() -> datetime:
            """Often just before somebody comes, so that the click opens a session."""
            visit = draw.choice(visits) if visits and draw.random() < 0.6 else None
            return visit["occurred_at"] - timedelta(minutes=1) if visit else moment()

        self.file(
            con,
            {
                "shop.web_events": visits,
                "shop.orders": orders,
                "shop.order_lines": lines,
                "shop.refunds": [
                    {
                        "refund_id": f"r{draw.randint(0, 30)}",
                        "order_id": draw.choice([None, f"o{draw.randint(0, 40)}"]),
                        "account_id": draw.choice(accounts),
                        "product_id": draw.choice([None, "p1", "p2"]),
                        "quantity": draw.choice([None, Decimal(1), Decimal(2)]),
                        "refunded_at": moment(),
                        "amount": Decimal(draw.randint(1, 900)) / 100,
                    }
                    for _ in some(4)
                ],
                "crm.deals": [
                    {
                        "deal_id": f"d{draw.randint(0, 6)}",
                        "contact_id": draw.choice([None, *self.contacts]),
                        "amount": Decimal(draw.randint(1, 5000)) / 100,
                        "currency": draw.choice([None, "USD"]),
                        "created_at": (created := moment()),
                        "closed_at": created + timedelta(days=draw.randint(0, 9)),
                        "is_won": draw.choice([True, True, False]),
                    }
                    for _ in some(2)
                ],
                "marketing.ad_spend": [
                    {
                        "spend_date": moment().date(),
                        "channel": draw.choice(["email", "sms", "Google Ads"]),
                        "campaign_id": draw.choice(["k0", "k1"]),
                        "cost": Decimal(draw.randint(1, 900)) / 100,
                        "currency": draw.choice([None, "USD"]),
                        "impressions": 1,
                        "clicks": 1,
                    }
                    for _ in some(2)
                ],
                "marketing.messages": [
                    {
                        "message_id": f"m{draw.randint(0, 60)}",
                        "event": draw.choice(["sent", "clicked", "clicked"]),
                        "medium": draw.choice(["email", "sms"]),
                        "occurred_at": clicked(),
                        "campaign_id": draw.choice([None, "k0", "K1", "Name 2", "new"]),
                        **draw.choice([*who, {"phone": self._any("+", 3)}]),
                    }
                    for _ in some(6)
                ],
                "marketing.social_interactions": [
                    {
                        "interaction_id": f"i{draw.randint(0, 30)}",
                        "platform": "network",
                        "kind": "like",
                        "occurred_at": moment(),
                        **draw.choice(who),
                    }
                    for _ in some(2)
                ],
                "call_center.calls": [
                    {
                        "call_id": f"q{draw.randint(0, 9)}",
                        "direction": "inbound",
                        "started_at": moment(),
                        "disposition": draw.choice(["answered", "answered", "missed"]),
                        "campaign_id": draw.choice([None, "k2", "new"]),
                    }
                    for _ in some(6)
                ],
            },
            draw.choice([None, last, last + timedelta(days=1)]),
        )

    def _a_day(self, con: duckdb.DuckDBPyConnection) -> None:
        self.day += timedelta(days=1)
        self.sells = self.sells or self.draw.random() < 0.5
        # Some of it is dated after as_of.
        self._deliver(con, self.day, self.day + timedelta(days=self.draw.choice([0, 0, 2])))

    def _late_events(self, con: duckdb.DuckDBPyConnection) -> None:
        first = FIRST_DAY + timedelta(days=self.draw.randint(0, 50))
        self._deliver(con, first, first + timedelta(days=3))

    def _an_update(self, con: duckdb.DuckDBPyConnection) -> None:
        names = self.draw.choice([["Name 0", "Name 1", "spring"], ["spring", "Name 2", "x"]])
        rows = [
            {"campaign_id": f"k{n}", "name": name, "channel": "email"}
            for n, name in enumerate(names)
        ]
        self.file(con, {"marketing.campaigns": rows}, self.day)

    def _a_catalogue(self, con: duckdb.DuckDBPyConnection) -> None:
        """Stock moves every day; now and then a category, a cost or what is a service does too."""
        rows = [
            {
                "product_id": f"p{n}",
                "category": self.draw.choice(["tea", "tea", "cups", None]),
                "is_service": self.draw.random() < 0.1,
                "unit_cost": self.draw.choice([None, Decimal(1), Decimal(1), Decimal(2)]),
                "stock_on_hand": self.draw.randint(0, 9),
            }
            for n in range(3)
        ]
        self.file(con, {"shop.products": rows}, self.day)

    def _a_refused_line(self, con: duckdb.DuckDBPyConnection) -> None:
        """A file of which lines of some orders stand in quarantine until they come again."""
        file = f"refused-{self.files}"
        con.execute("INSERT INTO ledger.files (file_hash, target) VALUES (?, 't')", [file])
        for order in {self._any("o", 40) for _ in range(9)}:
            con.execute(
                "INSERT INTO ledger.quarantined_parts VALUES (?, 't', 'shop.order_lines', 2, ?)",
                [file, order],
            )

    def _rates(self, con: duckdb.DuckDBPyConnection, days: list[date]) -> None:
        rows = [
            {
                "rate_date": day,
                "from_currency": "USD",
                "to_currency": "GBP",
                "rate": Decimal(self.draw.randint(70, 90)) / 100,
            }
            for day in days
        ]
        self.file(con, {"shop.exchange_rates": rows}, None)

    def _another_rate(self, con: duckdb.DuckDBPyConnection) -> None:
        self._rates(con, [FIRST_DAY + timedelta(days=self.draw.randint(0, 60))])

    def _other_journeys(self, con: duckdb.DuckDBPyConnection) -> None:
        """The Markov chain weighs channels by all journeys, so that it moves with any of them."""
        self.effects = {channel: self.draw.randint(0, 9) / 10 for channel in CHANNELS}

    def _a_file(self, con: duckdb.DuckDBPyConnection) -> str:
        rows = con.execute("SELECT file_hash FROM ledger.files ORDER BY 1").fetchall()
        return self.draw.choice(rows)[0]

    def _a_replaced_file(self, con: duckdb.DuckDBPyConnection) -> None:
        file = self._a_file(con)
        for table in RAW:
            con.execute(f"DELETE FROM {table} WHERE _file_hash = ?", [file])
        con.execute("DELETE FROM ledger.files WHERE file_hash = ?", [file])
        self._deliver(con, FIRST_DAY, self.day)

    def _another_date(self, con: duckdb.DuckDBPyConnection) -> None:
        file, on = self._a_file(con), self.day + timedelta(days=self.draw.randint(-90, 9))
        for table in RAW:
            con.execute(f"UPDATE {table} SET _delivered_on = ? WHERE _file_hash = ?", [on, file])

    def _read_again(self, con: duckdb.DuckDBPyConnection) -> None:
        """As by another mapping: the same content, other rows, and the same number of them."""
        file = self._a_file(con)
        con.execute(
            "UPDATE shop.web_events SET utm_source = 'read again', account_id = NULL "
            "WHERE _file_hash = ?",
            [file],
        )
        self.files += 1
        con.execute(
            "UPDATE ledger.files SET loaded_at = ? WHERE file_hash = ?",
            [datetime(2024, 1, 1) + timedelta(seconds=self.files), file],
        )

    def _deleted_rows(self, con: duckdb.DuckDBPyConnection) -> None:
        con.execute("DELETE FROM shop.web_events WHERE visitor_id = ?", [self._any("v", 9)])
        con.execute("DELETE FROM marketing.messages WHERE message_id = ?", [self._any("m", 60)])

    def _any(self, letter: str, last: int) -> str:
        return f"{letter}{self.draw.randint(0, last)}"

    def _a_merge(self, con: duckdb.DuckDBPyConnection) -> None:
        lost, kept = self._any("c", 6), self._any("c", 6)
        for known in (*self._known(), self.guests):
            known.update({key: kept for key, owner in known.items() if owner == lost})

    def _known(self) -> tuple[dict[str, str], ...]:
        """Whose each record and address is."""
        return self.owner, self.address, self.calls, self.contacts, self.phones

    def _another_caller(self, con: duckdb.DuckDBPyConnection) -> None:
        """One call alone is somebody else's, or nobody's any more."""
        call = self._any("q", 9)
        if self.calls.pop(call, None) is None or self.draw.random() < 0.7:
            self.calls[call] = self._any("c", 9)

    def _a_split(self, con: duckdb.DuckDBPyConnection) -> None:
        for known in self._known():
            key = self.draw.choice(list(known))
            known[key] = self._any("c", 9)

    def _a_past_day(self, con: duckdb.DuckDBPyConnection) -> None:
        self.day += timedelta(days=self.draw.choice([-40, -3, -1, 5, 31]))

    def _another_lookback(self, con: duckdb.DuckDBPyConnection) -> None:
        self.lookback = self.draw.choice([7, 30, 30])
