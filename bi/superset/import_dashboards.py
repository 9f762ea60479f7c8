"""Superset import: the dashboards of ``assets/`` into the Superset that this Python belongs to.

    superset-venv/bin/python bi/superset/import_dashboards.py data/published/current/marts.duckdb

Run with the environment that Superset itself runs in (SUPERSET_CONFIG_PATH, SUPERSET_HOME). Running
it again updates what is there. ``assets/`` is Superset's own export: change a dashboard in
Superset, export it, and unpack the file here.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ASSETS = Path(__file__).resolve().parent / "assets"
# Where the database's file stands in databases/Hourglass.yaml.
PLACE = "MARTS_DUCKDB"
FOLDER = "hourglass"


def bundle(marts: Path, target: Path) -> None:
    """Write the assets, pointing at ``marts``, as a zip file that Superset imports."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(ASSETS.rglob("*.yaml")):
            # The link ``current`` stays in the path: each new connection then opens the newest.
            text = path.read_text(encoding="utf-8").replace(PLACE, str(marts.absolute()))
            archive.writestr(f"{FOLDER}/{path.relative_to(ASSETS).as_posix()}", text)


def main() -> int:
    """Import; the exit code is that of Superset, 2 for a file that is not there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("marts", type=Path, help="published/current/marts.duckdb")
    parser.add_argument("--user", default="admin", help="who owns the dashboards in Superset")
    options = parser.parse_args()
    if not options.marts.is_file():
        print(f"{options.marts} is not there. Run hourglass run first.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "hourglass.zip"
        bundle(options.marts, archive)
        superset = Path(sys.executable).with_name("superset")
        command = [str(superset), "import-dashboards", "--path", str(archive)]
        return subprocess.run(
            [*command, "--username", options.user],
            env={**os.environ, "FLASK_APP": "superset", "SCARF_ANALYTICS": "false"},
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
