"""Load: files to raw tables, every record accounted for once.

From the top: dry_run, run, read_apart, ingest, planning, settling, delivery_expectations,
validation, reading, ledger, landing; each imports only from those after it.
"""

from dagster_project.load.ledger.load_summary import FileMessage, LoadSummary
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.load.run import assess_sources, has_new_files, load_landing

__all__ = [
    "FileMessage",
    "LoadSummary",
    "assess_sources",
    "create_raw_tables",
    "has_new_files",
    "load_landing",
]
