"""A published version with one audience, made by hand, and a webhook that misbehaves."""

import hashlib
import hmac
import http.server
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from dagster_project.activation.definitions import Audience
from dagster_project.activation.mart_schemas import AUDIENCES
from dagster_project.settings import Settings

SECRET = "a secret of both sides"

WIN_BACK = Audience(
    audience="win_back",
    description="Silent.",
    owner="team:marketing",
    medium="email",
    purpose="email",
    priority=50,
    hold_out=0.1,
    stays_days=30,
    select="select customer_id, 'why' as reason, favourite_category from customers",
)


def publish_members(
    settings: Settings, members: dict[str, str | None], *, name: str, category: str = "Garden"
) -> None:
    """A version in which ``members`` (id to why they are left out) are in win_back."""
    published = settings.published_dir / "versions" / name
    restricted = settings.restricted_dir / "versions" / name
    for folder in (published, restricted):
        folder.mkdir(parents=True)
    with duckdb.connect(str(published / "marts.duckdb")) as con:
        con.execute("CREATE TABLE build AS SELECT DATE '2026-06-30' AS as_of, 'b' AS build_id")
        con.execute(f"CREATE TABLE audiences ({AUDIENCES})")
        rows = [
            ("win_back", one, None, "2026-06-30", "2026-07-30", "silent", "email", "email", 50,
             why == "hold_out", why, json.dumps({"favourite_category": category}), one)
            for one, why in members.items()
        ]  # fmt: skip
        _insert(con, "audiences", rows)
    with duckdb.connect(str(restricted / "restricted.duckdb")) as con:
        con.execute(
            "CREATE TABLE customer_contacts (customer_id VARCHAR, email VARCHAR, phone VARCHAR, "
            "first_name VARCHAR, middle_name VARCHAR, last_name VARCHAR, city VARCHAR, "
            "country VARCHAR)"
        )
        people = [
            (one, f"{one}@example.com", "+447700900123", "=1+1", None, f"Of {one}", "Bath", "GB")
            for one in members
        ]
        _insert(con, "customer_contacts", people)
        con.execute("CREATE SCHEMA identity")
        con.execute(
            "CREATE TABLE identity.registry (source_system VARCHAR, source_table VARCHAR, "
            "source_id VARCHAR, customer_id VARCHAR)"
        )
    for parent in (settings.published_dir, settings.restricted_dir):
        link = parent / "current"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("versions") / name)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: list[tuple]) -> None:
    """All rows in one statement: one each is a hundred times slower."""
    if rows:
        places = ", ".join(f"({', '.join('?' * len(rows[0]))})" for _ in rows)
        con.execute(f"INSERT INTO {table} VALUES {places}", [v for row in rows for v in row])


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@dataclass
class Webhook:
    """A receiver that keeps each key's changes once, and answers as badly as ``trouble`` says.

    ``trouble``: share of requests that fail before or after they took effect, by a status, a
    connection that breaks, or an answer that comes too late. ``watch`` is told of each request
    when it is ``received``, ``taken`` and ``answered``.
    """

    trouble: float = 0.0
    seed: int = 0
    slow_seconds: float = 1.0
    keys: list[str] = field(default_factory=list)
    changes: list[dict] = field(default_factory=list)
    state: dict[str, dict] = field(default_factory=dict)
    forged: int = 0
    requests: int = 0
    watch: Callable[[str], None] = lambda moment: None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.lock = threading.Lock()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def handle(self, request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with self.lock:
            self.requests += 1
            self.watch("received")
            trouble = self.random.choice(["503", "429", "drop", "late", "drop after", "late after"])
            if self.random.random() >= self.trouble:
                trouble = ""
            if trouble in ("", "drop after", "late after"):
                self.take(request, body)
                self.watch("taken")
        if trouble in ("503", "429"):
            request.send_response(int(trouble))
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if trouble.startswith("drop"):
            request.close_connection = True
            request.connection.close()
            return
        if trouble.startswith("late"):
            time.sleep(self.slow_seconds)
            if trouble == "late":
                request.close_connection = True
                request.connection.close()
                return
        try:
            request.send_response(200)
            request.send_header("Content-Length", "0")
            request.end_headers()
            request.wfile.flush()
        except OSError:
            pass
        with self.lock:
            self.watch("answered")

    def take(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        moment, _, given = request.headers["X-Hourglass-Signature"].partition(",v1=")
        signed = moment.removeprefix("t=").encode() + b"." + body
        expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given, expected):
            self.forged += 1
            return
        key = request.headers["Idempotency-Key"]
        if key in self.keys:
            return
        self.keys.append(key)
        for change in json.loads(body)["changes"]:
            self.changes.append(change)
            if change["operation"] == "remove":
                self.state.pop(change["customer_id"], None)
            else:
                self.state[change["customer_id"]] = change["member"]


@pytest.fixture
def webhook():
    hooks = []

    def make(**given) -> Webhook:
        hooks.append(Webhook(**given))
        return hooks[-1]

    yield make
    for hook in hooks:
        hook.server.shutdown()
        hook.server.server_close()
