"""Version comparison: what differs between two published versions, and why.

Rows by mart from the manifests, metrics from their one definition, and of customers, orders and
campaigns which ones came, went or changed. Why is told from what the two builds stood on (files,
decisions about identities, settings, code, the day) and from the rows themselves; where several may
have caused a change, all are named. Holds ids and counts, no personal data.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.publish.inputs import changed_parts
from dagster_project.publish.reading import attach_marts
from dagster_project.quality.fingerprint import columns_of
from dagster_project.warehouse import connect_file, identifier, quoted

# Ids that are named of each kind of change; all are in the marts.
EXAMPLES = 20

NEW_DATA, RESTATED, IDENTITY = "new data", "restated history", "identity"
SETTINGS, CODE, DAY, UNKNOWN = "settings", "code", "another day", "not known"
# What a build depends on (inputs.input_parts), by what a reader calls it.
CAUSES = {
    "files": NEW_DATA,
    "identity decisions": IDENTITY,
    "own definitions": "own definitions",
    "settings": SETTINGS,
    "code": CODE,
    "DuckDB": CODE,
    "as_of": DAY,
}
# Columns of a customer that a day passing changes by itself.
BY_THE_DAY = (
    *("days_since_last_order", "lifecycle_stage", "rfm_segment", "value_tier", "persona"),
    *("recency_score", "frequency_score", "monetary_score"),
    *("p_alive", "predicted_12m_value", "churn_probability", "next_order_expected_date"),
)


@dataclass(frozen=True)
class Change:
    """Rows that changed alike: ``kind`` is added, removed or changed; ``columns`` are those that
    differ, ``examples`` the first ids in order."""

    kind: str
    why: str
    count: int
    columns: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class MartChange:
    """One mart in two versions; rows None where a version lacks it. ``is_equal``: the same rows."""

    rows_before: int | None
    rows_now: int | None
    is_equal: bool
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricChange:
    """A metric in two versions, None where it cannot be computed."""

    name: str
    label: str
    marts: tuple[str, ...]
    before: float | int | None
    now: float | int | None


@dataclass(frozen=True)
class VersionComparison:
    """Version ``now`` against version ``before``, both by name.

    ``causes``: what the two builds stood on differently, in words. ``rows``: changes of customers,
    orders and campaigns by mart.
    """

    before: str
    now: str
    as_of_before: str
    as_of_now: str
    causes: tuple[str, ...]
    marts: Mapping[str, MartChange]
    rows: Mapping[str, tuple[Change, ...]]
    metrics: tuple[MetricChange, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values, for a file or another program."""
        return asdict(self)


def compare_versions(
    before: Path, now: Path, *, metrics: Sequence[str] = (), examples: int = EXAMPLES
) -> VersionComparison:
    """Compare the versions in two folders that hold a version's files.

    Raises HourglassError when one of them is damaged or not complete.
    """
    return compare_folders(before, now, _manifest(before), _manifest(now), metrics, examples)


def compare_folders(
    before: Path,
    now: Path,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    metrics: Sequence[str] = (),
    examples: int = EXAMPLES,
) -> VersionComparison:
    """As :func:`compare_versions`, with the manifests ``old`` and ``new`` given: also of a version
    whose manifest is not written yet.
    """
    causes = _causes(old, new)
    with connect_file(":memory:", allowed_dirs=(before, now)) as con:
        for name, folder in (("old_version", before), ("new_version", now)):
            attach_marts(con, folder, name)
        rows = _rows(con, causes, str(old["as_of"]), examples)
        told = tuple(_metric(con, name) for name in metrics)
    names = sorted({*old["marts"], *new["marts"]})
    return VersionComparison(
        before=str(old["version"]),
        now=str(new["version"]),
        as_of_before=str(old["as_of"]),
        as_of_now=str(new["as_of"]),
        causes=tuple(changed_parts(old.get("input_parts") or {}, new.get("input_parts") or {})),
        marts={name: _mart(old["marts"].get(name), new["marts"].get(name)) for name in names},
        rows=rows,
        metrics=told,
    )


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise HourglassError(
            f"{path} is missing or damaged, so this version cannot be compared. "
            "hourglass versions lists those that are complete."
        ) from None


def _causes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Kinds of cause that apply, in the order of CAUSES, each once."""
    before, after = old.get("input_parts") or {}, new.get("input_parts") or {}
    return list(
        dict.fromkeys(word for part, word in CAUSES.items() if before.get(part) != after.get(part))
    )


def _mart(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> MartChange:
    before, after = (old or {}).get("columns", {}), (new or {}).get("columns", {})
    return MartChange(
        rows_before=None if old is None else int(old["rows"]),
        rows_now=None if new is None else int(new["rows"]),
        is_equal=old is not None and new is not None and old["digest"] == new["digest"],
        columns_added=tuple(name for name in after if name not in before) if old else (),
        columns_removed=tuple(name for name in before if name not in after) if new else (),
    )


def _metric(con: duckdb.DuckDBPyConnection, name: str) -> MetricChange:
    # Brings sqlglot with it, which a run with nothing new does not need.
    from dagster_project.metrics import compile_metric, load_metrics

    metrics = load_metrics()
    metric, sql = metrics.metric(name), compile_metric(metrics, name)
    found: list[Any] = []
    for version in ("old_version", "new_version"):
        con.execute(f"USE {version}")
        value = None
        # An older version may lack a mart or a column.
        with suppress(duckdb.CatalogException, duckdb.BinderException):
            row = con.execute(sql).fetchone()
            value = row[-1] if row else None
        found.append(value if value is None or isinstance(value, int) else float(value))
    con.execute("USE memory")
    return MetricChange(name, metric.label, metrics.marts(metric), found[0], found[1])


def _rows(
    con: duckdb.DuckDBPyConnection, causes: Sequence[str], as_of: str, examples: int
) -> dict[str, tuple[Change, ...]]:
    """Changes of orders, customers and campaigns. Orders first: customers are told from theirs."""
    # A day that passes changes no order and no campaign.
    any_cause = " or ".join(cause for cause in causes if cause != DAY)
    any_cause = any_cause or (DAY if causes else UNKNOWN)
    told = _Causes(any_cause, any_cause.replace(NEW_DATA, RESTATED), f"DATE {quoted(as_of)}")
    found = {}
    if _difference(con, "orders", "order_id", ("customer_id", "order_date")):
        _explain(con, "orders", _why_orders(con, told), told.late)
        found["orders"] = _told(con, "orders", examples)
    if _difference(con, "customers", "customer_id", ("first_seen_at",)):
        cases = _why_customers(con, told, day_passed=DAY in causes)
        _explain(con, "customers", cases, told.any)
        found["customers"] = _told(con, "customers", examples)
    if _difference(con, "campaign_performance", "campaign_id"):
        _explain(con, "campaign_performance", [], told.any)
        found["campaigns"] = _told(con, "campaign_performance", examples)
    return found


@dataclass(frozen=True)
class _Causes:
    """``any`` of the causes that apply, what they mean for rows of days before (``late``), and the
    day before which a row is of the past, as SQL."""

    any: str
    late: str
    day: str


def _why_orders(con: duckdb.DuckDBPyConnection, told: _Causes) -> list[tuple[str, str]]:
    cases, shared = [], _shared(con, "orders")
    if "order_date" in shared:
        cases.append((f"kind = 'added' AND new_row.order_date > {told.day}", NEW_DATA))
    if "customer_id" in shared:
        cases.append(("list_contains(columns, 'customer_id')", IDENTITY))
    return cases


def _why_customers(
    con: duckdb.DuckDBPyConnection, told: _Causes, *, day_passed: bool
) -> list[tuple[str, str]]:
    cases = []
    if _shared(con, "customer_id_changes"):
        # Merges and splits that the version before did not have.
        con.execute(
            """
            CREATE OR REPLACE TEMP TABLE moved AS
            WITH new_moves AS (
                SELECT old_customer_id, new_customer_id FROM new_version.main.customer_id_changes
                EXCEPT
                SELECT old_customer_id, new_customer_id FROM old_version.main.customer_id_changes
            )
            SELECT unnest([old_customer_id, new_customer_id]) AS id FROM new_moves
            """
        )
        cases.append(("id IN (SELECT id FROM moved)", IDENTITY))
    if "first_seen_at" in _shared(con, "customers"):
        first_seen = "CAST(new_row.first_seen_at AS DATE)"
        cases.append((f"kind = 'added' AND {first_seen} > {told.day}", NEW_DATA))
    if "customer_id" in _shared(con, "orders"):
        buyers = "SELECT unnest([old_row.customer_id, new_row.customer_id]) FROM changed_orders"
        for why in dict.fromkeys((IDENTITY, NEW_DATA, told.late)):
            condition = f"kind = 'changed' AND id IN ({buyers} WHERE why = {quoted(why)})"
            cases.append((condition, why))
    if day_passed:
        passing = ", ".join(quoted(name) for name in BY_THE_DAY)
        cases.append((f"kind = 'changed' AND list_has_all([{passing}], columns)", DAY))
    cases.append(("kind = 'removed'", told.late))
    return cases


def _difference(
    con: duckdb.DuckDBPyConnection, mart: str, key: str, kept: Sequence[str] = ()
) -> bool:
    """Write ``changed_<mart>``: id, kind, names of the columns that differ, and of both rows those
    that are ``kept``. False where a version lacks the mart.
    """
    shared = _shared(con, mart)
    if key not in shared:
        return False
    differs = {
        name: f"o.{identifier(name)} IS DISTINCT FROM n.{identifier(name)}"
        for name in shared
        if name != key
    }
    listed = ", ".join(f"CASE WHEN {sql} THEN {quoted(name)} END" for name, sql in differs.items())
    columns = [name for name in shared if name in {key, *kept}]
    old_row, new_row = (
        "{" + ", ".join(f"{quoted(name)}: {row}.{identifier(name)}" for name in columns) + "}"
        for row in ("o", "n")
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE changed_{mart} AS
        SELECT coalesce(n.{key}, o.{key}) AS id,
            CASE WHEN o.{key} IS NULL THEN 'added' WHEN n.{key} IS NULL THEN 'removed'
                ELSE 'changed' END AS kind,
            CASE WHEN o.{key} IS NULL OR n.{key} IS NULL THEN CAST([] AS VARCHAR[])
                ELSE list_filter(CAST([{listed}] AS VARCHAR[]), lambda name: name IS NOT NULL)
                END AS columns,
            {old_row} AS old_row, {new_row} AS new_row, CAST(NULL AS VARCHAR) AS why
        FROM old_version.main.{mart} AS o
        FULL JOIN new_version.main.{mart} AS n ON o.{key} = n.{key}
        WHERE o.{key} IS NULL OR n.{key} IS NULL OR {" OR ".join(differs.values()) or "false"}
        """
    )
    return True


def _explain(
    con: duckdb.DuckDBPyConnection, mart: str, cases: Sequence[tuple[str, str]], otherwise: str
) -> None:
    """Say of each changed row why: the first of ``cases`` (condition, cause) that holds."""
    listed = " ".join(f"WHEN {condition} THEN {quoted(why)}" for condition, why in cases)
    why = f"CASE {listed} ELSE {quoted(otherwise)} END" if cases else quoted(otherwise)
    con.execute(f"UPDATE changed_{mart} SET why = {why}")


def _shared(con: duckdb.DuckDBPyConnection, mart: str) -> list[str]:
    """Columns that the mart has in both versions; none where a version lacks it."""
    before, now = (_columns(con, version, mart) for version in ("old_version", "new_version"))
    return [name for name in now if name in before]


def _columns(con: duckdb.DuckDBPyConnection, version: str, mart: str) -> list[str]:
    con.execute(f"USE {version}")
    found = list(columns_of(con, "main", mart))
    con.execute("USE memory")
    return found


def _told(con: duckdb.DuckDBPyConnection, mart: str, examples: int) -> tuple[Change, ...]:
    rows = con.execute(
        f"""
        SELECT kind, why, count(*), list_sort(list_distinct(flatten(list(columns)))),
            min(id, {examples:d})
        FROM changed_{mart} GROUP BY kind, why ORDER BY kind, count(*) DESC, why
        """
    ).fetchall()
    return tuple(
        Change(kind, why, count, tuple(columns), tuple(ids))
        for kind, why, count, columns, ids in rows
    )
