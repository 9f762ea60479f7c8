"""What follows from the source contract and the code, written as files: one command, no hand.

``python -m dagster_project.contracts.generate`` (``make contracts``) writes all of it;
:func:`generated_files` gives it as text, for the test that says when a file is stale.
"""

from pathlib import Path

from dagster_project.contracts import load_contract
from dagster_project.contracts.generate.exposures import exposures_file
from dagster_project.contracts.generate.reference import reference_files
from dagster_project.contracts.generate.staging import staging_files
from dagster_project.contracts.generate.vendors import columns_not_read, vendors_file
from dagster_project.contracts.mapping import load_mappings
from dagster_project.settings import PROJECT_ROOT

# Where a file that is there and not given was once written for a table that is gone.
STAGING_DIR = "dbt/models/staging"


def generated_files() -> dict[str, str]:
    """Text of each file by its path below the project's root."""
    return {
        **staging_files(load_contract()),
        **exposures_file(PROJECT_ROOT),
        **vendors_file(load_mappings(), columns_not_read(PROJECT_ROOT)),
        **reference_files(),
    }


def orphans(root: Path = PROJECT_ROOT) -> list[Path]:
    """Staging models whose table the contract no longer has."""
    contract = load_contract()
    wanted = {
        f"{name}/stg_{name}__{table}.sql"
        for name, system in contract.items()
        for table in system.tables
    }
    folder = root / STAGING_DIR
    return [
        path
        for path in sorted(folder.glob("*/stg_*.sql"))
        if str(path.relative_to(folder)) not in wanted
    ]


def write(root: Path = PROJECT_ROOT) -> list[str]:
    """Write what differs, and nothing else: dbt parses again what is newer. Gives what it did."""
    done = []
    for name, text in generated_files().items():
        path = root / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            done.append(f"wrote {name}")
    for path in orphans(root):
        path.unlink()
        done.append(f"removed {path.relative_to(root)}")
    return done
