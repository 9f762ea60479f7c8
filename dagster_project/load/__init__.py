"""Load: files to raw tables, every record accounted for once.

From the top: dry_run, run, read_apart, ingest, planning, settling, delivery_expectations,
validation, reading, ledger, landing; each imports only from those after it.
"""

from dagster_project.load.ledger.load_summary import FileMessage, LoadSummary
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.load.run import load_landing

__all__ = ["FileMessage", "LoadSummary", "create_raw_tables", "load_landing"]
