"""A folder for one's own definitions."""

import pytest

from dagster_project.contracts.folders import PROJECT_FOLDERS
from dagster_project.errors import UsageError
from dagster_project.operations.project_folder import create_project_folder
from dagster_project.settings import Settings


def test_a_second_init_keeps_what_a_person_wrote(tmp_path):
    """Somebody calls init once more after an upgrade and loses the settings of the company."""
    folder = tmp_path / "ours"
    assert {path.name for path in create_project_folder(folder)} >= {"README.md", ".env.example"}
    assert {path.name for path in folder.iterdir() if path.is_dir()} == set(PROJECT_FOLDERS)
    (folder / "README.md").write_text("Ours.")
    assert create_project_folder(folder) == []
    assert (folder / "README.md").read_text() == "Ours."


def test_the_example_names_settings_that_exist(tmp_path):
    """Whoever copies the example gets an error of an unknown setting."""
    create_project_folder(tmp_path)
    lines = (tmp_path / ".env.example").read_text().splitlines()
    names = {line.lstrip("#").partition("=")[0] for line in lines if "=" in line}
    assert {name.removeprefix("HOURGLASS_").lower() for name in names} <= set(Settings.model_fields)


def test_a_file_in_the_way_is_a_sentence(tmp_path):
    """A stack trace for a misspelt folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file is a file and no folder"):
        create_project_folder(tmp_path / "file")
