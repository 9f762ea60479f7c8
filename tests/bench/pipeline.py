"""The whole run against the same compiled SQL executed straight in DuckDB, in the same session."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.transform.project import cache_dir, prepare_project

SHARED = PROJECT_ROOT.parent / "shared" / "data"
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Measured:
    """One command: wall-clock and processor seconds, and the peak memory of its processes in MB.

    Processor seconds say what a machine with other work on it cost, too.
    """

    seconds: float
    processor_seconds: float
    peak_mb: float
    output: str


def measure(
    command: list[str],
    env: dict[str, str] | None = None,
    *,
    folder: Path = PROJECT_ROOT,
    shown: bool = False,
) -> Measured:
    """Run ``command`` in ``folder`` and watch the memory of its processes. Raises when it fails.

    ``shown``: its output goes to stderr as it comes, so that a long run that is cut short has said
    how far it was.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(POLL_SECONDS):
            peak = max(peak, tree_mb(process.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if shown:
            sys.stderr.write(line)
            sys.stderr.flush()
    # Of the command alone: the watcher's own processes are children of this one too.
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    output = "".join(lines)
    done.set()
    watcher.join()
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}:\n{output}")
    return Measured(seconds, used.ru_utime + used.ru_stime, peak, output)


def tree_mb(pid: int) -> float:
    """Resident memory of a process and its descendants, in MB, as ps tells it."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=False
    ).stdout
    children: dict[int, list[int]] = {}
    resident: dict[int, int] = {}
    for line in listing.splitlines():
        own, parent, rss = (int(part) for part in line.split())
        children.setdefault(parent, []).append(own)
        resident[own] = rss
    total, todo = 0, [pid]
    while todo:
        current = todo.pop()
        total += resident.get(current, 0)
        todo += children.get(current, [])
    return total / 1024


def straight_sql(
    warehouse: Path, target: Path, scratch: Path, manifest: Path | None = None
) -> tuple[float, float]:
    """Seconds, and processor seconds, for every compiled model, in order, as CREATE TABLE AS in one
    DuckDB connection.

    ``target``: dbt's artefacts, among them the manifest unless it is named. Works on a copy of the
    warehouse; views of dbt stay views.
    """
    copy = scratch / "warehouse.duckdb"
    shutil.copy(warehouse, copy)
    nodes = json.loads((manifest or target / "manifest.json").read_text())["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    compiled_dir = target / "compiled"
    con = duckdb.connect(str(copy), config={"memory_limit": "2GB"})
    con.execute("SET TimeZone = 'UTC'")
    started, used = time.perf_counter(), time.process_time()
    done: set[str] = set()
    while len(done) < len(models):
        ready = [
            key
            for key, node in models.items()
            if key not in done
            and all(up in done or up not in models for up in node["depends_on"]["nodes"])
        ]
        for key in ready:
            node = models[key]
            sql = next(compiled_dir.rglob(node["original_file_path"])).read_text()
            kind = "VIEW" if node["config"]["materialized"] == "view" else "TABLE"
            con.execute(f'CREATE OR REPLACE {kind} {node["schema"]}."{node["name"]}" AS {sql}')
            done.add(key)
    seconds = time.perf_counter() - started, time.process_time() - used
    con.close()
    copy.unlink()
    return seconds


def bench(name: str, landing: Path) -> list[tuple[str, str]]:
    """Rows (what, figure) for one data set under ``landing``."""
    with tempfile.TemporaryDirectory(prefix="hourglass-bench-") as folder:
        data_dir = Path(folder) / "data"
        shutil.copytree(landing, data_dir / "landing")
        command = [sys.executable, "-m", "dagster_project.cli", "run", "--data-dir", str(data_dir)]
        first = measure(command)
        again = measure(command)
        warehouse = data_dir / "warehouse"
        manifest = prepare_project(cache_dir(Settings(data_dir=data_dir))).manifest
        sql, _ = straight_sql(
            warehouse / "warehouse.duckdb", warehouse / "dbt", Path(folder), manifest
        )
    stages = [line for line in first.output.splitlines() if line.startswith("Seconds")]
    return [
        (f"{name}: whole run", f"{first.seconds:.1f} s, peak {first.peak_mb:,.0f} MB"),
        (f"{name}: stages", " ".join(stages).removeprefix("Seconds").strip()),
        (f"{name}: run with nothing new", f"{again.seconds:.1f} s"),
        (f"{name}: same compiled SQL straight in DuckDB", f"{sql:.1f} s"),
        (f"{name}: whole run / straight SQL", f"{first.seconds / sql:.1f}"),
    ]
