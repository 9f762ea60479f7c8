"""The run's history in SQLite, which is written once per event."""

from dagster._core.storage.event_log.sqlite import sqlite_event_log
from sqlalchemy.pool import NullPool

from dagster_project.defs.runs import kept_connections


def test_the_log_is_not_folded_into_the_file_at_every_event(tmp_path):
    """A run waits half a minute for the disk: each of its events rewrites the history's file."""
    path = tmp_path / "events.db"
    address = f"sqlite:///{path}"
    log = path.with_name("events.db-wal")
    with kept_connections():
        for _ in range(3):
            engine = sqlite_event_log.create_engine(address, poolclass=NullPool)
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS events (n INTEGER)")
                connection.exec_driver_sql("INSERT INTO events VALUES (1)")
                connection.commit()
            engine.dispose()
        assert log.exists()
    assert not log.exists()
    with sqlite_event_log.create_engine(address, poolclass=NullPool).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() == 3
