"""The committed sample hangs together: recounted with pandas, not with the simulator's code."""

from itertools import pairwise

import numpy as np
import pandas as pd
import phonenumbers
import pytest

from dagster_project.contracts import load_contract
from dagster_project.sample import SAMPLE_DIR
from dagster_project.sample.rates import QUARANTINED_ROWS
from dagster_project.sample.world import DELIVERY

START, END = "2024-07-01 00:00:00", "2026-06-30 23:59:59"
TABLES = [
    (path.parent.name, path.name.removesuffix(".csv.gz"))
    for path in sorted((SAMPLE_DIR / "landing").rglob("*.csv.gz"))
]


def pence(column: pd.Series) -> pd.Series:
    return column.str.replace(".", "", regex=False).astype("int64")


@pytest.mark.parametrize(("system", "name"), TABLES)
def test_rows_keep_the_contract(landed, system, name):
    """More rows than the documented handful would be quarantined, and hide real ones."""
    table, rows = load_contract()[system].tables[name], landed(f"{system}/{name}")
    assert len(rows) > 0
    for column in table.columns:
        if column.name not in rows:
            continue
        values = rows[column.name]
        if column.required:
            assert (values != "").all(), column.name
        if column.accepted_values:
            allowed = {*column.accepted_values, "" if not column.required else None}
            assert set(values) <= allowed, column.name
    if table.key:
        versions = ["updated_at"] if name == "orders" else []
        assert not rows.duplicated([*table.key, *versions]).any()
    if table.identified_by and table.identified_by.required:
        assert (rows[list(table.identified_by.columns)] != "").any(axis=1).all()


def test_documented_rows_that_loading_must_refuse(landed):
    """The summary of a first run shows no quarantine at work, or an undocumented one."""
    refused = 0
    for table in ("shop/orders", "crm/contacts", "call_center/calls"):
        system, name = table.split("/")
        everything = pd.read_csv(SAMPLE_DIR / "landing" / f"{table}.csv.gz", dtype=str)
        refused += len(everything) - len(landed(f"{system}/{name}"))
    assert refused == QUARANTINED_ROWS


@pytest.mark.parametrize(("system", "name"), TABLES)
def test_events_lie_inside_the_24_months(landed, system, name):
    """as_of, which is the newest event's date, is not 30 June 2026."""
    rows = landed(f"{system}/{name}")
    for column in (
        "created_at",
        "ordered_at",
        "occurred_at",
        "started_at",
        "answered_at",
        "registered_at",
        "refunded_at",
        "reviewed_at",
        "assigned_at",
        "requested_at",
    ):
        if column in rows:
            values = rows.loc[rows[column] != "", column]
            assert values.between(START, END).all(), column


def test_newest_event_is_on_the_last_day(landed):
    """A default run would choose another as_of than the documentation says."""
    assert landed("shop/orders")["ordered_at"].max()[:10] == "2026-06-30"


def test_order_totals_are_the_sum_of_their_lines(landed, newest_orders):
    """Revenue by product and revenue by order would differ by more than shipping."""
    lines = landed("shop/order_lines")
    value = lines["quantity"].astype(int) * pence(lines["unit_price"])
    value -= pence(lines["discount_amount"])
    goods = value.groupby(lines["order_id"]).sum().reindex(newest_orders["order_id"]).to_numpy()
    total = goods - newest_orders["discount_amount"] + newest_orders["shipping_amount"]
    assert (total == newest_orders["total_amount"]).all()
    charged = newest_orders["total_amount"] - newest_orders["shipping_amount"]
    assert ((charged / 6 - newest_orders["tax_amount"]).abs() <= 0.5 + 1e-9).all()


def test_refunds_undo_sales_and_no_more(landed, newest_orders):
    """Net revenue of an order would fall below zero."""
    refunds = landed("shop/refunds")
    named = refunds[refunds["order_id"].isin(newest_orders["order_id"])]
    assert 0 < len(refunds) - len(named) < len(refunds) * 0.1
    given = pence(named["amount"]).groupby(named["order_id"]).sum()
    orders = newest_orders.set_index("order_id").loc[given.index]
    assert (given <= orders["total_amount"]).all()
    assert orders["status"].isin(["paid", "shipped", "completed", "refunded"]).all()
    full = newest_orders[newest_orders["status"] == "refunded"]["order_id"]
    totals = newest_orders.set_index("order_id").loc[full, "total_amount"]
    assert (given.reindex(full) == totals).all()
    when = pd.to_datetime(named["refunded_at"]).to_numpy()
    bought = newest_orders.set_index("order_id").loc[named["order_id"], "ordered_at"].to_numpy()
    assert (when > bought).all()


def test_late_versions_differ_in_status_and_time_only(landed):
    """The newest version of an order would not be the one with the later updated_at."""
    orders = landed("shop/orders")
    twice = orders[orders.duplicated("order_id", keep=False)].sort_values(
        ["order_id", "updated_at"]
    )
    first, second = twice.iloc[0::2], twice.iloc[1::2]
    assert len(first) > 10
    assert (first["status"] == "paid").all()
    assert (second["status"] != "paid").all()
    assert (first["updated_at"].to_numpy() < second["updated_at"].to_numpy()).all()
    rest = [c for c in orders.columns if c not in ("status", "updated_at")]
    assert (first[rest].to_numpy() == second[rest].to_numpy()).all()


def test_references_lead_somewhere_except_a_few(landed, newest_orders):
    """Joins lose rows that the company has."""
    accounts = set(landed("shop/accounts")["account_id"])
    contacts = set(landed("crm/contacts")["contact_id"])
    campaigns = set(landed("marketing/campaigns")["campaign_id"])
    products = set(landed("shop/products")["product_id"])
    agents = set(landed("call_center/agents")["agent_id"])
    orders = set(newest_orders["order_id"])
    calls = set(landed("call_center/calls")["call_id"])
    known = {
        "account_id": accounts,
        "contact_id": contacts,
        "campaign_id": campaigns,
        "product_id": products,
        "order_id": orders,
        "agent_id": agents,
        "call_id": calls,
        "utm_campaign": campaigns,
        "referred_by_contact_id": contacts,
        "referred_by_account_id": accounts,
    }
    lost = {}
    for system, name in TABLES:
        rows = landed(f"{system}/{name}")
        for column in known.keys() & set(rows.columns):
            values = rows.loc[rows[column] != "", column]
            missing = ~values.isin(known[column])
            assert missing.mean() < 0.02 or missing.sum() <= 2, f"{name}.{column}"
            if missing.any():
                lost[f"{name}.{column}"] = int(missing.sum())
    assert set(lost) <= {
        "orders.account_id",
        "order_lines.product_id",
        "refunds.order_id",
        "calls.campaign_id",
        "deals.contact_id",
    }
    assert {"refunds.order_id", "orders.account_id"} <= set(lost)


def test_web_events_and_orders_tell_the_same(landed, newest_orders):
    """A sale would have no session, or the session of somebody else."""
    events = landed("shop/web_events")
    placed = events[events["event_name"] == "order_placed"]
    assert placed["order_id"].is_unique
    orders = newest_orders.set_index("order_id").loc[placed["order_id"]]
    assert (orders["visitor_id"].to_numpy() == placed["visitor_id"].to_numpy()).all()
    assert (orders["ordered_at"].to_numpy() == pd.to_datetime(placed["occurred_at"])).all()
    assert (events.loc[events["event_name"] != "order_placed", "order_id"] == "").all()
    real = orders["account_id"].str.startswith("A-0").to_numpy()
    assert (orders["account_id"].to_numpy()[real] == placed["account_id"].to_numpy()[real]).all()
    online = newest_orders["sales_channel"].isin(["web", "app"])
    assert 0.85 < len(placed) / online.sum() < 0.97


def test_sign_up_is_the_registration(landed):
    """The moment at which a visitor is identified is not the one that the shop recorded."""
    signs = landed("shop/web_events").query("event_name == 'sign_up'")
    accounts = landed("shop/accounts").set_index("account_id")
    registered = accounts.loc[signs["account_id"], "registered_at"].to_numpy()
    assert len(signs) > 100
    assert (registered == signs["occurred_at"].to_numpy()).all()


def test_accounts_do_nothing_before_they_are_registered(landed, newest_orders):
    """An account buys or browses before it exists."""
    registered = pd.to_datetime(landed("shop/accounts").set_index("account_id")["registered_at"])
    for rows, when in (
        (newest_orders, "ordered_at"),
        (landed("shop/web_events"), "occurred_at"),
        (landed("call_center/tickets"), "created_at"),
    ):
        own = rows[rows["account_id"].isin(registered.index)]
        late = pd.to_datetime(own[when]).to_numpy() < registered.loc[own["account_id"]].to_numpy()
        assert late.mean() < 0.001


def test_loyalty_ledger_is_never_overdrawn(landed):
    """Points are spent that nobody has."""
    ledger = landed("shop/loyalty_transactions")
    holder = ledger["loyalty_card"].where(ledger["account_id"] == "", ledger["account_id"])
    points = ledger["points"].astype(int)
    assert (points.groupby(holder).cumsum() >= 0).all()
    sign = np.sign(points).groupby(ledger["kind"]).agg(["min", "max"])
    assert sign.loc["earn"].tolist() == [1, 1]
    assert (sign.loc[["redeem", "expire", "adjust"]] == -1).all(axis=None)


def test_calls_add_up(landed):
    """Service levels are computed from waits that contradict the timestamps."""
    calls = landed("call_center/calls")
    start, end = pd.to_datetime(calls["started_at"]), pd.to_datetime(calls["ended_at"])
    answered = calls["disposition"] == "answered"
    wait = pd.to_numeric(calls["wait_seconds"])
    spoken = pd.to_numeric(calls["talk_seconds"]) + pd.to_numeric(calls["hold_seconds"])
    assert ((end - start).dt.total_seconds() == wait + spoken.fillna(0)).all()
    assert ((calls["answered_at"] != "") == answered).all()
    assert (spoken.notna() == answered).all()
    inbound = calls["direction"] == "inbound"
    assert 0.02 < (calls["disposition"][inbound] == "abandoned").mean() < 0.3
    assert ((calls["campaign_id"] != "") == ~inbound).all()


def test_messages_follow_consent_and_each_other(landed, truth):
    """A message is opened before it was sent, or reaches somebody who had said no."""
    messages = landed("marketing/messages")
    messages["at"] = pd.to_datetime(messages["occurred_at"])
    table = messages.pivot(index="message_id", columns="event", values="at")
    assert table["sent"].notna().all()
    assert (table["delivered"].isna() == table["bounced"].notna()).all()
    steps = ["sent", "delivered", "opened", "clicked"]
    for before, after in pairwise(steps):
        late = table[after] < table[before]
        assert not late.any(), (before, after)
    records = truth("records")
    owner = records.set_index(["source_table", "source_id"])["person_id"]
    consents = landed("crm/consents").query("purpose == 'email' and contact_id != ''")
    consents["at"] = pd.to_datetime(consents["effective_at"])
    consents["person"] = consents["contact_id"].map(owner["contacts"])
    ends = consents[consents["status"] == "withdrawn"].set_index("person")["at"]
    starts = consents[consents["status"] == "granted"].set_index("person")["at"]
    sent = messages.query("event == 'sent' and medium == 'email'")
    person = sent["contact_id"].map(owner["contacts"])
    person = person.fillna(sent["account_id"].map(owner["accounts"]))
    known = person.isin(starts.index)
    assert known.mean() > 0.6
    sent, person = sent[known], person[known]
    assert (person.map(starts) <= sent["at"]).all()
    assert (person.map(ends).isna() | (sent["at"] <= person.map(ends))).all()
    agreed = landed("crm/consents").query("purpose == 'email' and status == 'granted'")
    starts = pd.to_datetime(agreed[agreed["email"] != ""].set_index("email")["effective_at"])
    guests = messages.query("event == 'sent' and medium == 'email' and email != ''")
    guests = guests[guests["email"].isin(starts.index)]
    assert len(guests) > 50
    assert (guests["email"].map(starts) <= guests["at"]).all()


def test_phones_are_numbers_wherever_they_are_written(landed):
    """Numbers that nobody could dial: identity cannot join on them."""
    spelled = pd.concat(
        [
            landed(t)["phone"]
            for t in ("crm/contacts", "shop/accounts", "shop/orders", "call_center/tickets")
        ]
    )
    spelled = spelled[spelled != ""].drop_duplicates()
    parsed = [phonenumbers.parse(text, "GB") for text in spelled]
    assert all(phonenumbers.is_possible_number(number) for number in parsed)
    assert {number.country_code for number in parsed} == {7, 44}
    national = spelled.str.match(r"^0[1-9]")
    assert 0.1 < national.mean() < 0.4
    shapes = spelled.str.replace(r"\d", "9", regex=True).nunique()
    assert shapes >= 10


def test_spend_follows_campaigns(landed):
    """Spend is booked on a campaign that does not run, or on another channel."""
    spend, campaigns = landed("marketing/ad_spend"), landed("marketing/campaigns")
    both = spend.merge(campaigns, on="campaign_id", validate="many_to_one")
    assert len(both) == len(spend)
    assert (both["channel_x"] == both["channel_y"]).all()
    assert (both["spend_date"] >= both["starts_on"]).all()
    assert (both["spend_date"] <= both["ends_on"]).all()
    assert both.groupby("spend_date")["campaign_id"].nunique().min() >= 4


def test_products_include_a_service(landed):
    """Postage would be recommended as the next best product."""
    products = landed("shop/products").set_index("product_id")
    assert products["is_service"].value_counts().to_dict() == {"false": 112, "true": 1}
    assert products.loc[DELIVERY, "is_service"] == "true"
