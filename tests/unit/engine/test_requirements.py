"""What Spark needs and is missing is said before anything starts."""

import socket
import stat
from pathlib import Path

import pytest

from dagster_project.engine import requirements
from dagster_project.engine.requirements import java_version, require_spark
from dagster_project.errors import UsageError
from dagster_project.settings import Settings


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
        require_spark(Settings())


def test_a_missing_or_old_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A run fails in the middle, after the load, because there is no Java."""
    monkeypatch.setattr(requirements, "_is_installed", lambda name: True)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="needs Java 17 or newer; found none"):
        require_spark(Settings())
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "old", 'version "11.0.2"')))
    with pytest.raises(UsageError, match="found Java 11"):
        require_spark(Settings())
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "new", 'version "17.0.2"')))
    require_spark(Settings())


def test_a_server_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A run hangs for ten minutes in the night, because Spark's address is mistyped."""
    monkeypatch.setattr(requirements, "_is_installed", lambda name: True)
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "new", 'version "17.0.2"')))
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = f"127.0.0.1:{server.getsockname()[1]}"
        require_spark(Settings(spark_remote=f"sc://{there}/;user_id=night"))
        # Of several masters the first is away.
        require_spark(Settings(spark_master=f"spark://127.0.0.1:1,{there}"))
    for name, address in (("remote", f"sc://{there}"), ("master", f"spark://{there}")):
        with pytest.raises(UsageError, match=f"HOURGLASS_SPARK_{name.upper()}: nothing answers"):
            require_spark(Settings(**{f"spark_{name}": address}))
