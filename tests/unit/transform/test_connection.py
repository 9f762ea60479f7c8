"""Where dbt's own connection goes, and what it may do there."""

from types import SimpleNamespace

import duckdb
import pytest

from dagster_project.transform.connection import Plugin


@pytest.fixture
def plugin(tmp_path, monkeypatch) -> Plugin:
    monkeypatch.setenv("HOURGLASS_WAREHOUSE_PATH", str(tmp_path / "here" / "warehouse.duckdb"))
    monkeypatch.setenv("HOURGLASS_MEMORY_LIMIT", "321MB")
    monkeypatch.setenv("HOURGLASS_THREADS", "1")
    return Plugin("connection", {}, SimpleNamespace(path="elsewhere.duckdb"))


def test_the_runs_own_warehouse_and_limits_replace_the_profiles(plugin, tmp_path):
    """dbt writes the marts of one company into the warehouse of another, or takes all memory."""
    config = {"memory_limit": "2GB", "threads": 2, "preserve_insertion_order": False}
    plugin.update_connection_config(plugin.creds, config)
    assert plugin.creds.path == str(tmp_path / "here" / "warehouse.duckdb")
    assert config == {"memory_limit": "321MB", "threads": "1", "preserve_insertion_order": False}


def test_no_file_beside_the_warehouses_is_read(plugin, tmp_path, monkeypatch):
    """A model, or text that became SQL, reads any file of the machine."""
    (tmp_path / "project" / "seeds").mkdir(parents=True)
    (tmp_path / "project" / "seeds" / "words.csv").write_text("a\n2\n")
    monkeypatch.chdir(tmp_path / "project")
    (tmp_path / "here").mkdir()
    for folder in (tmp_path, tmp_path / "here"):
        (folder / "secret.csv").write_text("a\n1\n")
    config: dict = {}
    plugin.update_connection_config(plugin.creds, config)
    with duckdb.connect(plugin.creds.path, config=config) as con:
        plugin.configure_connection(con)
        assert con.execute(f"FROM '{tmp_path}/here/secret.csv'").fetchall() == [(1,)]
        assert con.execute(f"FROM '{tmp_path}/project/seeds/words.csv'").fetchall() == [(2,)]
        with pytest.raises(duckdb.PermissionException):
            con.execute(f"FROM '{tmp_path}/secret.csv'")
