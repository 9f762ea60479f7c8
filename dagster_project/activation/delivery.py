"""Delivery of an audience to a webhook: changes only, each of them once.

Compared is what the endpoint accepted so far with who hears something now. A change is an upsert of
a member with what the message may use, or the removal of who left or may no longer be contacted.
Batches are signed and carry an idempotency key; an endpoint that saw a key answers as it did.
"""

import fcntl
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from dagster_project.activation.definitions import Audience
from dagster_project.activation.delivery_ledger import (
    Batch,
    Change,
    DeliveryLedger,
    opened_ledger,
)
from dagster_project.activation.exports import members_of, opened_version
from dagster_project.errors import BusyError, HourglassError, UsageError, counted
from dagster_project.settings import Settings

BATCH_SIZE = 100
TIMEOUT_SECONDS = 10.0
ATTEMPTS = 6
# Doubled after each failure; what the endpoint asks for in Retry-After goes first.
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
# Answers that may be different next time.
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass
class DeliverySummary:
    """Changes that the endpoint accepted in this delivery, and requests that had to be repeated."""

    audience: str
    upserts: int = 0
    removals: int = 0
    batches: int = 0
    repeated: int = 0
    kept: int = field(default=0)

    def sentence(self) -> str:
        return (
            f"{self.audience}: {counted(self.upserts, 'member')} sent, "
            f"{self.removals:,} taken back, {self.kept:,} unchanged; "
            f"{counted(self.batches, 'request')} accepted, {self.repeated:,} repeated."
        )


@dataclass(frozen=True)
class Endpoint:
    """Where changes go. ``secret`` signs them; ``wait`` is replaced in tests."""

    url: str
    secret: str
    timeout: float = TIMEOUT_SECONDS
    attempts: int = ATTEMPTS
    wait: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        is_local = parts.hostname in LOCAL_HOSTS
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and is_local)
        ):
            raise UsageError(
                "HOURGLASS_DELIVERY_URL must begin with https:// (http:// on this machine only)."
            )
        if not self.secret:
            raise UsageError(
                "HOURGLASS_DELIVERY_SECRET is not set: without it the receiver cannot know that a "
                "delivery is genuine."
            )

    @property
    def name(self) -> str:
        """How the ledger calls it: the address without what may be secret in it."""
        parts = urlsplit(self.url)
        mark = hashlib.sha256(self.url.encode()).hexdigest()[:8]
        return f"{parts.hostname}{parts.path} {mark}"


def endpoint_of(settings: Settings) -> Endpoint:
    """The endpoint of the settings. Raises UsageError when deliveries are not switched on."""
    if not settings.delivery_enabled or not settings.delivery_url:
        raise UsageError(
            "Deliveries are off. Set HOURGLASS_DELIVERY_ENABLED=true, HOURGLASS_DELIVERY_URL and "
            "HOURGLASS_DELIVERY_SECRET to switch them on."
        )
    return Endpoint(settings.delivery_url, settings.delivery_secret or "")


def deliver(
    settings: Settings,
    audience: Audience,
    endpoint: Endpoint,
    before_batch: Callable[[], None] | None = None,
) -> DeliverySummary:
    """Send what changed since the last accepted delivery of ``audience``.

    What ``before_batch`` raises ends the delivery before a batch is sent. Raises HourglassError
    when the endpoint refuses a batch or does not answer in all attempts. What it accepted before
    stands in both cases, and the next delivery goes on from there.
    """
    with opened_version(settings) as (con, _):
        wanted = {
            member.customer_id: _content(member.fields)
            for member in members_of(con, audience)
            if member.because is None
        }
    hashes = {customer: _hash(content) for customer, content in wanted.items()}
    summary = DeliverySummary(audience.audience)
    before_batch = before_batch or (lambda: None)
    with _alone(settings), opened_ledger(settings, endpoint.name, audience.audience) as ledger:
        for batch in ledger.pending():
            if _still_holds(batch, hashes):
                before_batch()
                _send(ledger, endpoint, audience, batch, summary)
            else:
                # Somebody in it may no longer be contacted: it is not sent again.
                ledger.settle(batch, "abandoned")
        accepted = ledger.accepted()
        changes = [
            Change(customer, "upsert", mark)
            for customer, mark in sorted(hashes.items())
            if accepted.get(customer) != mark
        ]
        # Removals first: who withdrew consent is out before anybody new is in.
        gone = [Change(customer, "remove", "") for customer in sorted(accepted.keys() - hashes)]
        summary.kept = len(hashes) - len(changes)
        todo = [*gone, *changes]
        for start in range(0, len(todo), BATCH_SIZE):
            before_batch()
            batch = _batch(audience, todo[start : start + BATCH_SIZE], wanted)
            ledger.begin(batch)
            _send(ledger, endpoint, audience, batch, summary)
    return summary


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.exports_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.exports_dir / ".deliveries.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("Another delivery is under way. Try again when it is done.") from None
        yield


def _still_holds(batch: Batch, hashes: dict[str, str]) -> bool:
    return all(
        hashes.get(change.customer_id, "") == change.content_hash for change in batch.changes
    )


def _batch(audience: Audience, changes: list[Change], wanted: dict[str, dict[str, Any]]) -> Batch:
    content = {
        "audience": audience.audience,
        "medium": audience.medium,
        "purpose": audience.purpose,
        "changes": [
            {
                "operation": change.operation,
                "customer_id": change.customer_id,
                **({"member": wanted[change.customer_id]} if change.content_hash else {}),
            }
            for change in changes
        ],
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Batch(uuid.uuid4().hex, body, tuple(changes))


def _send(
    ledger: DeliveryLedger,
    endpoint: Endpoint,
    audience: Audience,
    batch: Batch,
    summary: DeliverySummary,
) -> None:
    status = _post_until_answered(endpoint, batch, summary)
    if not 200 <= status < 300:
        ledger.settle(batch, "refused")
        raise HourglassError(
            f"The endpoint refused a delivery of {audience.audience} (HTTP {status}). Nothing of "
            "it counts as delivered. Look at the receiver's log, then deliver again."
        )
    ledger.settle(batch, "accepted")
    summary.batches += 1
    for change in batch.changes:
        if change.operation == "remove":
            summary.removals += 1
        else:
            summary.upserts += 1


def _post_until_answered(endpoint: Endpoint, batch: Batch, summary: DeliverySummary) -> int:
    wait, problem = FIRST_WAIT_SECONDS, ""
    for attempt in range(endpoint.attempts):
        if attempt:
            endpoint.wait(wait)
            summary.repeated += 1
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)
        try:
            return _post(endpoint, batch)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in TRY_AGAIN:
                return error.code
            problem = f"HTTP {error.code}"
            asked = error.headers.get("Retry-After", "")
            if asked.isdigit():
                wait = min(max(wait, float(asked)), LONGEST_WAIT_SECONDS)
        except (OSError, urllib.error.URLError) as error:
            problem = type(error).__name__
    raise HourglassError(
        f"The endpoint did not take a delivery in {endpoint.attempts} attempts ({problem}). What "
        "it accepted stands; the next delivery sends this batch again under the same key."
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, or take addresses somewhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _post(endpoint: Endpoint, batch: Batch) -> int:
    moment = str(int(time.time()))
    signed = signature(endpoint.secret, moment, batch.body)
    request = urllib.request.Request(
        endpoint.url,
        data=batch.body,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "Idempotency-Key": batch.batch_key,
            "X-Hourglass-Signature": f"t={moment},v1={signed}",
        },
    )
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=endpoint.timeout) as answer:
        answer.read()
        return answer.status


def signature(secret: str, moment: str, body: bytes) -> str:
    """Hexadecimal HMAC-SHA256 over the time of sending (Unix seconds), a dot and the body."""
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def _content(fields: dict[str, Any]) -> dict[str, Any]:
    """What is sent of a member: what has a value; the message's fields in an object apart."""
    message = {
        name.removeprefix("message."): value
        for name, value in fields.items()
        if name.startswith("message.") and value is not None
    }
    plain = {
        name: value
        for name, value in fields.items()
        if value is not None and not name.startswith("message.") and name not in ("medium",)
    }
    return {**plain, "message": message}


def _hash(content: dict[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
