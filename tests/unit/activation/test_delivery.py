"""A delivery tells the receiver each change once, whatever fails on the way."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from dagster_project.activation.delivery import Endpoint, deliver, endpoint_of
from dagster_project.activation.delivery_ledger import (
    ledger_path,
    recipients_of,
    remove_customers,
)
from dagster_project.errors import HourglassError, UsageError
from dagster_project.operations.stopping import Stopped
from dagster_project.settings import PROJECT_ROOT, Settings
from tests.byte_search import search
from tests.soak import SOAK, seeded
from tests.unit.activation.conftest import SECRET, WIN_BACK, publish_members

KILLS = 100 if SOAK else 4
MANY = {f"c{number:04}": None for number in range(450)}


def endpoint(hook, **given) -> Endpoint:
    return Endpoint(hook.url, SECRET, wait=lambda _: None, **given)


def test_only_changes_are_sent(settings, webhook):
    """Everybody gets everything again each day, or who left goes on hearing."""
    hook = webhook()
    publish_members(settings, {"a": None, "b": None, "c": "no_consent", "d": "hold_out"}, name="v1")
    first = deliver(settings, WIN_BACK, endpoint(hook))
    assert (first.upserts, first.removals) == (2, 0)
    assert set(hook.state) == {"a", "b"}
    assert hook.state["a"]["email"] == "a@example.com"
    assert "phone" not in hook.state["a"]
    assert hook.state["a"]["message"] == {"favourite_category": "Garden"}
    again = deliver(settings, WIN_BACK, endpoint(hook))
    assert (again.upserts, again.removals, again.batches, again.kept) == (0, 0, 0, 2)
    publish_members(settings, {"a": "no_consent", "b": None, "e": None}, name="v2")
    third = deliver(settings, WIN_BACK, endpoint(hook))
    assert (third.upserts, third.removals) == (1, 1)
    assert set(hook.state) == {"b", "e"}
    assert hook.forged == 0


def test_failing_late_and_broken_answers_cost_no_change(settings, webhook):
    """An endpoint that is down, slow or cut off makes a message come twice or never."""
    hook = webhook(trouble=0.5, seed=seeded().randrange(10**6))
    publish_members(settings, MANY, name="v1")
    done = deliver(settings, WIN_BACK, endpoint(hook, timeout=0.3, attempts=40))
    assert (done.upserts, done.batches) == (450, 5)
    assert sorted(change["customer_id"] for change in hook.changes) == sorted(MANY)
    assert hook.requests > hook.forged == 0


def test_a_refusal_is_no_delivery(settings, webhook):
    """A receiver that says no counts as told, and never hears of it again."""
    hook = webhook()
    hook.take = lambda request, body: request.send_error(422)  # type: ignore[method-assign]
    publish_members(settings, {"a": None}, name="v1")
    with pytest.raises(HourglassError, match="422"):
        deliver(settings, WIN_BACK, endpoint(hook))
    del hook.take
    assert deliver(settings, WIN_BACK, endpoint(hook)).upserts == 1
    assert set(hook.state) == {"a"}


def test_consent_withdrawn_while_a_batch_is_pending_is_obeyed(settings, webhook):
    """A batch of yesterday is repeated with the address of who said no since."""
    hook = webhook(trouble=1.0)
    hook.random.choice = lambda _: "drop after"  # type: ignore[method-assign]
    publish_members(settings, {"a": None, "b": None}, name="v1")
    with pytest.raises(HourglassError, match="attempts"):
        deliver(settings, WIN_BACK, endpoint(hook, attempts=2))
    assert set(hook.state) == {"a", "b"}
    hook.trouble = 0.0
    publish_members(settings, {"a": "no_consent", "b": None}, name="v2")
    deliver(settings, WIN_BACK, endpoint(hook))
    assert set(hook.state) == {"b"}
    assert [c["operation"] for c in hook.changes if c["customer_id"] == "a"] == ["upsert", "remove"]


def test_ctrl_c_ends_a_delivery_between_two_batches(settings, webhook):
    """Somebody stops a delivery, and it goes on; or what was sent is sent again by the next."""
    hook = webhook()
    publish_members(settings, MANY, name="v1")

    def stop_after_two() -> None:
        if hook.requests == 2:
            raise Stopped(signal.SIGINT)

    with pytest.raises(Stopped):
        deliver(settings, WIN_BACK, endpoint(hook), stop_after_two)
    assert len(hook.state) == 200
    assert deliver(settings, WIN_BACK, endpoint(hook)).upserts == 250
    assert sorted(change["customer_id"] for change in hook.changes) == sorted(MANY)


# Imports once, then carries out one delivery per line that it reads, each in a process of its own.
WORKERS = """
import os, sys
from pathlib import Path
from dagster_project.activation.delivery import Endpoint, deliver
from dagster_project.settings import Settings
from tests.unit.activation.conftest import SECRET, WIN_BACK
print("ready", flush=True)
for _ in sys.stdin:
    child = os.fork()
    if not child:
        hook = Endpoint(sys.argv[2], SECRET, timeout=2, attempts=40, wait=lambda _: None)
        deliver(Settings(data_dir=Path(sys.argv[1])), WIN_BACK, hook)
        os._exit(0)
    print(child, flush=True)
    print("killed" if os.WIFSIGNALED(os.waitpid(child, 0)[1]) else "ended", flush=True)
"""


@pytest.fixture
def workers(settings, webhook):
    """Deliveries to a receiver in trouble, in processes that can be killed: (receiver, workers)."""
    hook = webhook(trouble=0.2, seed=seeded().randrange(10**6), slow_seconds=0.02)
    with subprocess.Popen(
        [sys.executable, "-c", WORKERS, str(settings.data_dir), hook.url],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield hook, process
        assert process.stdin is not None
        process.stdin.close()


def kill_one(hook, process: subprocess.Popen[str], moment: str, after: float) -> bool:
    """Start a delivery and kill it: ``after`` seconds, or at the nth request that is received,
    taken or answered. Whether it died before its end."""
    child: list[int] = []
    seen: list[str] = []
    begun = threading.Event()

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child[0], signal.SIGKILL)

    def watch(there: str) -> None:
        begun.wait()
        seen.append(there)
        if there == moment and seen.count(moment) == after:
            kill()

    if moment != "some time":
        hook.watch = watch
    process.stdin.write("deliver\n")
    process.stdin.flush()
    child.append(int(process.stdout.readline()))
    begun.set()
    if moment == "some time":
        time.sleep(after)
        kill()
    ended = process.stdout.readline()
    hook.watch = lambda moment: None
    return ended == "killed\n"


def test_a_killed_delivery_neither_doubles_nor_loses(settings, workers):
    """A process that dies in the middle makes the receiver hear something twice, or never."""
    random = seeded()
    hook, process = workers
    publish_members(settings, MANY, name="v0000")
    killed: Counter[str] = Counter()
    pending = 0
    for number in range(1, KILLS + 1):
        moment = ("received", "taken", "answered", "some time")[number % 4]
        after = random.uniform(0, 0.5) if moment == "some time" else random.randint(1, 5)
        killed[moment] += kill_one(hook, process, moment, after)
        with sqlite3.connect(ledger_path(settings)) as con:
            has_begun = con.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,)
            if has_begun:
                sql = "SELECT count(*) FROM batches WHERE state = 'pending'"
                pending += con.execute(sql).fetchone()[0]
        deliver(settings, WIN_BACK, endpoint(hook, attempts=40, timeout=2))
        category = f"of day {number}"
        assert len(hook.state) == len(MANY)
        told = Counter(change["customer_id"] for change in hook.changes)
        assert set(told.values()) == {number}, (number, moment, after)
        assert told.keys() == MANY.keys()
        publish_members(settings, MANY, name=f"v{number:04}", category=category)
    sys.stdout.write(f"killed: {dict(killed)}; left pending: {pending}\n")
    assert hook.forged == 0
    assert killed["received"] == killed["taken"] == KILLS // 4
    assert pending >= KILLS // 2


def test_nothing_is_sent_until_switched_on(settings):
    """A copy of the installation tells real customers something."""
    with pytest.raises(UsageError, match="HOURGLASS_DELIVERY_ENABLED"):
        endpoint_of(Settings(data_dir=settings.data_dir, delivery_url="https://example.com/x"))
    for url in ("http://example.com/x", "ftp://example.com", "file:///etc/passwd", "https://"):
        with pytest.raises(UsageError, match="https"):
            Endpoint(url, SECRET)
    with pytest.raises(UsageError, match="SECRET"):
        Endpoint("https://example.com/x", "")


def test_the_ledger_is_private_and_forgets_the_erased(settings, webhook):
    """Somebody who was erased is still in what was delivered, or its reader is anybody."""
    hook = webhook(trouble=1.0)
    hook.random.choice = lambda _: "503"  # type: ignore[method-assign]
    members = {"customer_aaa": None, "customer_bbb": None}
    publish_members(settings, members, name="v1")
    with pytest.raises(HourglassError):
        deliver(settings, WIN_BACK, endpoint(hook, attempts=1))
    path = ledger_path(settings)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert search(path.parent, ["customer_aaa", "customer_aaa@example.com"])
    assert list(recipients_of(settings, ["customer_aaa"]).values()) == [1]
    remove_customers(settings, ["customer_aaa"])
    assert recipients_of(settings, ["customer_aaa"]) == {}
    assert search(path.parent, ["customer_aaa", "customer_bbb@example.com"]) == []
    hook.trouble = 0.0
    publish_members(settings, {"customer_bbb": None}, name="v2")
    deliver(settings, WIN_BACK, endpoint(hook))
    assert set(hook.state) == {"customer_bbb"}
    with sqlite3.connect(path) as con:
        assert con.execute("SELECT state, body FROM batches ORDER BY rowid").fetchall() == [
            ("abandoned", None),
            ("accepted", None),
        ]
