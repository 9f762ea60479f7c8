"""Settings: what an installation may say, and the answer to a wrong word."""

from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml

from dagster_project.errors import UsageError
from dagster_project.operations.build_plan import create_control_tables
from dagster_project.settings import (
    PROJECT_ROOT,
    deciding_settings,
    load_settings,
    mart_parameters,
)


def test_unknown_variable_is_refused(monkeypatch):
    """A misspelt setting silently does nothing and the company runs on a default."""
    monkeypatch.setenv("HOURGLASS_TIMEZONE", "Europe/London")
    with pytest.raises(UsageError, match=r"HOURGLASS_TIMEZONE.*HOURGLASS_TIME_ZONE"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TIME_ZONE", "Mars/Olympus", "Mars/Olympus"),
        ("CURRENCY", "pounds", "pounds"),
        ("AS_OF", "30.06.2026", "'30.06.2026' is not a date, such as 2026-06-30"),
        ("LOOKBACK_DAYS", "0", "'0' must be greater than"),
        ("KEEP_VERSIONS", "1", "'1' must be greater than"),
        ("MEMORY_LIMIT", "a lot", "a lot"),
        ("PHONE_REGION", "uk", "uk"),
        ("THREADS", "zero", "'zero' is not a whole number, such as 2"),
        ("SCHEDULE_ENABLED", "maybe", "'maybe' is not true or false"),
        ("LANGUAGE", "de", "'de' must be 'en' or 'ru'"),
    ],
)
def test_value_that_does_not_fit_is_named(monkeypatch, name, value, said):
    """A wrong value is found in the middle of the night instead of at the start, or is named
    without what could be written."""
    monkeypatch.setenv(f"HOURGLASS_{name}", value)
    with pytest.raises(UsageError, match=f"HOURGLASS_{name}") as caught:
        load_settings()
    assert said in caught.value.message


def test_a_password_is_not_repeated(monkeypatch):
    """The password of a database stands in a log, because the address in front of it was wrong."""
    monkeypatch.setenv("HOURGLASS_PUBLISH_POSTGRES_URL", "mysql://bi:hunter2@db/marts")
    with pytest.raises(UsageError, match="HOURGLASS_PUBLISH_POSTGRES_URL") as caught:
        load_settings()
    assert "hunter2" not in caught.value.message
    assert "postgres" in caught.value.message


def test_argument_wins_over_environment(monkeypatch, tmp_path):
    """--data-dir writes into another company's folder."""
    monkeypatch.setenv("HOURGLASS_DATA_DIR", str(tmp_path / "environment"))
    monkeypatch.setenv("HOURGLASS_AS_OF", "2026-06-30")
    settings = load_settings(data_dir=tmp_path / "argument")
    assert settings.data_dir == tmp_path / "argument"
    assert settings.as_of == date(2026, 6, 30)


def test_empty_optional_setting_is_none(monkeypatch):
    """An empty line in an environment file stops the pipeline."""
    monkeypatch.setenv("HOURGLASS_AS_OF", "")
    monkeypatch.setenv("HOURGLASS_CURRENCY", "")
    settings = load_settings()
    assert settings.as_of is None
    assert settings.currency is None


def test_relative_data_dir_becomes_absolute(monkeypatch, tmp_path):
    """dbt, started in another folder, writes a second warehouse there."""
    monkeypatch.chdir(tmp_path)
    assert load_settings(data_dir=Path("here")).data_dir == tmp_path / "here"


def test_settings_of_the_marts_stand_in_the_parameters(tmp_path):
    """A setting that changes numbers is not among a build's inputs, or no model can read it."""
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA control")
        create_control_tables(con)
        columns = {name for (name, *_) in con.execute("DESCRIBE control.parameters").fetchall()}
    described = yaml.safe_load(
        (PROJECT_ROOT / "dbt" / "models" / "staging" / "_pipeline__sources.yml").read_text()
    )
    (told,) = (
        {column["name"] for column in table["columns"]}
        for source in described["sources"]
        for table in source["tables"]
        if table["name"] == "parameters"
    )
    assert set(mart_parameters()) <= told <= columns
    assert deciding_settings(load_settings(data_dir=tmp_path)).keys() == set(mart_parameters())
