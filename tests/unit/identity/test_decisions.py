"""If these fail, nobody can see why two records are one person, or put it right."""

import csv

import pytest

from dagster_project.errors import UsageError
from dagster_project.identity.inspection.clerical_review import (
    export_review,
    import_review,
    review_pairs,
    unknown_records,
)
from dagster_project.identity.inspection.explain import current_id, explain
from dagster_project.identity.matching.overrides import (
    add_overrides,
    make_override,
    overrides_path,
    read_overrides,
    sync_overrides,
)
from dagster_project.identity.rules.guards import load_guards


def _decide(company, kind, left, right):
    add_overrides(
        company.settings,
        [make_override(kind, f"crm.contacts/{left}", f"crm.contacts/{right}", who="Ann", why="x")],
    )


@pytest.fixture
def three(company):
    company.add("contacts", "1", first_name="Anna", last_name="Smith", email="a@x.com")
    company.add("contacts", "2", first_name="Anna", last_name="Smith", email="a@x.com")
    company.add("contacts", "3", first_name="Boris", last_name="Orlov", birth_date="1970-05-06")
    return company


def _kinds(company):
    return company.con.execute("SELECT kind, cause FROM identity.id_changes").fetchall()


def test_a_person_may_link_what_contradicts_itself(three):
    """A clerk who knows that Anna Smith married cannot say so."""
    before = three.ids()
    _decide(three, "link", "3", "1")
    linked = three.ids()
    assert len(set(linked.values())) == 1
    assert _kinds(three)[0][0] == "override"
    _decide(three, "unlink", "1", "3")
    assert three.ids() == before
    assert {kind for kind, _ in _kinds(three)} == {"override"}
    assert all("Ann" not in cause for _, cause in _kinds(three))


def test_a_link_joins_the_two_whole_customers(company):
    """A clerk joins two contacts, and the account of one of them is torn off with a new id."""
    one = {"first_name": "Anna", "last_name": "Smith", "birth_date": "1980-02-03"}
    other = {"first_name": "Olga", "last_name": "Orlova", "birth_date": "1971-06-15"}
    company.add("contacts", "1", email="a@x.com", **one)
    company.add("accounts", "1", email="a@x.com", **one)
    company.add("contacts", "2", email="b@y.com", **other)
    company.add("accounts", "2", email="b@y.com", **other)
    company.add("orders", "o", email="b@y.com")
    before = company.ids()
    assert len(set(before.values())) == 2
    _decide(company, "link", "1", "2")
    linked = company.ids()
    assert set(linked.values()) == {before["contacts:1"]}
    assert linked.keys() == before.keys()
    [(kind, cause)] = _kinds(company)
    assert (kind, "no longer hold" in cause) == ("override", False)
    _decide(company, "unlink", "1", "2")
    assert company.ids() == before


def test_a_link_joins_customers_of_any_size(company):
    """Two customers of many records each cannot be joined by hand: the guard cuts a record off."""
    limit = load_guards().profiles_per_customer
    for number in range(limit):
        company.add("contacts", f"a{number}", first_name="Anna", last_name="Smith", email="a@x.com")
        company.add("contacts", f"b{number}", first_name="Olga", last_name="Orl", email="b@y.com")
    _decide(company, "link", "a1", "b2")
    assert len(company.people()) == 1


def test_of_decisions_that_contradict_each_other_no_record_is_both(three):
    """A clerk says that 3 is 1 and is not 2; the shared address of 1 and 2 decides otherwise."""
    _decide(three, "link", "3", "1")
    _decide(three, "unlink", "3", "2")
    ids = three.ids()
    assert ids["contacts:1"] == ids["contacts:3"] != ids["contacts:2"]


def test_a_person_may_part_what_an_address_joins(three):
    """Two Anna Smiths of one mailbox stay one customer for ever."""
    _decide(three, "unlink", "1", "2")
    ids = three.ids()
    assert ids["contacts:1"] != ids["contacts:2"]
    assert three.ids() == ids


def test_decisions_survive_a_lost_file(three):
    """Deleting a CSV by mistake undoes a year of corrections."""
    _decide(three, "unlink", "1", "2")
    before = three.ids()
    saved = read_overrides(overrides_path(three.settings))
    overrides_path(three.settings).unlink()
    assert three.ids() == before
    assert read_overrides(overrides_path(three.settings)) == saved


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("join,crm.contacts/1,crm.contacts/2,A,b,2025-01-01", "line 2: kind"),
        ("link,crm.contacts/1,crm.contacts/2,,b,2025-01-01", "line 2: who"),
        ("link,crm.contacts/1,shop.orders/2,A,b,2025-01-01", "line 2: a record"),
        ("link,crm.contacts/1,crm.contacts/1,A,b,2025-01-01", "with itself"),
        ("link,crm.contacts/1,crm.contacts/2,A,b,yesterday", "line 2: decided_at"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    """A typing error in the file of decisions is passed over in silence."""
    path = tmp_path / "overrides.csv"
    path.write_text(f"kind,left_record,right_record,who,why,decided_at\n{line}\n")
    with pytest.raises(UsageError, match=message):
        read_overrides(path)


def test_explain_finds_a_person_by_any_key(three):
    """The question 'why is this one customer' has no answer."""
    three.add("orders", "o", email="A@x.com")
    three.add("contacts", "4", first_name="Anna", last_name="Smith", email="info@x.com")
    ids = three.ids()
    for key in (ids["contacts:1"], "a@X.com", "crm.contacts/2", "shop.orders/o"):
        [found] = explain(three.con, three.settings, key)["customers"]
        assert found["customer_id"] == ids["contacts:1"]
        assert {record["source_id"] for record in found["records"]} == {"1", "2", "o"}
        [link] = found["links"]
        assert link["rule"] == "same_email_and_name"
        assert sum(link["bits"].values()) == pytest.approx(link["weight"])
        assert link["bits"]["email"] > 5
    [found] = explain(three.con, three.settings, "crm.contacts/4")["customers"]
    assert [(stop["guard"], stop["value"]) for stop in found["guards"]] == [
        ("blocked_value", "info@x.com")
    ]
    with pytest.raises(UsageError) as raised:
        explain(three.con, three.settings, "nobody@nowhere.org")
    assert "nobody" not in raised.value.message


def test_explain_holds_back_no_row(three):
    """Who asks what is known about her is told a part of it, as if it were all."""
    customer = three.ids()["contacts:1"]
    three.con.execute("CREATE SCHEMA marts")
    three.con.execute(
        "CREATE TABLE marts.orders AS SELECT $1 AS customer_id, unnest(range(250)) AS order_id",
        [customer],
    )
    three.con.execute(
        "CREATE TABLE marts.attribution_touchpoints AS "
        "SELECT unnest([7, 900]) AS order_id, 'email' AS channel"
    )
    [found] = explain(three.con, three.settings, customer)["customers"]
    assert [row["order_id"] for row in found["marts"]["orders"]] == list(range(250))
    assert found["marts"]["attribution_touchpoints"] == [{"order_id": 7, "channel": "email"}]


def test_an_old_id_leads_to_the_person_for_ever(three):
    """A bookmark or an old report with a merged id leads nowhere."""
    old = three.ids()
    _decide(three, "link", "3", "1")
    new = three.ids()
    for former in old.values():
        assert current_id(three.con, former) == new["contacts:1"]
    assert current_id(three.con, "unheard of") is None


def test_review_goes_out_and_comes_back(company, tmp_path):
    """The doubtful pairs are nobody's: not linked, and never decided."""
    twins = {
        "last_name": "Abernathy",
        "birth_date": "1970-05-06",
        "street_address": "=1 Elm Row",
        "city": "Leeds",
    }
    company.add("contacts", "1", first_name="Wilhelmina", **twins)
    company.add("contacts", "2", first_name="Rupert", **twins)
    assert len(company.people()) == 2
    pairs = review_pairs(company.con)
    assert [pair["reason"][:8] for pair in pairs] == ["probable"]
    path = tmp_path / "review.csv"
    assert export_review(company.con, path) == len(pairs)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["left_street_address"] == "'=1 Elm Row"
    rows[0]["answer"] = "Yes"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    [decision] = import_review(company.settings, path, who="Ann")
    assert decision.kind == "link"
    assert len(company.people()) == 1
    assert review_pairs(company.con) == []
    rows[0]["answer"] = "maybe"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(UsageError, match="line 2: answer"):
        import_review(company.settings, path, who="Ann")


def test_records_that_no_run_knew_are_named(three):
    """A decision on a mistyped key waits for ever, and nobody is told."""
    _decide(three, "link", "3", "1")
    three.ids()
    decisions = read_overrides(overrides_path(three.settings))
    assert unknown_records(three.con, decisions) == []
    wrong = make_override("link", "crm.contacts/1", "crm.contacts/No", who="Ann", why="same")
    assert unknown_records(three.con, [*decisions, wrong]) == ["crm.contacts/No"]


def test_decision_that_the_load_saw_first_is_still_new_to_the_resolution(three):
    """A decision is read, counted as known, and followed by nobody."""
    before = three.ids()
    _decide(three, "link", "3", "1")
    sync_overrides(three.con, three.settings)
    assert len(set(three.ids().values())) == 1
    assert _kinds(three)[0][0] == "override"
    _decide(three, "unlink", "1", "3")
    sync_overrides(three.con, three.settings)
    assert three.ids() == before


def test_the_file_of_decisions_keeps_its_form(three):
    """Saved with semicolons, it gets rows with commas, and an erasure misses what it holds."""
    _decide(three, "link", "3", "1")
    path = overrides_path(three.settings)
    path.write_text(path.read_text().replace(",", ";"))
    with pytest.raises(UsageError, match=f"{path}, line 1: Columns missing"):
        read_overrides(path)
