"""The path of each journey is written in the order of its touches."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import permutations

from tests.integration.journeys.conftest import JOURNEYS, MODELS, Journeys

TAGS = {
    "paid_search": ("google", "cpc"),
    "email": ("newsletter", "email"),
    "direct": (None, None),
}
START = datetime(2025, 3, 1, 12)


def test_the_same_channels_in_another_order_are_another_path(journeys: Journeys):
    """Who came by an advertisement and then a newsletter is shown as if it were the reverse: the
    texts of a path are written once, for all journeys that are taken to share it."""
    paths = [path for length in (1, 2, 3) for path in permutations(TAGS, length)]
    journeys.fill(
        stg_shop__web_events=[
            {
                "event_id": f"e{number:02}-{place}",
                "visitor_id": f"v{number:02}",
                "occurred_at": START + timedelta(days=place),
                "event_name": "page_view",
                "utm_source": TAGS[channel][0],
                "utm_medium": TAGS[channel][1],
            }
            for number, path in enumerate(paths)
            for place, channel in enumerate(path)
        ],
        orders=[
            {
                "order_id": f"o{number:02}",
                "customer_id": None,
                "visitor_id": f"v{number:02}",
                "ordered_at": START + timedelta(days=5),
                "order_date": date(2025, 3, 6),
                "is_sale": True,
                "net_revenue": Decimal(1),
            }
            for number in range(len(paths))
        ],
        parameters=[
            {
                "as_of": date(2025, 6, 30),
                "time_zone": "UTC",
                "lookback_days": 30,
                "half_life_days": 7.0,
            }
        ],
    )
    journeys.build(*MODELS)
    found = journeys.rows(
        f"SELECT order_id, path_unique, path_exposure FROM {JOURNEYS} "
        "WHERE outcome = 'sale' ORDER BY order_id"
    )
    assert found == [
        (f"o{number:02}", " > ".join(path), " > ".join(path)) for number, path in enumerate(paths)
    ]
