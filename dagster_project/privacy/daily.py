"""Erasure requests and retention in the daily run, before anything is built from what was loaded.

Whom a request is about is asked of the newest people: identities are resolved over what was just
loaded, and the people are erased. A run without a new request does none of it. Of rewritten files
only those are loaded again whose remaining rows are not known from before.
"""

from datetime import UTC, date, datetime

import duckdb

from dagster_project.identity import resolve
from dagster_project.load.run import load_landing
from dagster_project.privacy.erasure import (
    carry_out,
    plan_erasure,
    prepare_tables,
    purge_expired,
)
from dagster_project.privacy.requests import (
    OpenRequests,
    has_new_requests,
    has_requests,
    open_requests,
)
from dagster_project.privacy.statement import Erasure
from dagster_project.privacy.suppression import suppress_erased
from dagster_project.publish.versions import restricted_database
from dagster_project.settings import Settings
from dagster_project.transform.partial_build import build_identity_inputs
from dagster_project.warehouse import connect


def obey_requests(settings: Settings, *, run_id: str) -> tuple[list[Erasure], list[str]]:
    """Erase who asked for it; what was done, and what somebody must know of requests that stay.

    The warehouse is closed, ``control.parameters`` is of this run, and the run lock is held.
    """
    with connect(settings) as con:
        prepare_tables(con)
        if not has_requests(con):
            return [], []
        is_new = has_new_requests(con)
    if is_new:
        build_identity_inputs(settings)
        with connect(settings) as con:
            resolve(con, settings, run_id=run_id, published=restricted_database(settings))
    with connect(settings) as con:
        found = open_requests(con, settings)
        _note(con, found)
        if not found.customers:
            return [], found.sentences()
        journal = plan_erasure(
            con, settings, found.customers, reason="crm.erasure_requests", requests=found.obeyed
        )
    done = carry_out(settings, journal)
    _load_rewritten(settings, run_id)
    return [done], [*found.sentences(), *filter(None, [done.warning()])]


def purge_old_rows(settings: Settings, as_of: date, *, run_id: str) -> list[Erasure]:
    """Purge what sources keep no longer on ``as_of``; under the same conditions as above."""
    done = purge_expired(settings, as_of)
    if done is None:
        return []
    _load_rewritten(settings, run_id)
    return [done]


def _load_rewritten(settings: Settings, run_id: str) -> None:
    with connect(settings, keep_order=True) as con:
        prepare_tables(con)
        suppress_erased(con, settings)
        load_landing(con, settings, run_id=run_id)


def _note(con: duckdb.DuckDBPyConnection, found: OpenRequests) -> None:
    """Remember who was not found: their requests alone need no resolution of identities."""
    con.execute("DELETE FROM identity.unmatched_requests")
    now = datetime.now(UTC).replace(tzinfo=None)
    for request in (*found.unknown, *found.ambiguous):
        con.execute("INSERT INTO identity.unmatched_requests VALUES (?, ?)", [request, now])
