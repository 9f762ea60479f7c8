"""Audience definitions are data: what is no plain SELECT over marts is refused by name."""

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_project.activation.definitions import (
    load_audiences,
    qualified_sql,
    read_audience,
    tables_of,
)
from dagster_project.activation.membership import marts_read
from dagster_project.cli.audiences import audiences
from dagster_project.contracts.folders import AUDIENCES, shipped_files
from dagster_project.errors import UsageError
from tests.unit.activation.conftest import publish_members

TEXT = """
audience: mine
description: Mine.
owner: me
medium: email
purpose: email
priority: 10
hold_out: 0.1
stays_days: 5
select: |
  SELECT
"""


def written(tmp_path, select: str, **changed: str):
    text = TEXT.replace("SELECT", select.strip().replace("\n", "\n  "))
    for name, value in changed.items():
        text = "\n".join(
            f"{name}: {value}" if line.startswith(f"{name}:") else line for line in text.split("\n")
        )
    path = tmp_path / "mine.yml"
    path.write_text(text)
    return path


def test_shipped_audiences_are_read():
    """A shipped definition is wrong, and every run of every installation stops."""
    shipped = load_audiences()
    assert set(shipped) == set(shipped_files(AUDIENCES))
    assert len(shipped) >= 15
    for audience in shipped.values():
        assert "customer_contacts" not in tables_of(audience)


def test_an_own_definition_takes_the_place_of_a_shipped_one(tmp_path):
    """A company cannot change an audience without changing the product."""
    path = written(tmp_path, "select customer_id, 'mine' as reason from deals")
    own = tmp_path / "own" / "audiences"
    own.mkdir(parents=True)
    (own / "vip.yml").write_text(path.read_text().replace("audience: mine", "audience: vip"))
    path.rename(own / "mine.yml")
    known = load_audiences(tmp_path / "own")
    assert (known["vip"].owner, known["mine"].owner) == ("me", "me")
    assert set(load_audiences()) == set(known) - {"mine"}
    assert load_audiences()["vip"].owner != "me"
    # The marts that it reads are built before it.
    assert "deals" in marts_read(tmp_path / "own") - marts_read()


def test_the_commands_know_an_own_definition(settings, tmp_path, monkeypatch):
    """A company's audience is in the marts, and no command can export it."""
    own = tmp_path / "own" / "audiences"
    own.mkdir(parents=True)
    text = written(tmp_path, "select customer_id, 'mine' as reason from customers").read_text()
    (own / "win_back.yml").write_text(text.replace("audience: mine", "audience: win_back"))
    publish_members(settings, {"c1": None, "c2": "no_consent"}, name="20260701T000000-000000")
    monkeypatch.setenv("HOURGLASS_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("HOURGLASS_PROJECT_DIR", str(tmp_path / "own"))
    result = CliRunner().invoke(audiences, ["export", "win_back"])
    assert result.exit_code == 0, result.output
    (file,) = (settings.exports_dir / "win_back").glob("*.csv")
    assert "c1@example.com" in file.read_text()
    shown = CliRunner().invoke(audiences, ["show", "win_back"])
    assert "Mine." in shown.output
    assert "owner me" in shown.output


def test_a_personal_discount_is_for_nobody_who_pays_in_full():
    """A discount is given away to somebody who would have bought at the full price."""
    people = [
        ("full", "at_risk", 90, 4, 0),
        ("mostly_full", "at_risk", 90, 5, 2),
        ("responds", "at_risk", 90, 4, 2),
        ("gone", "lapsed", 400, 4, 4),
        ("active", "active", 9, 4, 4),
        ("once", "at_risk", 90, 1, 1),
    ]
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE customers (customer_id VARCHAR, lifecycle_stage VARCHAR, "
            "days_since_last_order INTEGER, favourite_category VARCHAR)"
        )
        con.execute(
            "CREATE TABLE customer_preferences (customer_id VARCHAR, sales BIGINT, "
            "discounted_sales BIGINT, discounted_share DOUBLE, carted_product_names VARCHAR, "
            "viewed_product_names VARCHAR, last_coupon_code VARCHAR)"
        )
        for one, stage, days, sales, discounted in people:
            con.execute("INSERT INTO customers VALUES (?, ?, ?, 'Garden')", [one, stage, days])
            con.execute(
                "INSERT INTO customer_preferences VALUES (?, ?, ?, ?, NULL, NULL, NULL)",
                [one, sales, discounted, discounted / sales],
            )
        found = con.execute(load_audiences()["personal_discount"].select).fetchall()
    assert [row[:2] for row in found] == [("responds", "2 of 4 sales at a discount")]


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("delete from customers", "exactly one SELECT"),
        ("select customer_id, 'x' as reason from customers; drop table customers", "exactly one"),
        ("select customer_id, 'x' as reason into t from customers", "may only read|does not parse"),
        ("select customer_id, 'x' as reason from read_csv('/etc/passwd')", "cannot be read"),
        ("select customer_id, 'x' as reason from '/etc/passwd'", "cannot be read|"),
        ("select customer_id, 'x' as reason from restricted.customer_contacts", "cannot be read"),
        ("select customer_id, 'x' as reason from other.marts.customers", "cannot be read"),
        ("select customer_id from customers", "reason"),
        ("select * from customers", "must name its columns"),
        ("select (customer_id from customers", "does not parse"),
    ],
)
def test_anything_but_a_select_over_marts_is_refused(tmp_path, select, said):
    """A definition that somebody sent by mail reads other files, or changes the warehouse."""
    path = written(tmp_path, select)
    with pytest.raises(UsageError, match=said) as caught:
        qualified_sql(read_audience(path), {"customers": "marts"})
    assert "mine" in caught.value.message


def test_an_unknown_mart_is_named(tmp_path):
    """A misspelt mart is an error of DuckDB that quotes the whole query."""
    audience = read_audience(written(tmp_path, "select customer_id, 'x' as reason from custmers"))
    with pytest.raises(UsageError, match="reads custmers, which is no mart"):
        qualified_sql(audience, {"customers": "marts"})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"purpose": "call"}, "consent to e-mail"),
        ({"medium": "none"}, "purpose: needed with a medium"),
        ({"hold_out": "1.5"}, "hold_out"),
        ({"stays_days": "0"}, "stays_days"),
        ({"audience": "another"}, "call it as the file is called"),
        ({"owner": "me\ncolour: red"}, "colour"),
    ],
)
def test_a_definition_that_does_not_fit_is_refused_by_name(tmp_path, changed, said):
    """A misspelt key is passed over, and an audience goes out without its hold-out or consent."""
    path = written(tmp_path, "select customer_id, 'x' as reason from customers", **changed)
    with pytest.raises(UsageError, match=said):
        read_audience(path)


def test_a_trigger_names_its_event(tmp_path):
    """A trigger that knows no event fires again every day."""
    path = written(tmp_path, "select customer_id, 'x' as reason from customers")
    path.write_text(path.read_text().replace("priority: 10", "priority: 10\ntrigger: true"))
    with pytest.raises(UsageError, match="event_key"):
        read_audience(path)
