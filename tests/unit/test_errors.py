"""Names that are not known, and paths that cannot be used."""

import os
import re
from pathlib import Path

import pytest

from dagster_project.errors import counted, did_you_mean, no_such, unusable
from dagster_project.settings import PROJECT_ROOT

METRICS = ["attributed_revenue", "gross_revenue", "net_revenue", "nps", "retention_rate"]


# A number in a text with a noun that is always plural.
PLURALS = re.compile(
    r"\{[^{}]*(?<!MAX_CELLS):,\} (?:\w+ )?"
    r"(?:rows|records|people|files|members|checks|orders|pairs|cells|versions|requests|decisions)\b"
)
# Files and records of a sum, more rows than a sheet takes, the records of two customers.
MANY = {
    "dagster_project/load/ledger/load_summary.py: {self.files_seen:,} files",
    "dagster_project/load/ledger/load_summary.py: {self.records:,} records",
    "dagster_project/report/mart_files.py: {row[0]:,} rows",
    "dagster_project/cli/review.py: {joined:,} records",
}


def test_one_is_no_plural():
    """Most erasures are of one person, and each reads: 1 people erased, 1 versions rewritten."""
    assert [counted(n, "row") for n in (0, 1, 2, 12_345)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "12,345 rows",
    ]
    assert (counted(1, "person", "people"), counted(2, "person", "people")) == (
        "1 person",
        "2 people",
    )
    found = {
        f"{path.relative_to(PROJECT_ROOT)}: {match}"
        for path in (PROJECT_ROOT / "dagster_project").rglob("*.py")
        for match in PLURALS.findall(path.read_text(encoding="utf-8"))
    }
    assert found == MANY


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


def test_what_all_names_begin_with_is_no_likeness():
    """Of 45 settings that begin alike, three that were never meant are proposed for any slip."""
    known = ["HOURGLASS_DELIVERY_URL", "HOURGLASS_THREADS", "HOURGLASS_TIME_ZONE"]
    for name, meant in {
        "HOURGLASS_THREAD": " Did you mean HOURGLASS_THREADS?",
        "HOURGLASS_DELIVERY_URI": " Did you mean HOURGLASS_DELIVERY_URL?",
        "HOURGLASS_XYZ": "",
    }.items():
        assert did_you_mean(name, known, prefix="HOURGLASS_") == meant


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
