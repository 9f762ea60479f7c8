"""``hourglass diff`` writes numbers as ``hourglass metric`` does."""

import pytest

from dagster_project.cli.versions import numbers_text


@pytest.mark.parametrize(
    ("before", "now", "kind", "texts"),
    [
        (226189.92, 226310.42, "money", ("226,189.92", "226,310.42", "+120.50")),
        (44.7812, 44.7962, "cents", ("44.78", "44.80", "+0.02")),
        (0.9347, 0.9342, "percent", ("93.47%", "93.42%", "-0.05 points")),
        (0.0531, 0.0530999, "percent", ("5.31%", "5.31%", "0.00 points")),
        (5051, 5052, "count", ("5,051", "5,052", "+1")),
        (12, 12, "count", ("12", "12", "0")),
        (5052, 4000, "count", ("5,052", "4,000", "-1,052")),
        (None, 3, "count", ("not known", "3", "")),
        (3, None, "decimal", ("3", "not known", "")),
        (19.0999, 19.1101, "decimal", ("19.0999", "19.1101", "+0.0102")),
    ],
)
def test_what_changed_is_written_as_what_it_is(before, now, kind, texts):
    """An analyst compares two versions and reads that refunds went from 0.0531 by -0.0000."""
    assert numbers_text(before, now, kind) == texts
