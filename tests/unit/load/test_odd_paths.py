"""Odd paths and workbooks: what cannot be read is named, and never stops the others."""

import io
import os
import re
import zipfile
from pathlib import Path

import pytest

from dagster_project.load.ingest import commit
from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.reading import workbooks
from dagster_project.privacy.file_rewriting import write_sheet

CONTACTS = "contact_id\n1\n"
SHEET = "xl/worksheets/sheet1.xml"
RELATION = (
    '<Relationship Id="r{number}" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/worksheet" Target="worksheets/sheet{number}.xml"/>'
)


def reasons(landing) -> set[str]:
    return {reason for (reason,) in landing.query("SELECT reason FROM ledger.quarantine")}


def test_a_name_that_is_no_text_is_named_and_skipped(landing):
    """One file from an old machine stops every run."""
    landing.put("crm/contacts.csv", CONTACTS)
    odd = landing.settings.landing_dir / "crm" / os.fsdecode(b"contacts_\xe9.csv")
    odd.write_text(CONTACTS)
    summary = landing.load()
    assert (summary.files_loaded, summary.files_quarantined) == (1, 1)
    assert reasons(landing) == {"odd_name"}


def test_a_link_to_itself_is_named_and_skipped(landing):
    """A link that leads nowhere ends the load in a stack trace."""
    landing.put("crm/contacts.csv", CONTACTS)
    path = landing.settings.landing_dir / "crm" / "contacts_link.csv"
    path.symlink_to(path)
    assert landing.load().files_loaded == 1
    assert reasons(landing) == {"symbolic_link"}


@pytest.mark.parametrize("seen", [True, False])
def test_a_file_without_permission_is_named_and_skipped(landing, monkeypatch, seen: bool):
    """One file of another user stops every run."""
    landing.put("crm/contacts.csv", CONTACTS)
    closed = landing.put("crm/contacts_2.csv", "contact_id\n2\n")
    if seen:
        monkeypatch.setattr(os, "access", lambda path, mode: os.fspath(path) != str(closed))
    else:
        from dagster_project.load.ingest import file_preparation

        hashed = file_preparation.hash_file

        def refuse(path, compression):
            if path == closed:
                raise PermissionError(13, "closed")
            return hashed(path, compression)

        monkeypatch.setattr(file_preparation, "hash_file", refuse)
    summary = landing.load()
    assert (summary.files_loaded, summary.files_quarantined) == (1, 1)
    assert [message.reason for message in summary.problems] == ["no_permission"]


def test_an_unreadable_folder_is_said(landing, monkeypatch):
    """A whole system is missing, and the run is green."""
    landing.put("crm/contacts.csv", CONTACTS)
    landing.put("shop/orders.csv", "x\n")
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("/shop"):
            raise PermissionError(13, "closed", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    summary = landing.load()
    assert summary.files_loaded == 1
    assert [(m.path, m.reason) for m in summary.problems] == [("shop", "unreadable_folder")]


def test_a_file_that_is_replaced_while_it_is_read_waits(landing, monkeypatch):
    """Rows of one file stand under the hash of another."""
    path = landing.put("crm/contacts.csv", CONTACTS)
    written = commit.write_schema_changes

    def replace(con, units: list[SourceUnit], stamp):
        path.write_text("contact_id\n1\n2\n3\n")
        return written(con, units, stamp)

    monkeypatch.setattr(commit, "write_schema_changes", replace)
    summary = landing.load()
    assert (summary.files_loaded, summary.files_waiting) == (0, 1)
    assert landing.query("SELECT count(*) FROM crm.contacts") == [(0,)]
    monkeypatch.setattr(commit, "write_schema_changes", written)
    assert landing.load().accepted == 3


def workbook(folder: Path, sheets: dict[str, list[list[str]]]) -> bytes:
    """An .xlsx of several sheets, put together from workbooks of one sheet each."""
    parts: dict[str, str] = {}
    listed, related = "", ""
    for number, (name, rows) in enumerate(sheets.items(), start=1):
        out = folder / f"{number}.xlsx"
        write_sheet(dict(enumerate(rows, start=1)), out)
        with zipfile.ZipFile(out) as archive:
            found = {part: archive.read(part).decode() for part in archive.namelist()}
        parts = {**found, **parts, f"xl/worksheets/sheet{number}.xml": found.pop(SHEET)}
        listed += f'<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>'
        related += RELATION.format(number=number)
    workbook_xml, relations = parts["xl/workbook.xml"], parts["xl/_rels/workbook.xml.rels"]
    parts["xl/workbook.xml"] = re.sub(
        "<sheets>.*</sheets>", f"<sheets>{listed}</sheets>", workbook_xml
    )
    parts["xl/_rels/workbook.xml.rels"] = re.sub("<Relationship .*/>", related, relations)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part, text in parts.items():
            archive.writestr(part, text)
    return buffer.getvalue()


def test_every_sheet_that_fits_is_read_and_the_others_are_named(landing, tmp_path):
    """The second half of the year lies in another sheet, and nobody misses it."""
    content = workbook(
        tmp_path,
        {
            "Notes": [["Read me"], ["first"]],
            "Spring": [["contact_id", "email"], ["1", "a@mail.test"]],
            "Autumn": [["Customers"], ["email", "contact_id"], ["b@mail.test", "2"]],
            "Empty": [],
        },
    )
    landing.put("crm/contacts.xlsx", content)
    landing.load()
    assert landing.query("SELECT contact_id, email, _line FROM crm.contacts ORDER BY 1") == [
        ("1", "a@mail.test", 2),
        ("2", "b@mail.test", 5),
    ]
    assert landing.query(
        "SELECT column_name FROM ledger.schema_events WHERE kind = 'sheet_not_read'"
    ) == [("Notes",)]


def test_one_cell_far_away_is_refused_before_it_is_read(landing, tmp_path, monkeypatch):
    """1.5 KB take the process down."""
    out = tmp_path / "far.xlsx"
    write_sheet({1: ["contact_id"], 2: ["1"]}, out)
    far = io.BytesIO()
    with zipfile.ZipFile(out) as source, zipfile.ZipFile(far, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            copy.writestr(name, content.replace(b'r="A2"', b'r="XFD1048576"'))
    landing.put("crm/contacts.xlsx", far.getvalue())
    landing.put("crm/deals.csv", "deal_id,contact_id,created_at\n1,1,2026-01-01\n")
    summary = landing.load()
    assert (summary.files_loaded, summary.files_quarantined) == (1, 1)
    assert reasons(landing) == {"too_large"}
    monkeypatch.setattr(workbooks, "MAX_UNPACKED", 100)
    landing.put("crm/contacts.xlsx", out.read_bytes())
    landing.load()
    assert reasons(landing) == {"too_large"}
