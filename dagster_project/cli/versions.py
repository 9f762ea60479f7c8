"""Published versions on the command line: which are kept, what changed between two, going back."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from dagster_project.cli.metric import number_text
from dagster_project.cli.options import DataDir
from dagster_project.cli.screen import Screen, say

if TYPE_CHECKING:
    from dagster_project.publish import VersionComparison
    from dagster_project.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Everything, as JSON.")]


def versions(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the published versions that are kept, newest first.

    "Parquet": older than the newest two, it has its marts as Parquet files and not as tables too.
    """
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    listed = listed_versions(settings)
    if as_json:
        typer.echo(json.dumps(listed, indent=1, default=str))
        return
    console = Screen()
    if not listed:
        kept_in = settings.published_dir
        console.say(f"No version is kept in {kept_in}: hourglass run makes the first.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    # Copied and pasted, so never cut.
    table.add_column("Version", min_width=max(len(one["version"]) for one in listed))
    for title in ("As of", "Published (UTC)", "Customers", "Orders", ""):
        table.add_column(title, justify="right" if title in {"Customers", "Orders"} else "left")
    for one in listed:
        rows = ["" if one[name] is None else f"{one[name]:,}" for name in ("customers", "orders")]
        table.add_row(one["version"], one["as_of"], one["published_at"][:16], *rows, one["state"])
    console.print(table, soft_wrap=True)


def listed_versions(settings: "Settings") -> list[dict[str, Any]]:
    """Every kept version, newest first; ``state`` says which is in force, restated, left its
    Parquet alone, or damaged.
    """
    from dagster_project.publish import list_versions, version_in_force
    from dagster_project.publish.versions import ALWAYS_TABLE
    from dagster_project.quality.volume import kept_manifests

    in_force = version_in_force(settings)
    manifests = {path.parent.name: manifest for path, manifest in kept_manifests(settings)}
    listed = []
    for version in reversed(list_versions(settings)):
        manifest = manifests.get(version.name, {})
        marts = manifest.get("marts", {})
        tables = {
            name
            for name, facts in marts.items()
            if not (facts.get("is_restricted") or facts.get("is_parquet_only"))
        }
        states = [
            word
            for word, holds in (
                ("in force", in_force is not None and in_force.name == version.name),
                ("restated", version.is_restated),
                ("Parquet", bool(marts) and tables <= {ALWAYS_TABLE}),
                ("not complete", not version.is_complete or not manifest),
            )
            if holds
        ]
        listed.append(
            {
                "version": version.name,
                "as_of": manifest.get("as_of", ""),
                "published_at": manifest.get("published_at", ""),
                "customers": marts.get("customers", {}).get("rows"),
                "orders": marts.get("orders", {}).get("rows"),
                "state": ", ".join(states),
            }
        )
    return listed


def diff(
    before: Annotated[
        str | None, typer.Argument(metavar="A", help="Default: the version before.")
    ] = None,
    now: Annotated[
        str | None, typer.Argument(metavar="B", help="Default: the version in force.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed from version A to version B, and why.

    Rows and metrics by mart; which customers, orders and campaigns came, went or changed. A version
    is given by its name or by its business day.
    """
    from dagster_project.publish import compare_versions, find_version
    from dagster_project.report.headline import COMPARED
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    new = find_version(settings, now)
    old = find_version(settings, before or _previous(settings, new.name))
    told = compare_versions(old.published, new.published, metrics=COMPARED)
    if as_json:
        typer.echo(json.dumps(told.to_json(), indent=1, default=str))
        return
    show_comparison(Screen(), told)


def _previous(settings: "Settings", name: str) -> str:
    """The complete version made before the one called ``name``, a restated one left out."""
    from dagster_project.errors import UsageError
    from dagster_project.publish import list_versions

    kept = list_versions(settings)
    names = [version.name for version in kept]
    older = kept[: names.index(name)] if name in names else kept
    usable = [version.name for version in older if version.is_complete and not version.is_restated]
    if not usable:
        raise UsageError(
            f"No older version than {name} is kept, so there is nothing to compare it with."
        )
    return usable[-1]


def show_comparison(console: Screen, told: "VersionComparison") -> None:
    """Print a comparison: why, metrics that moved, marts whose rows differ, whose rows changed."""
    from dagster_project.metrics import load_metrics

    metrics = load_metrics()
    console.say(f"Version {told.before} (as of {told.as_of_before})")
    console.say(f"     to {told.now} (as of {told.as_of_now})")
    why = ", ".join(told.causes) or "nothing that a build depends on"
    console.say(f"Different: {why}\n")
    equal = sum(mart.is_equal for mart in told.marts.values())
    moved = [metric for metric in told.metrics if metric.before != metric.now]
    if moved:
        table = _table("Metric", "Before", "Now", "Change")
        for metric in moved:
            kind = metrics.metric(metric.name).format
            table.add_row(metric.label, *numbers_text(metric.before, metric.now, kind))
        console.print(table)
        console.say("")
    differ = {name: mart for name, mart in told.marts.items() if not mart.is_equal}
    if differ:
        table = _table("Mart", "Rows before", "Rows now", "Change")
        for name, mart in differ.items():
            columns = [f"+{one}" for one in mart.columns_added]
            columns += [f"-{one}" for one in mart.columns_removed]
            title = f"{name} ({', '.join(columns)})" if columns else name
            table.add_row(title, *numbers_text(mart.rows_before, mart.rows_now, "count"))
        console.print(table)
    console.say(f"{equal:,} of {len(told.marts):,} marts are equal.")
    for subject, changes in told.rows.items():
        for change in changes:
            columns = f" ({', '.join(change.columns)})" if change.columns else ""
            more = ", …" if change.count > len(change.examples) else ""
            console.say(f"\n{subject}: {change.count:,} {change.kind}, {change.why}{columns}")
            console.say(f"  {', '.join(change.examples)}{more}")


def rollback(
    version: Annotated[
        str | None, typer.Argument(help="Which version; default: the one before.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Put an older published version back in force."""
    from dagster_project.publish import rollback as put_back
    from dagster_project.publish.targets import update_targets
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    in_force = put_back(settings, version)
    say(f"Version {in_force.name} is in force.")
    for name in update_targets(settings):
        say(f"It is in force at {name} too.")


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(first)
    for title in numbers:
        table.add_column(title, justify="right")
    return table


def numbers_text(before: float | None, now: float | None, kind: str) -> tuple[str, str, str]:
    """A metric's value before and now, and its change: of shares in points of per cent."""
    cells = number_text(before, kind, None), number_text(now, kind, None)
    if before is None or now is None:
        return *cells, ""
    change = now - before
    text = f"{change * 100:,.2f} points" if kind == "percent" else number_text(change, kind, None)
    if not any(digit in text for digit in "123456789"):
        # Too small to be seen here: neither -0.00 nor +0.00.
        return *cells, text.removeprefix("-")
    return *cells, f"+{text}" if change > 0 else text
