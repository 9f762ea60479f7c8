"""What the publish tests run in processes of their own: a publisher that is killed, a reader.

python -m tests.pipeline.publish_worker publish DATA_DIR SUITES_DIR STAMP
python -m tests.pipeline.publish_worker read DATA_DIR
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.publish import current_manifest, publish
from dagster_project.quality import gate
from dagster_project.settings import Settings
from dagster_project.warehouse import connect
from tests.small_warehouse import fill, pass_gate, report_page

READER = {"enable_external_access": False, "lock_configuration": True}
QUERY = """
    SELECT b.stamp, o.first = o.last AND o.first = b.stamp AND o.n = 100,
        c.first = c.last AND c.first = b.stamp AND c.n = 20
    FROM build AS b,
        (SELECT min(stamp) AS first, max(stamp) AS last, count(*) AS n FROM orders) AS o,
        (SELECT min(stamp) AS first, max(stamp) AS last, count(*) AS n FROM customers) AS c
"""


def publish_stamp(data_dir: Path, suites_dir: Path, stamp: int, room: int | None) -> int:
    """Publish the build ``b<stamp>``; says on standard output when the publish itself begins.

    ``room``: no file may grow beyond so many bytes at first; then, in the same process, it may.
    """
    settings = Settings(data_dir=data_dir)
    with connect(settings) as con:
        gate.create_quality_tables(con)
        fill(con, f"b{stamp}", stamp=stamp)
        pass_gate(con, settings, suites_dir, data_dir / "dbt")
        con.execute("CHECKPOINT")
        print("publishing", flush=True)  # noqa: T201
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
            try:
                publish(con, settings, render=report_page, suites_dir=suites_dir)
            except HourglassError as error:
                print(error.message, flush=True)  # noqa: T201
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            left = [p.name for p in data_dir.glob("*/versions/*")]
            print(json.dumps([current_manifest(settings)["build_id"], left]))  # noqa: T201
        publish(con, settings, render=report_page, suites_dir=suites_dir)
    return 0


def read(data_dir: Path) -> int:
    """Query the version in force until standard input closes; print what was seen."""
    path = str(data_dir / "published" / "current" / "marts.duckdb")
    seen: dict[str, Any] = {"reads": 0, "stamps": [], "mixed": [], "errors": []}
    # Opened once and never again, as a dashboard does: it stays on the version that it opened.
    old = duckdb.connect(path, read_only=True, config=READER)
    stamp_of_old = old.execute(QUERY).fetchone()
    print("reading", flush=True)  # noqa: T201
    stop = data_dir / "stop"
    while not stop.exists():
        try:
            with duckdb.connect(path, read_only=True, config=READER) as con:
                row = con.execute(QUERY).fetchone()
            row_of_old = old.execute(QUERY).fetchone()
        except (duckdb.Error, OSError) as error:
            seen["errors"].append(f"{type(error).__name__}: {error}")
            continue
        seen["reads"] += 1
        if row[1:] != (True, True) or row_of_old != stamp_of_old:
            seen["mixed"].append([row, row_of_old])
        if row[0] not in seen["stamps"]:
            seen["stamps"].append(row[0])
    print(json.dumps(seen), flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    action, folder, *rest = sys.argv[1:]
    if action == "read":
        sys.exit(read(Path(folder)))
    limit = int(rest[2]) if len(rest) > 2 else None
    sys.exit(publish_stamp(Path(folder), Path(rest[0]), int(rest[1]), limit))
