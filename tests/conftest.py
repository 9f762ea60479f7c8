"""Fixtures that every test may use."""

import os
import subprocess
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT

# Tests load what they wrote a moment ago; those of settling say how long a file must hold still.
os.environ.setdefault("HOURGLASS_SETTLE_SECONDS", "0")

TESTS = Path(__file__).parent
# They make what the files after them share: begun by one process each, nobody waits for the other.
FIRST = (
    "pipeline/test_package.py",
    "pipeline/test_terminal.py",
    "integration/dbt_core/test_build.py",
)

SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files before short ones, so that the processes end together: unit tests come last."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(TESTS).as_posix()
        return FIRST.index(path) if path in FIRST else len(FIRST) + path.startswith("unit/")

    items.sort(key=place)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the repository; tests that need it skip without."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real data sets in ../shared/data, which this machine lacks")
    return SHARED_DATA


@pytest.fixture
def mounted(tmp_path):
    """A function that makes a folder of so many megabytes."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system in memory")
    folder = tmp_path / "disk"
    folder.mkdir()

    def mounted(megabytes: int) -> Path:
        told = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
            text=True,
        )
        if told.returncode:
            pytest.skip(f"no file system can be mounted here: {told.stderr.strip()}")
        return folder

    yield mounted
    subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
