"""Erasure requests of the CRM (``crm.erasure_requests``): whom each of them is about.

A request that names a contact or an account is that person's. One that gives an address alone is
obeyed when one person bears it; when several do, somebody has to say who is meant
(``hourglass forget``). The row of an obeyed request is erased with the person.
"""

from dataclasses import dataclass

import duckdb

from dagster_project.identity.rules.guards import load_guards
from dagster_project.identity.rules.normalisation import normaliser
from dagster_project.privacy.subject import customers_with, prepare_values
from dagster_project.settings import Settings


@dataclass(frozen=True)
class OpenRequests:
    """Requests that are not obeyed yet. Counts and ids of requests only, and customer ids."""

    customers: frozenset[str]
    obeyed: tuple[str, ...]
    unknown: tuple[str, ...]
    ambiguous: tuple[str, ...]

    def sentences(self) -> list[str]:
        """What somebody must know, or do."""
        said = []
        if self.unknown:
            said.append(
                f"Erasure requests that name nobody who is known: {len(self.unknown):,} "
                f"({', '.join(self.unknown[:5])}); they are kept and looked at again in every run."
            )
        if self.ambiguous:
            said.append(
                f"Erasure requests with an address that several people share: "
                f"{len(self.ambiguous):,} ({', '.join(self.ambiguous[:5])}). Say who is meant: "
                "hourglass forget crm.contacts/<id>."
            )
        return said


def has_requests(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether any request is there; obeyed ones are not."""
    return con.execute("SELECT 1 FROM crm.erasure_requests LIMIT 1").fetchone() is not None


def has_new_requests(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a request is there that no run has looked at yet."""
    return (
        con.execute(
            "SELECT 1 FROM crm.erasure_requests AS r "
            "ANTI JOIN identity.unmatched_requests AS u ON u.request_id = r.request_id LIMIT 1"
        ).fetchone()
        is not None
    )


def open_requests(con: duckdb.DuckDBPyConnection, settings: Settings) -> OpenRequests:
    """Whom the requests are about, by the registry as it is on ``con``."""
    prepare_values(con, settings)
    guards = load_guards()
    mail = normaliser("email", guards, settings.phone_region)
    phone = normaliser("phone", guards, settings.phone_region)
    customers: set[str] = set()
    obeyed, unknown, ambiguous = [], [], []
    for request, contact, account, email, number in con.execute(
        "SELECT DISTINCT request_id, contact_id, account_id, email, phone "
        "FROM crm.erasure_requests ORDER BY ALL"
    ).fetchall():
        found = _owners(con, "crm", "contacts", contact) | _owners(con, "shop", "accounts", account)
        if not found:
            addresses = [("email", mail(email)[0] if email else None)]
            addresses.append(("phone", phone(number)[0] if number else None))
            # The first address that somebody bears: a mailbox says more than a telephone.
            for kind, value in addresses:
                found = customers_with(con, kind, value) if value and not found else found
            if len(found) > 1:
                ambiguous.append(request)
                continue
        if found:
            customers |= found
            obeyed.append(request)
        else:
            unknown.append(request)
    return OpenRequests(frozenset(customers), tuple(obeyed), tuple(unknown), tuple(ambiguous))


def _owners(con: duckdb.DuckDBPyConnection, system: str, table: str, key: str | None) -> set[str]:
    if key is None:
        return set()
    rows = con.execute(
        "SELECT DISTINCT customer_id FROM identity.registry "
        "WHERE source_system = ? AND source_table = ? AND source_id = ?",
        [system, table, key],
    ).fetchall()
    return {row[0] for row in rows}
