"""What the command line shows: progress while a run works, and tables of what it did."""

import json
import os
import shutil
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from dagster_project.errors import HourglassError, UsageError
from dagster_project.lock import run_lock
from dagster_project.publish import current_manifest
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.warehouse import connect, connect_file

STAGES = {
    "load": "Load files",
    "staging_models": "Stage records (dbt)",
    "identity": "Resolve people",
    "mart_models": "Build marts (dbt)",
    "predictions": "Predict",
    "predicted_models": "Build marts with predictions (dbt)",
    "mart_checks": "Check marts",
    "gate_record": "Decide",
    "publish": "Publish and report",
}


class _Steps:
    """A line per step: a spinner while it works, its seconds when it is done.

    Where nobody watches (cron, a log file), one plain line when a step is done.
    """

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.tasks: dict[str, Any] = {}

    def __call__(self, screen: IO[str], state: str, step: str, seconds: float) -> None:
        title = STAGES.get(step, step)
        if not screen.isatty():
            if state != "start":
                screen.write(f"{title}: {state}, {seconds:.1f} s\n")
                screen.flush()
            return
        if self.progress is None:
            self.progress = Progress(
                SpinnerColumn(finished_text="[green]✓[/]"),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=Console(file=screen),
            )
            self.progress.start()
        if state == "start":
            self.tasks[step] = self.progress.add_task(title, total=1)
        elif step in self.tasks:
            mark = {"success": title, "skip": f"[dim]{title}: not needed[/]"}.get(
                state, f"[red]{title}: failed[/]"
            )
            self.progress.update(self.tasks[step], description=mark, completed=1)

    def stop(self) -> None:
        if self.progress is not None:
            self.progress.stop()


def land_sample(settings: Settings) -> None:
    """Copy the committed sample into landing/, unless somebody's own files are there."""
    source = PROJECT_ROOT / "data" / "sample" / "landing"
    names = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    landing = settings.landing_dir
    present = {path.relative_to(landing) for path in landing.rglob("*") if path.is_file()}
    if present - names:
        Console(stderr=True).print(
            f"{landing} has files of your own, so the sample was not landed beside them.",
            highlight=False,
            soft_wrap=True,
        )
        return
    for name in sorted(names - present):
        target = landing / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # Under its own name only when it is whole: a killed copy is not loaded.
        partial = target.with_name(target.name + ".part")
        shutil.copyfile(source / name, partial)
        partial.rename(target)


def run_and_show(settings: Settings, *, as_of: date | None, full_refresh: bool) -> int:
    """Run the daily job, print its summary, return the exit code."""
    console = Console()
    # Said before Dagster starts: who is at work, who holds the warehouse, what cannot be written.
    with run_lock(settings), connect(settings):
        pass
    console.print(f"Hourglass: {settings.landing_dir} to {settings.published_dir}")
    from dagster_project.defs.runs import run_daily

    steps = _Steps()
    try:
        outcome = run_daily(settings, as_of=as_of, full_refresh=full_refresh, on_step=steps)
    finally:
        with suppress(ValueError):
            steps.stop()
    if not outcome.success:
        for failure in dict.fromkeys([*outcome.checks, *outcome.failures]):
            console.print(f"[red]{failure}[/]", highlight=False, soft_wrap=True)
        manifest = current_manifest(settings)
        kept = f"Version {manifest['version']} stays in force." if manifest else ""
        console.print(
            f"Nothing was published. {kept} Log: {outcome.log_path}",
            highlight=False,
            soft_wrap=True,
        )
        return 1
    if outcome.load.get("is_needed") is False:
        console.print(outcome.load["reason"], highlight=False, soft_wrap=True)
        # Nothing new may be just what is wrong.
        ledger = _ledger_now(settings) or {}
        for line in [*refused_files(ledger), *late_or_odd(ledger)]:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return 0
    _show_summary(console, settings, outcome.load, outcome.seconds)
    return 0


def _show_summary(
    console: Console, settings: Settings, load: dict[str, Any], seconds: dict[str, float]
) -> None:
    manifest = current_manifest(settings)
    if manifest is None:
        raise UsageError(f"No published version in {settings.published_dir}.")
    current = settings.published_dir / "current"
    with connect_file(current.resolve() / "marts.duckdb", read_only=True) as con:
        customers, sales, revenue = con.execute(
            "SELECT (SELECT count(*) FROM customers), count(*), coalesce(sum(net_revenue), 0) "
            "FROM orders WHERE is_sale"
        ).fetchall()[0]
    quality = json.loads((current / "quality.json").read_text())
    checks = quality["counts"]
    currency = manifest["settings"]["currency"] or ""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = {
        "Version": f"{manifest['version']} (as of {manifest['as_of']})",
        "Files": f"{load['files_loaded']:,} loaded, {load['files_skipped']:,} known before",
        "Records": f"{load['records']:,} read: {load['accepted']:,} accepted, "
        f"{load['quarantined']:,} quarantined, {load['left_out']:,} left out by a rule",
        "Customers": f"{customers:,}",
        "Sales": f"{sales:,}",
        "Net revenue": f"{revenue:,.2f} {currency}".strip(),
        "Checks": f"{checks['passed']:,} passed"
        + (f", warnings: {checks['warnings']:,}" if checks["warnings"] else ""),
        "Marts": str(current / "marts.duckdb"),
        "Report": str(current / "report" / "index.html"),
        "Seconds": ", ".join(
            f"{STAGES.get(step, step).lower()} {value:.1f}" for step, value in seconds.items()
        ),
    }
    for name, value in rows.items():
        table.add_row(f"[bold]{name}[/]", value)
    _add_notes(table, manifest.get("ledger") or {})
    console.print(table, soft_wrap=True)


def _add_notes(table: Table, ledger: dict[str, Any]) -> None:
    """Rows on files refused whole, sources late or odd, and columns that changed in a week."""
    for title, entries in (
        ("Refused", refused_files(ledger)),
        ("Late or odd", late_or_odd(ledger)),
        (
            "Columns",
            [
                f"{row['source']}: {row['message']}"
                + (f" ({row['files']:,} times)" if row["files"] > 1 else "")
                for row in ledger.get("schema_changes", [])
            ],
        ),
    ):
        for number, entry in enumerate(entries):
            table.add_row("" if number else f"[bold]{title}[/]", escape(entry))


def refused_files(ledger: dict[str, Any]) -> list[str]:
    """A sentence per source and reason: such a file counts as one record, whatever it held."""
    return [
        f"{row['source']}: {row['records']:,} {'file' if row['records'] == 1 else 'files'} refused "
        f"whole, {row['reason'].replace('_', ' ')}. hourglass quarantine list says more."
        for row in ledger.get("reasons", [])
        if row["level"] == "file"
    ]


def late_or_odd(ledger: dict[str, Any]) -> list[str]:
    """A sentence per source that did not deliver as it said, or not as much as it does."""
    return [row["message"] for row in ledger.get("deliveries", [])]


def show_status(settings: Settings) -> int:
    """Print the version in force, the last run's outcome and quarantine counts."""
    console = Console()
    manifest = current_manifest(settings)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    if manifest is None:
        table.add_row("[bold]Version in force[/]", "none: nothing was published yet")
    else:
        table.add_row("[bold]Version in force[/]", manifest["version"])
        table.add_row("[bold]Published[/]", manifest["published_at"])
        table.add_row("[bold]Build[/]", f"{manifest['build_id']}, as of {manifest['as_of']}")
    if settings.dagster_home.exists():
        from dagster_project.defs.runs import last_run

        run = last_run(settings)
        if run is not None:
            run_id, state, started = run
            table.add_row(
                "[bold]Last run[/]", f"{state.lower()}, {started:%Y-%m-%d %H:%M} UTC ({run_id[:8]})"
            )
    ledger = _ledger_now(settings) or (manifest or {}).get("ledger") or {}
    if ledger:
        table.add_row(
            "[bold]Records[/]",
            f"{ledger['records']:,} read, {ledger['quarantined']:,} quarantined, "
            f"{ledger['left_out']:,} left out by a rule",
        )
        for reason in ledger.get("reasons", []):
            table.add_row(
                "",
                # What lies in no source's folder has no source.
                f"{reason['source'] or 'landing'}: {reason['reason']} ({reason['level']}) "
                f"{reason['records']:,}",
            )
        _add_notes(table, ledger)
    console.print(table)
    return 0


def _ledger_now(settings: Settings) -> dict[str, Any] | None:
    """The ledger as the last load left it, also of a run that was not published; None while a
    run is at work, or when nothing was loaded yet."""
    if not settings.warehouse_path.exists():
        return None
    import duckdb

    from dagster_project.load.accounting import ledger_summary

    # What an earlier version of Hourglass left lacks tables or columns until the next run.
    other_version = (duckdb.CatalogException, duckdb.BinderException)
    with suppress(HourglassError, *other_version), connect(settings) as con:
        return ledger_summary(con)
    return None


def serve_ui(settings: Settings, *, host: str, port: int) -> None:
    """Become Dagster's web server and daemon.

    This process is replaced, so that whoever stops it stops them, and no daemon is left behind.
    """
    from dagster_project.defs.runs import LOCATION, ensure_dagster_home

    home = ensure_dagster_home(settings)
    sys.stderr.write(f"Dagster: http://{host}:{port} (stop with Ctrl+C)\n")
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "HOURGLASS_DATA_DIR": str(settings.data_dir),
    }
    command = [
        *(sys.executable, "-m", "dagster", "dev"),
        *("-h", host, "-p", str(port), "-m", LOCATION, "-d", str(PROJECT_ROOT)),
    ]
    # Not from the repository's root, whose own dagster.yaml would be warned about.
    os.chdir(home)
    os.execve(sys.executable, command, environment)


def write_sample(out: Path, *, customers: int, months: int, seed: int) -> int:
    """Write a simulated company to ``out``; returns the exit code."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out} exists and is not an empty folder. Name a new one.")
    from dagster_project.sample import write_company

    console = Console(stderr=True)
    with console.status("Simulating"):
        write_company(out, customers=customers, months=months, seed=seed)
    console.print(
        f"{customers:,} people over {months} months in {out}/landing, truth in {out}/truth"
    )
    return 0
