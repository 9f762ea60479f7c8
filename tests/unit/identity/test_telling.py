"""If these fail, an analyst reads the evidence about a person wrongly, or not at all."""

from datetime import datetime

from dagster_project.identity.inspection.explanation_text import tell
from dagster_project.identity.inspection.waterfall import how_linked

LINK = {
    "left_record": "crm.contacts/1",
    "right_record": "crm.contacts/2",
    "rule": "probable",
    "probability": 0.99999999,
    "weight": 10.0,
    "bits": {"prior": -10.0, "email": -5.0, "birth_date": 25.0},
}
RECORD = {
    "source_system": "crm",
    "source_table": "contacts",
    "source_id": "1",
    "method": "probable",
    "probability": 0.99999999,
    "seen_at": datetime(2026, 1, 2, 3, 4, 5, 678),
    "is_deleted": True,
    "email": "a@example.com",
    "phone": None,
}


def told(**parts) -> list[str]:
    empty = {"records": [], "links": [], "guards": [], "marts": {}}
    history = {"ids": [], "changes": []}
    return list(tell({"customers": [{"customer_id": "c", "history": history, **empty, **parts}]}))


def test_a_record_says_what_ties_it_and_what_it_bears():
    """Fractions of seconds and empty fields hide the one value that somebody looks for."""
    assert told(records=[RECORD])[1:] == [
        "",
        "records (1)",
        "  crm.contacts/1: first seen 2026-01-02 03:04:05, tied by probable, probability above "
        "0.999999, deleted at the source",
        "    email a@example.com",
    ]


def test_the_waterfall_starts_where_the_evidence_before_it_ended():
    """Weights that do not add up to the sum below them explain nothing."""
    lines = told(links=[LINK])[4:]
    assert [line.split()[-2] for line in lines] == ["-10.0", "+25.0", "-5.0", "+10.0"]
    bars = [line[28:] for line in lines]
    ends = [len(bar) for bar in bars]
    starts = [len(bar) - len(bar.lstrip()) for bar in bars]
    before, birth, email, total = range(4)
    assert starts[before] == starts[birth] == 0, "from even odds down, and up again"
    assert ends[birth] == ends[email], "what speaks against takes back from the end"
    assert ends[total] == starts[email], "the sum ends where the evidence ends"
    assert starts[total] == ends[before], "the sum starts at even odds"
    assert {bar.strip()[0] for bar in bars} == {"█", "░"}


def test_long_parts_are_cut_and_say_so():
    """A regular's thousand orders scroll away what holds the person together."""
    lines = told(marts={"orders": [{"order_id": str(n), "is_sale": True} for n in range(25)]})
    assert lines[2] == "orders (25)"
    assert lines[3] == "  order_id 0, is_sale yes"
    assert lines[-1] == "  and 5 more: --json shows all"
    assert len(lines) == 2 + 1 + 20 + 1


def test_no_identifier_proves_it_stands_above_none():
    """Above a national id that weighs most it says that no identifier proves it."""
    own = {"prior": -10.0, "national_id": 14.0, "birth_date": 9.0}
    assert "identifiers speak for it" in how_linked({**LINK, "bits": own})
    other = {"prior": -10.0, "national_id": -2.0, "birth_date": 25.0}
    assert how_linked({**LINK, "bits": other}).startswith("no identifier proves it")
