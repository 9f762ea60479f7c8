"""The commands with which a person looks into files, the quarantine and people."""

import csv
import gzip
import shutil
import subprocess
import sys

from dagster_project.load import load_landing
from dagster_project.settings import PROJECT_ROOT, load_settings
from dagster_project.warehouse import connect
from tests.pipeline.conftest import SAMPLE
from tests.soak import SOAK


def check(path):
    return subprocess.run(
        [sys.executable, "-m", "dagster_project.cli", "check", str(path)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_says_what_would_be_refused(tmp_path):
    """The sender of a file learns of its faults a day later, or is told that a good one is bad."""
    (tmp_path / "crm").mkdir()
    shutil.copy(SAMPLE / "crm" / "deals.csv.gz", tmp_path / "crm")
    good = check(tmp_path / "crm")
    assert good.returncode == 0, good.stdout + good.stderr
    shutil.copy(SAMPLE / "crm" / "contacts.csv.gz", tmp_path / "crm")
    bad = check(tmp_path / "crm" / "contacts.csv.gz")
    assert bad.returncode == 1
    assert "contact_id is required" in bad.stdout


def test_people_are_explained(copy_of_company):
    """An analyst cannot see why two records are one customer."""
    customer, left = copy_of_company.warehouse(
        "SELECT customer_id, left_id FROM identity.links "
        "WHERE customer_id IN (SELECT customer_id FROM identity.assignments WHERE source_table IN "
        "('contacts', 'accounts') GROUP BY 1 HAVING count(*) = 2) ORDER BY ALL LIMIT 1"
    )[0]
    told = copy_of_company.hourglass("explain", customer)
    assert left in told.stdout
    unknown = copy_of_company.hourglass("explain", "nobody@example.com")
    assert unknown.returncode == 2
    assert "nobody@example.com" not in unknown.stderr


def test_a_decision_on_a_record_that_is_not_there_says_so(copy_of_company):
    """A mistyped key is taken for a decision, and the two customers are never joined."""
    [[key]] = copy_of_company.warehouse("SELECT min(contact_id) FROM crm.contacts")
    why = ("--who", "Ann", "--why", "same passport")
    known, typed = f"crm.contacts/{key}", f"crm.contacts/{key}x"
    told = copy_of_company.hourglass("identity", "link", known, typed, *why)
    assert told.returncode == 0, told.stderr
    assert f"Not known to the last run: {typed}. A decision waits" in told.stdout


def test_what_comes_back_and_what_is_damaged(copy_of_company, tmp_path):
    """A corrected record stays away or counts twice, or a damaged file stops all the others."""
    totals = "SELECT sum(records), sum(accepted), sum(quarantined), sum(left_out) FROM ledger.files"
    records, accepted, quarantined, left_out = copy_of_company.warehouse(totals)[0]
    assert quarantined == 3
    exported = copy_of_company.hourglass("quarantine", "export", str(tmp_path / "out"))
    assert exported.returncode == 0, exported.stderr
    path = next(tmp_path.glob("out/*shop.orders*.csv"))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["status"] = "completed"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    replayed = copy_of_company.hourglass("quarantine", "replay", str(path))
    assert replayed.returncode == 0, replayed.stderr

    shop = copy_of_company.data_dir / "landing" / "shop"
    (shop / "orders_late.csv").write_text("order_id,status\n1,paid\n")
    (shop / "orders_cut.csv.gz").write_bytes(gzip.compress(b"order_id\n" * 5000)[:-20])
    good = b"contact_id,email,last_name\nNEW-1,a.new.face@example.org,Face\n"
    (copy_of_company.data_dir / "landing" / "crm" / "contacts_late.csv").write_bytes(good)
    # What a run makes of it, and that it tells of files refused whole, test_hostile_text.py shows.
    if SOAK:
        result = copy_of_company.hourglass("run")
        assert result.returncode == 4, result.stdout + result.stderr
    else:
        settings = load_settings(data_dir=copy_of_company.data_dir)
        with connect(settings, keep_order=True) as con:
            load_landing(con, settings, run_id="what comes back")

    assert copy_of_company.warehouse(
        f"{totals} WHERE path NOT LIKE '%late%' AND path NOT LIKE '%cut%'"
    ) == [(records, accepted + 1, quarantined - 1, left_out)]
    order = rows[0]["order_id"]
    assert copy_of_company.warehouse(
        f"SELECT status FROM shop.orders WHERE order_id = '{order}'"
    ) == [("completed",)]
    reasons = copy_of_company.warehouse(
        "SELECT path || ' ' || coalesce(column_name, '') || ' ' || reason FROM ledger.quarantine"
    )
    for said in ("ordered_at", "orders_cut.csv.gz"):
        assert any(said in text for (text,) in reasons), reasons
    assert copy_of_company.warehouse(
        "SELECT count(*) FROM crm.contacts WHERE contact_id = 'NEW-1'"
    ) == [(1,)]
    if SOAK:
        assert copy_of_company.query(
            "SELECT count(*) FROM customer_identities WHERE source_id = 'NEW-1'"
        ) == [(1,)]
    assert "quarantined" in copy_of_company.hourglass("status").stdout
