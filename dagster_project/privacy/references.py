"""Whom a row is about: columns of the contract that name a person, their record or an address.

What kind of key a column holds follows from its name, which the contract uses in one meaning
throughout; :data:`BY_OTHER_COLUMN` has those whose kind another column of the row says. A test
holds every personal column of the contract against these lists.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dagster_project.contracts import Table, load_contract

# Kinds of identifiers that are normalised, as the identity step does.
ADDRESSES = ("email", "phone", "loyalty_card", "national_id")
# Kinds of records that a person leaves, by the table whose key they are.
RECORDS = {
    ("crm", "contacts"): "contact",
    ("shop", "accounts"): "account",
    ("shop", "orders"): "order",
    ("call_center", "calls"): "call",
    ("call_center", "tickets"): "ticket",
}
# Those of them that are a person, and not what they did.
PEOPLE = frozenset({"contact", "account"})
TABLE_OF = {kind: table for table, kind in RECORDS.items()}
# A browser or device is known by its events; the identity step calls its record so.
RECORDS_AND_VISITORS = {**RECORDS, ("shop", "web_events"): "visitor"}
KINDS = (*ADDRESSES, *RECORDS.values(), "visitor")

# A row with one of these is about the person whom it names.
ABOUT = {
    "contact_id": "contact",
    "account_id": "account",
    "order_id": "order",
    "call_id": "call",
    "ticket_id": "ticket",
    "visitor_id": "visitor",
    "email": "email",
    "phone": "phone",
    "customer_phone": "phone",
    "loyalty_card": "loyalty_card",
    "national_id": "national_id",
}
# Those of them that name a record of the person, in raw tables and in marts.
RECORD_KEYS = {column: kind for column, kind in ABOUT.items() if kind not in ADDRESSES}
# A row with one of these is about somebody else, and mentions the person.
MENTIONS = {"referred_by_contact_id": "contact", "referred_by_account_id": "account"}
# Table to (column, the column that says its kind).
BY_OTHER_COLUMN = {
    ("crm", "contact_points"): ("value", "kind"),
    ("marketing", "experiment_assignments"): ("subject_id", "subject_kind"),
}


@dataclass(frozen=True)
class Reference:
    """One column that names somebody. ``kind_column``: NULL kind, another column says it."""

    system: str
    table: str
    column: str
    kind: str | None
    kind_column: str | None = None
    is_mention: bool = False

    def kind_sql(self, alias: str = "t") -> str:
        """SQL of the kind of a row's key."""
        return f"'{self.kind}'" if self.kind else f'{alias}."{self.kind_column}"'


def references_of(system: str, table: Table) -> Iterator[Reference]:
    """The columns of one table that name a person, one of their records or an address."""
    for column in table.columns:
        other = BY_OTHER_COLUMN.get((system, table.name))
        if other and other[0] == column.name:
            yield Reference(system, table.name, column.name, None, other[1])
        elif column.name in ABOUT:
            yield Reference(system, table.name, column.name, ABOUT[column.name])
        elif column.name in MENTIONS:
            kind = MENTIONS[column.name]
            yield Reference(system, table.name, column.name, kind, is_mention=True)


def contract_tables() -> list[tuple[str, Table]]:
    """Every (system, table) of the contract."""
    return [(s.system, table) for s in load_contract().values() for table in s.tables.values()]


def references() -> list[Reference]:
    """Every reference of every table of the contract."""
    return [r for system, table in contract_tables() for r in references_of(system, table)]
