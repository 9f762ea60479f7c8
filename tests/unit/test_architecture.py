"""The shape of the code, which a reader relies on and nobody reviews line by line."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "dagster_project"
MODULES = sorted(PACKAGE.rglob("*.py"))
LINE_LIMIT = 420
# The sample is 3 MB in all, in files of less than one.
LARGEST_FILE = 1_000_000


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_only_definitions_and_defs_import_dagster():
    """The work cannot be used, tested or moved without the orchestrator."""
    offenders = {
        str(path.relative_to(PROJECT_ROOT))
        for path in MODULES
        for name in imports(path)
        if name.split(".")[0] in {"dagster", "dagster_dbt"}
        and path != PACKAGE / "definitions.py"
        and PACKAGE / "defs" not in path.parents
    }
    assert offenders == set()


def test_nothing_large_is_committed():
    """A download that lay about is committed with the rest, and every clone carries it for good."""
    if not (PROJECT_ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs git and a clone: what is committed is not known here")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={PROJECT_ROOT}", "ls-files", "-z"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip(f"git lists no files here: {listed.stderr.strip()}")
    paths = [PROJECT_ROOT / name for name in listed.stdout.split("\0") if name]
    assert PROJECT_ROOT / "pyproject.toml" in paths
    large = [path for path in paths if path.is_file() and path.stat().st_size > LARGEST_FILE]
    assert large == []


def test_files_stay_readable():
    """A file that nobody reads to its end hides the next mistake."""
    lengths = {str(p.relative_to(PACKAGE)): len(p.read_text().splitlines()) for p in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > LINE_LIMIT} == {}


def test_definitions_fit_on_a_page():
    """A newcomer no longer finds any asset in two steps."""
    assert len((PACKAGE / "definitions.py").read_text().splitlines()) < 60


def test_root_of_the_package_stays_small():
    """The package's root becomes the drawer for whatever had no place."""
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert modules >= {"definitions", "settings", "warehouse", "errors"}
    assert len(modules) <= 6, sorted(modules)


def test_dbt_folder_is_no_package():
    """dbt/__init__.py shadows the dbt package and every dbt call fails."""
    assert not (PROJECT_ROOT / "dbt" / "__init__.py").exists()


def test_make_soak_runs_every_long_test():
    """A test that is short in make test is long nowhere."""
    listed = (PROJECT_ROOT / "Makefile").read_text().partition("SOAKS :=")[2].partition("\n\n")[0]
    soaks = [PROJECT_ROOT / name for name in listed.replace("\\", "").split()]
    # Spark's have a command of their own: make test-spark.
    tests = PROJECT_ROOT / "tests"
    long = {
        path for path in tests.rglob("test_*.py") if "tests.soak import SOAK" in path.read_text()
    }
    long -= {Path(__file__), *(tests / "spark").iterdir()}
    assert {
        str(path) for path in long if not any(path == s or s in path.parents for s in soaks)
    } == set()
    assert all(path.exists() for path in soaks)


def test_no_import_circles():
    """A module works only when another happened to be imported first."""
    names = {".".join(p.relative_to(PROJECT_ROOT).with_suffix("").parts): p for p in MODULES}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    graph = {
        name: {found for found in imports(path) if found in names and found != name}
        for name, path in names.items()
    }
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        state[name] = 1
        for other in sorted(graph[name]):
            # A package that collects its own modules is read from both sides by design.
            if name.startswith(f"{other}."):
                continue
            assert state.get(other) != 1, " -> ".join((*trail, name, other))
            if other not in state:
                visit(other, (*trail, name))
        state[name] = 2

    for name in sorted(graph):
        if name not in state:
            visit(name, ())
