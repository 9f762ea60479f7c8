"""Metrics on the command line: the value, its definition, its SQL, and what changed and why."""

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.cli.options import DataDir
from dagster_project.cli.screen import Screen, say
from dagster_project.errors import counted

if TYPE_CHECKING:
    import duckdb

    from dagster_project.metrics.answers import Answer
    from dagster_project.publish import PublishedVersion

_SHOWN = 60


def metric(
    name: Annotated[
        str | None, typer.Argument(help="Its name; without one, all are listed.")
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", help="Dimension to cut by; may be repeated.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Condition, as channel = 'email'; may be repeated."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="VERSION", help="A kept version instead of the current."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="VERSION", help="A kept version to compare with.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    metricflow: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write a dbt project there, for MetricFlow's mf query, instead."
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Say a metric's value, its definition, the SQL behind it, and what changed since a version."""
    from dagster_project.metrics import load_metrics
    from dagster_project.metrics.answers import answer, changes
    from dagster_project.publish import find_version, opened_marts
    from dagster_project.settings import load_settings

    console = Screen()
    metrics = load_metrics()
    if metricflow is not None:
        from dagster_project.metrics.metricflow import write_project

        settings = load_settings(data_dir=data_dir)
        find_version(settings, None)
        write_project(settings.published_dir / "current" / "marts.duckdb", metricflow)
        say(f"Written to {metricflow}. Run there: mf query --metrics net_revenue")
        return
    if name is None:
        for one in metrics.metrics.values():
            console.say(f"{one.name}: {one.description}")
        return
    settings = load_settings(data_dir=data_dir)
    by, where = by or [], where or []
    with ExitStack() as stack:
        version = find_version(settings, as_of)
        con = stack.enter_context(opened_marts(version.published))
        found = answer(con, metrics, name, by=by, where=where)
        told: dict[str, Any] = {
            "metric": name,
            "definition": found.metric.description,
            "format": found.metric.format,
            "currency": _manifest(version).get("currency"),
            "version": version.name,
            "rows": [dict(zip(found.columns, row, strict=True)) for row in found.rows],
            "sql": found.sql,
            "rows_behind": dict(found.behind),
            "where_to_see": ", ".join(_places(con, version, found.behind)),
            "dimensions": list(metrics.dimensions(found.metric)),
        }
        if against:
            other = find_version(settings, against)
            old = con
            if other.name != version.name:
                old = stack.enter_context(opened_marts(other.published))
            before = answer(old, metrics, name, where=where)
            total = answer(con, metrics, name, where=where)
            told["against"] = {
                "version": other.name,
                "value": before.rows[0][0],
                "now": total.rows[0][0],
                "why": _reasons(version, other),
                "moved_most": []
                if found.metric.kind != "simple"
                else changes(con, old, metrics, name, where=where),
            }
            if found.metric.kind != "simple":
                told["against"]["parts"] = {
                    part: {
                        "format": metrics.metric(part).format,
                        "value": answer(old, metrics, part, where=where).rows[0][0],
                        "now": answer(con, metrics, part, where=where).rows[0][0],
                    }
                    for part in found.metric.parts
                }
    if as_json:
        typer.echo(json.dumps(told, indent=2, default=str, ensure_ascii=False))
        return
    _show(console, told, found)


def _places(
    con: "duckdb.DuckDBPyConnection", version: "PublishedVersion", marts: Iterable[str]
) -> list[str]:
    """The files that hold these marts, each once."""
    from dagster_project.publish.reading import parquet_of, parquet_only

    alone = parquet_only(con)
    files = [
        parquet_of(version.published, mart) if mart in alone else version.database for mart in marts
    ]
    return [str(file) for file in dict.fromkeys(files)]


def _manifest(version: "PublishedVersion") -> Mapping[str, Any]:
    try:
        return json.loads((version.published / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _reasons(now: "PublishedVersion", before: "PublishedVersion") -> list[str]:
    """What differs between the two versions besides the number, as ``hourglass diff`` words it."""
    from dagster_project.publish import changed_parts

    new, old = _manifest(now), _manifest(before)
    found = changed_parts(old.get("input_parts") or {}, new.get("input_parts") or {})
    for key, label in (("files", "files loaded"), ("records", "records loaded")):
        one, other = old.get("ledger", {}).get(key), new.get("ledger", {}).get(key)
        if one != other:
            found.append(f"{label}: {one}, now {other}")
    return found or ["nothing that a build depends on"]


def _show(console: Screen, told: Mapping[str, Any], found: "Answer") -> None:
    def written(value: Any, kind: str = told["format"]) -> str:
        return number_text(value, kind, told["currency"])

    console.say(f"{told['metric']}: {told['definition']}")
    for row in found.rows[:_SHOWN]:
        *cut, value = row
        label = ", ".join("(none)" if one is None else str(one) for one in cut)
        console.say(f"  {label + ': ' if cut else ''}{written(value)}")
    if len(found.rows) > _SHOWN:
        console.say(f"  and {counted(len(found.rows) - _SHOWN, 'more line')}; --json has all")
    behind = ", ".join(f"{mart} {counted(rows, 'row')}" for mart, rows in found.behind.items())
    console.say(f"Version {told['version']}, from {behind}, in {told['where_to_see']}")
    console.say(f"Can be cut by {', '.join(told['dimensions'])}")
    console.say(f"SQL:\n{found.sql}")
    against = told.get("against")
    if not against:
        return
    before, now = written(against["value"]), written(against["now"])
    console.say(f"Version {against['version']}: {before}, now {now}")
    console.say(f"Different: {'; '.join(against['why'])}")
    for part, values in against.get("parts", {}).items():
        before, now = (written(values[name], values["format"]) for name in ("value", "now"))
        console.say(f"  {part}: {before}, now {now}")
    for dimension, value, before, now in against["moved_most"]:
        console.say(f"  {dimension} {value}: {written(before)}, now {written(now)}")
    console.say("A customer's records and rows: hourglass explain CUSTOMER_ID")


def number_text(value: Any, kind: str, currency: str | None) -> str:
    """A number as its kind is written: money, cents, percent, duration, count or decimal.

    Like the report's kinds, but in full: money with its cents, in ``currency`` where one is known.
    """
    if value is None:
        return "not known"
    if kind in ("money", "cents"):
        return f"{value:,.2f} {currency or ''}".rstrip()
    if kind == "percent":
        return f"{float(value):.2%}"
    plain = f"{value:,}" if isinstance(value, int) else f"{float(value):,.4f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return f"{plain} s" if kind == "duration" else plain
