"""The load on files that the project did not write: broken, odd, hostile."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from dagster_project.contracts.mapping import Mapping
from dagster_project.load import load_landing
from dagster_project.load.reading.code_pages import SURE
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file

PERMISSIVE = Mapping.model_validate(
    {
        "mapping": "anything",
        "description": "Takes any table; every cell is kept in _extra.",
        "reference": "none",
        "tables": {"crm.contacts": {"columns": {"contact_id": "concat('row-', line_number())"}}},
    }
)


class Landing:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "landing"
        self.folder.mkdir(parents=True)
        self.settings = Settings(data_dir=folder)
        self.con = connect_file(":memory:", allowed_dirs=[folder], threads=2, keep_order=True)

    def put(self, path: Path, name: str) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)

    def load(self, **arguments):
        summary = load_landing(self.con, self.settings, run_id="test", **arguments)
        assert summary.records == summary.accepted + summary.quarantined + summary.left_out
        return summary

    def query(self, sql: str):
        return self.con.execute(sql).fetchall()


@pytest.fixture
def landing(tmp_path) -> Landing:
    return Landing(tmp_path / "data")


def bad_input(shared_data: Path) -> list[Path]:
    folder = shared_data / "bad_input"
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in {".csv", ".gz", ".xlsx", ".json"}
    ]


def test_every_bad_file_is_accounted_for(landing, shared_data):
    """A malformed file crashes the run, or its records vanish."""
    paths = bad_input(shared_data)
    assert len(paths) > 90
    for number, path in enumerate(paths):
        landing.put(path, f"anything/{number:03}-{path.name}")
    summary = landing.load(mappings={"anything": PERMISSIVE})
    assert summary.files_loaded + summary.files_quarantined + summary.files_duplicate == len(paths)
    unread = landing.query(
        "SELECT split_part(path, '-', 2), reason FROM ledger.quarantine WHERE level = 'file'"
    )
    assert dict(unread) == {"blns.json": "no_header"}
    # Every letter of Latin-1 on a line of its own: no language tells its code page.
    ((confidence,),) = landing.query(
        "SELECT CAST(reading ->> 'encoding_confidence' AS DOUBLE) FROM ledger.files "
        "WHERE path LIKE '%all_latin1.csv'"
    )
    assert confidence < SURE
    assert landing.query("SELECT count(*) FROM crm.contacts") == [(summary.accepted,)]


def test_csv_spectrum_cells_equal_the_answer_beside_them(tmp_path, shared_data):
    """Quotes, commas and line breaks inside cells come out as other cells."""
    folder = shared_data / "bad_input" / "csv_spectrum"
    for path in sorted((folder / "csvs").glob("*.csv")):
        landing = Landing(tmp_path / path.stem)
        landing.put(path, f"anything/{path.name}")
        landing.load(mappings={"anything": PERMISSIVE})
        answer = json.loads((folder / "json" / f"{path.stem}.json").read_text())
        expected = answer if isinstance(answer, list) else [answer]
        if path.stem == "location_coordinates":
            # the file and its answer hold different telephone numbers
            expected[0]["Contact Phone Number"] = "2095257564"
        rows = landing.query("SELECT _extra FROM crm.contacts ORDER BY _line")
        found = [
            {name: cell or "" for name, cell in json.loads(row[0] or "{}").items()} for row in rows
        ]
        # line ends inside a cell are those of the file; the answer has plain ones
        plain = json.loads(json.dumps(found).replace("\\r\\n", "\\n"))
        assert plain == json.loads(json.dumps(expected).replace("\\r\\n", "\\n")), path.name


def test_naughty_strings_arrive_unchanged(landing, shared_data):
    """A person's name is altered, or run as code, because of its letters."""
    strings = json.loads((shared_data / "bad_input" / "blns" / "blns.json").read_text())
    strings = [text for text in dict.fromkeys(strings) if text]
    text_columns = ["first_name", "last_name", "email", "phone", "city", "company", "gender"]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["contact_id", *text_columns])
    for number, text in enumerate(strings):
        writer.writerow([number, *([text] * len(text_columns))])
    path = landing.folder / "crm" / "contacts.csv"
    path.parent.mkdir()
    path.write_text(buffer.getvalue(), encoding="utf-8", newline="")
    landing.load()
    for column in text_columns:
        rows = landing.query(f"SELECT {column} FROM crm.contacts ORDER BY CAST(contact_id AS INT)")
        assert [row[0] for row in rows] == strings, column
