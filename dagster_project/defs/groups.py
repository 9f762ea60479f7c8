"""Asset groups in the order of the flow; the number keeps that order wherever the UI sorts."""

import dagster as dg

# The load tells what it did, and what the build is of, as an observation of this asset.
PARAMETERS_KEY = dg.AssetKey(["control", "parameters"])


class Group:
    """One group per stage of the flow: plain text, because Dagster serialises no foreign enum."""

    SOURCES = "1_sources"
    STAGING = "2_staging"
    IDENTITY = "3_identity"
    INTERMEDIATE = "4_intermediate"
    PREDICTIONS = "5_predictions"
    MARTS = "6_marts"
    QUALITY = "7_quality_gate"
    PUBLISH = "8_publish"
    REPORT = "9_report"


def group_of_model(path: str) -> str:
    """The group of a dbt model or seed, from its path below dbt/models or dbt/seeds."""
    parts = path.split("/")
    if parts[0] == "marts":
        return Group.MARTS
    if parts[:2] == ["intermediate", "identity"]:
        return Group.IDENTITY
    if parts[0] == "intermediate":
        return Group.INTERMEDIATE
    return Group.STAGING
