"""Audience definitions are data: what is no plain SELECT over marts is refused by name."""

import pytest

from dagster_project.activation.definitions import (
    AUDIENCES_DIR,
    load_audiences,
    qualified_sql,
    read_audience,
    tables_of,
)
from dagster_project.errors import UsageError

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
    assert set(shipped) == {path.stem for path in AUDIENCES_DIR.glob("*.yml")}
    assert len(shipped) >= 15
    for audience in shipped.values():
        assert "customer_contacts" not in tables_of(audience)


def test_an_own_definition_takes_the_place_of_a_shipped_one(tmp_path):
    """A company cannot change an audience without changing the product."""
    path = written(tmp_path, "select customer_id, 'mine' as reason from customers")
    path.rename(tmp_path / "vip.yml")
    text = (tmp_path / "vip.yml").read_text().replace("audience: mine", "audience: vip")
    (tmp_path / "vip.yml").write_text(text)
    assert load_audiences(tmp_path)["vip"].owner == "me"
    assert load_audiences()["vip"].owner != "me"


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
