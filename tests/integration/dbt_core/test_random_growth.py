"""Marts of goods, campaigns, experiments and points against loops, on random busy shops."""

import random
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from dagster_project.transform.thresholds import threshold
from tests.integration.dbt_core import naive_channels
from tests.integration.dbt_core import naive_growth as naive
from tests.integration.dbt_core.busy_company import busy_company
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.naive import Oracle
from tests.soak import COMPANIES

SPLIT_P_VALUE = threshold("experiment_split_p_value")
WINDOW = timedelta(days=threshold("experiment_window_days"))
MARTS = (
    "customers",
    "product_affinities",
    "product_recommendations",
    "product_performance",
    "campaign_performance",
    "experiment_results",
    "loyalty_accounts",
    "attribution_touchpoints",
    "attribution_channels",
    "channel_scorecard",
    "funnel_hourglass",
)


@pytest.fixture(scope="module", params=COMPANIES)
def shop(request, warehouse: Warehouse) -> tuple[Warehouse, Oracle]:
    company = busy_company(request.param)
    oracle = Oracle(company)
    draw = random.Random(request.param)
    company["predictions.experiment_tests"] = [
        {
            "experiment_id": experiment,
            "variant": variant,
            "rate_difference": draw.choice([None, 0.25]),
            "split_p_value": draw.choice([None, 0.0009, 0.001, 0.5]),
        }
        for experiment, variant in naive.observed(oracle)
    ]
    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))
    return warehouse, oracle


def in_cents(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * 100)


def test_pairs(shop: tuple[Warehouse, Oracle]):
    """A shop bundles goods that nobody buys together."""
    warehouse, oracle = shop
    rows = warehouse.rows("select * from marts.product_affinities")
    found = {
        (row["product_id"], row["other_product_id"]): (
            row["order_count"],
            row["product_order_count"],
            row["other_order_count"],
            row["all_order_count"],
        )
        for row in rows
    }
    assert found == naive.affinities(oracle)
    partners = Counter(row["product_id"] for row in rows)
    for row in rows:
        assert row["partner_count"] == partners[row["product_id"]]
        both, one, other, all_orders = found[row["product_id"], row["other_product_id"]]
        assert row["support"] == pytest.approx(both / all_orders)
        assert row["confidence"] == pytest.approx(both / one)
        assert row["lift"] == pytest.approx((both / all_orders) / (one * other / all_orders**2))


def test_recommendations(shop: tuple[Warehouse, Oracle]):
    """A customer is offered what they have, what is gone, or what they forbade to be computed, or
    is promised what is out of stock; or the published hit rate is that of other lists."""
    warehouse, oracle = shop
    customers, hits = naive.hit_counts(oracle)
    chosen = naive.in_force(oracle)
    people = naive.recommended(oracle, oracle.as_of)
    tested = warehouse.rows(
        "select recommendation_list as list, method, customers, hits, is_in_force "
        "from intermediate.int_recommendations_tested"
    )
    expected_tests = {
        (name, method, customers, hits[method], chosen[name] == method)
        for name, methods in naive.METHODS.items()
        for method in methods
    }
    assert {tuple(row.values()) for row in tested} == (expected_tests if people else set())

    hidden = {
        row["contact_id"].removeprefix("k-")
        for row in oracle.company["crm.consents"]
        if row["effective_at"].date() <= oracle.as_of
    }
    lists: dict[tuple[str, str], list[str]] = defaultdict(list)
    bought = {(line.order.customer, line.product) for line in naive.goods_sold(oracle)}
    for row in warehouse.rows("select * from marts.product_recommendations order by 1, 2, 3"):
        key = row["customer_id"], row["recommendation_list"]
        lists[key].append(row["product_id"])
        assert row["recommendation_rank"] == len(lists[key])
        assert row["is_repurchase"] == ((row["customer_id"], row["product_id"]) in bought)
        assert row["method"] in (chosen[row["recommendation_list"]], "popularity")
        assert row["method"] != "popularity" or row["score"] is None
        stock = oracle.products.get(row["product_id"], {}).get("stock_on_hand")
        assert row["is_in_stock"] == (None if stock is None else stock > 0)
    expected = {
        (person, name): found[method]
        for person, found in people.items()
        for name, method in chosen.items()
        if person not in hidden and found[method]
    }
    assert lists == expected

    warehouse.run_models(until={"model_quality"})
    said = {
        (row["model"], row["metric"]): row["value"]
        for row in warehouse.rows(
            "select * from marts.model_quality where model like 'recommendations.%'"
        )
    }
    for name, methods in naive.METHODS.items() if people else ():
        model = f"recommendations.{name}"
        assert said[model, "holdout_customers"] == customers
        assert said[model, "beats_baseline"] == (chosen[name] != methods[0])
        for method in methods if customers else ():
            rate = pytest.approx(hits[method] / customers, abs=1e-6)
            assert said[model, f"{method}_hit_rate"] == rate
            if method == chosen[name]:
                assert said[model, "holdout_hit_rate"] == rate


def test_performance_of_products(shop: tuple[Warehouse, Oracle]):
    """Money lies in stock that does not move, or a product that sells is sold out."""
    warehouse, oracle = shop
    expected = naive.performance(oracle)
    rows = {r["product_id"]: r for r in warehouse.rows("select * from marts.product_performance")}
    assert set(rows) == set(expected)
    for product, row in rows.items():
        found = {name: row[name] for name in expected[product]}
        found["net_revenue"] = in_cents(row["net_revenue"])
        found["gross_margin"] = in_cents(row["gross_margin"])
        for name, digits in (("return_rate", 6), ("units_variation", 6), ("stock_cover_days", 1)):
            wanted = expected[product][name]
            assert (wanted is None) == (found[name] is None), (product, name)
            if wanted is not None:
                assert found.pop(name) == pytest.approx(wanted, abs=0.51 * 10**-digits)
        assert found == {name: expected[product][name] for name in found}, product


def test_campaigns(shop: tuple[Warehouse, Oracle]):
    """Budgets go to a campaign for sales and readers that it did not have."""
    warehouse, oracle = shop
    credited: dict[str, list[Any]] = defaultdict(lambda: [0.0, Decimal(0), 0.0])
    for row in warehouse.rows("select * from marts.attribution_channels"):
        if row["model"] == "last_non_direct" and row["campaign_id"] != "(none)":
            sums = credited[row["campaign_id"]]
            for place, name in enumerate(
                ("attributed_orders", "attributed_revenue", "new_customers")
            ):
                sums[place] += row[name]
    visits: dict[str, int] = defaultdict(int)
    named = set()
    for row in warehouse.rows("select * from marts.touchpoints where campaign_id is not null"):
        visits[row["campaign_id"]] += row["kind"] == "session"
        named.add(row["campaign_id"])
    sent = naive.messages(oracle.company, oracle.as_of)
    listed = {row["campaign_id"]: row for row in oracle.company["marketing.campaigns"]}
    shown: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (_, _, campaign), figures in naive_channels.spent(oracle).items():
        if campaign != "(none)":
            shown[campaign] = [a + b for a, b in zip(shown[campaign], figures, strict=True)]
    rows = {r["campaign_id"]: r for r in warehouse.rows("select * from marts.campaign_performance")}
    called = {
        row["campaign_id"]
        for row in oracle.company["call_center.calls"]
        if row.get("campaign_id") and oracle.day_of(row["started_at"]) <= oracle.as_of
    }
    assert set(rows) == set(credited) | named | set(sent) | set(listed) | set(shown) | called
    assert {
        row["campaign_id"] for row in warehouse.rows("select campaign_id from marts.campaigns")
    } == set(rows)
    words = {"k1": "email", "k2": "paid_search", "idle": "unassigned"}
    for campaign, row in rows.items():
        assert row["is_declared"] == (campaign in listed or campaign in shown)
        if campaign in listed:
            assert row["channel"] == words[campaign]
        assert tuple(
            row[name]
            for name in (
                "messages_sent",
                "messages_delivered",
                "messages_opened",
                "messages_clicked",
                "messages_unsubscribed",
                "people_reached",
            )
        ) == sent.get(campaign, (0,) * 6)
        if row["messages_delivered"]:
            share = row["messages_clicked"] / row["messages_delivered"]
            assert row["click_rate"] == pytest.approx(share, abs=1e-6)
        cost, impressions, clicks = shown.get(campaign, (0, 0, 0))
        assert (row["impressions"], row["ad_clicks"]) == (impressions, clicks)
        assert row["visits"] == visits[campaign]
        orders, revenue, new = credited[campaign]
        assert row["attributed_orders"] == pytest.approx(orders)
        assert row["new_customers"] == pytest.approx(new)
        assert (row["attributed_revenue"], in_cents(row["cost"])) == (revenue, cost)
        assert row["roas"] == near(float(revenue) * 100 / cost if cost else None)


def test_experiments(shop: tuple[Warehouse, Oracle]):
    """Sales of before the experiment, or of somebody else, decide it."""
    warehouse, oracle = shop
    expected = naive.observed(oracle)
    rows = warehouse.rows("select * from marts.experiment_results")
    assert {
        (row["experiment_id"], row["variant"]): (
            row["is_control"],
            row["subjects"],
            row["observed_subjects"],
            row["conversions"],
            in_cents(row["net_revenue"]),
        )
        for row in rows
    } == expected
    tests = {
        (row["experiment_id"], row["variant"]): row
        for row in oracle.company["predictions.experiment_tests"]
    }
    variants: dict[str, list[str]] = defaultdict(list)
    for experiment, variant in expected:
        variants[experiment].append(variant)
    for row in rows:
        plan = naive.planned(oracle, row["experiment_id"], variants[row["experiment_id"]])
        assert row["planned_share"] == pytest.approx(plan[row["variant"]])
        test = tests[row["experiment_id"], row["variant"]]
        p_value = test["split_p_value"]
        assert row["rate_difference"] == test["rate_difference"]
        assert row["is_valid"] == (
            None if p_value is None else p_value >= threshold("experiment_split_p_value")
        )
        if row["observed_subjects"]:
            share = row["conversions"] / row["observed_subjects"]
            assert row["conversion_rate"] == pytest.approx(share, abs=1e-6)


def test_squares_are_of_each_subject(shop: tuple[Warehouse, Oracle]):
    """Welch's test would be of orders and not of subjects, and find effects that are none."""
    warehouse, oracle = shop
    squares: dict[str, int] = defaultdict(int)
    for row in oracle.company["marketing.experiment_assignments"]:
        begin, end = row["assigned_at"], row["assigned_at"] + WINDOW
        if row["subject_kind"] == "account" and end.date() <= oracle.as_of:
            person = naive.owner_of(oracle.company, account_id=row["subject_id"])
            cents = sum(
                o.net for o in oracle.sales() if o.customer == person and begin <= o.at < end
            )
            squares[row["variant"]] += cents**2
    found = warehouse.rows(
        "select variant, squared_cents from intermediate.int_experiments_observed "
        "where experiment_id = 'by account' and observed_subjects > 0"
    )
    assert {row["variant"]: row["squared_cents"] for row in found} == squares


def test_points(shop: tuple[Warehouse, Oracle]):
    """A member reads another balance than the till, or the programme is credited with what members
    would have bought anyway."""
    warehouse, oracle = shop
    expected = naive.points(oracle)
    rows = {r["customer_id"]: r for r in warehouse.rows("select * from marts.loyalty_accounts")}
    assert set(rows) == set(expected)
    for person, row in rows.items():
        wanted = expected[person]
        for name in (
            "member_since",
            "transaction_count",
            "points_balance",
            "points_earned",
            "points_earned_12m",
            "points_expiring_30d",
            "tier",
        ):
            assert row[name] == wanted[name], name
        assert (row["prior_value_band"], row["tenure_band"]) == wanted["cell"]
        assert in_cents(row["net_revenue_180d"]) == wanted["later"]
        assert row["matched_customers"] == wanted["matched"]
        assert in_cents(row["matched_net_revenue_180d"]) == wanted["matched_later"]


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, abs=2e-6, rel=1e-6)


def test_spend_and_return(shop: tuple[Warehouse, Oracle]):
    """A channel looks cheap because its cost, or somebody else's customers, are counted wrongly."""
    warehouse, oracle = shop
    touched = warehouse.rows("select * from marts.attribution_touchpoints")
    expected = naive_channels.channels(oracle, touched)
    rows = warehouse.rows("select * from marts.attribution_channels")
    key = ("month", "channel", "campaign_id", "sale_kind", "model")
    found = {tuple(row.pop(name) for name in key): row for row in rows}
    assert {
        place: {name: float(v) if v is not None else None for name, v in row.items()}
        for place, row in found.items()
    } == {
        place: {name: near(value) for name, value in row.items()} for place, row in expected.items()
    }


def test_channels_month_by_month(shop: tuple[Warehouse, Oracle]):
    """A shop pays for visits that leave at once, or drops the channel that sells."""
    warehouse, oracle = shop
    touched = warehouse.rows("select * from marts.attribution_touchpoints")
    sold: dict[Any, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    for (month, channel, _, _, model), row in naive_channels.channels(oracle, touched).items():
        if model == "last_non_direct":
            for place, name in enumerate(
                ("attributed_orders", "attributed_revenue", "new_customers")
            ):
                sold[month, channel][place] += row[name]
    for (month, channel, _), (cost, _, _) in naive_channels.spent(oracle).items():
        sold[month, channel][3] += cost / 100
    visited = naive_channels.visited(oracle, warehouse.rows("select * from marts.touchpoints"))
    top = naive_channels.top_products(oracle, touched)
    rows = warehouse.rows("select * from marts.channel_scorecard")
    found = {(row.pop("month"), row.pop("channel")): row for row in rows}
    assert set(found) == set(sold) | set(visited)
    nothing = dict.fromkeys(
        ("average_time_on_site", "bounce_rate", "conversion_rate", "cart_abandonment_rate")
    )
    for key, row in found.items():
        orders, revenue, new, spend = sold.get(key, (0, 0, 0, 0))
        expected = visited.get(key, {"sessions": 0, **nothing}) | {
            "orders": orders,
            "revenue": revenue,
            "average_order_value": revenue / orders if orders else None,
            "spend": spend,
            "new_customers": new,
            "roas": revenue / spend if spend else None,
            "cac": spend / new if spend and new else None,
        }
        assert row.pop("top_product") == top.get(key), key
        time, wanted = row.pop("average_time_on_site"), expected.pop("average_time_on_site")
        assert (time is None) == (wanted is None)
        assert time is None or abs(time - wanted) < 0.00051
        assert {name: float(v) if v is not None else None for name, v in row.items()} == {
            name: near(value) for name, value in expected.items()
        }, key


def test_where_customers_come_from(shop: tuple[Warehouse, Oracle]):
    """Customers are credited to a channel that they did not come through, or written to on a day
    on which they never buy."""
    warehouse, oracle = shop
    touches = warehouse.rows("select * from marts.touchpoints")
    came = naive_channels.came(oracle, touches)
    likes = naive_channels.favourites(oracle)
    profiles = {row["customer_id"]: row for row in warehouse.rows("select * from marts.customers")}
    assert set(profiles) == set(came)
    for person, row in profiles.items():
        assert (
            row["first_seen_at"],
            row["acquisition_channel"],
            row["acquisition_source"],
        ) == came[person], person
        assert tuple(
            row[f"favourite_{name}"] for name in ("category", "channel", "weekday", "hour")
        ) == likes.get(person, (None, None, None, None)), person


def test_hourglass(shop: tuple[Warehouse, Oracle]):
    """The step at which a shop loses people is not the one that the report shows."""
    warehouse, oracle = shop
    touches = warehouse.rows("select * from marts.touchpoints")
    expected = naive_channels.funnel(oracle, touches)
    found: dict[Any, list[int]] = defaultdict(list)
    for row in warehouse.rows("select * from marts.funnel_hourglass order by stage_number"):
        mine = found[row["month"], row["channel"], row["segment"]]
        assert row["stage"] == naive_channels.STAGES[len(mine)]
        ratio = row["customers"] / mine[-1] if mine and mine[-1] else None
        assert row["conversion_from_previous"] == near(ratio)
        mine.append(row["customers"])
    assert found == expected
