"""Project folder: definitions of one's own, apart from the package, which an upgrade leaves alone.

``create_project_folder`` lays it out; ``HOURGLASS_PROJECT_DIR`` names it. What a file in it may
say, and how it is merged with what is shipped, stands with each kind.
"""

from pathlib import Path

from dagster_project.contracts.folders import PROJECT_FOLDERS
from dagster_project.errors import UsageError, unusable

README = """# Definitions of our own

Hourglass reads these folders over what it ships; an upgrade of the package does not touch them.

{folders}

`.env` holds the settings: copy `.env.example`. In this folder `hourglass run`, `hourglass ui` and
`dagster dev` all read it.
"""
ENVIRONMENT = """# Copy to .env: settings of this installation, secrets among them.
HOURGLASS_PROJECT_DIR={folder}
HOURGLASS_DATA_DIR={folder}/data
# The business time zone, in which days and months are cut.
HOURGLASS_TIME_ZONE=UTC
# The reporting currency; needed when several are present.
#HOURGLASS_CURRENCY=EUR
#HOURGLASS_SCHEDULE_ENABLED=true
"""
DAGSTER = """[tool.dagster]
module_name = "dagster_project.definitions"
"""
IGNORED = ".env\ndata/\n"


def create_project_folder(folder: Path) -> list[Path]:
    """Lay out ``folder`` as a project folder; the files that were written.

    What is there already is left as it is. Raises UsageError when it cannot be written.
    """
    folder = folder.expanduser().resolve()
    if not str(folder).isprintable():
        # .env names it, on one line.
        raise UsageError(f"{folder}: a project folder's name has printable characters only.")
    listed = "\n".join(f"- `{name}/` {text}" for name, text in PROJECT_FOLDERS.items())
    files = {
        "README.md": README.format(folders=listed),
        ".env.example": ENVIRONMENT.format(folder=folder),
        "pyproject.toml": DAGSTER,
        ".gitignore": IGNORED,
    }
    written = []
    try:
        for name in PROJECT_FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            if not (folder / name).exists():
                (folder / name).write_text(text, encoding="utf-8")
                written.append(folder / name)
    except OSError as error:
        raise unusable(folder, error) from None
    return written
