"""What is accepted is consistent in itself: codes, durations, the order of times."""

import pytest

CALLS = "call_id,direction,started_at,answered_at,ended_at,wait_seconds,disposition\n"


def test_a_call_is_never_answered_before_it_started(landing):
    """One call of one second blocks every later publish."""
    landing.put(
        "call_center/calls.csv",
        CALLS
        + "1,inbound,2026-01-01 10:00:00,2026-01-01 09:59:59,2026-01-01 10:01:00,-1,answered\n"
        "2,inbound,2026-01-01 10:00:00,2026-01-01 10:00:05,2026-01-01 09:00:00,5,answered\n"
        "3,inbound,2026-01-01 10:00:00,,2026-01-01 10:00:05,5,missed\n",
    )
    landing.load()
    assert landing.query(
        "SELECT call_id, answered_at IS NULL, ended_at IS NULL, wait_seconds "
        "FROM call_center.calls ORDER BY 1"
    ) == [("1", True, False, None), ("2", False, True, 5), ("3", True, False, 5)]
    assert landing.query(
        "SELECT line, column_name, reason FROM ledger.quarantine ORDER BY ALL"
    ) == [
        (2, "answered_at", "impossible_value"),
        (2, "wait_seconds", "impossible_value"),
        (3, "ended_at", "impossible_value"),
    ]


@pytest.mark.parametrize(
    ("text", "code"), [("eur", "EUR"), (" Eur ", "EUR"), ("", None), ("EURO", ""), ("XXQ", "")]
)
def test_a_currency_is_a_code_in_capitals(landing, text: str, code: str | None):
    """eur beside EUR are two currencies, and nothing is published."""
    landing.put(
        "shop/orders.csv",
        f"order_id,ordered_at,status,total_amount,currency\n1,2026-01-01,paid,1,{text}\n",
    )
    landing.load()
    if code == "":
        assert landing.query("SELECT reason FROM ledger.quarantine") == [("unknown_currency",)]
        assert landing.query("SELECT count(*) FROM shop.orders") == [(0,)]
    else:
        assert landing.query("SELECT currency FROM shop.orders") == [(code,)]
