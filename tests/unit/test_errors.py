"""Names that are not known, and paths that cannot be used."""

import os
from pathlib import Path

import pytest

from dagster_project.errors import did_you_mean, no_such, unusable

METRICS = ["attributed_revenue", "gross_revenue", "net_revenue", "nps", "retention_rate"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("revenue", " Did you mean net_revenue or gross_revenue or attributed_revenue?"),
        ("retention", " Did you mean retention_rate?"),
        ("net_revenu", " Did you mean net_revenue?"),
        ("xyz", ""),
        ("", ""),
        # "t" and "re" stand in most names.
        ("t", ""),
        ("re", ""),
        ("nps", " Did you mean nps?"),
    ],
)
def test_names_that_were_meant_come_first(name, meant):
    """A person with a slip of the pen reads a list of eighty names for theirs."""
    assert did_you_mean(name, METRICS) == meant


def test_all_names_are_told():
    """Who does not know the names cannot find them out."""
    assert no_such("metric", "xyz", ["nps", "aht"]) == (
        "There is no metric xyz. There are: nps, aht."
    )
    assert no_such("version", "xyz", iter(())) == "There is no version xyz. There are: none."


@pytest.mark.parametrize(
    ("path", "read", "why"),
    [
        ("none", True, "there is no {}/none."),
        ("none/file", True, "there is no folder {}/none."),
        ("none/file", False, "there is no folder {}/none."),
        ("file/below", True, "{}/file is a file and no folder."),
        ("file/below", False, "{}/file is a file and no folder."),
        ("folder", True, "it is a folder and no file."),
        ("folder", False, "it is a folder and no file."),
        ("x" * 300, False, "File name too long."),
    ],
)
def test_a_path_that_cannot_be_used_says_why(tmp_path, path, read, why):
    """Somebody looks for the fault in the wrong folder."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as failed:  # noqa: PT011
        (tmp_path / path).read_text() if read else (tmp_path / path).write_text("")
    message = unusable(tmp_path / path, failed.value).message
    assert message.startswith(f"{tmp_path / path} cannot be used: {why.format(tmp_path)} ")


def test_a_file_where_a_folder_is_needed_is_named(tmp_path):
    """Somebody looks for the fault in the wrong folder."""
    (tmp_path / "file").touch()
    for work in (Path.mkdir, os.listdir):
        with pytest.raises(OSError) as failed:  # noqa: PT011
            work(tmp_path / "file")
        assert f"{tmp_path}/file is a file and no folder." in str(
            unusable(tmp_path / "file", failed.value)
        )
