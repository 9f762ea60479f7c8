"""Identity records: the identifiers that each bears in one form, and what has changed."""
