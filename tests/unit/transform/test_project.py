"""The parse of the dbt project that every process starts from."""

import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from dagster_project.errors import HourglassError
from dagster_project.transform import project as transform

# Writes its manifest in two halves with a pause, as a reader sees dbt's while it is being written.
SLOW_DBT = """#!/bin/sh
while [ "$1" != "--target-path" ]; do shift; done
echo parsed >> "$(dirname "$0")/calls"
printf '{"nodes": ' > "$2/manifest.json"
sleep 0.3
printf '{}}' >> "$2/manifest.json"
touch "$2/partial_parse.msgpack"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dbt project of one model, and an executable that takes its time."""
    model = tmp_path / "dbt" / "models" / "one.sql"
    model.parent.mkdir(parents=True)
    model.write_text("SELECT 1")
    past = time.time() - 60
    for path in (model, model.parent):
        os.utime(path, (past, past))
    executable = tmp_path / "slow_dbt"
    executable.write_text(SLOW_DBT)
    executable.chmod(0o755)
    parse_dir = tmp_path / "dbt" / "target" / "definitions"
    monkeypatch.setattr(transform, "DBT_DIR", tmp_path / "dbt")
    monkeypatch.setattr(transform, "DBT_EXECUTABLE", executable)
    monkeypatch.setattr(transform, "PARSE_DIR", parse_dir)
    monkeypatch.setattr(transform, "MANIFEST_PATH", parse_dir / "manifest.json")
    return tmp_path


def read_manifest(_: int) -> dict:
    return json.loads(transform.ensure_manifest().read_text())


def test_processes_that_start_together_parse_once_and_read_whole_files(project: Path) -> None:
    """The schedule's run crashes at its start because the UI was just parsing the same project."""
    # An executor ends its processes by asking: a pool that kills them hung once (2026-11-28).
    with ProcessPoolExecutor(6, mp_context=multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(read_manifest, range(6))) == [{"nodes": {}}] * 6
    assert (project / "calls").read_text().split() == ["parsed"]


def test_changed_deleted_and_added_models_are_parsed_again(project: Path) -> None:
    """An engineer's change does not run until somebody thinks of deleting a folder."""
    models = project / "dbt" / "models"
    for change in (
        lambda: (models / "one.sql").write_text("SELECT 2"),
        lambda: (models / "two.sql").write_text("SELECT 2"),
        lambda: (models / "two.sql").unlink(),
    ):
        transform.ensure_manifest()
        before = (project / "calls").read_text().count("parsed")
        transform.ensure_manifest()
        assert (project / "calls").read_text().count("parsed") == before, "parsed for nothing"
        change()
        transform.ensure_manifest()
        assert (project / "calls").read_text().count("parsed") == before + 1


def test_project_that_does_not_parse_is_told_in_dbts_words(project: Path) -> None:
    """A typing error in a model gives a stack trace of ours, not the line of the model."""
    transform.DBT_EXECUTABLE.write_text("#!/bin/sh\necho 'one.sql line 3: no such ref'; exit 2\n")
    with pytest.raises(HourglassError, match=r"one\.sql line 3"):
        transform.ensure_manifest()
    assert not transform.MANIFEST_PATH.exists()


def test_what_another_installation_parsed_is_not_used(project: Path, tmp_path: Path) -> None:
    """After an upgrade into a new folder every run fails at seeds that lie in the old one."""
    transform.ensure_manifest()
    parsed = transform.PARSE_DIR / transform.PARTIAL_PARSE
    parsed.write_text("ours")
    theirs = tmp_path / "data" / transform.PARTIAL_PARSE
    theirs.parent.mkdir()
    theirs.write_text("theirs")
    later = time.time() + 60
    os.utime(theirs, (later, later))
    transform.share_parse(theirs.parent)
    assert theirs.read_text() == "ours"
    parsed.unlink()
    transform.share_parse(theirs.parent)
    assert not theirs.exists()
