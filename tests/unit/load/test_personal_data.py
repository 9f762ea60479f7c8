"""Personal data: no cell leaves the warehouse in a message, and exports are safe to open."""

import csv
import json
import stat

from dagster_project.load.dry_run.check import check_path
from dagster_project.load.ledger.accounting import ledger_summary
from dagster_project.load.ledger.quarantine import accept_corrections, export_quarantine
from dagster_project.warehouse import connect

SECRETS = ("Annabel", "Featherstone", "annabel@mail.test", "447700900123", "Cucumber Lane")
# No header; a record as the header of a table with and without required columns; open quotes.
FILES = {
    "crm/contacts.csv": "1,Annabel,Featherstone,annabel@mail.test,+447700900123\n2,B,C,d,e\n",
    "crm/deals.csv": "Annabel,Featherstone,Cucumber Lane\nx,y,z\n",
    "shop/accounts.csv": 'account_id,"first_name\n1,Annabel\n2,Featherstone\n',
    "shop/orders.csv": "order_id,ordered_at,status,total_amount,email,coupon_code\n"
    "1,Annabel,paid,1,annabel@mail.test,Featherstone\n"
    "2,2026-01-01,Annabel,1,annabel@mail.test,\n"
    "3,2026-01-01,paid,1,x,y,Annabel Featherstone\n",
    "crm/surveys.csv": "survey_id,kind,score,answered_at,email\n"
    "Annabel,nps,Featherstone,2026-01-01,annabel@mail.test\n",
    "marketing/messages.jsonl": '{"message_id": "Annabel", "x": "Featherstone"}\n{"Annabel',
    "shop/products.csv": "Annabel,Featherstone,x,product_id\n1,2,3,4\n4,5\n",
    "call_center/calls.parquet": "Annabel Featherstone",
}


def said_of(landing) -> str:
    """Everything that a load says outside the warehouse: log, summary, history, report."""
    summary = landing.load()
    con = landing.con
    con.execute("CREATE SCHEMA IF NOT EXISTS control")
    con.execute("CREATE TABLE control.parameters (started_at TIMESTAMP)")
    messages = [message.text for message in summary.messages]
    reasons = landing.query("SELECT message FROM ledger.quarantine")
    return json.dumps([messages, summary.sentence(), ledger_summary(con), reasons], default=str)


def test_no_cell_stands_in_what_a_load_says(landing):
    """A person's name and telephone stand in the scheduler's history for ever."""
    for name, content in FILES.items():
        landing.put(name, content)
    said = said_of(landing)
    assert [secret for secret in SECRETS if secret in said] == []
    report = check_path(landing.settings.landing_dir, landing.settings)
    told = "".join(finding.message for finding in report.findings)
    assert [secret for secret in SECRETS if secret in told] == []


def test_an_export_runs_nothing_and_is_replayed_as_delivered(landing, tmp_path):
    """Opening the quarantine in a spreadsheet sends it to somebody else."""
    formula = "=HYPERLINK(A1)"
    landing.put(
        "shop/orders.csv",
        f"order_id,ordered_at,status,total_amount,coupon_code\n1,yesterday,paid,-1,{formula}\n",
    )
    landing.load()
    [path] = export_quarantine(landing.con, tmp_path / "export")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with path.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["coupon_code"] == f"'{formula}"
    path.write_text(path.read_text().replace("yesterday", "2026-01-01"))
    accept_corrections(landing.con, landing.settings.landing_dir, path)
    landing.load()
    assert landing.query("SELECT coupon_code FROM shop.orders") == [(formula,)]
    [copy] = (landing.settings.landing_dir / "_corrections").iterdir()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_the_warehouse_is_its_owners_alone(landing):
    """Everybody on the machine reads every customer."""
    with connect(landing.settings):
        path = landing.settings.warehouse_path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
