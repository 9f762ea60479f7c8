"""Files to raw tables: discover, read, judge, commit; every record accounted for, once."""

from dagster_project.load.ledger import create_raw_tables

__all__ = ["create_raw_tables"]
