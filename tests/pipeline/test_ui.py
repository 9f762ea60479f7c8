"""The Dagster UI as a person uses it, in a headless browser."""

import os
import time
from collections.abc import Iterator

import pytest

from tests.browser import chromium, open_page
from tests.pipeline.conftest import Company
from tests.pipeline.served import ends_well, newest_run, served

pytestmark = pytest.mark.browser

RUN_SECONDS = 240


@pytest.fixture
def ui(copy_of_company: Company, tmp_path) -> Iterator[str]:
    chromium()
    with served(copy_of_company, tmp_path / "ui.log") as address:
        yield address


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

        first = newest_run(ui)
        assert (first["jobName"], first["status"]) == ("daily", "SUCCESS")

        seen.page.goto(f"{ui}/assets/customers")
        seen.page.get_by_text("One row per customer").first.wait_for()
        if shots:
            seen.page.screenshot(path=f"{shots}/customers.png")
        seen.page.get_by_role("button", name="Materialize").first.click()

        assert ends_well(ui, first["runId"], RUN_SECONDS)
        newest = newest_run(ui)
        seen.page.goto(f"{ui}/runs/{newest['runId']}")
        time.sleep(2)
        if shots:
            seen.page.screenshot(path=f"{shots}/run.png")
        assert [error for error in seen.errors if "favicon" not in error] == []
