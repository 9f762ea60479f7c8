"""The asset graph as reviewers see it. After a wanted change: UPDATE_SNAPSHOTS=1 make test."""

import json
import os
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.cli.progress import STAGES
from dagster_project.definitions import build_definitions
from dagster_project.defs.groups import Group
from dagster_project.settings import load_settings

SNAPSHOT = Path(__file__).parent / "definitions.json"


@pytest.fixture(scope="module")
def definitions(tmp_path_factory) -> dg.Definitions:
    return build_definitions(load_settings(data_dir=tmp_path_factory.mktemp("data")))


def described(definitions: dg.Definitions) -> dict:
    repository = definitions.get_repository_def()
    graph = definitions.resolve_asset_graph()
    assets = {}
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        assets[key.to_user_string()] = {
            "group": node.group_name,
            "parents": sorted(parent.to_user_string() for parent in node.parent_keys),
            "checks": sorted(check.name for check in node.check_keys),
        }
    return {
        "assets": assets,
        "jobs": sorted(job.name for job in repository.get_all_jobs()),
        "schedules": {s.name: s.cron_schedule for s in repository.schedule_defs},
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def test_graph_is_the_reviewed_one(definitions):
    """An asset, a check or a schedule disappears, and nobody sees it in review."""
    found = described(definitions)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    expected = json.loads(SNAPSHOT.read_text())
    assert found == expected


def test_every_asset_explains_itself(definitions):
    """A person in the UI meets a table and cannot learn what it is or whom to ask."""
    graph = definitions.resolve_asset_graph()
    mute = [
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).is_materializable
        and not (graph.get(key).description and graph.get(key).owners and graph.get(key).kinds)
    ]
    assert mute == []


def test_every_source_of_a_model_is_an_asset_of_the_pipeline(definitions):
    """The lineage ends in front of dbt, and a model reads a table that nobody fills."""
    graph = definitions.resolve_asset_graph()
    external = [
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if not graph.get(key).is_materializable
    ]
    assert external == []


def test_everything_flows_into_the_published_version(definitions):
    """A mart is built, and never checked or published."""
    graph = definitions.resolve_asset_graph()
    version = dg.AssetKey(["published_version"])
    ancestors: set[dg.AssetKey] = set()
    todo = [version]
    while todo:
        for parent in graph.get(todo.pop()).parent_keys:
            if parent not in ancestors:
                ancestors.add(parent)
                todo.append(parent)
    marts = {
        key
        for key in graph.get_all_asset_keys()
        if (graph.get(key).group_name or "").startswith((Group.CORE, Group.MARTS))
    }
    assert len(marts) > 30
    assert marts - ancestors == set()


def test_groups_flow_forward(definitions):
    """Groups of the graph point at each other, and nobody can say what is built first."""
    graph = definitions.resolve_asset_graph()
    parents: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        own = graph.get(key).group_name
        found = {graph.get(parent).group_name for parent in graph.get(key).parent_keys}
        parents.setdefault(own, set()).update(found - {own})
    # Raises CycleError, which names the groups.
    order = list(TopologicalSorter(parents).static_order())
    assert len(order) == len(parents)
    backward = [
        (group, parent) for group in parents for parent in parents[group] if parent[0] > group[0]
    ]
    assert backward == []


def test_no_group_is_a_tangle(definitions):
    """A group of dozens of assets is drawn as a tangle in which nobody finds a table."""
    graph = definitions.resolve_asset_graph()
    sizes = Counter(graph.get(key).group_name for key in graph.get_all_asset_keys())
    assert {group: size for group, size in sizes.items() if size > 16} == {}


def test_every_step_has_a_name_on_the_screen(definitions):
    """A run on the command line shows a function's name, and the rest in words."""
    job = definitions.get_repository_def().get_job("daily")
    assert {node.name for node in job.nodes} == set(STAGES)


def test_code_location_can_be_served(definitions):
    """The UI shows an error instead of the pipeline, while the command line works."""
    from dagster._core.remote_representation.external_data import RepositorySnap
    from dagster_shared.serdes import serialize_value

    assert serialize_value(RepositorySnap.from_def(definitions.get_repository_def()))


def test_every_check_says_what_it_is_for(definitions):
    """A red check in the UI is a name of 150 characters without a word of explanation."""
    graph = definitions.resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    mute = [spec.name for spec in specs if not spec.description or len(spec.name) > 60]
    assert mute == []
    # A table that needs more than two on average has rules that belong into one check.
    assert len(specs) < 2 * len(graph.get_all_asset_keys())
