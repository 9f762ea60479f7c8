"""Cases about files, types, keys and accounting."""

from tests.cases import LoadedCase, case


@case("order-dated-1900")
def order_dated_1900(loaded: LoadedCase) -> None:
    """Orders at impossible times are quarantined and named; the cohorts begin in 2024."""
    assert loaded.query("SELECT min(ordered_at) >= '2024-01-01' FROM shop.orders") == [(True,)]
    [finding] = loaded.findings("implausible_date")
    assert (finding.count, finding.lines, finding.column) == (2, (152, 153), "ordered_at")


@case("header-repeated-and-total-row")
def header_repeated_and_total_row(loaded: LoadedCase) -> None:
    """Neither the header nor the total is a customer."""
    assert loaded.query("SELECT contact_id FROM crm.contacts ORDER BY 1") == [("1",), ("2",)]
    assert loaded.query("SELECT rule, records FROM ledger.left_out ORDER BY 1") == [
        ("repeated_header", 1),
        ("total_row", 1),
    ]
    assert "The header stands here again" in loaded.text


@case("call-over-clock-change", time_zone="Europe/London")
def call_over_clock_change(loaded: LoadedCase) -> None:
    """No wait over the clock change is below zero, and no end before its start."""
    assert loaded.query(
        "SELECT count(*), count_if(wait_seconds < 0), count_if(answered_at < started_at), "
        "count_if(ended_at < started_at) FROM call_center.calls"
    ) == [(2, 0, 0, 0)]


@case("ad-spend-same-key-twice-in-file")
def ad_spend_same_key_twice_in_file(loaded: LoadedCase) -> None:
    """The row of spend that does not count is named."""
    [finding] = loaded.findings("conflicting_keys")
    assert (finding.path, finding.count) == ("marketing/ad_spend_2025-04-01.csv", 1)
    assert "lines" in finding.message
