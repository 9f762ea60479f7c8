"""The plugin of dbt-duckdb (see dbt/profiles.yml) that confines dbt's own connection.

dbt opens the warehouse itself, so :mod:`dagster_project.warehouse` cannot. This applies the same
rules to that connection: no file outside the warehouse's folder and the seeds, no extension, no
change of configuration by the SQL that runs on it.
"""

from pathlib import Path

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

SEEDS_DIR = Path(__file__).resolve().parent.parent / "dbt" / "seeds"


class Plugin(BasePlugin):
    """Named as dbt-duckdb looks it up."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Lock ``conn``. GLOBAL, because every model runs on a cursor of its own."""
        folders = [str(SEEDS_DIR)]
        if self.creds is not None and self.creds.path != ":memory:":
            folders.append(str(Path(self.creds.path).resolve().parent))
        listed = ", ".join("'" + folder.replace("'", "''") + "/'" for folder in folders)
        conn.execute("SET GLOBAL TimeZone = 'UTC'")
        conn.execute(f"SET GLOBAL allowed_directories = [{listed}]")
        conn.execute("SET GLOBAL enable_external_access = false")
        conn.execute("SET GLOBAL lock_configuration = true")
