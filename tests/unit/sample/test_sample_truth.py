"""The truth beside the committed sample is true: measured again from the landed files."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import phonenumbers
import pytest
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from dagster_project.sample import write_company
from dagster_project.sample.rates import (
    BGNBD_A,
    BGNBD_ALPHA,
    BGNBD_B,
    BGNBD_R,
    CHANNEL_EFFECTS,
    RATES,
)

SALES = ["paid", "shipped", "completed", "refunded"]


def within(count: int, total: int, rate: float, sigmas: float = 4.5) -> bool:
    """Whether a binomial count is plausible at that rate."""
    return abs(count - total * rate) <= sigmas * math.sqrt(total * rate * (1 - rate)) + 1


@pytest.fixture(scope="module")
def owner(truth) -> dict[str, pd.Series]:
    """Per table: the person of each record."""
    records = truth("records")
    return {
        table: rows.set_index("source_id")["person_id"]
        for table, rows in records.groupby("source_table")
    }


@pytest.fixture(scope="module")
def persons(truth) -> pd.DataFrame:
    return truth("persons").set_index("person_id")


def test_every_record_has_one_owner(landed, newest_orders, owner, persons):
    """Accuracy would be measured against records that are not there, or twice."""
    tables = {
        "contacts": landed("crm/contacts")["contact_id"],
        "accounts": landed("shop/accounts")["account_id"],
        "orders": newest_orders["order_id"],
        "calls": landed("call_center/calls")["call_id"],
        "tickets": landed("call_center/tickets")["ticket_id"],
    }
    for table, ids in tables.items():
        assert owner[table].index.is_unique
        assert set(owner[table].index) <= set(ids)
        assert set(owner[table]) <= set(persons.index)
    assert set(tables["contacts"]) == set(owner["contacts"].index)
    assert set(tables["accounts"]) == set(owner["accounts"].index)
    identifying = ["account_id", "email", "phone", "loyalty_card"]
    bears = (newest_orders[identifying] != "").any(axis=1)
    assert set(newest_orders.loc[bears, "order_id"]) == set(owner["orders"].index)
    withheld = landed("call_center/calls").query("customer_phone == 'anonymous'")["call_id"]
    assert not set(withheld) & set(owner["calls"].index)


def test_an_address_belongs_to_one_person_unless_documented(landed, owner, persons):
    """Identity would be blamed for fusing people whom the data itself cannot tell apart."""
    holders: dict[str, set[str]] = {}
    for table, key, system in (
        ("contacts", "contact_id", "crm/contacts"),
        ("accounts", "account_id", "shop/accounts"),
        ("orders", "order_id", "shop/orders"),
    ):
        rows = landed(system).drop_duplicates(key).set_index(key)
        for record, person in owner[table].items():
            mail = _mail(rows.at[record, "email"])
            if mail and not mail.startswith("info@"):
                holders.setdefault(mail, set()).add(person)
            for kind, column in (("card", "loyalty_card"), ("id", "national_id")):
                value = rows.at[record, column].replace(" ", "") if column in rows else ""
                if value:
                    holders.setdefault(f"{kind} {value}", set()).add(person)
    shared = {value for value, people in holders.items() if len(people) > 1}
    assert shared == set()


def _mail(address: str) -> str:
    local, _, domain = address.lower().partition("@")
    local = local.partition("+")[0]
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}" if local else ""


def test_only_families_share_a_phone(landed, owner, persons):
    """A shared phone of the truth would not be what the flag says."""
    calls = landed("call_center/calls").set_index("call_id")["customer_phone"]
    contacts = landed("crm/contacts").set_index("contact_id")["phone"]
    holders: dict[str, set[str]] = {}
    for table, phones in (("calls", calls), ("contacts", contacts)):
        for record, person in owner[table].items():
            if phones[record]:
                number = phonenumbers.parse(phones[record], "GB")
                holders.setdefault(str(number), set()).add(person)
    shared = [people for people in holders.values() if len(people) > 1]
    assert len(shared) > 20
    assert (persons.query("shares_family_phone == 'true'")["family_id"] != "").all()
    for people in shared:
        family = persons.loc[list(people)]
        assert family["family_id"].nunique() == 1
        assert (family["family_id"] != "").all()
        assert (family["shares_family_phone"] == "true").all()


def test_shared_mailboxes_belong_to_employees(landed, owner, persons):
    """Role mailboxes would fuse strangers without the truth knowing why."""
    contacts = landed("crm/contacts").set_index("contact_id")
    mailbox = contacts.index[contacts["email"].str.lower().str.startswith("info@")]
    people = persons.loc[owner["contacts"][mailbox]]
    assert len(people) > 10
    assert (people["uses_company_mailbox"] == "true").all()
    assert (contacts.loc[mailbox, "phone"] != "").all()


@pytest.mark.parametrize(
    ("name", "flag", "among"),
    [
        ("cyrillic", "script == 'cyrillic'", None),
        ("changed_email", "changed_email == 'true'", None),
        ("changed_phone", "changed_phone == 'true'", None),
        ("changed_surname", "changed_surname == 'true'", "gender == 'f'"),
        ("buyer", "is_buyer == 'true'", None),
        ("has_card", "has_card == 'true'", None),
        ("works_at_company", "company_id != ''", None),
    ],
)
def test_rates_of_people_are_the_documented_ones(persons, name, flag, among):
    """The documented rate is not the one at work."""
    base = persons.query(among) if among else persons
    # Families decide together about script, so the count varies more than independent draws.
    assert within(len(base.query(flag)), len(base), RATES[name].rate, sigmas=6)


def test_rates_of_writing_are_the_documented_ones(landed, owner, persons):
    """Errors are rarer or more frequent than the table of error rates says."""
    contacts = landed("crm/contacts")
    dates = contacts["birth_date"]
    there = dates != ""
    assert within(int((~there).sum()), len(dates), RATES["no_birth_date"].rate)
    assert within(int((dates == "1900-01-01").sum()), int(there.sum()), RATES["birth_1900"].rate)
    mails = pd.concat([landed("shop/accounts")["email"], landed("shop/orders")["email"]])
    mails = mails[mails != ""]
    upper = int((mails == mails.str.upper()).sum())
    assert within(upper, len(mails), RATES["email_upper"].rate)
    gmail = mails.str.lower().str.contains("@gmail|@googlemail")
    plus = int(mails[gmail].str.contains("+", regex=False).sum())
    assert within(plus, int(gmail.sum()), RATES["email_plus"].rate)
    people = persons.loc[owner["contacts"][contacts["contact_id"]]]
    russian = (people["script"] == "cyrillic").to_numpy()
    written = contacts["last_name"].to_numpy()[russian]
    latin = sum(value.isascii() for value in written if value)
    assert within(latin, len(written), RATES["latin_crm"].rate)


def test_statuses_come_at_the_documented_rates(newest_orders, owner, persons):
    """Cancelled, failed and refunded orders are not as many as documented."""
    known = newest_orders[newest_orders["order_id"].isin(owner["orders"].index)]
    bought = persons["purchases"].astype(int).sum()
    counts = known["status"].value_counts()
    assert known["status"].isin(SALES).sum() == bought
    assert within(counts["cancelled"], bought, RATES["cancelled_order"].rate)
    assert within(counts["pending"], bought, RATES["pending_order"].rate)
    walk_in = len(newest_orders) - len(known)
    assert within(walk_in, bought, RATES["walk_in_order"].rate)


def test_purchases_of_the_truth_are_the_sales_in_the_shop(newest_orders, owner, persons):
    """Known parameters would belong to other purchases than the marts count."""
    sales = newest_orders[newest_orders["status"].isin(SALES)]
    person = sales["order_id"].map(owner["orders"]).dropna()
    counted = person.value_counts().reindex(persons.index, fill_value=0)
    assert (counted == persons["purchases"].astype(int)).all()
    day = sales["ordered_at"].dt.strftime("%Y-%m-%d")
    first = day.loc[person.index].groupby(person).min().reindex(persons.index, fill_value="")
    assert (first == persons["first_purchase_date"]).all()


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company large enough for effects to stand out from chance."""
    out = tmp_path_factory.mktemp("larger")
    write_company(out, customers=20_000, months=12, seed=11)
    return out


@pytest.fixture(scope="module")
def larger_sales(larger: Path) -> pd.DataFrame:
    """Sales of known people: person, ordered_at."""
    orders = pd.read_csv(larger / "landing" / "shop" / "orders.csv.gz", dtype=str)
    orders = orders.sort_values("updated_at", kind="stable")
    orders = orders.drop_duplicates("order_id", keep="last")
    sales = orders[orders["status"].isin(SALES)].set_index("order_id")
    records = pd.read_csv(larger / "truth" / "records.csv.gz", dtype=str)
    own = records[records["source_table"] == "orders"].set_index("source_id")["person_id"]
    when = pd.to_datetime(sales["ordered_at"])
    return pd.DataFrame({"person": own, "ordered_at": when}).dropna()


def test_bgnbd_parameters_are_recovered(larger_sales):
    """The purchases are not the process whose parameters stand in the truth.

    Likelihood: Fader, Hardie, Lee (2005), equation 6. Twice the gain of the best parameters over
    the true ones is chi-square with 4 degrees of freedom: 18.5 is its 99.9th percentile.
    """
    days = (pd.Timestamp("2026-06-30") - larger_sales["ordered_at"].dt.normalize()).dt.days
    ages = days.groupby(larger_sales["person"]).agg(["max", "min", "count"])
    x = ages["count"].to_numpy() - 1
    recency = (ages["max"] - ages["min"]).to_numpy() / 7
    age = ages["max"].to_numpy() / 7

    def loss(logs: np.ndarray) -> float:
        r, alpha, a, b = np.exp(logs)
        front = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        gone = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b)
        gone = np.where(x > 0, gone - (r + x) * np.log(alpha + recency), -np.inf)
        return -float((front + np.logaddexp(alive, gone)).sum())

    true = np.log([BGNBD_R, BGNBD_ALPHA, BGNBD_A, BGNBD_B])
    best = minimize(loss, true, method="L-BFGS-B")
    assert 2 * (loss(true) - best.fun) < 18.5


def test_touches_cause_as_many_orders_as_they_say(truth):
    """The channel effects beside which attribution is judged are not those of the data."""
    effects = truth("channel_effects").set_index("channel")
    assert set(effects.index) == {"direct", *CHANNEL_EFFECTS}
    for channel, effect in CHANNEL_EFFECTS.items():
        row = effects.loc[channel]
        assert float(row["incremental_probability"]) == effect.incremental
        touches, caused = int(row["effective_touches"]), int(row["caused_orders"])
        assert within(caused, touches, effect.incremental), channel
    marks = truth("order_touches")
    causes = marks["cause_channel"].value_counts().drop("baseline")
    total = effects[["caused_orders", "caused_first_orders"]].astype(int).sum(axis=1)
    assert causes.to_dict() == total.drop("direct").to_dict()
    for channel, effect in CHANNEL_EFFECTS.items():
        assert within(causes[channel], len(marks), effect.share), channel


def test_causing_touches_are_there_before_the_order(landed, newest_orders, truth):
    """The true touch points at nothing, at somebody else, or at a time after the order."""
    marks = truth("order_touches").set_index("order_id")
    orders = newest_orders.set_index("order_id").loc[marks.index]
    assert (orders["status"].isin(SALES)).all()
    events = landed("shop/web_events").set_index("event_id")
    calls = landed("call_center/calls").set_index("call_id")
    seen = marks[marks["touch_kind"] == "session"]
    assert (
        events.loc[seen["touch_source_id"], "occurred_at"].to_numpy() == seen["touched_at"]
    ).all()
    spoken = marks[marks["touch_kind"] == "call"]
    assert (calls.loc[spoken["touch_source_id"], "disposition"] == "answered").all()
    assert (marks.loc[spoken.index, "cause_channel"] == "call_center").all()
    touched = marks[marks["touched_at"] != ""]
    lag = orders.loc[touched.index, "ordered_at"] - pd.to_datetime(touched["touched_at"])
    assert (lag >= pd.Timedelta(0)).all()
    assert (lag <= pd.Timedelta(days=30)).all()
    missing = marks[(marks["cause_channel"] != "baseline") & (marks["touch_kind"] == "")]
    assert len(missing) < len(marks) * 0.05


def test_visitors_seen_with_an_account_belong_to_its_owner(landed, truth, owner):
    """Journeys of one person would be credited to another."""
    events = landed("shop/web_events").query("account_id != ''")
    pairs = events[["visitor_id", "account_id"]].drop_duplicates()
    pairs["person_id"] = pairs["account_id"].map(owner["accounts"])
    visitors = truth("visitors")
    joined = pairs.merge(visitors, on=["visitor_id", "person_id"], how="left")
    assert joined["is_shared"].notna().all()
    assert 0 < (visitors["is_shared"] == "true").mean() < 0.2


def test_only_the_broken_experiment_has_a_wrong_ratio(landed, truth):
    """The check for sample-ratio mismatch has nothing to find, or too much."""
    facts = truth("experiments").set_index("experiment_id")
    assigned = landed("marketing/experiment_assignments")
    counts = assigned.groupby(["experiment_id", "variant"]).size().unstack()
    size = counts.sum(axis=1)
    sigmas = (counts["B"] / size - 0.5).abs() * 2 * np.sqrt(size)
    assert ((sigmas < 3.3) == (facts.loc[size.index, "is_valid"] == "true")).all()


def test_treatment_has_the_effect_that_the_truth_says(larger, larger_sales):
    """A correct experiment analysis would be judged wrong, or a wrong one correct."""
    assigned = pd.read_csv(
        larger / "landing" / "marketing" / "experiment_assignments.csv.gz", dtype=str
    )
    assigned = assigned[assigned["experiment_id"] == "exp-free-delivery"]
    records = pd.read_csv(larger / "truth" / "records.csv.gz", dtype=str)
    owner = records[records["source_table"] == "accounts"].set_index("source_id")["person_id"]
    assigned = assigned.assign(person=assigned["subject_id"].map(owner))
    both = assigned.merge(larger_sales, on="person")
    wait = both["ordered_at"] - pd.to_datetime(both["assigned_at"])
    won = both[(wait >= pd.Timedelta(0)) & (wait < pd.Timedelta(days=60))]["subject_id"]
    assigned["won"] = assigned["subject_id"].isin(won)
    groups = assigned.groupby("variant")["won"].agg(["mean", "sum"])
    lift = groups.at["B", "mean"] / groups.at["A", "mean"]
    error = math.sqrt((1 / groups["sum"]).sum())
    assert error < 0.06
    assert abs(math.log(lift / 1.25)) < 3.5 * error
