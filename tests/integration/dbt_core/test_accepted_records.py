"""Records that the load accepted, however odd: no check of a build may block for them."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dagster_project.load import load_landing
from dagster_project.quality import ExpectationRunner, load_suites, run_suite
from dagster_project.quality.suites import SUITES_DIR
from dagster_project.settings import Settings
from dagster_project.warehouse import connect
from tests.integration.conftest import Project, create_tables
from tests.integration.dbt_core.odd_records import odd_files
from tests.integration.loaded_company import build_loaded
from tests.soak import SOAK, seeded

ROWS = 240 if SOAK else 120
EXAMPLES = 10_000 if SOAK else 500


@pytest.mark.timeout(3600 if SOAK else 600)
def test_no_accepted_record_stops_a_publish(project: Project, tmp_path: Path):
    """One call that was answered before it began stops every later run of a company."""
    draw, accepted, build = seeded(), 0, 0
    while accepted < EXAMPLES:
        build += 1
        settings = Settings(data_dir=tmp_path / f"data{build}", settle_seconds=0)
        for name, text in odd_files(draw, rows=ROWS).items():
            path = settings.landing_dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        with connect(settings, extra_dirs=[project.target, *_seed_dirs(project)]) as con:
            create_tables(con)
            summary = load_landing(con, settings, run_id="test", take_now=True)
            accepted += summary.accepted
            build_loaded(con, settings, project)
            found = [*_blocked_by_dbt(con, project), *_blocked_by_suites(con, settings)]
        assert found == []


def _seed_dirs(project: Project) -> set[Path]:
    return {path.parent for _, path, _ in project.seeds.values()}


def _blocked_by_dbt(
    con: duckdb.DuckDBPyConnection, project: Project
) -> Iterator[tuple[str, object]]:
    """Failing blocking tests of dbt, as it compiled them, with what fails."""
    manifest = json.loads((project.target / "manifest.json").read_text())
    for node in manifest["nodes"].values():
        if node["resource_type"] != "test" or node["config"]["severity"].lower() != "error":
            continue
        (path,) = (project.target / "compiled" / "hourglass").rglob(Path(node["path"]).name)
        rows = con.execute(path.read_text()).fetchall()
        if "column_rules" in (node.get("test_metadata") or {}).get("name", ""):
            rows = [row for row in rows if row[1]]
        if rows:
            yield node["name"], rows[:5]


def _blocked_by_suites(
    con: duckdb.DuckDBPyConnection, settings: Settings
) -> Iterator[tuple[str, object]]:
    runner = ExpectationRunner(con)
    for mart in load_suites(SUITES_DIR):
        for result in run_suite(con, settings, mart, runner=runner):
            if result.outcome != "passed" and result.severity == "blocking":
                yield f"{mart}.{result.check}", (result.message, result.failing_rows)
