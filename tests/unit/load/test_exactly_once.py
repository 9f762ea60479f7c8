"""Each content once, whatever its name, order, or the moment at which the load was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project.load import run as run_module
from dagster_project.load.ingest import canonical_rows, file_loading
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.warehouse import connect

CONTACTS = "contact_id,first_name\n1,Ann\n2,Bob\n"


def test_second_load_opens_nothing(landing, monkeypatch):
    """Every day reads all the days before it again."""
    landing.put("crm/contacts.csv", CONTACTS)
    landing.put("crm/contacts_2.csv", CONTACTS + "3,Cem\n")
    landing.put("crm/contacts_3.zip", b"broken")
    landing.load()

    def refuse(*_: object) -> None:
        raise AssertionError("a known file was opened")

    monkeypatch.setattr(file_loading, "hash_delivery", refuse)
    summary = landing.load()
    assert (summary.files_known, summary.files_opened, summary.records) == (3, 0, 0)
    assert landing.query("SELECT count(*) FROM crm.contacts") == [(5,)]


def test_same_content_under_another_name_is_skipped_and_said(landing):
    """A file that is delivered twice counts twice."""
    landing.put("crm/contacts.csv", CONTACTS)
    landing.put("crm/contacts_again.csv", CONTACTS)
    landing.load()
    landing.put("crm/contacts_third.csv", CONTACTS)
    summary = landing.load()
    assert summary.files_duplicate == 1
    assert [message.reason for message in summary.messages] == ["duplicate"]
    assert landing.query("SELECT count(*) FROM crm.contacts") == [(2,)]
    assert landing.load().files_opened == 0


def test_order_and_batches_of_delivery_do_not_matter(make_landing):
    """The marts depend on which file came first."""
    files = {f"crm/contacts_2026-01-{n:02}.csv": f"contact_id\n{n}\n{n + 1}\n" for n in range(1, 9)}
    results = []
    for number, step in enumerate((1, 3, 8)):
        landing = make_landing(str(number))
        names = sorted(files, reverse=number % 2 == 1)
        for start in range(0, len(names), step):
            for name in names[start : start + step]:
                landing.put(name, files[name])
            landing.load()
        results.append(landing.query("SELECT * FROM crm.contacts ORDER BY ALL"))
    assert results[0] == results[1] == results[2]


def test_failure_within_a_file_leaves_nothing_of_it(landing, monkeypatch):
    """Half a file stays behind, and its second half never comes."""
    landing.put("crm/contacts.csv", CONTACTS)
    before = canonical_rows.quarantine

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(canonical_rows, "quarantine", fail)
    with pytest.raises(OSError, match="no space"):
        landing.load()
    assert landing.query("SELECT count(*) FROM crm.contacts") == [(0,)]
    assert landing.query("SELECT count(*) FROM ledger.files") == [(0,)]
    monkeypatch.setattr(canonical_rows, "quarantine", before)
    landing.load()
    assert landing.query("SELECT count(*) FROM crm.contacts") == [(2,)]


KILLED = """
import os, signal, sys
from pathlib import Path
from dagster_project.load import load_landing
from dagster_project.load.ingest import commit
from dagster_project.settings import Settings
from dagster_project.warehouse import connect
moment = sys.argv[2]
written = commit.write_loaded
def die(*arguments):
    if moment == "after": written(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
commit.write_loaded = die
settings = Settings(data_dir=Path(sys.argv[1]))
with connect(settings, keep_order=True) as con:
    load_landing(con, settings, run_id="killed")
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_kill_leaves_nothing_and_the_next_run_completes(tmp_path, moment):
    """A power cut doubles a day, or loses it."""
    folder = tmp_path / "landing" / "crm"
    folder.mkdir(parents=True)
    (folder / "contacts.csv").write_text(CONTACTS)
    (folder / "deals.csv").write_text("deal_id,contact_id,created_at\n1,1,2026-01-01\n")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), moment],
        cwd=PROJECT_ROOT,
        env={**os.environ},
        check=False,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL
    settings = Settings(data_dir=Path(tmp_path))
    with connect(settings, keep_order=True) as con:
        assert con.execute("SELECT count(*) FROM crm.contacts").fetchone() == (0,)
        assert con.execute("SELECT count(*) FROM ledger.files").fetchone() == (0,)
        summary = run_module.load_landing(con, settings, run_id="next")
        assert summary.accepted == 3
        assert con.execute("SELECT count(*) FROM crm.contacts").fetchone() == (2,)
    assert not (settings.warehouse_dir / "load_work").exists()


def test_full_refresh_loads_again_and_keeps_what_is_gone_from_landing(landing):
    """A refresh doubles every row, or forgets the files that were archived."""
    landing.put("crm/contacts.csv", CONTACTS)
    gone = landing.put("crm/contacts_old.csv", "contact_id\n9\n")
    landing.load()
    gone.unlink()
    summary = landing.load(full_refresh=True)
    assert summary.files_loaded == 1
    assert landing.query("SELECT contact_id FROM crm.contacts ORDER BY 1") == [
        ("1",),
        ("2",),
        ("9",),
    ]


def test_new_word_in_the_seed_takes_up_quarantined_records(landing, monkeypatch, tmp_path):
    """A word is taught, and the records that it concerns stay in quarantine."""
    landing.put(
        "shop/orders.csv",
        "order_id,ordered_at,status,total_amount\n1,2026-01-01,zapped,1\n2,2026-01-01,paid,1\n",
    )
    landing.put("crm/contacts.csv", CONTACTS)
    assert landing.load().quarantined == 1
    monkeypatch.setattr("dagster_project.load.validation.load_targets.SEEDS_DIR", tmp_path)
    (tmp_path / "order_statuses.csv").write_text("word,status\nzapped,failed\npaid,paid\n")
    summary = landing.load()
    assert (summary.files_opened, summary.accepted, summary.quarantined) == (1, 2, 0)
    assert landing.query("SELECT order_id, status FROM shop.orders ORDER BY 1") == [
        ("1", "failed"),
        ("2", "paid"),
    ]
    assert landing.query("SELECT count(*) FROM ledger.quarantine") == [(0,)]


def test_changes_of_columns_are_events(landing):
    """A source drops a column, and half a year later somebody asks where the data went."""
    landing.put("crm/contacts_2026-01-01.csv", "contact_id,first_name,email\n1,a,b\n")
    landing.load()
    landing.put("crm/contacts_2026-01-02.csv", "id,first_name,shoe\n2,a,b\n")
    landing.load()
    landing.put("crm/contacts_2026-01-03.csv", "id,first_name,shoe\n3,a,b\n")
    summary = landing.load()
    assert summary.schema_events == 0
    assert landing.query(
        "SELECT kind, column_name, message FROM ledger.schema_events ORDER BY kind"
    ) == [
        ("alias_used", "contact_id = id", "id was read as contact_id."),
        (
            "columns_changed",
            None,
            "The file's columns differ from those of the file before it "
            "(new: id, shoe; gone: contact_id, email).",
        ),
        ("unknown_column", "shoe", "The column shoe is not in the contract; it is kept."),
    ]
