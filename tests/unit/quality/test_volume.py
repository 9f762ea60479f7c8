"""A mart that lost rows since the last published version is noticed before it is published."""

import json

import pytest

from dagster_project.quality.suites import load_suite
from dagster_project.quality.volume import manifest_in_force, volume_result


@pytest.fixture
def compared(con, suites_dir):
    """The volume check of ``rows`` customers now, against 100 in the version in force."""
    suite = load_suite(suites_dir / "customers.yml")
    manifest = {
        "version": "v1",
        "as_of": "2024-06-30",
        "marts": {"customers": {"rows": 100}, "orders": {"rows": 7}},
    }

    def compared(rows, manifest=manifest):
        return volume_result(con, suite, suite.volume, rows, manifest)

    return compared


@pytest.mark.parametrize(
    ("rows", "outcome", "severity"),
    [
        (200, "passed", "blocking"),
        (95, "passed", "blocking"),
        (94, "failed", "warning"),
        (70, "failed", "warning"),
        (69, "failed", "blocking"),
        (0, "failed", "blocking"),
    ],
)
def test_lost_rows_warn_and_then_block(compared, rows, outcome, severity):
    """If this fails, a source that was lost overnight takes its customers out of the marts."""
    result = compared(rows)
    assert (result.outcome, result.severity) == (outcome, severity)
    assert result.failing_rows == (100 - rows if outcome == "failed" else 0)
    if outcome == "failed":
        assert "expectations/customers.yml" in result.message


def test_an_earlier_day_is_not_compared(compared, con):
    """If this fails, rebuilding a past day is blocked for having the past's fewer rows."""
    con.execute("UPDATE control.parameters SET as_of = DATE '2024-06-29'")
    assert compared(10).passed
    con.execute("UPDATE control.parameters SET as_of = DATE '2024-06-30'")
    assert compared(10).blocks


def test_there_is_nothing_to_compare_with_at_first(compared):
    """If this fails, the first publish, or a new mart, is blocked."""
    assert compared(0, None).passed
    assert compared(0, {"version": "v1", "as_of": "2024-06-30", "marts": {}}).passed


def test_the_version_in_force_is_the_measure(settings):
    """If this fails, volumes are compared with a version that nobody reads."""
    assert manifest_in_force(settings) is None
    folder = settings.published_dir / "versions" / "v1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"version": "v1"}))
    (settings.published_dir / "current").symlink_to(folder)
    assert manifest_in_force(settings) == {"version": "v1"}
