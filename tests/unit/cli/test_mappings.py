"""``hourglass mappings`` and ``hourglass mappings test``, as a person types them."""

import pytest

from dagster_project.cli.entry import main
from dagster_project.contracts.mapping import MAPPINGS_DIR, load_mappings
from tests.vendor_export import EXPORTS

MIXPANEL = EXPORTS / "mixpanel" / "export.json"
OWN = """mapping: visits
description: Visits.
reference: https://example.org/format
files: ["*.csv"]
columns:
  id: {required: true}
  at: {type: timestamp}
  who: {}
tables:
  shop.web_events:
    columns:
      event_id: id
      visitor_id: who
      occurred_at: at
      event_name: "'page_view'"
"""


@pytest.fixture
def hourglass(monkeypatch, capsys):
    """Runs the command; gives (exit code, output, errors)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hourglass", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        return stopped.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def own(tmp_path):
    """A mapping that is being written, and a file for it."""
    (tmp_path / "draft.yml").write_text(OWN)
    (tmp_path / "visits.csv").write_text("id,at,who\n1,2026-01-10 09:00,v1\n")
    return tmp_path


def test_list_names_every_mapping(hourglass):
    """A vendor is supported and nobody finds it."""
    code, out, _ = hourglass("mappings")
    assert code == 0
    for mapping in load_mappings().values():
        assert f"{mapping.mapping}: {mapping.description}" in out
        assert mapping.reference in out
        assert ", ".join(mapping.tables) in out
        assert ", ".join(mapping.files) in out


def test_shows_rows_and_what_is_lost(hourglass):
    """The author of a mapping does not see what it gives, or which records it loses."""
    code, out, _ = hourglass("mappings", "test", "mixpanel", MIXPANEL, "--rows", 2)
    assert code == 1
    lines = out.splitlines()
    assert lines[0] == "shop.web_events: 4 rows"
    assert "visitor_id=d-1, occurred_at=2026-01-10 09:00:00, event_name=page_view" in lines[1]
    assert lines[2].startswith("  line 2: event_id=")
    assert lines[3] == "  and 2 more: --rows shows them"
    assert "7 records, 4 accepted, 1 quarantined, 2 left out by a rule" in lines[4]
    assert "(row, 1, line 7): properties.time: properties.time is required" in lines[5]
    assert "(left_out, 1): Left out by the rule other_event. Events for which" in out


def test_draft_that_takes_everything(hourglass, own):
    """A mapping that works is called wrong, so that nobody dares to ship it."""
    code, out, _ = hourglass("mappings", "test", own / "draft.yml", own / "visits.csv")
    assert code == 0
    assert "  line 2: event_id=1, visitor_id=v1, occurred_at=2026-01-10 09:00:00" in out
    assert "1 accepted, 0 quarantined" in out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    columns:", "    colums:", "colums is not known. Did you mean columns?"),
        ("event_id: id", "event_id: idd", "tables.shop.web_events.columns.event_id: 'idd': the r"),
        ("event_id: id", "event_id: \"read_csv('x')\"", "the function read_csv is not allowed"),
        ("event_id: id", "event_id: upper(at, at)", "tables.shop.web_events.columns.event_id: "),
        ("event_id: id", "event_id: at * at", "tables.shop.web_events.columns.event_id: Binder"),
        ("event_id: id", "event_id: first(id)", "visitor_id needs first, min, max or sum"),
        (
            "    columns:",
            "    key: [order_id]\n    columns:",
            "tables.shop.web_events.key: order_id is not known",
        ),
        (
            "tables:",
            "leave_out: {x: {when: oh, description: x}}\ntables:",
            "leave_out.x.when: 'oh'",
        ),
        ("      occurred_at: at\n", "", "occurred_at is required"),
        ("shop.web_events", "shop.web_event", "Did you mean shop.web_events?"),
        ("type: timestamp", "type: time", "columns.at.type: Input should be"),
        ("columns:\n  id", "columns: [\n  id", "line 7: not readable as YAML"),
    ],
)
def test_draft_with_an_error(hourglass, own, old, new, said):
    """An author's slip ends in a stack trace, or in a message that does not say where."""
    (own / "draft.yml").write_text(OWN.replace(old, new))
    code, out, err = hourglass("mappings", "test", own / "draft.yml", own / "visits.csv")
    assert (code, out) == (2, "")
    assert "draft.yml" in err
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("mixpannel", MIXPANEL),
            "There is no mapping mixpannel. Did you mean mixpanel? There are: ",
        ),
        (("no/such.yml", MIXPANEL), "no/such.yml does not exist"),
        (("mixpanel", "no/such.json"), "no/such.json does not exist"),
        (("mixpanel", MAPPINGS_DIR), "is no file"),
        (("google_ads", MIXPANEL), "reads files that are called *.csv or"),
        (("mixpanel",), "Missing argument"),
        (("mixpanel", MIXPANEL, "--rows", "-1"), "Invalid value for '--rows'"),
    ],
)
def test_wrong_use(hourglass, arguments, said):
    """A wrong name or path looks like a fault of the file."""
    code, out, err = hourglass("mappings", "test", *arguments)
    assert (code, out) == (2, "")
    assert said in " ".join(err.replace("│", "").split())


def test_file_of_another_format(hourglass, own):
    """A file that the mapping cannot read seems to be empty."""
    (own / "visits.csv").write_text("number,when\n1,2026-01-10\n")
    code, out, _ = hourglass("mappings", "test", own / "draft.yml", own / "visits.csv")
    assert code == 1
    assert "shop.web_events: 0 rows" in out
    assert "Required columns are missing: id" in out


def test_hostile_values_stay_text(hourglass, own):
    """A value in somebody's file steers the author's terminal."""
    (own / "visits.csv").write_text("id,at,who\n1,2026-01-10 09:00,\x1b[2J[bold]x\n")
    code, out, _ = hourglass("mappings", "test", own / "draft.yml", own / "visits.csv")
    assert code == 0
    assert "\x1b" not in out
    assert r"visitor_id=\x1b[2J[bold]x" in out
