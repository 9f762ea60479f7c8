"""Files to raw tables: discover, read, judge, commit; every record accounted for, once."""

from dagster_project.load.ledger.load_summary import FileMessage, LoadSummary
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.load.run import load_landing

__all__ = ["FileMessage", "LoadSummary", "create_raw_tables", "load_landing"]
