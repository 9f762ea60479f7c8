"""Client of the fork server: called in place of dbt, and runs dbt itself where no server listens.

Started with nothing but the standard library: ``dbt_client.py SOCKET DBT ARGUMENTS...``.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path


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
            signal.signal(number, lambda number, _: os.kill(pid, number))
        # No answer: the server is gone, and its call with it.
        code = int(answers.readline() or -signal.SIGKILL)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
