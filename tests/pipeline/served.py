"""``hourglass ui`` in a process of its own, and questions to it as its pages ask them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.pipeline.conftest import Company

START_SECONDS = 180
# The newest run.
RUNS = "{ runsOrError(limit: 1) { ... on Runs { results { runId status jobName } } } }"


REPOSITORIES = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }
"""
LAUNCH = """
mutation {{ launchRun(executionParams: {{ selector: {{
  repositoryName: "{repository}", repositoryLocationName: "{location}", jobName: "{job}"
}} }}) {{ __typename ... on PythonError {{ message }} }} }}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(address: str, query: str) -> dict:
    request = urllib.request.Request(
        f"{address}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["data"]


def newest_run(address: str) -> dict[str, str]:
    """runId, status and jobName of the newest run; empty before the first."""
    results = ask(address, RUNS)["runsOrError"]["results"]
    return results[0] if results else {}


def launch(address: str, job: str) -> None:
    """Start the job as the page's button does: into the queue, from which the daemon takes it."""
    [node] = ask(address, REPOSITORIES)["repositoriesOrError"]["nodes"]
    place = {"repository": node["name"], "location": node["location"]["name"]}
    told = ask(address, LAUNCH.format(**place, job=job))
    assert told["launchRun"]["__typename"] == "LaunchRunSuccess", told


def ends_well(address: str, before: str | None, seconds: float) -> bool:
    """Whether a run that is newer than ``before`` ends, and ends well."""

    def is_done() -> bool:
        newest = newest_run(address)
        return newest.get("runId") != before and newest["status"] in {
            "SUCCESS",
            "FAILURE",
            "CANCELED",
        }

    return wait_for(is_done, seconds) and newest_run(address)["status"] == "SUCCESS"


def wait_for(what: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if what():
                return True
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(1)
    return False


@contextmanager
def served(company: Company, log: Path, parts: Sequence[str] = ("all",)) -> Iterator[str]:
    """The address of the Dagster UI on the company; each of ``parts`` is a process of its own."""
    port = free_port()
    processes = []
    for part in parts:
        with log.with_suffix(f".{part}").open("w") as output:
            processes.append(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "dagster_project.cli", "ui", "--part", part),
                        *("--port", str(port), "--data-dir", str(company.data_dir)),
                    ],
                    cwd=company.project,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
    address = f"http://127.0.0.1:{port}"
    try:
        is_up = wait_for(lambda: "data" in {"data": ask(address, RUNS)}, START_SECONDS)
        assert is_up, "".join(path.read_text()[-3000:] for path in log.parent.glob(f"{log.stem}.*"))
        yield address
    finally:
        # Dagster waits half a minute for what a run left; the folder is thrown away anyhow.
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
