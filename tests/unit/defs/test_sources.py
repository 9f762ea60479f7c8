"""What the Dagster UI says of a raw table: counts and reasons."""

import dagster as dg

from dagster_project.defs.sources import FILES_KEY, QUARANTINE_KEY, held_back

LEDGER = {
    "by_source": [
        {
            "source": "crm.contacts",
            "accepted": 8,
            "quarantined": 2,
            "left_out": 0,
            "newest_delivery": "2026-03-01",
        }
    ],
    "reasons": [
        {"source": "crm.contacts", "level": "row", "reason": "missing_key", "records": 2},
        {"source": "shop.orders", "level": "cell", "reason": "invalid_value", "records": 1},
        {"source": None, "level": "file", "reason": "unknown_folder", "records": 1},
    ],
    "deliveries": [{"source": "crm.contacts", "message": "crm.contacts is late."}],
    "schema_changes": [
        {"source": "shop.orders", "message": "vat was read as tax_amount."},
        {"source": "ga4", "message": "The column batch is not in the contract; it is kept."},
    ],
}


def test_table_shows_its_own_counts_and_reasons() -> None:
    """The engineer sees a green table in the UI, and not that half of its file was refused."""
    shown = held_back(dg.AssetKey(["crm", "contacts"]), LEDGER)
    assert (shown["accepted"], shown["quarantined"]) == (8, 2)
    assert [record.data["reason"] for record in shown["held back"].records] == ["missing_key"]
    assert shown["deliveries"].value == "- crm.contacts is late."
    assert "schema changes" not in shown
    assert held_back(dg.AssetKey(["crm", "deals"]), LEDGER) == {}


def test_quarantine_shows_every_reason() -> None:
    """What no table took, because no folder said what it is, is shown nowhere."""
    shown = held_back(QUARANTINE_KEY, LEDGER)
    assert [record.data["source"] for record in shown["held back"].records] == [
        "crm.contacts",
        "shop.orders",
        "",
    ]


def test_deliveries_of_vendors_exports_are_shown() -> None:
    """A vendor's export that stopped coming is said nowhere in the UI: no table is called so."""
    shown = held_back(FILES_KEY, LEDGER)
    assert "crm.contacts is late." in shown["deliveries"].value
    assert "ga4: The column batch" in shown["schema changes"].value
    assert "held back" not in shown
