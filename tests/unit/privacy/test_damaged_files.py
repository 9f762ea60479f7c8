"""P8 where files are damaged: an erasure ends, and names what it could not look into."""

import json
import os
from pathlib import Path

import pytest

from dagster_project.privacy.erasure import forget
from dagster_project.privacy.journal import pending_dir
from tests.byte_search import search
from tests.damage import DAMAGES
from tests.soak import SOAK, seeded
from tests.unit.privacy.conftest import ALICE, copied

ROUNDS = range(60 if SOAK else 3)


def add_damaged(landing: Path, random) -> dict[str, str]:
    """A damaged copy of every file that was delivered, most under a name that is read and some
    under one that is not: what was done, by name."""
    done = {}
    for path in sorted(path for path in landing.rglob("*") if path.is_file()):
        stem, _, endings = path.name.partition(".")
        name = f"{stem}_9[1].{endings}" if random.random() < 0.8 else f"other.{endings}"
        copy = path.with_name(name)
        # Of a text that is mixed with itself, a record may come out that gives hers to somebody.
        is_text = path.suffix in (".csv", ".json", ".txt")
        damage = random.choice(["cut", "as text"] if is_text else list(DAMAGES))
        copy.write_bytes(DAMAGES[damage](path.read_bytes(), random))
        # Old enough to be no longer waited for.
        os.utime(copy, (1e9, 1e9))
        done[copy.relative_to(landing).as_posix()] = damage
    return done


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("is_loaded", [True, False])
def test_an_erasure_gets_over_damaged_files(loaded_company, tmp_path, number, is_loaded):
    """One damaged Parquet file in landing/ ends every erasure, and every run after it, in a stack
    trace; or a zip that cannot be opened keeps somebody, and nobody is told."""
    company = copied(loaded_company, tmp_path / "data")
    landing = company.settings.landing_dir
    damaged = add_damaged(landing, seeded())
    if is_loaded:
        company.load()
    (done,) = forget(company.settings, ["alice@example.com"])
    assert list(pending_dir(company.settings).iterdir()) == []
    left = {
        Path(line.rpartition(": ")[0].split("!")[0].split(" (")[0])
        for line in search(company.settings.data_dir, ALICE)
    }
    told = {landing / name.split("!")[0] for name in done.not_read}
    assert left <= told, damaged
    for path in left:
        assert path.relative_to(landing).as_posix() in damaged
    record = json.loads(done.statement.read_text())
    assert record["landing_files_not_read"] == len(done.not_read)
    assert (done.warning() is None) == (not done.not_read)


@pytest.mark.parametrize("name", ["call_center/other.zip", "call_center/other.docx"])
def test_an_archive_that_nobody_reads_is_named(company, name):
    """Somebody's records stay in a zip file of another name, and the erasure says all is done."""
    path = company.settings.landing_dir / name
    path.write_bytes((company.settings.landing_dir / "call_center/tickets.zip").read_bytes())
    (done,) = forget(company.settings, ["alice@example.com"])
    assert done.not_read == (name,)
    assert "1 file in landing/ could not be looked into" in done.warning()
    assert name in done.warning()


def test_a_text_with_an_archives_name_is_read(company):
    """A plain CSV file that is called .gz keeps somebody for ever."""
    path = company.settings.landing_dir / "call_center" / "tickets_2026-01-01.csv.gz"
    path.write_text("ticket_id,subject\nT-9,alice@example.com\nT-8,fine\n")
    (done,) = forget(company.settings, ["alice@example.com"])
    assert done.not_read == ()
    assert "alice" not in path.read_text()
    assert "fine" in path.read_text()


def test_a_file_whose_name_is_a_pattern_is_that_file(company):
    """The rest of web_events1.parquet is written into web_events[1].parquet."""
    import duckdb

    folder = company.settings.landing_dir / "shop"
    for name, event in (("web_events_[1]", "E-8"), ("web_events_1", "E-9")):
        duckdb.sql(
            f"COPY (SELECT '{event}' AS event_id, 'V-ALICE1' AS visitor_id, 'page_view' AS "
            "event_name, '2025-03-01' AS occurred_at, 'alice@example.com' AS page_path UNION ALL "
            f"SELECT '{event}-b', 'V-BOB001', 'page_view', '2025-03-01', '/') "
            f"TO '{folder}/{name}.parquet' (FORMAT parquet)"
        )
    company.load()
    forget(company.settings, ["alice@example.com"])
    (folder / "web_events_1.parquet").unlink()
    assert duckdb.sql(f"SELECT event_id FROM '{folder}/web_events_[1].parquet'").fetchall() == [
        ("E-8-b",)
    ]


def test_a_correction_in_another_encoding_does_not_end_an_erasure(company):
    """A table that Excel saved as plain CSV ends every erasure, and every run, in a stack trace."""
    folder = company.settings.landing_dir / "_corrections"
    folder.mkdir()
    table = folder / "mine.csv"
    table.write_bytes(
        "quarantine_id,last_name,email\nx-1,Ärmel,alice@example.com\nx-2,Bäcker,b@example.com\n".encode(
            "cp1252"
        )
    )
    forget(company.settings, ["alice@example.com"])
    assert table.read_bytes().split(b"\n")[1:] == [b"x-2,B\xe4cker,b@example.com\r", b""]
