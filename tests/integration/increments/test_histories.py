"""A build that goes on from the last one against a build from nothing, on random histories."""

import pytest

from tests.integration.increments.conftest import Increments
from tests.integration.increments.histories import History
from tests.soak import HISTORIES

STEPS = 3


@pytest.mark.parametrize("seed", HISTORIES)
def test_going_on_equals_building_from_nothing(increments: Increments, seed: int):
    """A late event, a merge or a correction leaves a figure behind that no rebuild would give."""
    history = History(seed)
    with increments.begin() as con:
        history.begin(con)
    increments.build()
    happened = []
    for _ in range(STEPS):
        with increments.open() as con:
            happened.append(history.step(con))
        if history.draw.random() < 0.4:
            # A run that dies between two models; more comes before the next.
            increments.build(until=history.draw.randint(1, len(increments.models)))
            with increments.open() as con:
                happened.append(f"killed; {history.step(con)}")
        increments.build()
    with increments.open() as con:
        assert increments.differences(con) == {}, happened


def test_a_day_rebuilds_its_own_keys(increments: Increments):
    """Every run costs what the first one did, and nothing says so."""
    history = History(1)
    with increments.begin() as con:
        history.begin(con)
        for _ in range(12):
            history.steps["late events"](con)
    increments.build()
    with increments.open() as con:
        history.file(
            con,
            {
                "shop.web_events": [
                    {
                        "event_id": "new",
                        "visitor_id": "v1",
                        "occurred_at": history.noon,
                        "event_name": "page_view",
                    }
                ]
            },
            history.day,
        )
    increments.build()
    with increments.open() as con:
        ways = increments.ways(con)
        assert increments.differences(con) == {}
    by_keys = ("stg_shop__web_events", "int_sessions_formed", "int_sessions_identified")
    assert {name: ways[name] for name in by_keys} == dict.fromkeys(by_keys, "part")
    assert ways["stg_marketing__messages"] == ways["int_people_referenced"] == "kept"


def test_another_setting_rebuilds_what_names_it(increments: Increments):
    """Attribution keeps the look-back of last week in the sales that did not change since."""
    history = History(2)
    with increments.begin() as con:
        history.begin(con)
    increments.build()
    with increments.open() as con:
        con.execute("UPDATE control.parameters SET lookback_days = 3")
    increments.build()
    with increments.open() as con:
        ways = increments.ways(con)
        assert increments.differences(con) == {}
    assert ways["int_attribution_paths"] == "anew"
    assert ways["int_sessions_formed"] == "kept"


def test_a_table_of_another_state_is_made_anew(increments: Increments):
    """Somebody empties a table by hand, and it stays half empty for good."""
    history = History(3)
    with increments.begin() as con:
        history.begin(con)
    increments.build()
    with increments.open() as con:
        con.execute("DELETE FROM intermediate.int_sessions_formed WHERE visitor_id <> 'v1'")
        con.execute("DROP TABLE marts.touchpoints")
    increments.build()
    with increments.open() as con:
        ways = increments.ways(con)
        assert increments.differences(con) == {}
    assert ways["int_sessions_formed"] == ways["touchpoints"] == "anew"
