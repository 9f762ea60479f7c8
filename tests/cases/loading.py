"""Cases about files, types, keys and accounting."""

from tests.cases import LoadedCase, case


@case("order-dated-1900")
def order_dated_1900(loaded: LoadedCase) -> None:
    """Orders at impossible times are quarantined and named; the cohorts begin in 2024."""
    assert loaded.query("SELECT min(ordered_at) >= '2024-01-01' FROM shop.orders") == [(True,)]
    [finding] = loaded.findings("implausible_date")
    assert (finding.count, finding.lines, finding.column) == (2, (152, 153), "ordered_at")
