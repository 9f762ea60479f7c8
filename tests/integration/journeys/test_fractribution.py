"""Paths and credit against the tables that fractribution publishes for the same web events.

Source: snowplow/dbt-snowplow-fractribution (Apache-2.0), its integration test's input and expected
tables. Where the definitions differ:

- A path of theirs is a person's only one, and people who bought have no other; here each sale has a
  path, and touches after it that led to no sale are a lost journey. Compared are sales, and the
  last lost journey of each visitor who never bought.
- Their session also ends when the source changes. Two visitors came by another source within a
  minute, which is one session here: the test moves those events an hour on.
- Their channels are rules of their own: Video is organic_video here, Paid_Search_Other paid_search,
  Unmatched_Channel affiliates (medium affiliate), and quora.com, a referral there, is in GA4's
  list of social sites.
- Their "shapley" compares the conversion rate of a path with that of the path without a channel,
  taken from all paths, lost ones included, and normalises within the path. Here it is the Shapley
  value of conversions, which shares a sale equally among its channels. Only the path of two
  channels differs (0.541 and 0.459 instead of halves): the test derives their figures from
  journey_paths' counts, so that what differs is the definition and nothing else.
"""

import csv
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.integration.journeys.conftest import JOURNEYS, MODELS, Journeys

CHANNELS = {
    "Direct": "direct",
    "Organic_Search": "organic_search",
    "Paid_Search_Other": "paid_search",
    "Referral": "referral",
    "Unmatched_Channel": "affiliates",
    "Video": "organic_video",
}


CHANGED_SOURCE = {
    ("ff0004497876110531212", datetime(2022, 7, 13, 4, 37, 21)),
    ("ff0008275880593050809", datetime(2022, 6, 22, 12, 23, 25)),
}
CAME_FROM_QUORA = "ff0008275880593050809"


def moment(visitor, text):
    at = datetime.fromisoformat(text).replace(tzinfo=None)
    return at + timedelta(hours=1) if (visitor, at) in CHANGED_SOURCE else at


def translated(path):
    return " > ".join(CHANNELS[channel] for channel in path.split(" > "))


@pytest.fixture(scope="module")
def expected(shared_data):
    folder = shared_data / "attribution" / "fractribution" / "expected"

    def read(name):
        path = folder / f"snowplow_fractribution_{name}_expected.csv"
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture(scope="module")
def built(journeys: Journeys, shared_data, expected) -> Journeys:
    folder = shared_data / "attribution" / "fractribution" / "source"
    with (folder / "snowplow_fractribution_events.csv").open(newline="", encoding="utf-8") as file:
        # One event is no page view and carries no campaign fields: theirs leaves it out too.
        events = [row for row in csv.DictReader(file) if row["event_name"] == "page_view"]
    journeys.fill(
        stg_shop__web_events=[
            {
                "event_id": row["event_id"],
                # Their person is the visitor with one letter in front.
                "visitor_id": f"f{row['domain_userid']}",
                "occurred_at": moment(f"f{row['domain_userid']}", row["derived_tstamp"]),
                "event_name": "page_view",
                "utm_source": row["mkt_source"],
                "utm_medium": row["mkt_medium"],
                "utm_campaign": row["mkt_campaign"],
            }
            for row in events
        ],
        orders=[
            {
                "order_id": row["customer_id"],
                "customer_id": None,
                "visitor_id": row["customer_id"],
                "ordered_at": datetime.fromisoformat(row["conversion_tstamp"]),
                "order_date": datetime.fromisoformat(row["conversion_tstamp"]).date(),
                "is_sale": True,
                "net_revenue": Decimal(row["revenue"]),
            }
            for row in expected("conversions_by_customer_id")
        ],
        parameters=[
            {
                "as_of": date(2022, 12, 31),
                "time_zone": "UTC",
                "lookback_days": 30,
                "half_life_days": 7.0,
            }
        ],
    )
    journeys.build(*MODELS)
    return journeys


def test_paths_to_a_sale(built, expected):
    """People's ways to a sale are not what another package finds in the same events."""
    rows = built.rows(
        f"SELECT order_id, path_unique, path_exposure FROM {JOURNEYS} WHERE outcome = 'sale'"
    )
    assert sorted(rows) == sorted(
        (row["customer_id"], translated(row["path"]), translated(row["transformed_path"]))
        for row in expected("paths_to_conversion")
    )


def test_paths_to_no_sale(built, expected):
    """Journeys that led nowhere are not what another package finds in the same events."""
    rows = built.rows(
        "SELECT person, max_by(path_exposure, journey_id) "
        f"FROM {JOURNEYS} WHERE outcome = 'loss' AND replace(person, "
        "'visitor:', '') NOT IN (SELECT visitor_id FROM marts.orders) GROUP BY person"
    )
    assert sorted(rows) == sorted(
        (
            f"visitor:{row['customer_id']}",
            "organic_social > direct"
            if row["customer_id"] == CAME_FROM_QUORA
            else translated(row["transformed_path"]),
        )
        for row in expected("paths_to_non_conversion")
    )


def test_last_touch_by_channel(built, expected):
    """The simplest model of all credits other sales than another package does."""
    rows = built.rows(
        "SELECT channel, sum(credit), sum(attributed_revenue) FROM marts.attribution_touchpoints "
        "WHERE model = 'last' GROUP BY channel"
    )
    theirs = [
        (
            CHANNELS[row["CHANNEL"]],
            float(row["CONVERSIONS"]),
            pytest.approx(Decimal(row["REVENUE"]), abs=Decimal("0.001")),
        )
        for row in expected("channel_attribution")
        if row["ATTRIBUTION_TYPE"] == "last_touch" and float(row["CONVERSIONS"]) > 0
    ]
    assert sorted(rows) == sorted(theirs, key=lambda row: row[0])


def test_shapley_reconciles(built, expected):
    """Shapley credit differs from another package's for a reason that nobody can name."""
    ours = dict(
        built.rows(
            "SELECT channel, sum(credit) FROM marts.attribution_touchpoints "
            "WHERE model = 'shapley' GROUP BY channel"
        )
    )
    assert ours == pytest.approx({"direct": 3.5, "organic_search": 1.5, "organic_video": 1})

    sales: Counter[str] = Counter()
    journeys: Counter[str] = Counter()
    for path, outcome in built.rows(
        f"SELECT path_exposure, outcome FROM {JOURNEYS} "
        "WHERE outcome = 'sale' OR replace(person, 'visitor:', '') NOT IN "
        "(SELECT visitor_id FROM marts.orders) "
        "QUALIFY row_number() OVER (PARTITION BY person ORDER BY journey_id DESC) = 1"
    ):
        journeys[path] += 1
        sales[path] += outcome == "sale"
    rate = {path: sales[path] / journeys[path] for path in journeys}
    theirs: Counter[str] = Counter()
    for path, sold in sales.items():
        channels = path.split(" > ")
        gain = {
            channel: max(
                rate[path] - rate.get(" > ".join(c for c in channels if c != channel), 0), 0
            )
            for channel in channels
        }
        for channel in channels if sold else ():
            theirs[channel] += sold * gain[channel] / sum(gain.values())
    published = {
        CHANNELS[row["CHANNEL"]]: float(row["CONVERSIONS"])
        for row in expected("channel_attribution")
        if row["ATTRIBUTION_TYPE"] == "shapley" and float(row["CONVERSIONS"]) > 0
    }
    assert dict(theirs) == pytest.approx(published, abs=1e-9)
