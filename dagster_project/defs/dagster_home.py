"""Dagster's home below the data directory: where its history lies, and what the UI loads.

Kept apart from the runs, whose imports (dbt's among them) take seven seconds that a command which
only reads the history does not have.
"""

import os
from pathlib import Path

import yaml

from dagster_project.private_files import private_folder
from dagster_project.settings import PROJECT_ROOT, Settings

LOCATION = "dagster_project.definitions"


def ensure_dagster_home(settings: Settings) -> Path:
    """The project's own DAGSTER_HOME below the data directory, configured like the repository's."""
    home = settings.dagster_home
    private_folder(home)
    config = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    if settings.dagster_postgres_url:
        # By its name: the address holds a password. SQLAlchemy 2.1 would take psycopg for it, with
        # which dagster-postgres 0.29.27 does not work.
        name = "HOURGLASS_DAGSTER_POSTGRES_URL"
        address = settings.dagster_postgres_url.partition("://")[2]
        os.environ[name] = f"postgresql+psycopg2://{address}"
        config["storage"] = {"postgres": {"postgres_url": {"env": name}}}
    elif "sqlite" in config["storage"]:
        config["storage"]["sqlite"]["base_dir"] = str(home)
    text = "# Written by hourglass from the dagster.yaml of the repository.\n" + yaml.safe_dump(
        config
    )
    path = home / "dagster.yaml"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return home
