"""The plugin of dbt-duckdb (see dbt/profiles.yml) that places dbt's own connection and confines it.

dbt opens the warehouse itself, so :mod:`dagster_project.warehouse` cannot. This applies the same
rules to that connection: no file outside the warehouse's folder and the seeds, no extension, no
change of configuration by the SQL that runs on it.

Where the warehouse is and how much it may use is read here and not in the profile, because dbt
parses the whole project again (5 s of each run) whenever the profile's connection has changed.
"""

import os
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin

WAREHOUSE_PATH = "HOURGLASS_WAREHOUSE_PATH"
# DuckDB's option, and the setting that gives it.
OPTIONS = {"memory_limit": "HOURGLASS_MEMORY_LIMIT", "threads": "HOURGLASS_THREADS"}


class Plugin(BasePlugin):
    """Named as dbt-duckdb looks it up."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Put the warehouse and the limits of this run in place of the profile's defaults."""
        creds.path = os.environ.get(WAREHOUSE_PATH, creds.path)
        config.update({name: os.environ[key] for name, key in OPTIONS.items() if key in os.environ})

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Lock ``conn``. GLOBAL, because every model runs on a cursor of its own."""
        # dbt works in the folder of its project.
        folders = [str(Path.cwd() / "seeds")]
        if self.creds is not None and self.creds.path != ":memory:":
            folders.append(str(Path(self.creds.path).resolve().parent))
        listed = ", ".join("'" + folder.replace("'", "''") + "/'" for folder in folders)
        conn.execute("SET GLOBAL TimeZone = 'UTC'")
        conn.execute(f"SET GLOBAL allowed_directories = [{listed}]")
        conn.execute("SET GLOBAL enable_external_access = false")
        conn.execute("SET GLOBAL lock_configuration = true")
