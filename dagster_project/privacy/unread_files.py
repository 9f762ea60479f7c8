"""Unread files: what an erasure rewrote, and whose other rows are not in the raw tables again yet.

A file in which somebody else's row named the erased person is read anew by the next run. Whoever
asks the raw tables about a person before it (the next erasure, a copy of what is held) reads it
first. Not at the end of the erasure: DuckDB leaves what was in its process's memory, such as the
expressions that look for addresses, in unused parts of the blocks that it writes (seen 2026-11-30).
"""

from dagster_project.contracts import load_contract
from dagster_project.contracts.mapping import file_patterns, load_mappings
from dagster_project.load.landing.discovery import discover
from dagster_project.load.ledger.state import read_ledger_state
from dagster_project.load.run import load_named
from dagster_project.privacy.landing import file_hash
from dagster_project.settings import Settings
from dagster_project.warehouse import connect

RUN_ID = "read again after an erasure"
_UNREAD = """
    SELECT r.rewritten_hash FROM identity.rewritten_files AS r
    ANTI JOIN ledger.files AS f ON f.file_hash = r.delivered_hash AND f.target = r.target
    WHERE r.rewritten_hash IS NOT NULL
"""


def load_unread(settings: Settings) -> int:
    """Load the files that an erasure rewrote and no run has read again; their number.

    The warehouse is closed; it has raw and privacy tables.
    """
    with connect(settings, keep_order=True) as con:
        hashes = {row[0] for row in con.execute(_UNREAD).fetchall()}
        if not hashes:
            return 0
        mappings = load_mappings(settings.project_dir)
        found = discover(settings.landing_dir, load_contract(), file_patterns(mappings))
        ledger = read_ledger_state(con)
        names = {
            delivery.name
            for delivery in found.deliveries
            if not ledger.has_file(delivery) and file_hash(delivery.path) in hashes
        }
        if names:
            load_named(con, settings, run_id=RUN_ID, names=names)
        return len(names)
