"""``hourglass metric`` writes numbers as what they are, and says why one is another."""

import json
from decimal import Decimal

import pytest

from dagster_project.cli.metric import _reasons, number_text
from dagster_project.metrics import load_metrics
from dagster_project.publish import PublishedVersion

PARTS = {
    "files": "1f",
    "own definitions": None,
    "identity decisions": "2e",
    "settings": {"currency": "EUR", "lookback_days": 30},
    "as_of": "2026-06-29",
    "code": "3d",
    "DuckDB": "1.5.6",
}


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "money", "not known"),
        (Decimal("523276.50"), "money", "523,276.50 EUR"),
        (Decimal("510.128463"), "cents", "510.13 EUR"),
        (0, "money", "0.00 EUR"),
        (0.3713, "percent", "37.13%"),
        (Decimal("1"), "percent", "100.00%"),
        (4338, "count", "4,338"),
        (-12.0, "count", "-12"),
        (Decimal("100"), "count", "100"),
        (2.5, "decimal", "2.5"),
        (90, "duration", "90 s"),
    ],
)
def test_a_number_is_written_as_its_kind(value, kind, text):
    """A shop's owner reads 523,276.5 of what, or a rate of 0.3713."""
    assert number_text(value, kind, "EUR") == text


def test_an_amount_without_a_currency_names_none():
    """An amount of extracts that name no currency ends in None."""
    assert number_text(Decimal("5"), "money", None) == "5.00"


def test_every_format_of_a_metric_is_written():
    """A new kind of metric is written as a bare number, and nobody sees what it is."""
    formats = {metric.format for metric in load_metrics().metrics.values()}
    assert formats == {"money", "cents", "percent", "count", "decimal", "duration"}


@pytest.mark.parametrize("part", [None, *PARTS])
def test_whatever_differs_between_versions_is_told(part, tmp_path):
    """Another version of the code moves a figure, and the analyst hears that nothing changed."""
    other = {**PARTS, **({part: "other"} if part else {})}
    if part == "settings":
        other["settings"] = {**PARTS["settings"], "lookback_days": 7}
    before, now = (PublishedVersion(name, tmp_path / name, tmp_path) for name in ("before", "now"))
    for version, parts in ((before, PARTS), (now, other)):
        version.published.mkdir()
        (version.published / "manifest.json").write_text(json.dumps({"input_parts": parts}))
    told = _reasons(now, before)
    if part is None:
        assert told == ["nothing that a build depends on"]
    else:
        (one,) = told
        assert one.startswith("setting lookback_days (30 to 7)" if part == "settings" else part)
