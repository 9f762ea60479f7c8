"""dbt's calls of a run: forked from one process, as good as a start of dbt each."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import Settings
from dagster_project.transform.dbt_server import dbt_command, serving, socket_path
from dagster_project.transform.project import PreparedProject, dbt_environment, prepare_project

PROJECT = """
name: tiny
profile: tiny
models: {tiny: {+materialized: table}}
"""
PROFILE = """
tiny:
  target: file
  outputs: {file: {type: duckdb, path: "{{ env_var('TINY_FILE', 'tiny.duckdb') }}"}}
"""
RULE = "models: [{name: one, columns: [{name: a, data_tests: [unique]}]}]"
# At work for hours, for who is to be stopped: a join on equal numbers ends in a millisecond.
SLOW = """SELECT count(*) AS a FROM range(1000000) AS r, range(1000000) AS s
WHERE sin(r.range * s.range) > 0"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, PreparedProject]]:
    """A project of two models and a test, with a server of it."""
    folder = tmp_path_factory.mktemp("served")
    source = folder / "dbt"
    (source / "models").mkdir(parents=True)
    (source / "dbt_project.yml").write_text(PROJECT)
    (source / "profiles.yml").write_text(PROFILE)
    (source / "models" / "one.sql").write_text("SELECT 1 AS a")
    (source / "models" / "one.yml").write_text(RULE)
    (source / "models" / "wrong.sql").write_text("SELECT 'x'::INTEGER AS a FROM {{ ref('one') }}")
    (source / "models" / "slow.sql").write_text(SLOW)
    settings = Settings(data_dir=folder / "data")
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    try:
        project = prepare_project(folder / "prepared", source)
        with serving(settings, project):
            yield settings, project
        assert not socket_path(settings).exists()
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before


def start(
    command: list[str], project: PreparedProject, folder: Path, select: str
) -> subprocess.Popen[str]:
    """A call of dbt with what a run gives it; its artefacts and warehouse lie in ``folder``."""
    return subprocess.Popen(
        [*command, "build", "--select", select, "--project-dir", str(project.folder)],
        cwd=project.folder,
        env={
            **os.environ,
            **dbt_environment(Settings(data_dir=folder)),
            **{"DBT_LOG_FORMAT": "json", "DBT_PROFILES_DIR": str(project.folder)},
            **{"DBT_TARGET_PATH": str(folder), "DBT_LOG_PATH": str(folder)},
            "TINY_FILE": str(folder / "tiny.duckdb"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(output: str) -> list[tuple[str, str]]:
    """(event, node) of dbt's messages about nodes, sorted: two threads tell in any order."""
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return sorted(
        (event["info"]["name"], event["data"]["node_info"]["unique_id"])
        for event in events
        if "node_info" in event["data"]
    )


def statuses(folder: Path) -> dict[str, str]:
    results = json.loads((folder / "run_results.json").read_text())["results"]
    return {result["unique_id"]: result["status"] for result in results}


def test_a_served_call_is_what_dbt_itself_does_and_frees_the_file(
    place: tuple[Settings, PreparedProject], tmp_path: Path
) -> None:
    """The next step of a run finds the warehouse locked, or checks that dbt ran are missing."""
    settings, project = place
    own, served = tmp_path / "own", tmp_path / "served"
    own.mkdir()
    served.mkdir()
    ask, nobody = dbt_command(settings), dbt_command(Settings(data_dir=tmp_path))
    assert socket_path(settings).exists()
    assert not socket_path(Settings(data_dir=tmp_path)).exists()
    calls = [start(ask, project, served, "one wrong"), start(nobody, project, own, "one wrong")]
    outputs = [call.communicate()[0] for call in calls]
    assert [call.returncode for call in calls] == [1, 1], outputs[0]
    assert said(outputs[0]) == said(outputs[1])
    assert statuses(served) == statuses(own)
    assert statuses(served)["model.tiny.wrong"] == "error"
    for select in ("one", "one"):
        # Closed, so that the next step does not replay a log.
        assert not (served / "tiny.duckdb.wal").exists()
        with duckdb.connect(str(served / "tiny.duckdb")) as con:
            assert con.execute("SELECT a FROM one").fetchall() == [(1,)]
        again = start(ask, project, served, select)
        output, _ = again.communicate()
        assert again.returncode == 0, output
    assert set(statuses(served).values()) == {"success", "pass"}


def test_a_call_that_is_stopped_ends_and_the_next_one_is_served(
    place: tuple[Settings, PreparedProject], tmp_path: Path
) -> None:
    """Ctrl-C leaves dbt at work on a file that every later run finds locked."""
    settings, project = place
    call = start(dbt_command(settings), project, tmp_path, "slow")
    assert call.stdout is not None
    while "LogStartLine" not in call.stdout.readline():
        assert call.poll() is None
    call.send_signal(signal.SIGTERM)
    try:
        call.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        pytest.fail(f"still at work:\n{at_work()}")
    assert call.returncode != 0
    after = start(dbt_command(settings), project, tmp_path, "one")
    output, _ = after.communicate()
    assert after.returncode == 0, output


@pytest.mark.parametrize("who", ["run", "client", "server", "client that waits"])
def test_dbt_ends_with_whoever_was_killed(who: str, tmp_path: Path) -> None:
    """After kill -9 dbt goes on for minutes, and every new run says that the file is in use."""
    environment = {**os.environ, "BEFORE": "0.5" if who == "client that waits" else "0"}
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], env=environment)
    pids = {"run": run.pid}
    # The call is forked before its client knows of it.
    for name in ("server", "client", "call"):
        pids[name] = int(told(tmp_path / name))
    if who != "client that waits":
        told(tmp_path / "known")
    os.kill(pids[who.split()[0]], signal.SIGKILL)
    try:
        for _ in range(200):
            if not is_alive(pids["call"]):
                return
            time.sleep(0.05)
        pytest.fail(f"the call {pids['call']} is still at work")
    finally:
        run.kill()
        run.wait()


@pytest.mark.parametrize("deaf", ["run", "held back in run", "call"])
def test_a_call_ends_after_sigterm_whoever_ignores_it(deaf: str, tmp_path: Path) -> None:
    """A supervisor that ignores SIGTERM leaves it ignored in dbt, which no stop reaches then."""
    environment = {**os.environ, "BEFORE": "0", "DEAF": deaf}
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], env=environment)
    try:
        told(tmp_path / "known")
        call, client = (int(told(tmp_path / name)) for name in ("call", "client"))
        time.sleep(0.2)
        os.kill(client, signal.SIGTERM)
        for _ in range(400):
            if not is_alive(call):
                return
            time.sleep(0.05)
        pytest.fail(f"the call {call} is still at work")
    finally:
        run.kill()
        run.wait()


def test_a_signal_that_comes_before_the_read_is_handed_on() -> None:
    """Ctrl-C at the wrong microsecond is not heard until dbt has finished by itself."""
    client = subprocess.run(
        [sys.executable, "-c", BETWEEN], capture_output=True, text=True, timeout=60, check=False
    )
    assert (client.stdout.split(), client.stderr) == (["handed", "on"], "")


def told(file: Path) -> str:
    """What a file says, as soon as it is there."""
    for _ in range(600):
        if file.exists():
            return file.read_text()
        time.sleep(0.05)
    raise AssertionError(f"{file.name} has not come")


def at_work() -> str:
    """Every process with its parent, state and what it waits for: which of a call's is left."""
    columns = "pid,ppid,pgid,stat,wchan:24,blocked,ignored,caught,pending,etimes,args"
    return subprocess.run(
        ["ps", "axww", "-o", columns], capture_output=True, text=True, check=False
    ).stdout


def is_alive(pid: int) -> bool:
    """Whether a process is at work; one that has ended waits for its parent, or is gone."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")


# A run whose server's calls sleep in place of dbt; all of them write down their process id.
RUN = """
import os, signal, socket, subprocess, sys, time
from pathlib import Path
from dagster_project.transform import dbt_server

place = Path(sys.argv[1])

DEAF = os.environ.get("DEAF", "")
if DEAF == "run":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

def tell(name, text):
    (place / "half").write_text(str(text))
    (place / "half").rename(place / name)

class Sleeper:
    def invoke(self, arguments):
        if DEAF == "call":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        tell("call", os.getpid())
        time.sleep(600)

class SlowToTell(socket.socket):
    def sendall(self, data):
        time.sleep(float(os.environ["BEFORE"]))
        super().sendall(data)
        tell("known", "")

class Listener(socket.socket):
    def accept(self):
        call, address = super().accept()
        return SlowToTell(fileno=call.detach()), address

address = place / "s.sock"
listener = dbt_server._listening(address)
read, write = os.pipe()
server = os.fork()
if server == 0:
    if DEAF == "held back in run":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    os.close(write)
    os.dup2(read, 0)
    dbt_server.Server._runner = lambda self: Sleeper()
    dbt_server.Server(Listener(fileno=listener.detach()), place, place).serve()
    os._exit(0)
os.close(read)
python = [sys.executable, "-I", "-S"]
client = subprocess.Popen([*python, str(dbt_server.CLIENT), str(address), "none"])
tell("server", server)
tell("client", client.pid)
time.sleep(600)
"""

# A client whose signal interrupts nothing that it waits in: another thread takes it.
BETWEEN = """
import signal, socket, threading, time
from dagster_project.transform import dbt_client

here, there = socket.socketpair()
signal.signal(signal.SIGTERM, lambda *_: (print("handed"), there.sendall(b"0")))

def send():
    time.sleep(0.3)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=send).start()
dbt_client._wait(here)
print("on")
"""
