"""The dbt project that every process starts from: a copy, parsed whole, that nobody edits."""

import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from dagster_project.errors import HourglassError
from dagster_project.transform import project as module
from dagster_project.transform.project import PreparedProject, prepare_project, share_parse

# Writes its manifest in two halves with a pause, as a reader sees dbt's while it is being written.
SLOW_DBT = """#!/bin/sh
while [ "$1" != "--target-path" ]; do shift; done
mkdir -p "$2"
echo parsed >> "$(dirname "$0")/calls"
printf '{"nodes": ' > "$2/manifest.json"
sleep 0.3
printf '{}}' >> "$2/manifest.json"
touch "$2/partial_parse.msgpack"
"""
PROFILE = """
tiny:
  target: memory
  outputs: {memory: {type: duckdb, path: ":memory:"}}
"""
PATCH = """
models:
  - name: one
    description: A model.
    columns:
      - {name: a, description: A number., data_tests: [unique]}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A dbt project of one model."""
    model = tmp_path / "dbt" / "models" / "one.sql"
    model.parent.mkdir(parents=True)
    model.write_text("SELECT 1 AS a")
    return tmp_path / "dbt"


@pytest.fixture
def slow_dbt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An executable in place of dbt's that takes its time, and the file of its calls."""
    executable = tmp_path / "slow_dbt"
    executable.write_text(SLOW_DBT)
    executable.chmod(0o755)
    monkeypatch.setattr(module, "DBT_EXECUTABLE", executable)
    return tmp_path / "calls"


def read_manifest(folders: tuple[Path, Path]) -> dict:
    return json.loads(prepare_project(*folders).manifest.read_text())


def test_processes_that_start_together_parse_once_and_read_whole_files(
    source: Path, slow_dbt: Path, tmp_path: Path
) -> None:
    """The schedule's run crashes at its start because the UI was just parsing the same project."""
    # An executor ends its processes by asking: a pool that kills them hung once (2026-11-28).
    folders = (tmp_path / "cache", source)
    with ProcessPoolExecutor(6, mp_context=multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(read_manifest, [folders] * 6)) == [{"nodes": {}}] * 6
    assert slow_dbt.read_text().split() == ["parsed"]


def test_changed_deleted_and_added_models_are_parsed_again(
    source: Path, slow_dbt: Path, tmp_path: Path
) -> None:
    """An engineer's change does not run until somebody thinks of deleting a folder."""
    models = source / "models"
    prepare_project(tmp_path / "cache", source)
    for number, change in enumerate(
        (
            lambda: (models / "one.sql").write_text("SELECT 2 AS a"),
            lambda: (models / "two.sql").write_text("SELECT 2 AS a"),
            lambda: (models / "two.sql").rename(models / "three.sql"),
        ),
        start=2,
    ):
        change()
        for _ in range(2):
            prepare_project(tmp_path / "cache", source)
            assert slow_dbt.read_text().count("parsed") == number


def test_a_file_added_while_a_run_works_is_not_part_of_it(
    source: Path, slow_dbt: Path, tmp_path: Path
) -> None:
    """A run ends with a KeyError: dbt builds a model that the definitions have never heard of."""
    project = prepare_project(tmp_path / "cache", source)
    before = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
    (source / "models" / "two.sql").write_text("SELECT 2 AS a")
    (source / "models" / "one.sql").write_text("SELECT 3 AS a")
    assert prepare_project(tmp_path / "cache", source) != project
    after = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
    assert after == before


def test_models_of_ones_own_stand_beside_the_shipped_ones(
    source: Path, slow_dbt: Path, tmp_path: Path
) -> None:
    """A company changes the package to get a mart of its own, and loses it with the upgrade."""
    own = tmp_path / "ours"
    (own / "models" / "sales").mkdir(parents=True)
    (own / "models" / "sales" / "ours.sql").write_text("SELECT 1 AS a")
    plain = prepare_project(tmp_path / "cache", source)
    merged = prepare_project(tmp_path / "cache", source, own=own)
    assert prepare_project(tmp_path / "cache", source, own=own) == merged != plain
    assert (merged.folder / "models" / "marts" / "own" / "sales" / "ours.sql").exists()
    assert (merged.folder / "models" / "one.sql").exists()
    assert not (plain.folder / "models" / "marts").exists()


def test_a_read_only_installation_is_copied_so_that_it_can_be_parsed(
    source: Path, slow_dbt: Path, tmp_path: Path
) -> None:
    """A package whose files nobody may write cannot be run, or leaves a cache nobody can empty."""
    for path in (source / "models" / "one.sql", source / "models", source):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        project = prepare_project(tmp_path / "cache", source)
    finally:
        for path in (source, source / "models"):
            path.chmod(0o755)
    assert all(path.stat().st_mode & 0o200 for path in project.folder.rglob("*"))


def test_project_that_does_not_parse_is_told_in_dbts_words(
    source: Path, slow_dbt: Path, tmp_path: Path
) -> None:
    """A typing error in a model gives a stack trace of ours, not the line of the model."""
    module.DBT_EXECUTABLE.write_text("#!/bin/sh\necho 'one.sql line 3: no such ref'; exit 2\n")
    with pytest.raises(HourglassError, match=r"one\.sql line 3"):
        prepare_project(tmp_path / "cache", source)
    module.DBT_EXECUTABLE.write_text(SLOW_DBT)
    assert prepare_project(tmp_path / "cache", source).manifest.exists()


def test_a_parse_that_was_killed_is_done_again(
    source: Path, slow_dbt: Path, tmp_path: Path
) -> None:
    """After a power cut every run reads half a manifest until somebody deletes a folder."""
    project = prepare_project(tmp_path / "cache", source)
    project.target.rename(project.folder / ".parsing")
    assert prepare_project(tmp_path / "cache", source).manifest.exists()


def test_what_nobody_uses_any_more_is_removed(
    source: Path, slow_dbt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year of changed models fills the disk, or a run loses the project it works on."""
    old = prepare_project(tmp_path / "cache", source)
    (source / "models" / "one.sql").write_text("SELECT 2 AS a")
    prepare_project(tmp_path / "cache", source)
    assert old.manifest.exists()
    past = time.time() - module.KEPT_SECONDS - 60
    os.utime(old.folder, (past, past))
    (source / "models" / "one.sql").write_text("SELECT 3 AS a")
    prepare_project(tmp_path / "cache", source)
    assert not old.folder.exists()


def test_what_another_project_parsed_is_not_used(tmp_path: Path) -> None:
    """After an upgrade into a new folder every run fails at seeds that lie in the old one."""
    project = PreparedProject(tmp_path / "ours")
    project.target.mkdir(parents=True)
    (project.target / module.PARTIAL_PARSE).write_text("ours")
    theirs = tmp_path / "data" / module.PARTIAL_PARSE
    theirs.parent.mkdir()
    theirs.write_text("theirs")
    later = time.time() + 60
    os.utime(theirs, (later, later))
    share_parse(project, theirs.parent)
    assert theirs.read_text() == "ours"
    (project.target / module.PARTIAL_PARSE).unlink()
    share_parse(project, theirs.parent)
    assert not theirs.exists()


def test_a_model_written_after_its_description_has_it(source: Path, tmp_path: Path) -> None:
    """The gate expects no check of a new model: dbt forgot the YAML that was there before it."""
    model = (source / "models" / "one.sql").rename(tmp_path / "one.sql")
    (source / "models" / "one.yml").write_text(PATCH)
    (source / "models" / "zero.sql").write_text("SELECT 0 AS a")
    (source / "dbt_project.yml").write_text("name: tiny\nversion: '1.0'\nprofile: tiny\n")
    (source / "profiles.yml").write_text(PROFILE)
    prepare_project(tmp_path / "cache", source)
    model.rename(source / "models" / "one.sql")
    nodes = json.loads(prepare_project(tmp_path / "cache", source).manifest.read_text())["nodes"]
    assert nodes["model.tiny.one"]["description"] == "A model."
    assert any(name.startswith("test.tiny.unique_one_a") for name in nodes)
