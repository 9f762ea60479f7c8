"""Web server and daemon as two services with one history in PostgreSQL, as a container has them."""

import json

import pytest

from tests.pipeline.conftest import Company
from tests.pipeline.served import ends_well, launch, served
from tests.postgres_server import postgres_server
from tests.soak import SOAK

pytest.importorskip("dagster_postgres")

RUN_SECONDS = 300
NEW = "order_id,ordered_at,status,total_amount\nSERVICE-1,2026-06-29 10:00:00,paid,12.50\n"


@pytest.mark.skipif(not SOAK, reason="make soak: a whole run by two services")
def test_the_daemon_runs_what_the_web_server_was_asked_for(copy_of_company: Company, monkeypatch):
    """In a container nothing that is started in the UI ever runs, or the command line knows nothing
    of it."""
    before = copy_of_company.version
    orders = copy_of_company.data_dir / "landing" / "shop" / "orders_2026-06-29.csv"
    orders.write_text(NEW)
    with postgres_server() as url:
        monkeypatch.setenv("HOURGLASS_DAGSTER_POSTGRES_URL", url)
        log = copy_of_company.data_dir.parent / "service.log"
        with served(copy_of_company, log, ("web", "daemon")) as address:
            launch(address, "daily")
            assert ends_well(address, None, RUN_SECONDS)
        status = copy_of_company.hourglass("status", "--json")
    assert copy_of_company.version != before
    assert json.loads(status.stdout)["runs"][0]["status"] == "success"
