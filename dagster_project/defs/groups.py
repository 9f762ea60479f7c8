"""Asset groups in the order of the flow; the number keeps that order wherever the UI sorts.

A layer of many tables has a group per subject: the name of the folder that its models lie in.
"""

import dagster as dg

# The load tells what it did, and what the build is of, as an observation of this asset.
PARAMETERS_KEY = dg.AssetKey(["control", "parameters"])
# Its materialization names the version that a run made.
VERSION_KEY = dg.AssetKey(["published_version"])


class Group:
    """One group per stage of the flow: plain text, because Dagster serialises no foreign enum."""

    SOURCES = "1_sources"
    STAGING = "2_staging"
    IDENTITY = "3_identity"
    CORE = "4_core"
    INTERMEDIATE = "5_intermediate"
    PREDICTIONS = "6_predictions"
    MARTS = "7_marts"
    QUALITY = "8_quality_gate"
    PUBLISH = "9_publish"
    REPORT = "9_report"


# Layers of dbt models by their folder; a folder below one of them is a subject.
LAYERS = {
    "staging": Group.STAGING,
    "core": Group.CORE,
    "intermediate": Group.INTERMEDIATE,
    "marts": Group.MARTS,
}
# What feeds the identity step stands with it, and what stands on predictions with these: in a
# group of its own layer an arrow would point back.
PLACED = {
    ("intermediate", "identity"): Group.IDENTITY,
    ("intermediate", "predictions"): Group.PREDICTIONS,
}


def group_of_model(path: str) -> str:
    """The group of a dbt model or seed, from its path below dbt/models or dbt/seeds."""
    folders = [part for part in path.split("/")[:-1] if part != "preparation"]
    if not folders or folders[0] not in LAYERS:
        return f"{Group.STAGING}_seeds"
    placed = PLACED.get(tuple(folders[:2]))
    return placed or "_".join([LAYERS[folders[0]], *folders[1:2]])


def group_of_source(system: str) -> str:
    """The group of a system's raw tables."""
    return f"{Group.SOURCES}_{system}"
