"""When these fail, a run ends well and nobody hears what it lacked."""

from dagster_project.cli.summary import refused_files


def test_a_file_refused_whole_is_said_to_be():
    """A whole extract is missing, and the summary counts it as one record among three."""
    reasons = [
        {"source": "shop.orders", "reason": "unknown_word", "level": "row", "records": 2},
        {"source": "crm.contacts", "reason": "missing_column", "level": "file", "records": 1},
    ]
    assert refused_files({"reasons": reasons}) == [
        "crm.contacts: 1 file refused whole, missing column. hourglass quarantine list says more."
    ]
    assert refused_files({}) == []
