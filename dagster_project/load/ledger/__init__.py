"""What was delivered and what became of it: tables, entries, accounting, quarantine."""
