"""If these fail, reviewers spend their day on pairs that change nothing, or lose what they said."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from dagster_project.cli.options import opened_warehouse
from dagster_project.errors import UsageError
from dagster_project.identity import create_identity_tables, resolve
from dagster_project.identity.inspection.clerical_review import (
    Sample,
    review_pairs,
    sample_so_far,
    take_answer,
    undecided,
)
from dagster_project.identity.inspection.explain import explain
from dagster_project.identity.inspection.training import train
from dagster_project.identity.matching.overrides import read_overrides
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.warehouse import connect

PATIENCE = 60
BORN = {"Abernathy": "1970-05-06", "Featherstone": "1958-11-23", "Okonkwo": "1983-02-17"}


def _twins(company, key, last, city, orders=0):
    """Two that look like one: same family name, birthday and home, other first names."""
    home = {"last_name": last, "birth_date": BORN[last], "street_address": f"1 {last} Row"}
    for side, first in (("a", "Wilhelmina"), ("b", "Rupert")):
        company.add(
            "contacts", f"{key}{side}", first_name=first, city=city,
            email=f"{first}.{last}@{last}.com", **home,
        )  # fmt: skip
    for number in range(orders):
        company.add("orders", f"{key}{number}", email=f"Wilhelmina.{last}@{last}.com")


def test_the_pair_with_most_to_gain_is_asked_first(company):
    """A regular's forty orders wait behind strangers who bought nothing."""
    _twins(company, "p", "Abernathy", "Leeds")
    _twins(company, "q", "Featherstone", "York", orders=9)
    # A second pair of the same two customers: one answer settles both.
    company.add(
        "accounts", "q", first_name="Rupert", last_name="Featherstone", city="York",
        birth_date=BORN["Featherstone"], email="rupert.featherstone@featherstone.com",
    )  # fmt: skip
    company.people()
    pairs = review_pairs(company.con)
    assert [pair["left_record"][:14] for pair in pairs] == ["crm.contacts/q", "crm.contacts/p"]
    assert (pairs[0]["left_records"], pairs[0]["right_records"]) in ((10, 2), (2, 10))
    assert pairs[0]["gain"] == pytest.approx(pairs[0]["probability"] * 20, abs=0.01)
    take_answer(company.settings, pairs[0], is_one=False, who="Ann")
    assert undecided(company.settings, pairs) == pairs[1:]
    company.people()
    assert [pair["left_record"] for pair in review_pairs(company.con)] == ["crm.contacts/pa"]
    assert sample_so_far(company.settings) == Sample(0, 1)


def test_the_interval_is_wilsons():
    """Three answers of three seem to prove that every doubtful pair is one person."""
    assert Sample(0, 0).share is None
    low, high = Sample(3, 0).interval
    # Newcombe 1998, table I: 9 of 10 gives 0.5958 to 0.9821.
    assert Sample(9, 1).interval == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert (round(low, 2), high) == (0.44, 1.0)


@pytest.fixture
def folder(company, tmp_path):
    """A data directory whose warehouse holds three doubtful pairs."""
    for key, last in (("p", "Abernathy"), ("q", "Featherstone"), ("r", "Okonkwo")):
        _twins(company, key, last, "Leeds")
    company.deliver()
    settings = Settings(data_dir=tmp_path / "data")
    with connect(settings, extra_dirs=[tmp_path]) as con:
        create_identity_tables(con)
        con.execute("CREATE SCHEMA intermediate")
        for name in ("records", "values", "visitors"):
            table = f"intermediate.int_identity_{name}"
            con.register("rows", company.con.execute(f"FROM {table}").to_arrow_table())
            con.execute(f"CREATE TABLE {table} AS FROM rows")
            con.unregister("rows")
        resolve(con, settings, run_id="test")
    return settings


def test_a_review_at_the_terminal(folder):
    """y, n and l do nothing, or something else, when a person presses them."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster_project.cli", "identity", "review", "--who", "Ann",
         "--data-dir", str(folder.data_dir)],
        cwd=PROJECT_ROOT, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown, deadline = "", time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 0.5)[0]:
            # It waits for the answer to its last question; a key that means nothing comes first.
            asked = shown.count("q quit: ")
            os.write(ours, b"x" + b".lyn"[asked : asked + 1])
            continue
        try:
            shown += os.read(ours, 65536).decode()
        except OSError:
            break
    os.close(ours)
    assert process.wait(timeout=PATIENCE) == 0, shown
    assert shown.count("first name") == 3
    assert "Wilhelmina" in shown
    assert "Rupert" in shown
    assert "3 of 3" in shown
    assert "3 remain. Nothing is answered yet." in shown
    assert "2 remain. Of 1 answered, 1 were one person" in shown.replace("\r\n", " ")
    assert "in 50% (95% interval 9% to 91%)" in " ".join(shown.split())
    assert "2 decisions taken" in shown
    decisions = read_overrides(folder.data_dir / "identity_overrides.csv")
    assert [(row.kind, row.who) for row in decisions] == [("link", "Ann"), ("unlink", "Ann")]


def test_a_warehouse_in_which_nothing_is_built_is_a_sentence(tmp_path):
    """Whoever asks after the warehouse was deleted gets a stack trace, or a circle of commands."""
    settings = Settings(data_dir=tmp_path / "data")
    with connect(settings) as con:
        create_identity_tables(con)
        for ask in (
            lambda: explain(con, settings, "a@x.com"),
            lambda: train(con, settings, seed=1),
            lambda: review_pairs(con),
        ):
            with pytest.raises(UsageError, match="--full-refresh"):
                ask()


@pytest.mark.parametrize("is_published", [False, True])
def test_a_folder_without_a_warehouse_says_what_builds_one(tmp_path, is_published):
    """The run that is advised finds that nothing changed, and builds nothing."""
    settings = Settings(data_dir=tmp_path / "data")
    settings.published_dir.mkdir(parents=True)
    if is_published:
        (settings.published_dir / "current").symlink_to("versions/x")
    with pytest.raises(UsageError) as raised, opened_warehouse(settings.data_dir):
        pass
    assert ("--full-refresh" in raised.value.message) == is_published
