"""Small companies as rows of raw tables, and one of them, made by hand."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from dagster_project.settings import Settings, mart_parameters

Rows = list[dict[str, Any]]
Company = dict[str, Rows]

AS_OF = date(2024, 6, 12)


def parameters(**overrides: Any) -> Rows:
    return [
        {
            "build_id": "b1",
            "as_of": AS_OF,
            "time_zone": "UTC",
            **{name: Settings.model_fields[name].default for name in mart_parameters()},
            "started_at": datetime(2024, 6, 13),
            **overrides,
        }
    ]


def delivered(rows: Rows, file: str = "f1", on: date | None = None) -> Rows:
    """The rows as lines of one file."""
    return [
        {**row, "_file_hash": file, "_line": line, "_delivered_on": on}
        for line, row in enumerate(rows, start=2)
    ]


def belongs(customer: str, table: str, key: str, system: str = "shop") -> dict[str, Any]:
    return {
        "source_system": system,
        "source_table": table,
        "source_id": key,
        "public_source_id": key,
        "customer_id": customer,
        "method": "deterministic",
        "probability": 1.0,
        "linked_at": datetime(2024, 6, 13),
    }


def known_as(kind: str, raw: str, customer: str | None) -> dict[str, Any]:
    return {
        "identifier_kind": kind,
        "raw_value": raw,
        "normalised_value": raw.lower(),
        "is_blocked": False,
        "customer_id": customer,
    }


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2024, 6, day, hour)


def shop_of_one_week() -> Company:
    """Three customers in June 2024 up to the 12th; Ann's and Bob's consents are told apart."""
    late = {"ordered_at": at(13), "status": "paid", "total_amount": 999}
    return {
        "control.parameters": parameters(),
        "crm.contacts": delivered(
            [
                {"contact_id": "k1", "created_at": at(1), "email": "ANN@x.test", "phone": "+441"},
                {"contact_id": "k2", "created_at": at(2), "email": "bob@x.test", "phone": "+442"},
                {
                    "contact_id": "k3",
                    "created_at": at(2),
                    "email": "cy@x.test",
                    "phone": "+442",
                    "lead_source": "fair",
                    "is_deleted": True,
                },
                {"contact_id": "k9", "created_at": at(13), "email": "late@x.test"},
            ]
        ),
        "crm.consents": delivered(
            [
                # Ann: granted, withdrawn, granted again.
                {**consent("email", "granted", 1), "contact_id": "k1"},
                {**consent("email", "withdrawn", 2), "email": "ann@x.test"},
                {**consent("email", "granted", 3), "email": "ann@x.test"},
                {**consent("email", "granted", 3), "email": "ann@x.test"},
                {**consent("sms", "granted", 3), "contact_id": "k1"},
                # Bob: granted, unsubscribed later; his telephone is also the deleted Cy's.
                {**consent("email", "granted", 3), "contact_id": "k2"},
                {**consent("call", "granted", 3), "contact_id": "k2"},
                {**consent("profiling", "withdrawn", 3), "contact_id": "k2"},
            ]
        ),
        "crm.surveys": delivered(
            [
                {
                    "survey_id": "s1",
                    "kind": "nps",
                    "score": 9,
                    "answered_at": at(5),
                    "order_id": "o1",
                },
                {
                    "survey_id": "s2",
                    "kind": "nps",
                    "score": 3,
                    "answered_at": at(6),
                    "contact_id": "k1",
                },
                {
                    "survey_id": "s3",
                    "kind": "csat",
                    "score": 3,
                    "answered_at": at(6),
                    "phone": "+449",
                },
            ]
        ),
        "shop.accounts": delivered(
            [
                {"account_id": "a1", "registered_at": at(1), "registration_channel": "app"},
                {"account_id": "a2", "registered_at": at(2), "registration_channel": "site"},
            ]
        ),
        "shop.products": delivered(
            [
                {
                    "product_id": "p1",
                    "name": "Tea",
                    "category": "drinks",
                    "unit_cost": Decimal("2"),
                },
                {"product_id": "p2", "name": "Cup", "category": "goods"},
                {"product_id": "post", "name": "Postage", "is_service": True},
            ]
        ),
        "shop.orders": delivered(
            [
                {
                    "order_id": "o1",
                    "account_id": "a1",
                    "ordered_at": at(3),
                    "status": "paid",
                    "total_amount": 24,
                    "tax_amount": 4,
                    "sales_channel": "web",
                },
                {
                    "order_id": "o2",
                    "account_id": "a1",
                    "ordered_at": at(5, 9),
                    "status": "shipped",
                    "total_amount": 10,
                    "sales_channel": "app",
                },
                {
                    "order_id": "o3",
                    "account_id": "a2",
                    "ordered_at": at(6),
                    "status": "refunded",
                    "total_amount": 7,
                },
                {
                    "order_id": "o4",
                    "email": "bob@x.test",
                    "ordered_at": at(7),
                    "status": "cancelled",
                    "total_amount": 50,
                },
                {"order_id": "o5", "ordered_at": at(8), "status": "completed", "total_amount": 5},
                {"order_id": "o9", "account_id": "a1", **late},
            ]
        ),
        "shop.order_lines": delivered(
            [
                {
                    "order_id": "o1",
                    "line_number": 1,
                    "product_id": "p1",
                    "quantity": 2,
                    "unit_price": 8,
                },
                {
                    "order_id": "o1",
                    "line_number": 2,
                    "product_id": "post",
                    "quantity": 1,
                    "unit_price": 4,
                },
                {
                    "order_id": "o2",
                    "line_number": 1,
                    "product_id": "p2",
                    "quantity": 1,
                    "unit_price": 10,
                },
                {
                    "order_id": "o3",
                    "line_number": 1,
                    "product_id": "p2",
                    "quantity": 1,
                    "unit_price": 7,
                },
                {
                    "order_id": "o9",
                    "line_number": 1,
                    "product_id": "p2",
                    "quantity": 1,
                    "unit_price": 7,
                },
                {
                    "order_id": "ghost",
                    "line_number": 1,
                    "product_id": "p3",
                    "quantity": 1,
                    "unit_price": 7,
                },
            ]
        ),
        "shop.refunds": delivered(
            [
                {"refund_id": "r1", "order_id": "o1", "refunded_at": at(4), "amount": 6},
                {
                    "refund_id": "r2",
                    "account_id": "a1",
                    "refunded_at": at(6),
                    "amount": 12,
                    "product_id": "p2",
                    "quantity": 1,
                },
                {"refund_id": "r9", "order_id": "o2", "refunded_at": at(13), "amount": 1},
            ]
        ),
        "shop.reviews": delivered(
            [{"review_id": "v1", "account_id": "a2", "rating": 5, "reviewed_at": at(9)}]
        ),
        "marketing.messages": delivered(
            [
                {
                    "message_id": "m1",
                    "event": "unsubscribed",
                    "medium": "email",
                    "occurred_at": at(4),
                    "contact_id": "k2",
                },
                {
                    "message_id": "m2",
                    "event": "bounced",
                    "medium": "sms",
                    "occurred_at": at(2),
                    "phone": "+441",
                },
            ]
        ),
        "call_center.calls": delivered(
            [
                {
                    "call_id": "c1",
                    "direction": "inbound",
                    "started_at": at(4),
                    "disposition": "abandoned",
                    "wait_seconds": 9,
                    "customer_phone": "+441",
                },
                {
                    "call_id": "c2",
                    "direction": "inbound",
                    "started_at": at(5),
                    "disposition": "abandoned",
                    "wait_seconds": 10,
                },
                {
                    "call_id": "c9",
                    "direction": "inbound",
                    "started_at": at(13),
                    "disposition": "missed",
                },
            ]
        ),
        "call_center.tickets": delivered(
            [
                {"ticket_id": "t1", "contact_id": "k1", "created_at": at(4), "status": "open"},
                {
                    "ticket_id": "t2",
                    "contact_id": "k1",
                    "created_at": at(4),
                    "resolved_at": at(5),
                    "csat_score": 4,
                },
            ]
        ),
        "identity.customers": [
            {"customer_id": name, "minted_at": at(12), "record_count": 2}
            for name in ("ann", "bob", "cy")
        ],
        "identity.assignments": [
            belongs("ann", "contacts", "k1", "crm"),
            belongs("bob", "contacts", "k2", "crm"),
            belongs("cy", "contacts", "k3", "crm"),
            belongs("ann", "accounts", "a1"),
            belongs("bob", "accounts", "a2"),
            belongs("bob", "orders", "o4"),
            belongs("ann", "calls", "c1", "call_center"),
            belongs("ann", "tickets", "t1", "call_center"),
            belongs("ann", "tickets", "t2", "call_center"),
        ],
        "identity.identifiers": [
            known_as("email", "ANN@x.test", "ann"),
            known_as("email", "ann@x.test", "ann"),
            known_as("email", "bob@x.test", "bob"),
            known_as("email", "cy@x.test", "cy"),
            known_as("phone", "+441", "ann"),
            known_as("phone", "+442", None),
            known_as("phone", "+449", None),
        ],
    }


def consent(purpose: str, status: str, day: int) -> dict[str, Any]:
    return {"purpose": purpose, "status": status, "effective_at": at(day)}
