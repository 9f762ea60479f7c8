"""Files to raw tables: discover, read, judge, commit; every record accounted for, once."""

from dagster_project.load.ledger import create_raw_tables
from dagster_project.load.run import load_landing
from dagster_project.load.summary import FileMessage, LoadSummary

__all__ = ["FileMessage", "LoadSummary", "create_raw_tables", "load_landing"]
