"""Files whose records need no look at each are rewritten like those whose records do."""

import dataclasses
import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.load.landing.discovery import Delivery
from dagster_project.load.reading import file_content, record_parsing
from dagster_project.load.validation.load_targets import load_targets, load_words
from dagster_project.privacy.file_rewriting import Removal, rewrite
from dagster_project.privacy.search import Patterns
from dagster_project.privacy.subject import Subject
from dagster_project.settings import Settings

HEADER = "contact_id,first_name,email"
PLAIN = (
    "C-000001,Anna,anna.meyer@example.com",
    "C-000002,Zoé,zoe@example.com",
    "C-000003,,write to Anna.Meyer@example.com",
    "",
    "  ",
)
QUOTED = ('C-000004,"Li\nBo",li@example.com', 'C-000005,"broken', "C-000006,a\rb,x@example.com")
OF_ANNA = Patterns(Subject((), 1, addresses={"email": (("anna.meyer@example.com",) * 2,)}))


@pytest.fixture(scope="module")
def target():
    with tempfile.TemporaryDirectory() as folder:
        return load_targets(Settings(data_dir=Path(folder)), load_words())["crm.contacts"]


@settings(deadline=None, max_examples=150)
@given(
    records=st.lists(st.sampled_from(PLAIN * 3 + QUOTED), max_size=40),
    line_end=st.sampled_from(["\n", "\r\n"]),
    is_ended=st.booleans(),
    lines=st.sets(st.integers(1, 45)),
    compression=st.sampled_from([None, "gzip"]),
    piece=st.integers(20, 400),
)
def test_plain_records_are_rewritten_like_any(
    target, records, line_end, is_ended, lines, compression, piece
):
    """A file loses the wrong people's records, or keeps an erased person's."""
    data = (line_end.join([HEADER, *records]) + line_end * is_ended).encode()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path, out = Path(folder, "contacts.csv"), Path(folder, "out.csv")
        path.write_bytes(gzip.compress(data) if compression else data)
        delivery = Delivery(
            path, path.name, "crm", target.name, "csv", compression, len(data), 0, None
        )
        patch.setattr(file_content, "CHUNK", piece)
        found = []
        for is_plain in (True, False):
            if not is_plain:
                patch.setattr(record_parsing, "_plain_end", lambda *_: 0)
            result = rewrite(delivery, target, Removal(lines, OF_ANNA), out)
            found.append((dataclasses.astuple(result), out.read_bytes()))
    assert found[0] == found[1]
