"""What Spark needs and is missing is said before anything starts."""

import stat
from pathlib import Path

import pytest

from dagster_project.engine import requirements
from dagster_project.engine.requirements import java_version, require_spark
from dagster_project.errors import UsageError


def java(home: Path, says: str, code: int = 0) -> Path:
    """A Java that answers ``-version`` on the error stream, as real ones do."""
    path = home / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return home


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_401"', 8),
        ("no such thing", None),
    ],
)
def test_java_is_known_by_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, version: int | None
):
    """A Java that Spark cannot use is taken, and Spark dies with a stack trace."""
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "java", says)))
    assert java_version() == version


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    """A person who set the engine meets an import error and no remedy."""
    monkeypatch.setattr(requirements, "_is_installed", lambda name: name != "pyspark")
    with pytest.raises(UsageError, match=r"needs pyspark, .* make spark"):
        require_spark()


def test_a_missing_or_old_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A run fails in the middle, after the load, because there is no Java."""
    monkeypatch.setattr(requirements, "_is_installed", lambda name: True)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="needs Java 17 or newer; found none"):
        require_spark()
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "old", 'version "11.0.2"')))
    with pytest.raises(UsageError, match="found Java 11"):
        require_spark()
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "new", 'version "17.0.2"')))
    require_spark()
