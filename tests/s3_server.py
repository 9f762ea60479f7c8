"""An S3-compatible server for the tests (moto's), behind a wire that can be cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from moto.server import ThreadedMotoServer

BUCKET = "company"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Wire:
    """Forwards connections to a port; the next ``cuts`` of them break after ``after`` bytes."""

    def __init__(self, target: int) -> None:
        self.cuts, self.after, self.broken = 0, 0, 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while data := one.recv(4096):
                passed += len(data)
                if self.cuts and passed > self.after:
                    self.cuts -= 1
                    self.broken += 1
                    break
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


@contextmanager
def s3_server() -> Iterator[tuple[Wire, dict[str, str]]]:
    """The wire to a server with an empty bucket, and the environment that leads there."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    wire = Wire(port)
    try:
        yield wire, ENVIRONMENT | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{wire.port}"}
    finally:
        wire.close()
        server.stop()
