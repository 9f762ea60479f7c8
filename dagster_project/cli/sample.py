"""A simulated company, written to a folder."""

from pathlib import Path

from dagster_project.cli.screen import Screen
from dagster_project.errors import UsageError, counted


def write_sample(out: Path, *, customers: int, months: int, seed: int) -> int:
    """Write a simulated company to ``out``; returns the exit code."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out} exists and is not an empty folder. Name a new one.")
    from dagster_project.sample import write_company

    console = Screen(stderr=True)
    with console.status("Simulating"):
        write_company(out, customers=customers, months=months, seed=seed)
    console.say(
        f"{counted(customers, 'person', 'people')} over {counted(months, 'month')} "
        f"in {out}/landing, truth in {out}/truth"
    )
    return 0
