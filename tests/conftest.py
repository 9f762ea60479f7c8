"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT

# Tests load what they wrote a moment ago; those of settling say how long a file must hold still.
os.environ.setdefault("HOURGLASS_SETTLE_SECONDS", "0")

SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the repository; tests that need it skip without."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real data sets in ../shared/data, which this machine lacks")
    return SHARED_DATA
