"""Client of the fork server: called in place of dbt, and runs dbt itself where no server listens.

Started with nothing but the standard library: ``dbt_client.py SOCKET DBT ARGUMENTS...``.
"""

import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

# A call that is asked to end and has not ended by then is killed.
STOP_SECONDS = 5


def main(address: str, executable: str, arguments: list[str]) -> int:
    """The exit code of the call. What dbt writes goes to this process's standard output."""
    with socket.socket(socket.AF_UNIX) as call:
        try:
            call.connect(address)
            asked = json.dumps(
                {"arguments": arguments, "environment": dict(os.environ), "folder": str(Path.cwd())}
            ).encode()
            socket.send_fds(call, [len(asked).to_bytes(8)], [1, 2])
            call.sendall(asked)
            answers = call.makefile("r")
            pid = int(answers.readline())
        except (OSError, ValueError):
            # Nobody listens, or nobody took the call.
            os.execv(executable, [executable, *arguments])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: _hand_on(pid, number))
        signal.signal(signal.SIGALRM, lambda *_: _send(pid, signal.SIGKILL))
        _wait(call)
        answer = answers.readline()
    if not answer:
        # The server is gone; its call would go on alone.
        _send(pid, signal.SIGKILL)
    code = int(answer or -signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _hand_on(pid: int, number: int) -> None:
    """dbt has to end soon after SIGTERM; after SIGINT it cancels its queries, and says so."""
    _send(pid, number)
    if number == signal.SIGTERM:
        signal.alarm(STOP_SECONDS)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait(call: socket.socket) -> None:
    """Until ``call`` has something to read, or has ended.

    A signal that comes between Python's look for one and the system's read would wait for that
    read; the byte that it leaves in a pipe wakes this up.
    """
    woken, wake = socket.socketpair()
    with woken, wake:
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        while call not in select.select([call, woken], [], [])[0]:
            woken.recv(1)
        signal.set_wakeup_fd(-1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
