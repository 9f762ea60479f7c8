"""The same table in every format and encoding that may be delivered."""

import gzip
import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

ROWS = [
    {"contact_id": "1", "first_name": "Анна", "birth_date": "1990-02-01", "shoe": "38"},
    {"contact_id": "2", "first_name": 'Quote "and", comma', "birth_date": None, "shoe": None},
    {"contact_id": "3", "first_name": "two\nlines", "birth_date": "2000-12-31", "shoe": "4|5"},
]
COLUMNS = list(ROWS[0])


def _csv(delimiter: str = ",", header: list[str] | None = None, end: str = "\n") -> str:
    lines = [delimiter.join(header or COLUMNS)]
    for row in ROWS:
        cells = ['"' + (row[name] or "").replace('"', '""') + '"' for name in COLUMNS]
        lines.append(delimiter.join(cells))
    return end.join(lines) + end


def _zip(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), buffer)
    return buffer.getvalue()


DELIVERIES = {
    "comma": ("contacts.csv", _csv().encode()),
    "semicolon": ("contacts.csv", _csv(";").encode()),
    "tab": ("contacts.tsv", _csv("\t").encode()),
    "bar": ("contacts.txt", _csv("|").encode()),
    "crlf": ("contacts.csv", _csv(end="\r\n").encode()),
    "mark": ("contacts.csv", _csv().encode("utf-8-sig")),
    "utf-16": ("contacts.csv", _csv().encode("utf-16")),
    "utf-16 without mark": ("contacts.csv", _csv().encode("utf-16-le")),
    "padded and recased header": (
        "contacts.csv",
        _csv(header=[" Contact_ID ", "FIRST NAME", "Birth-Date", "shoe"]).encode(),
    ),
    "aliases": ("contacts.csv", _csv(header=["id", "GivenName", "dob", "shoe"]).encode()),
    "lines before the header": (
        "contacts.csv",
        ("# exported by somebody\n\nall contacts\n" + _csv()).encode(),
    ),
    "trailing columns": (
        "contacts.csv",
        _csv().replace("shoe\n", "shoe,,\n").replace('"\n', '",,\n').encode(),
    ),
    "gzip": ("contacts.csv.gz", gzip.compress(_csv().encode())),
    "zstandard": ("contacts.csv.zst", zstandard.compress(_csv().encode())),
    "two gzip members": (
        "contacts.csv.gz",
        gzip.compress(_csv().encode()[:40]) + gzip.compress(_csv().encode()[40:]),
    ),
    "zip": ("contacts.zip", _zip(("any name.csv", _csv().encode()))),
    "json lines": ("contacts.jsonl", "\n".join(json.dumps(row) for row in ROWS).encode()),
    "json lines packed": (
        "contacts.ndjson.gz",
        gzip.compress("\n".join(json.dumps(row) for row in ROWS).encode()),
    ),
    "json array": ("contacts.json", json.dumps(ROWS, indent=2).encode()),
    "parquet": ("contacts.parquet", _parquet()),
    "name with signs": ("contacts [1]*;'--.csv", _csv().encode()),
    "parquet name with signs": ("contacts [1]*.parquet", _parquet()),
}


@pytest.mark.parametrize("kind", DELIVERIES)
def test_every_format_gives_the_same_rows(landing, kind):
    """A company's extract cannot be read although it is well formed."""
    name, content = DELIVERIES[kind]
    if kind == "aliases":
        content = content.replace(b"GivenName", b"given_name")
    landing.put(f"crm/{name}", content)
    summary = landing.load()
    assert (summary.accepted, summary.quarantined, summary.nulled) == (3, 0, 0), summary.messages
    rows = landing.query(
        "SELECT contact_id, first_name, CAST(birth_date AS VARCHAR), _extra ->> '$.shoe' "
        "FROM crm.contacts ORDER BY 1"
    )
    assert rows == [tuple(row[name] for name in COLUMNS) for row in ROWS]


TEXTS = {
    "cp1251": "Иван Петров Мария Кузнецова Екатеринбург Набережная улица Щукин Объездной",
    "cp1252": "José Álvarez Müller François Björn Søren García López Zoë Nuñez",
    "shift_jis": "山田太郎 佐藤花子 東京都新宿区 大阪府大阪市 鈴木一郎 北海道札幌市",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_encoding_is_detected_and_recorded(landing, encoding):
    """Names of a whole country arrive as question marks."""
    words = TEXTS[encoding].split()
    rows = "".join(f"{number},{word}\n" for number, word in enumerate(words))
    landing.put("crm/contacts.csv", f"contact_id,first_name\n{rows}".encode(encoding))
    landing.load()
    found = landing.query("SELECT first_name FROM crm.contacts ORDER BY CAST(contact_id AS INT)")
    assert [row[0] for row in found] == words
    (reading,) = landing.query("SELECT reading FROM ledger.files")
    assert json.loads(reading[0])["encoding"].replace("-", "_") == encoding


def test_zip_with_members_of_several_kinds(landing):
    """Only the first file of an archive is loaded."""
    landing.put(
        "crm/contacts_2026-01-02.zip",
        _zip(("a.csv", b"contact_id\n1\n"), ("b/c.jsonl", b'{"contact_id": 2}\n'), ("d.csv", b"")),
    )
    summary = landing.load()
    assert landing.query("SELECT contact_id FROM crm.contacts ORDER BY 1") == [("1",), ("2",)]
    assert landing.query("SELECT path, reason FROM ledger.quarantine") == [
        ("crm/contacts_2026-01-02.zip!d.csv", "no_header")
    ]
    assert summary.files_loaded == 2
    assert landing.load().files_opened == 0


def test_spreadsheet(landing, shared_data):
    """Dates, numbers and the header of a sheet arrive as something else."""
    from tests.unit.load.conftest import PERMISSIVE

    path = shared_data / "bad_input" / "messytables" / "simple.xlsx"
    landing.put("anything/simple.xlsx", path.read_bytes())
    landing.load(mappings={"anything": PERMISSIVE})
    assert landing.extras()[0] == {
        "date": "2011-01-01",
        "temperature": "1",
        "place": "Galway",
    }


def test_json_keeps_the_text_of_numbers_and_flattens_objects(landing):
    """A price of 1.10 becomes 1.1, an id of 20 digits loses its end."""
    landing.put(
        "crm/contacts.jsonl",
        '{"contact_id": 12345678901234567890, "city": "B", "more": {"a": 1.10, "b": [1, 2]}}\n'
        "no json\n",
    )
    landing.load()
    assert landing.query("SELECT contact_id, _extra FROM crm.contacts") == [
        ("12345678901234567890", '{"more.a":"1.10","more.b":"[\\"1\\", \\"2\\"]"}')
    ]
    assert landing.query("SELECT line, reason, original FROM ledger.quarantine") == [
        (2, "broken_json", "no json")
    ]


def test_bomb_is_not_unpacked(landing, monkeypatch):
    """A small file fills the disk."""
    monkeypatch.setattr("dagster_project.load.reading.file_content.MAX_RATIO_FROM_BYTES", 1 << 20)
    landing.put("crm/contacts.csv.gz", gzip.compress(b"contact_id\n" + b"1\n" * 5_000_000))
    (problem,) = landing.load().problems
    assert problem.reason == "too_large"


def test_symbolic_link_that_leaves_landing_is_refused(landing, tmp_path):
    """A link makes the loader read any file of the machine."""
    secret = tmp_path / "secret.csv"
    secret.write_text("contact_id\n1\n")
    landing.put("crm/deals.csv", "deal_id,contact_id,created_at\n1,1,2026-01-01\n")
    (landing.settings.landing_dir / "crm" / "contacts.csv").symlink_to(secret)
    (landing.settings.landing_dir / "shop").symlink_to(tmp_path)
    summary = landing.load()
    assert sorted(problem.reason for problem in summary.problems) == ["symbolic_link"] * 2
    assert landing.query("SELECT count(*) FROM crm.contacts") == [(0,)]


def test_unfinished_file_waits(landing):
    """Half a file is loaded while its sender is still writing it."""
    landing.put("crm/contacts.csv.part", "contact_id\n1\n")
    landing.put("crm/deals.csv", "deal_id,contact_id,created_at\n1,1,2026-01-01\n")
    summary = landing.load()
    assert summary.files_waiting == 1
    assert landing.query("SELECT count(*) FROM crm.contacts") == [(0,)]
