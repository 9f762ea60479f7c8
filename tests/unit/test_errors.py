"""Names that are not known."""

import pytest

from dagster_project.errors import did_you_mean, no_such

METRICS = ["attributed_revenue", "gross_revenue", "net_revenue", "nps", "retention_rate"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("revenue", " Did you mean net_revenue or gross_revenue or attributed_revenue?"),
        ("retention", " Did you mean retention_rate?"),
        ("net_revenu", " Did you mean net_revenue?"),
        ("xyz", ""),
        ("", ""),
        # "t" and "re" stand in most names.
        ("t", ""),
        ("re", ""),
        ("nps", " Did you mean nps?"),
    ],
)
def test_names_that_were_meant_come_first(name, meant):
    """A person with a slip of the pen reads a list of eighty names for theirs."""
    assert did_you_mean(name, METRICS) == meant


def test_all_names_are_told():
    """Who does not know the names cannot find them out."""
    assert no_such("metric", "xyz", ["nps", "aht"]) == (
        "There is no metric xyz. There are: nps, aht."
    )
    assert no_such("version", "xyz", iter(())) == "There is no version xyz. There are: none."
