"""Definition files by kind: those that are shipped, and those of one's own that lie over them.

A company's own files lie outside the clone, in the folder that ``HOURGLASS_PROJECT_DIR`` names,
with one folder per kind: ``contracts/``, ``mappings/``, ``words/``, ``audiences/``. What a file of
one's own may say, and how it is merged, stands with its kind; where the files are stands here and
nowhere else.
"""

from pathlib import Path

from dagster_project.errors import UsageError
from dagster_project.settings import PROJECT_ROOT

CONTRACTS = "contracts"
MAPPINGS = "mappings"
WORDS = "words"
AUDIENCES = "audiences"

# Folders of a project folder (HOURGLASS_PROJECT_DIR), with what belongs there.
PROJECT_FOLDERS = {
    "contracts": "How a source writes and what it promises: <system>.yml beside the shipped one.",
    "mappings": "Vendors' exports: a file of a shipped mapping's name takes its place.",
    "words": "Words of a source that mean a shipped one, as CSV: order_statuses.csv and the like.",
    "expectations": "What a reader of a mart may rely on: one suite per mart, <mart>.yml.",
    "models": "Marts of one's own in SQL, each with a .yml beside it and a suite in expectations/.",
    "audiences": "Who is to hear what: an audience of a shipped one's name takes its place.",
}

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED: dict[str, tuple[Path, str]] = {
    CONTRACTS: (_PACKAGE, "*.yml"),
    MAPPINGS: (_PACKAGE / "mappings", "*.yml"),
    WORDS: (PROJECT_ROOT / "dbt" / "seeds", "*.csv"),
    AUDIENCES: (_PACKAGE.parent / "activation" / "audiences", "*.yml"),
}


def shipped_files(kind: str) -> dict[str, Path]:
    """The shipped files of a kind by the name without its ending, in the order of the names."""
    folder, pattern = _SHIPPED[kind]
    return {path.stem: path for path in sorted(folder.glob(pattern))}


def own_files(kind: str, project_dir: Path | None) -> dict[str, Path]:
    """The company's own files of a kind; none without a project folder.

    Raises UsageError when the project folder does not exist: a misspelt path would silently leave
    out all that is one's own.
    """
    if project_dir is None:
        return {}
    if not project_dir.is_dir():
        raise UsageError(
            f"HOURGLASS_PROJECT_DIR: {project_dir} is no folder. Make it, with {CONTRACTS}/, "
            f"{MAPPINGS}/, {WORDS}/ or {AUDIENCES}/ in it, or unset the variable."
        )
    pattern = _SHIPPED[kind][1]
    return {path.stem: path for path in sorted((project_dir / kind).glob(pattern))}


def definition_files(kind: str, project_dir: Path | None) -> dict[str, Path]:
    """Every file of a kind by name: one of one's own takes the place of the shipped one."""
    return dict(sorted({**shipped_files(kind), **own_files(kind, project_dir)}.items()))
