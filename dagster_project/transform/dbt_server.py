"""Fork server: the process that has imported dbt and its parse once, and forks for each call of it.

A start of dbt costs 3 s of processor time before its first model; a run calls it three times, four
with an erasure. Each call is a process of its own, so that its end frees the warehouse file: dbt in
a process that stays keeps it locked (dbt-duckdb 1.11, 2026-11). The other end is ``dbt_client``.
"""

import gc
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType
from typing import Any

from dagster_project.engine import dbt_executable
from dagster_project.settings import Settings
from dagster_project.transform.project import (
    PreparedProject,
    cache_dir,
    dbt_environment,
    share_parse,
)

CLIENT = Path(__file__).with_name("dbt_client.py")
# What a Unix socket's address may have, on the tightest of the systems.
LONGEST_ADDRESS = 103
STOP_SECONDS = 5
# Locks of a call go with it; Python's tracker of them warns when the server ends, one line a run.
SEMAPHORES = "ignore:resource_tracker:UserWarning"


def socket_path(settings: Settings) -> Path:
    """Where the server of this data directory listens; one at a time, as the run lock says."""
    name = hashlib.sha256(str(settings.data_dir).encode()).hexdigest()[:12]
    return cache_dir(settings) / f"{name}.sock"


def dbt_command(settings: Settings) -> list[str]:
    """How dbt is called: through the server where one listens, as dbt itself where none does."""
    executable = str(dbt_executable(settings))
    if not _can_serve(settings):
        return [executable]
    # -I and -S: the client needs nothing that is installed, and starts in 20 ms without.
    client = [sys.executable, "-I", "-S", str(CLIENT)]
    return [*client, str(socket_path(settings)), executable]


def _can_serve(settings: Settings) -> bool:
    """Not with Spark, whose session is of one process, nor at an address that is too long."""
    is_short = len(os.fsencode(socket_path(settings))) <= LONGEST_ADDRESS
    return settings.engine == "duckdb" and is_short


@contextmanager
def serving(settings: Settings, project: PreparedProject) -> Iterator[None]:
    """Have a server of ``project`` for the length of the block; it starts while others work."""
    address = socket_path(settings)
    try:
        listener = _listening(address) if _can_serve(settings) else None
    except OSError:
        # A disk that takes no sockets.
        listener = None
    if listener is None:
        yield
        return
    target = settings.warehouse_dir / "dbt"
    share_parse(project, target)
    with listener:
        number = listener.fileno()
        server = subprocess.Popen(
            [sys.executable, "-m", __name__, str(number), str(project.folder), str(target)],
            # Its end tells the server that this process is gone, however that came about.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **dbt_environment(settings), "PYTHONWARNINGS": SEMAPHORES},
            pass_fds=[number],
        )
    try:
        yield
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        address.unlink(missing_ok=True)


def _listening(address: Path) -> socket.socket:
    """A socket at ``address`` that only this user can ask; calls wait there until it is served."""
    address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(address))
    finally:
        os.umask(before)
    listener.listen()
    return listener


class Server:
    """Serves one call at a time until its standard input ends."""

    def __init__(self, listener: socket.socket, project: Path, target: Path) -> None:
        self._listener, self._project, self._target = listener, project, target

    def serve(self) -> None:
        """Answer calls; those that come before the parse is there wait for it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        runner = self._runner()
        # What is here stays: a child that looked through it for garbage would copy its memory.
        gc.collect()
        gc.freeze()
        while sys.stdin.fileno() not in (ready := _ready(sys.stdin.fileno(), self._listener)):
            if self._listener in ready:
                with suppress(OSError, ValueError), self._listener.accept()[0] as call:
                    self._answer(call, runner)

    def _runner(self) -> Any:
        """dbt with the parse in memory; without one, it parses in each call and tells errors."""
        from dbt.cli.main import dbtRunner

        folder = str(self._project)
        parsed = dbtRunner().invoke(
            [
                *("parse", "--quiet", "--no-write-json", "--target-path", str(self._target)),
                *("--log-path", str(self._target), "--project-dir", folder),
                *("--profiles-dir", folder),
            ]
        )
        if not parsed.success:
            return dbtRunner()
        _compile_templates(parsed.result)
        return dbtRunner(manifest=parsed.result)

    def _answer(self, call: socket.socket, runner: Any) -> None:
        """Fork for one call; tell the client its process id, and how it ended."""
        header, descriptors, *_ = socket.recv_fds(call, 8, 2)
        with call.makefile("rb") as stream:
            asked = json.loads(stream.read(int.from_bytes(header)))
        ends, ended = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ends)
            # Held here, they would outlive the server, and nobody would hear of its end.
            call.close()
            self._listener.close()
            # Nothing of the server's is to run in the child, whatever happens.
            os._exit(_call(runner, asked, descriptors))
        os.close(ended)
        for descriptor in descriptors:
            os.close(descriptor)
        try:
            call.sendall(f"{pid}\n".encode())
            # A client sends nothing more: it is ready when it is gone.
            is_alone = ends not in _ready(ends, call, sys.stdin.fileno())
        except OSError:
            is_alone = True
        if is_alone:
            # Nobody is there any more who would read what it builds.
            os.kill(pid, signal.SIGKILL)
        os.close(ends)
        _, status = os.waitpid(pid, 0)
        call.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _ready(*streams: Any) -> list[Any]:
    return select.select(streams, [], [])[0]


def _call(runner: Any, asked: dict[str, Any], descriptors: Sequence[int]) -> int:
    """dbt's exit code of one call, in the process that was forked for it."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Whoever started the run may ignore it, or hold it back, and so would all that it starts.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for number, descriptor in enumerate(descriptors, start=1):
            os.dup2(descriptor, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(asked["environment"])
        os.chdir(asked["folder"])
        sys.argv = ["dbt", *asked["arguments"]]
        _leave_out_what_nobody_reads()
        # One call leaves some 20 MB of it, and looking for it took 3% of a run (2026-12).
        gc.disable()
        done = runner.invoke(asked["arguments"])
        _close_warehouse()
        code = 0 if done.success else 1 if done.exception is None else 2
        if code == 2:
            sys.stderr.write(f"{done.exception}\n")
    except BaseException:  # noqa: BLE001 - a child that goes on would be a second server
        traceback.print_exc()
        code = 2
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _compile_templates(manifest: Any) -> None:
    """Compile the templates that calls of ``manifest`` render; they inherit them with the memory.

    By itself each call of a run compiled the same macros and models again, a tenth of its time
    (dbt-core 1.11, 2026-12). This process has nothing else to do meanwhile: files are read.
    """
    from dbt_common.clients import jinja

    compiled: dict[str, CodeType] = {}
    compile_one = jinja.MacroFuzzEnvironment.compile

    def compile_once(environment: Any, source: Any, *more: Any, **named: Any) -> Any:
        if more or named or not isinstance(source, str):
            return compile_one(environment, source, *more, **named)
        if source not in compiled:
            compiled[source] = compile_one(environment, source)
        return compiled[source]

    jinja.MacroFuzzEnvironment.compile = compile_once
    used = [name for node in manifest.nodes.values() for name in node.depends_on.macros]
    used += [name for name in manifest.macros if ".materialization_" in name]
    known: set[str] = set()
    while used:
        name = used.pop()
        if name not in known and name in manifest.macros:
            known.add(name)
            jinja.template_cache.get_node_template(manifest.macros[name])
            used += manifest.macros[name].depends_on.macros
    for source in {node.raw_code for node in manifest.nodes.values()}:
        # What does not compile is told by the call that builds it.
        with suppress(Exception):
            jinja.get_template(source, {})


def _leave_out_what_nobody_reads() -> None:
    """Spare dbt two things that took half of its own time in a build (dbt-core 1.11, 2026-11).

    It words each of some 6,500 debug events for the screen and for the log before these drop it;
    and it writes a manifest after each call, which is the one of the project's parse.
    """
    from dbt.task import runnable
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    fire = EventManager.fire_event

    def fire_heard(
        manager: EventManager, event: BaseEvent, level: EventLevel | None = None, **more: Any
    ) -> None:
        if (level or event.level_tag()) not in (EventLevel.DEBUG, EventLevel.TEST):
            fire(manager, event, level=level, **more)

    if os.environ.get("DBT_LOG_LEVEL_FILE") == "info" and "DBT_LOG_LEVEL" not in os.environ:
        EventManager.fire_event = fire_heard
    runnable.write_manifest = lambda *_: None


def _close_warehouse() -> None:
    """Close the warehouse, as dbt leaves to the end of its process, which is cut short here.

    Whoever opens it next would go through DuckDB's log instead: 4 s of a day's run of 100,000
    people (2026-12). What a process leaves that is killed is still in that log, and what cannot be
    written now, on a full disk, is told by that next one.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    if environment is not None:
        with suppress(Exception):
            environment.close()


if __name__ == "__main__":
    Server(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])).serve()
