"""Who is in an audience, since when, and who of them hears something; against a plain oracle."""

import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.activation.contact_rules import held_out
from dagster_project.activation.definitions import Audience, Cap
from dagster_project.activation.membership import build_audiences
from dagster_project.errors import HourglassError
from tests.parquet_only import move_to_parquet

KEY = b"k" * 32
# More by environment, as in a soak.
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "8"))
DAY = date(2026, 6, 30)


def audience(name: str, **given) -> Audience:
    """An audience of the customers whose column of the same name is true."""
    return Audience.model_validate(
        {
            "audience": name,
            "description": name,
            "owner": "me",
            "medium": "email",
            "purpose": "email",
            "priority": 10,
            "hold_out": 0,
            "stays_days": 30,
            "select": f"select customer_id, 'why' as reason, city from customers where {name}",
            **given,
        }
    )


@dataclass
class Person:
    """What the marts say of one customer."""

    email: str | None = "x"
    can_email: bool = True
    withdrew_profiling: bool = False
    audiences: frozenset[str] = frozenset({"one"})


@dataclass
class Company:
    """Builds of a company, one after the other, each published to a folder of its own."""

    audiences: dict[str, Audience]
    folder: Path
    published: Path | None = None
    merged: dict[str, str] = field(default_factory=dict)
    builds: int = 0
    orders: list[tuple[str, date, float]] = field(default_factory=list)
    cap: Cap = field(default_factory=lambda: Cap(messages=100, days=7))

    def build(self, people: dict[str, Person], day: date = DAY) -> dict[tuple[str, str], tuple]:
        """(audience, customer) to (entered_on, left_out_because) of a build."""
        self.builds += 1
        with duckdb.connect() as con:
            con.execute("CREATE SCHEMA marts; CREATE SCHEMA restricted; CREATE SCHEMA identity")
            flags = ", ".join(f"{name} BOOLEAN" for name in self.audiences)
            con.execute(
                "CREATE TABLE marts.customers (customer_id VARCHAR, city VARCHAR, can_email "
                "BOOLEAN, can_sms BOOLEAN, can_call BOOLEAN, is_profiling_withdrawn BOOLEAN, "
                f"event VARCHAR, {flags})"
            )
            con.execute(
                "CREATE TABLE restricted.customer_contacts (customer_id VARCHAR, email VARCHAR, "
                "phone VARCHAR, birth_date DATE)"
            )
            con.execute("CREATE TABLE identity.registry_ids (customer_id VARCHAR, "
                        "merged_into VARCHAR)")  # fmt: skip
            con.execute(
                "CREATE TABLE marts.orders (customer_id VARCHAR, order_date DATE, "
                "net_revenue DECIMAL(18, 2), is_sale BOOLEAN)"
            )
            for order in self.orders:
                con.execute("INSERT INTO marts.orders VALUES (?, ?, ?, true)", [*order])
            for old, new in self.merged.items():
                con.execute("INSERT INTO identity.registry_ids VALUES (?, ?)", [old, new])
            for one, person in people.items():
                con.execute(
                    f"INSERT INTO marts.customers VALUES (?, 'Bath', ?, false, false, ?, "
                    f"?{', ?' * len(self.audiences)})",
                    [
                        one,
                        person.can_email,
                        person.withdrew_profiling,
                        f"event of {one}",
                        *(name in person.audiences for name in self.audiences),
                    ],
                )
                con.execute(
                    "INSERT INTO restricted.customer_contacts VALUES (?, ?, NULL, '2000-02-29')",
                    [one, person.email],
                )
            build_audiences(
                con,
                self.audiences,
                build_id=f"b{self.builds:04}",
                as_of=day,
                published=self.published,
                key=KEY,
                cap=self.cap,
            )
            rows = con.execute(
                "SELECT audience, customer_id, entered_on, left_out_because FROM marts.audiences"
            ).fetchall()
            self.changes = con.execute(
                "SELECT audience, customer_id, change FROM marts.audience_changes "
                "WHERE build_id = ? ORDER BY ALL",
                [f"b{self.builds:04}"],
            ).fetchall()
            self.repeated = con.execute(
                "SELECT audience, customer_id FROM marts.audience_changes "
                "GROUP BY build_id, audience, customer_id, event_key, change HAVING count(*) > 1"
            ).fetchall()
            self.results = con.execute("SELECT * FROM marts.audience_results").fetchdf()
            self.published = self.folder / str(self.builds)
            self.published.mkdir()
            con.execute(f"ATTACH '{self.published}/marts.duckdb' AS p")
            for mart in ("audiences", "audience_changes"):
                con.execute(f"CREATE TABLE p.{mart} AS FROM marts.{mart}")
            con.execute("DETACH p")
            # Every other version is one of a company that has outgrown tables.
            if self.builds % 2:
                move_to_parquet(self.published)
        return {(name, one): (entered, because) for name, one, entered, because in rows}


@pytest.fixture
def company(tmp_path) -> Company:
    return Company({"one": audience("one")}, tmp_path)


def test_members_enter_stay_and_leave(company):
    """Who is in an audience is asked anew each day, and nobody knows who came or went."""
    assert company.build({"a": Person(), "b": Person(audiences=frozenset())}) == {
        ("one", "a"): (DAY, None)
    }
    next_day = DAY + timedelta(days=1)
    assert company.build({"a": Person(), "b": Person()}, next_day) == {
        ("one", "a"): (DAY, None),
        ("one", "b"): (next_day, None),
    }
    assert company.changes == [("one", "a", "stayed"), ("one", "b", "entered")]
    third = company.build({"a": Person(audiences=frozenset()), "b": Person()}, next_day)
    assert set(third) == {("one", "b")}
    assert company.changes == [("one", "a", "left"), ("one", "b", "stayed")]


def test_nobody_stays_for_ever_or_comes_back_at_once(tmp_path):
    """Win-back goes on for years, or starts again on the day after it ended."""
    rules = {"one": audience("one", stays_days=10, again_after_days=40)}
    company = Company(rules, tmp_path)
    seen = [
        bool(company.build({"a": Person()}, DAY + timedelta(days=day))) for day in range(0, 60, 5)
    ]
    assert seen == [True] * 3 + [False] * 5 + [True] * 3 + [False]


def test_a_trigger_fires_once_per_event(tmp_path):
    """A customer is congratulated on the same event every day of the window, or after a rebuild."""
    rules = {
        "one": audience(
            "one",
            trigger=True,
            stays_days=3,
            select="select customer_id, 'why' as reason, event as event_key from customers "
            "where one",
        )
    }
    company = Company(rules, tmp_path)
    entered = []
    for day in range(30):
        company.build({"a": Person()}, DAY + timedelta(days=day))
        entered += [change for change in company.changes if change[2] == "entered"]
    assert entered == [("one", "a", "entered")]


def test_two_members_who_prove_to_be_one_entered_once(company):
    """The day after a merge is not published, because a person entered twice in one build."""
    company.build({"a": Person(), "b": Person(can_email=False)})
    company.merged["b"] = "a"
    assert company.build({"a": Person()}) == {("one", "a"): (DAY, None)}
    assert company.repeated == []


def test_a_merged_customer_keeps_the_entry(company):
    """Two records prove to be one person, who is told everything a second time."""
    company.build({"old": Person()})
    company.merged = {"old": "new"}
    day = DAY + timedelta(days=3)
    assert company.build({"new": Person()}, day) == {("one", "new"): (DAY, None)}
    assert company.changes == [("one", "new", "stayed")]


def test_an_undone_merge_gives_the_entry_back(company):
    """Two people who were taken for one part again, and one of them is told everything twice."""
    company.build({"a": Person(audiences=frozenset()), "b": Person()})
    company.merged = {"b": "a"}
    day = DAY + timedelta(days=1)
    assert company.build({"a": Person()}, day) == {("one", "a"): (DAY, None)}
    company.merged = {}
    day = DAY + timedelta(days=2)
    parted = company.build({"a": Person(audiences=frozenset()), "b": Person()}, day)
    assert parted == {("one", "b"): (DAY, None)}
    assert company.changes == [("one", "b", "stayed")]


def test_the_cap_lets_the_most_important_through(tmp_path):
    """A person hears from every audience in one week, or from the least important first."""
    names = ("one", "two", "three")
    rules = {name: audience(name, priority=10 * at) for at, name in enumerate(names)}
    company = Company(rules, tmp_path, cap=Cap(messages=2, days=7))
    person = {"a": Person(audiences=frozenset(names))}
    first = company.build(person)
    assert {name: because for (name, _), (_, because) in first.items()} == {
        "three": None, "two": None, "one": "cap",
    }  # fmt: skip
    for days, expected in ((3, "cap"), (6, "cap"), (7, None)):
        built = company.build(person, DAY + timedelta(days=days))
        assert built["one", "a"][1] == expected, days
    assert ("one", "a", "entered") in company.changes


def test_the_cap_counts_what_an_earlier_build_of_the_day_sent(tmp_path):
    """A day is built twice, and whom the first build wrote to hears from another audience too."""
    rules = {"one": audience("one"), "two": audience("two")}
    states = (None, Person(can_email=False), Person(audiences=frozenset()))
    for number, then in enumerate(states):
        folder = tmp_path / str(number)
        folder.mkdir()
        company = Company(rules, folder, cap=Cap(messages=1, days=2))
        assert company.build({"a": Person()}) == {("one", "a"): (DAY, None)}
        company.build({} if then is None else {"a": then})
        third = company.build({"a": Person(audiences=frozenset({"two"}))})
        assert third == {("two", "a"): (DAY, "cap")}
        next_day = company.build({"a": Person(audiences=frozenset({"two"}))}, DAY + timedelta(2))
        assert next_day["two", "a"] == (DAY + timedelta(2), None)


def test_comparison_groups_are_stable_and_of_the_planned_share(tmp_path):
    """Who is held out changes from day to day, and nothing can be compared."""
    rules = {"one": audience("one", hold_out=0.2)}
    company = Company(rules, tmp_path)
    people = {f"c{number}": Person() for number in range(1000)}
    first = company.build(people)
    held = {one for (_, one), (_, because) in first.items() if because == "hold_out"}
    assert 150 < len(held) < 250
    second = company.build(people, DAY + timedelta(days=1))
    assert held == {one for (_, one), (_, because) in second.items() if because == "hold_out"}
    other = {one for one in people if held_out(KEY, "two", one, 0.2)}
    assert len(held & other) < 80
    assert held == {one for one in people if held_out(KEY, "one", one, 0.2)}


def test_a_hold_out_is_read_back_as_an_experiment(tmp_path):
    """Nobody can say what a message changed, or its uncertainty is left out."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    company = Company({"one": audience("one", hold_out=0.4, stays_days=90)}, tmp_path)
    people = {f"c{number}": Person() for number in range(120)}
    built = company.build(people)
    held = {one for (_, one), (_, because) in built.items() if because == "hold_out"}
    told = set(people) - held
    assert company.results["observed_subjects"].tolist() == [0, 0]
    buyers = [*sorted(told)[:30], *sorted(held)[:8]]
    company.orders = [(one, DAY + timedelta(days=5), 10.0) for one in buyers]
    company.orders += [(one, DAY, 99.0) for one in people]
    company.orders += [(one, DAY + timedelta(days=31), 99.0) for one in people]
    company.build(people, DAY + timedelta(days=30))
    control, message = company.results.to_dict("records")
    assert (control["variant"], message["variant"]) == ("held_out", "contacted")
    assert (control["conversions"], control["observed_subjects"]) == (8, len(held))
    assert (message["conversions"], message["observed_subjects"]) == (30, len(told))
    assert message["rate_difference"] == pytest.approx(30 / len(told) - 8 / len(held))
    interval = confint_proportions_2indep(
        30, len(told), 8, len(held), compare="diff", method="newcomb"
    )
    assert (message["rate_ci_low"], message["rate_ci_high"]) == pytest.approx(interval)
    assert message["revenue_per_subject"] == pytest.approx(300 / len(told), abs=1e-5)
    assert message["is_valid"]


def test_a_split_that_was_not_planned_is_no_experiment(tmp_path):
    """A bug leaves people out of one group, and the difference is taken for the message's."""
    company = Company({"one": audience("one", hold_out=0.4)}, tmp_path)
    people = {f"c{number}": Person() for number in range(120)}
    company.build(people)
    assert company.results["is_valid"].tolist() == [True, True]
    company.audiences = {"one": audience("one", hold_out=0.1)}
    company.build(people, DAY + timedelta(days=1))
    assert company.results["is_valid"].tolist() == [False, False]


def test_a_select_that_does_not_run_is_named(tmp_path):
    """A column that a mart lost stops the run with a message that quotes people's data."""
    rules = {"one": audience("one", select="select customer_id, colour as reason from customers")}
    with pytest.raises(HourglassError, match="Audience one cannot be built"):
        Company(rules, tmp_path).build({"a": Person()})


people_strategy = st.dictionaries(
    st.sampled_from([f"c{number}" for number in range(8)]),
    st.builds(
        Person,
        email=st.sampled_from(["x", None]),
        can_email=st.booleans(),
        withdrew_profiling=st.booleans(),
        audiences=st.frozensets(st.sampled_from(["one", "two"])),
    ),
)


@settings(deadline=None, max_examples=EXAMPLES)
@given(
    st.lists(
        st.tuples(people_strategy, st.integers(0, 5), st.sampled_from([None, ("c0", "c1")])),
        min_size=1,
        max_size=4,
    )
)
def test_nobody_hears_anything_without_consent(days):
    """Somebody without consent, bounced, deleted or erased is told something, after whatever
    merges and days."""
    with tempfile.TemporaryDirectory() as folder:
        rules = {
            "one": audience("one", hold_out=0.3, priority=20, stays_days=4, again_after_days=6),
            "two": audience("two", hold_out=0.3, cap={"messages": 1, "days": 3}),
        }
        company = Company(rules, Path(folder), cap=Cap(messages=1, days=2))
        day = DAY
        messages: list[tuple[str, date]] = []
        for people, passed, merge in days:
            day += timedelta(days=passed)
            if merge:
                company.merged = {merge[0]: merge[1]}
            present = {one: p for one, p in people.items() if one not in company.merged}
            before = company.published
            built = company.build(present, day)
            for (name, one), (entered, because) in built.items():
                person = present[one]
                assert name in person.audiences
                assert not person.withdrew_profiling
                assert entered <= day
                if because is None:
                    assert person.email is not None
                    assert person.can_email
                    assert not held_out(KEY, name, one, 0.3) or before is not None
                    if entered == day:
                        messages.append((one, name, day))
            in_window = Counter(one for one, _, sent in set(messages) if (day - sent).days < 2)
            # Two people who were told something and then proved to be one were told twice.
            assert all(n <= 1 or one in company.merged.values() for one, n in in_window.items())
