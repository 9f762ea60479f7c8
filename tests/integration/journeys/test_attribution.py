"""Attribution against an independent implementation, on random small companies."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import mean, median

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.predict.journeys.markov import removal_effects, write_removal_effects
from tests.integration.journeys import naive
from tests.integration.journeys.conftest import LONGEST, Journeys
from tests.metrics_by_hand import ATTRIBUTION_MODELS

START = datetime(2025, 1, 1)
LOOKBACK = 30
# Some lost journeys are closed by then and some are not.
AS_OF = date(2025, 2, 20)
BUILT = (
    "int_owners_resolved",
    "int_sessions_formed",
    "int_sessions_channeled",
    "int_sessions_identified",
    "int_channel_words",
    "int_campaigns_named",
    "int_people_referenced",
    "int_clicks_opened",
    "touchpoints",
    "int_attribution_paths",
    "int_journey_steps",
    "int_journey_transition_counts",
)
CREDITED = (
    "int_attribution_credits",
    "int_attribution_ranges",
    "int_attribution_markov",
    "attribution_touchpoints",
    "int_ad_spend_converted",
    "marketing_spend",
    "attribution_channels",
    "attribution_removal_effects",
    "int_journeys_summed",
    "int_paths_written",
    "journey_paths",
    "journey_transitions",
)
OWNERS = {"a1": "alice", "a2": "bob", "a3": "alice"}
CAMPAIGNS = [
    {"campaign_id": "c1", "name": "Spring", "starts_on": date(2025, 1, 1)},
    {"campaign_id": "c2", "name": "Autumn", "starts_on": date(2025, 1, 1)},
]
CAMPAIGN_OF = {"c1": "c1", "c2": "c2", "spring": "c1", "autumn": "c2"}

# Few days and minutes, so that windows' edges and half hours are hit often.
moments = st.builds(
    lambda day, minute: START + timedelta(days=day, minutes=minute),
    st.sampled_from([0, 1, 2, 15, 30, 31, 32]),
    st.sampled_from([0, 10, 29, 30, 59, 60]),
)
sources = st.sampled_from(
    [
        (None, None, None, None),
        (None, None, None, "https://www.google.com/search"),
        (None, None, None, "https://blog.example.org/post"),
        ("google", "cpc", "spring", None),
        ("google", "cpc", None, None),
        # A tag that nobody declared, and names that differ in case and blanks.
        ("google", "cpc", "Brand X", None),
        ("google", "cpc", "SPRING ", None),
        ("google", "cpc", "au tumn", None),
        ("newsletter", "email", "c2", None),
    ]
)
events = st.lists(
    st.tuples(
        st.sampled_from(["v1", "v2"]),
        st.sampled_from([None, None, "a1", "a2", "a3", "ghost"]),
        moments,
        sources,
        st.sampled_from(
            ["page_view", "product_view", "add_to_cart", "checkout_started", "order_placed"]
        ),
    ),
    max_size=14,
)
orders = st.lists(
    st.tuples(
        st.sampled_from([None, "alice", "bob", "guest"]),
        st.sampled_from([None, "v1", "v2"]),
        moments,
        st.booleans(),
        st.decimals("-20", "99", places=2),
    ),
    min_size=1,
    max_size=6,
)
messages = st.lists(
    st.tuples(
        st.sampled_from(["clicked", "opened"]),
        st.sampled_from(["a1", "a2", "ghost"]),
        st.sampled_from([None, "c1"]),
        moments,
    ),
    max_size=4,
)


def company(events, orders, messages):
    return {
        "stg_shop__web_events": [
            {
                "event_id": f"e{number:02}",
                "visitor_id": visitor,
                "account_id": account,
                "occurred_at": at,
                "event_name": name,
                "utm_source": source,
                "utm_medium": medium,
                "utm_campaign": campaign,
                "referrer": referrer,
            }
            for number, (
                visitor,
                account,
                at,
                (source, medium, campaign, referrer),
                name,
            ) in enumerate(events)
        ],
        "orders": [
            {
                "order_id": f"o{number}",
                "customer_id": customer,
                "visitor_id": visitor,
                "ordered_at": at,
                "order_date": at.date(),
                "is_sale": is_sale,
                "is_first_order": number == 0 and customer is not None,
                "net_revenue": revenue,
            }
            for number, (customer, visitor, at, is_sale, revenue) in enumerate(orders)
        ],
        "stg_marketing__messages": [
            {
                "message_id": f"m{number}",
                "event": event,
                "medium": "email",
                "account_id": account,
                "campaign_id": campaign,
                "occurred_at": at,
            }
            for number, (event, account, campaign, at) in enumerate(messages)
        ],
        "stg_marketing__campaigns": CAMPAIGNS,
        "assignments": [
            {
                "source_system": "shop",
                "source_table": "accounts",
                "source_id": account,
                "customer_id": customer,
            }
            for account, customer in OWNERS.items()
        ],
        "parameters": [
            {
                "as_of": AS_OF,
                "time_zone": "UTC",
                "lookback_days": LOOKBACK,
                "half_life_days": 7.0,
            }
        ],
    }


def expected_touches(tables):
    return naive.touches_of(
        tables["stg_shop__web_events"],
        tables["orders"],
        tables["stg_marketing__messages"],
        OWNERS,
        CAMPAIGN_OF,
    )


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    events=events, orders=orders, messages=messages, longest=st.sampled_from([1, 2, 3, 5, LONGEST])
)
def test_marts_equal_the_naive_implementation(
    journeys: Journeys, events, orders, messages, longest
):
    """Marketing budgets move by wrong numbers: a touch, a path, a credit or a cent is not what
    the definitions say."""
    tables = company(events, orders, messages)
    journeys.fill(**tables)
    with journeys.paths_of(longest):
        journeys.build(*BUILT)
    write_removal_effects(journeys.con)
    journeys.build(*CREDITED)

    touches = expected_touches(tables)
    ways = naive.journeys_of(
        tables["orders"],
        touches,
        timedelta(days=LOOKBACK),
        longest,
        datetime.combine(AS_OF, datetime.min.time()) + timedelta(days=1),
    )
    moves = naive.transitions_of(ways)
    counted = journeys.rows("SELECT * FROM intermediate.int_journey_transition_counts")
    assert {(origin, target): number for origin, target, number in counted} == moves
    effects = removal_effects(moves)
    paths = {
        order["order_id"]: naive.path_of(order, touches, timedelta(days=LOOKBACK), longest)
        for order in tables["orders"]
        if order["is_sale"]
    }
    textbook = {
        row[0]: row[1:]
        for row in journeys.rows(
            "SELECT channel, removal_effect, credit_share, conversions, revenue "
            "FROM marts.attribution_removal_effects"
        )
    }
    assert textbook == channel_shares(journeys, tables["orders"], paths, effects)
    assert sorted(
        journeys.rows(
            "SELECT touchpoint_id, customer_id, visitor_id, channel, campaign_id, touched_at, "
            "is_identifying, message_id FROM marts.touchpoints"
        ),
        key=lambda row: row[0],
    ) == sorted(
        (
            (
                *(t.touchpoint_id, t.customer, t.visitor, t.channel, t.campaign, t.at),
                *(t.is_identifying, t.message),
            )
            for t in touches
        ),
        key=lambda row: row[0],
    )

    visits = naive.sessions_of(tables["stg_shop__web_events"]).values()
    site = naive.site_moves_of([visit for mine in visits for visit in mine])
    assert_moves(journeys, "channel", moves)
    assert_moves(journeys, "site", site)
    assert_paths(journeys, ways, effects)

    expected = {}
    sums: dict[tuple, list] = defaultdict(lambda: [0.0, Decimal(0)])
    for order in tables["orders"]:
        if not order["is_sale"]:
            continue
        path = paths[order["order_id"]]
        kind = "first" if order["is_first_order"] else "repeat"
        month = order["order_date"].replace(day=1)
        if path:
            shares_of = naive.credits_of(path, order["customer_id"] is not None, 7.0, effects)
        else:
            shares_of = {model: [1] for model in ATTRIBUTION_MODELS}
        for model, shares in shares_of.items():
            cents = naive.shares_in_cents(order["net_revenue"], list(shares))
            for position, (credit, cent) in enumerate(zip(shares, cents, strict=True), start=1):
                touch = path[position - 1] if path else None
                if credit > 0:
                    channel = touch.channel if touch else "(none)"
                    campaign = touch.campaign if touch else None
                    expected[order["order_id"], model, position] = (
                        touch.touchpoint_id if touch else None,
                        channel,
                        campaign,
                        len(path),
                        pytest.approx(float(credit), abs=1e-9),
                        Decimal(cent) / 100,
                    )
                    total = sums[month, channel, campaign or "(none)", kind, model]
                    total[0] += float(credit)
                    total[1] += Decimal(cent) / 100
    actual = {
        row[:3]: row[3:]
        for row in journeys.rows(
            "SELECT order_id, model, position, touchpoint_id, channel, campaign_id, path_length, "
            "credit, attributed_revenue FROM marts.attribution_touchpoints"
        )
    }
    assert actual == expected
    channels = {
        row[:5]: row[5:]
        for row in journeys.rows(
            "SELECT month, channel, campaign_id, sale_kind, model, attributed_orders, "
            "attributed_revenue FROM marts.attribution_channels"
        )
    }
    assert channels == {
        key: (pytest.approx(orders, abs=1e-7), revenue) for key, (orders, revenue) in sums.items()
    }


def assert_moves(journeys: Journeys, level: str, moves: dict[tuple[str, str], int]) -> None:
    found = journeys.rows(
        "SELECT from_state, to_state, transitions, transition_rate, drop_off_rate "
        f"FROM marts.journey_transitions WHERE level = '{level}'"
    )
    assert {row[:2]: row[2:] for row in found} == {
        move: (number, pytest.approx(share, abs=1e-6), pytest.approx(lost, abs=1e-6))
        for move, (number, share, lost) in naive.drop_offs_of(moves).items()
    }


def assert_paths(journeys: Journeys, ways: list[naive.Journey], effects) -> None:
    groups: dict[tuple[str, str], list[naive.Journey]] = defaultdict(list)
    for way in ways:
        for transform, path in naive.spellings_of([t.channel for t in way.touches]).items():
            groups[transform, path].append(way)
    expected = {}
    for key, mine in groups.items():
        sold = [way for way in mine if way.order]
        days = [
            (way.order["ordered_at"] - way.touches[0].at) / timedelta(days=1)
            for way in sold
            if way.touches
        ]
        spreads = [
            naive.spread_of(
                way.touches,
                naive.credits_of(way.touches, way.order["customer_id"] is not None, 7.0, effects),
            )
            if way.touches
            else 0
            for way in sold
        ]
        expected[key] = (
            len({way.person for way in mine}),
            len(mine),
            len(sold),
            len(mine) - len(sold),
            near(len(sold) / len(mine)),
            sum((way.order["net_revenue"] for way in sold), Decimal(0)),
            near(median(days)) if days else None,
            near(mean(len(way.touches) for way in mine)),
            near(mean(spreads)) if sold else None,
        )
    found = journeys.rows(
        "SELECT transform, path, customers, journeys, conversions, losses, conversion_rate, "
        "revenue, median_days, average_touches, credit_spread FROM marts.journey_paths"
    )
    assert {row[:2]: row[2:] for row in found} == expected


def near(value: float):
    return pytest.approx(value, abs=1e-6)


def channel_shares(journeys: Journeys, orders, paths, effects) -> dict[str, tuple]:
    """Channel to effect, share of all effects, and that share of the sales that had a touch."""
    money = {True: [], False: []}
    for order in orders:
        if order["is_sale"]:
            money[bool(paths[order["order_id"]])].append(order["net_revenue"])
    order_of = dict(journeys.rows("SELECT channel, position FROM seeds.channels"))
    channels = sorted(effects, key=lambda name: order_of[name])
    total = sum(effects.values())
    found = {}
    if total > 0:
        shares = [effects[name] / total for name in channels]
        cents = naive.shares_in_cents(sum(money[True], Decimal(0)), shares)
        found = {
            name: (
                pytest.approx(effects[name], abs=1e-9),
                pytest.approx(share, abs=1e-9),
                pytest.approx(share * len(money[True]), abs=1e-7),
                Decimal(cent) / 100,
            )
            for name, share, cent in zip(channels, shares, cents, strict=True)
        }
    if money[False]:
        untouched = sum(money[False], Decimal(0))
        found["(none)"] = (None, None, len(money[False]), untouched)
    return found
