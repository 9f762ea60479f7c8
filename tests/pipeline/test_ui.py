"""The Dagster UI as a person uses it, in a headless browser."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.browser import chromium, open_page
from tests.pipeline.conftest import Company

pytestmark = pytest.mark.browser

START_SECONDS = 180
RUN_SECONDS = 240
RUNS = "{ runsOrError(limit: 1) { ... on Runs { results { runId status jobName } } } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(address: str, query: str) -> dict:
    request = urllib.request.Request(
        f"{address}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["data"]


def wait_for(what: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if what():
                return True
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(1)
    return False


@pytest.fixture
def ui(copy_of_company: Company, tmp_path) -> Iterator[str]:
    chromium()
    port = free_port()
    log = tmp_path / "ui.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "dagster_project.cli", "ui", "--port", str(port)),
                *("--data-dir", str(copy_of_company.data_dir)),
            ],
            cwd=PROJECT_ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        is_up = wait_for(lambda: "data" in {"data": ask(address, RUNS)}, START_SECONDS)
        assert is_up, log.read_text()[-3000:]
        yield address
    finally:
        # Dagster waits half a minute for what a run left; the folder is thrown away anyhow.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_person_sees_the_flow_and_starts_a_run(ui, copy_of_company):
    """Engineers open the UI and find an error page, no explanation, or buttons that do nothing."""
    shots = os.environ.get("SCREENSHOTS")
    with open_page(f"{ui}/asset-groups", width=1600, height=1000, timeout_ms=90_000) as seen:
        for group in (
            "1_sources_crm",
            "4_core_sales",
            "7_marts_growth",
            "8_quality_gate",
            "9_report",
        ):
            seen.page.get_by_text(group, exact=True).first.wait_for()
        if shots:
            seen.page.screenshot(path=f"{shots}/lineage.png")

        first = ask(ui, RUNS)["runsOrError"]["results"][0]
        assert (first["jobName"], first["status"]) == ("daily", "SUCCESS")

        seen.page.goto(f"{ui}/assets/customers")
        seen.page.get_by_text("One row per customer").first.wait_for()
        if shots:
            seen.page.screenshot(path=f"{shots}/customers.png")
        seen.page.get_by_role("button", name="Materialize").first.click()

        def is_done() -> bool:
            newest = ask(ui, RUNS)["runsOrError"]["results"][0]
            return newest["runId"] != first["runId"] and newest["status"] in {
                "SUCCESS",
                "FAILURE",
                "CANCELED",
            }

        assert wait_for(is_done, RUN_SECONDS)
        newest = ask(ui, RUNS)["runsOrError"]["results"][0]
        assert newest["status"] == "SUCCESS"
        seen.page.goto(f"{ui}/runs/{newest['runId']}")
        time.sleep(2)
        if shots:
            seen.page.screenshot(path=f"{shots}/run.png")
        assert [error for error in seen.errors if "favicon" not in error] == []
