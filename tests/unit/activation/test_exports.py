"""Export files: who is in them, who may read them, and what a spreadsheet makes of them."""

import csv

import pyarrow.parquet as pq
import pytest

from dagster_project.activation.definitions import load_audiences, message_fields
from dagster_project.activation.destination_schemas import get_destination, load_destinations
from dagster_project.activation.exports import export_audience
from dagster_project.errors import UsageError
from tests.unit.activation.conftest import WIN_BACK, publish_members

MEMBERS = {"a": None, "b": "no_consent", "c": "hold_out", "d": "cap", "e": "no_address"}


def test_a_file_holds_who_may_be_contacted_and_nobody_else(settings):
    """Somebody without consent, or of the comparison group, is in the file that goes out."""
    publish_members(settings, MEMBERS, name="v1")
    summary = export_audience(settings, WIN_BACK, get_destination("generic"))
    path, parquet = summary.paths
    assert path == settings.exports_dir / "win_back" / "2026-06-30.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["email"] for row in rows] == ["a@example.com"]
    assert rows[0]["phone"] == ""
    assert rows[0]["favourite_category"] == "Garden"
    assert pq.read_table(parquet).to_pylist()[0]["email"] == "a@example.com"
    assert dict(summary.left_out) == {"no_consent": 1, "hold_out": 1, "cap": 1, "no_address": 1}


def test_files_are_for_the_owner_only(settings):
    """Another user of the machine reads the addresses."""
    publish_members(settings, MEMBERS, name="v1")
    for path in export_audience(settings, WIN_BACK, get_destination("generic")).paths:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_spreadsheet_runs_nothing(settings):
    """A name that somebody typed into a form runs as a formula on a marketer's machine."""
    publish_members(settings, {"a": None}, name="v1")
    path = export_audience(settings, WIN_BACK, get_destination("generic")).paths[0]
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["first_name"] == "'=1+1"


@pytest.mark.parametrize("name", sorted(load_destinations()))
def test_every_destination_writes_every_audience(settings, name):
    """A tool's schema names a field that no audience has, or two columns alike."""
    destination = get_destination(name)
    for audience in load_audiences().values():
        titles = [title for title, _, _ in destination.columns_for(message_fields(audience))]
        assert len(titles) == len(set(titles)), audience.audience
        assert all(titles)
    publish_members(settings, MEMBERS, name="v1")
    summary = export_audience(settings, WIN_BACK, destination)
    assert summary.written == 1
    header = summary.paths[0].read_text().splitlines()[0]
    assert (
        header.count(destination.delimiter)
        == len(destination.columns_for(["favourite_category"])) - 1
    )


def test_a_tool_for_mail_is_refused_a_list_of_calls(settings):
    """A list of telephone numbers is uploaded to a tool for e-mail."""
    calls = WIN_BACK.model_copy(update={"medium": "call", "purpose": "call"})
    with pytest.raises(UsageError, match="mailchimp takes email"):
        export_audience(settings, calls, get_destination("mailchimp"))


def test_nothing_published_is_said_plainly(settings):
    """A marketer meets a stack trace on the first day."""
    with pytest.raises(UsageError, match="hourglass run first"):
        export_audience(settings, WIN_BACK, get_destination("generic"))
