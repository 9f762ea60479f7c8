"""Cases of the field: what public bug reports have shown must not happen here again."""

from pathlib import Path

import pytest

from dagster_project.contracts import load_contract
from dagster_project.contracts.mapping import file_patterns, load_mappings
from dagster_project.load.dry_run.check import read_report, throwaway_load
from dagster_project.load.landing.discovery import discover
from dagster_project.settings import Settings
from tests.cases import CASES, PEOPLE, LoadedCase, RegisteredCase, loading, mappings

MODULES = (loading, mappings)


@pytest.mark.parametrize("registered", CASES.values(), ids=CASES)
def test_case(shared_data: Path, registered: RegisteredCase):
    """A fault that a user of another tool reported is met by a user of this one."""
    folder = shared_data / "cases" / registered.name
    landing = folder / "landing"
    known = load_mappings()
    found = discover(landing, load_contract(), file_patterns(known))
    settings = Settings(data_dir=folder, **registered.settings)
    with throwaway_load(found, landing, settings, known) as con:
        registered.expectation(LoadedCase(folder, con, read_report(con, known)))


def test_every_folder_is_a_case(shared_data: Path):
    """A misspelt name tests nothing, and a case that nobody registered is never tried."""
    folders = {path.parent.name for path in (shared_data / "cases").glob("*/expected.txt")}
    assert set(CASES) | PEOPLE == folders
