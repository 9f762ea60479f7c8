"""Who is told that something is wrong; tried against a webhook and a mail server, both local."""

import json
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest
from aiosmtpd.controller import Controller

from dagster_project.defs.alerts import build_alert_sensor
from dagster_project.defs.run_history import PROCESS_TAG
from dagster_project.operations.alerts import problems_of, send_alerts
from dagster_project.settings import load_settings

WELL = {
    "version": {
        "version": "v1",
        "as_of": "2026-06-30",
        "published_at": "2026-07-01T05:00:00+00:00",
        "is_old": False,
        "warnings": [],
    },
    "runs": [
        {"run_id": "r1", "status": "success", "at": "2026-07-01 05:00", "started_by": "schedule"}
    ],
    "ledger": {"deliveries": []},
    "disk": {"free_bytes": 9, "needed_bytes": 1, "is_low": False},
}


def failed(cause: str, run_id: str = "r2") -> dict:
    run = {"run_id": run_id, "status": "failure", "at": "2026-07-02 05:00", "cause": cause}
    return WELL | {"runs": [run | {"started_by": "schedule every_day"}, *WELL["runs"]]}


@contextmanager
def webhook(status: int = 204):
    """A receiver that keeps the bodies of what it is sent."""
    heard: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/alerts", heard
    finally:
        server.shutdown()
        server.server_close()


class Mailbox:
    def __init__(self):
        self.letters = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.letters.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


def test_a_cause_is_told_once_until_it_is_over(tmp_path):
    """A source that is late for a week fills the channel, and nobody reads it any more."""
    with webhook() as (url, heard):
        settings = load_settings(data_dir=tmp_path, alert_urls=url)
        send_alerts(settings, failed("customers: volume failed, 12 rows of build a1."))
        # The next night's numbers are others, the cause is the same.
        send_alerts(settings, failed("customers: volume failed, 14 rows of build b2.", "r3"))
        assert len(heard) == 1
        assert "volume failed, 12 rows" in heard[0]["message"]
        assert heard[0]["title"].startswith("Hourglass on ")
        send_alerts(settings, WELL)
        send_alerts(settings, failed("customers: volume failed, 15 rows of build c3."))
        assert len(heard) == 2
        send_alerts(settings, failed("publish: the disk is full."))
        assert len(heard) == 3


def test_mail_arrives(tmp_path):
    """Whoever reads mail only hears of nothing."""
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        url = f"mailto://127.0.0.1:{port}?from=hourglass@example.org&to=ops@example.org"
        settings = load_settings(data_dir=tmp_path, alert_urls=url)
        assert send_alerts(settings, failed("shop.orders is late; due 04:00.")) == []
    finally:
        server.stop()
    [(recipients, letter)] = mailbox.letters
    assert recipients == ["ops@example.org"]
    assert "Hourglass on" in letter["Subject"]
    text = "".join(
        part.get_payload(decode=True).decode() for part in letter.walk() if not part.is_multipart()
    )
    assert "shop.orders is late" in text


def test_what_nobody_took_is_told_again(tmp_path):
    """The chat was down when the run failed, and the failure is never told."""
    with webhook(500) as (url, heard):
        settings = load_settings(data_dir=tmp_path, alert_urls=url)
        [refused] = send_alerts(settings, failed("no room"))
        assert refused == "Address 1 of HOURGLASS_ALERT_URLS did not take it."
        assert len(heard) == 1
        send_alerts(settings, failed("no room"))
        assert len(heard) == 2
    settings = load_settings(data_dir=tmp_path, alert_urls="nonsense://token@host")
    [refused] = send_alerts(settings, failed("no room"))
    assert "token" not in refused
    assert "token" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (failed("stopped by the machine"), "failed: stopped by the machine"),
        (
            {"ledger": {"deliveries": [{"message": "crm.contacts is late."}]}},
            "crm.contacts is late",
        ),
        ({"version": WELL["version"] | {"warnings": ["orders: odd"]}}, "orders: odd"),
        ({"version": WELL["version"] | {"is_old": True}}, "v1, as of 2026-06-30"),
        ({"disk": {"is_low": True, "message": "9 MB free."}}, "9 MB free."),
    ],
)
def test_everything_that_is_wrong_is_told(change, said):
    """The disk fills up, or yesterday's numbers stay on the dashboards, without a word."""
    assert problems_of(WELL, is_scheduled=True) == []
    [problem] = problems_of(WELL | change, is_scheduled=True)
    assert said in problem.sentence


def test_the_daemon_tells_of_a_run_that_died(tmp_path):
    """A run was killed at night: no step failed, so no step could tell anybody."""

    @dg.job
    def daily():
        pass

    with webhook() as (url, heard), dg.instance_for_test() as instance:
        settings = load_settings(data_dir=tmp_path, alert_urls=url)
        run = instance.create_run_for_job(
            daily, status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: "1 never"}
        )
        sensor, cursor = build_alert_sensor(settings), None
        for _ in range(2):
            with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
                cursor = sensor.evaluate_tick(context).cursor
        assert instance.get_run_by_id(run.run_id).is_failure
    assert len(heard) == 1
    assert "was killed" in heard[0]["message"]
    assert f"{datetime.now(UTC):%Y-%m-%d}" in heard[0]["message"]
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
