"""Workbooks that unfold: what a small file becomes in memory is known before a cell is read."""

import zipfile
from pathlib import Path

from dagster_project.load.reading.workbooks import read_workbook

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def write_workbook(path: Path, rows: list[list[int]], texts: list[str]) -> None:
    """One sheet whose cells are places in the list of shared ``texts``."""
    cells = "".join(
        f'<row r="{number}">'
        + "".join(
            f'<c r="{chr(65 + column)}{number}" t="s"><v>{place}</v></c>'
            for column, place in enumerate(row)
        )
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    strings = "".join(f"<si><t>{text}</t></si>" for text in texts)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="contacts" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData>'
        "</worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)


def test_a_text_that_all_cells_share_is_counted_in_each(landing):
    """A workbook of 715 KB takes 3.1 GB, and with them the run."""
    path = landing.settings.landing_dir / "crm" / "contacts.xlsx"
    path.parent.mkdir()
    write_workbook(path, [[0, 1], *([[2, 2]] * 5000)], ["contact_id", "city", "x" * 32000])
    assert path.stat().st_size < 200_000
    landing.put("crm/contacts_good.csv", "contact_id\n1\n")
    summary = landing.load()
    assert summary.files_loaded == 1
    assert landing.query("SELECT reason FROM ledger.quarantine") == [("too_large",)]
    assert "repeats its texts to more than 256 MB" in summary.problems[0].text


def test_texts_that_many_cells_share_are_read(landing):
    """A column of the same city in every row is taken for a bomb."""
    path = landing.settings.landing_dir / "crm" / "contacts.xlsx"
    path.parent.mkdir()
    ids = [f"C{number}" for number in range(3000)]
    rows = [[0, 1], *([3 + number, 2] for number in range(3000))]
    write_workbook(path, rows, ["contact_id", "city", "Łódź", *ids])
    summary = landing.load()
    assert (summary.accepted, summary.quarantined) == (3000, 0)
    assert landing.query("SELECT DISTINCT city FROM crm.contacts") == [("Łódź",)]


def test_records_are_made_one_at_a_time(tmp_path):
    """The cells of a sheet stand in memory twice, as Python's own."""
    path = tmp_path / "contacts.xlsx"
    write_workbook(path, [[0], [1], [1]], ["contact_id", "1"])
    book = read_workbook(path, {"contact_id"}, "contacts")
    assert next(book.records).line == 2
    assert [record.line for record in book.records] == [3]
