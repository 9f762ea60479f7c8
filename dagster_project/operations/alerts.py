"""Alerts: what is wrong, told once per cause to the addresses of the settings, through Apprise.

Says what the command line says and nothing of a person. What was told is remembered until it is
over, so that the same cause is told again when it comes back.
"""

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.operations.status import FAILED, late_or_odd
from dagster_project.settings import Settings

# A cause is the same when only its numbers, dates and ids differ.
_VARIES = re.compile(r"[0-9a-f]*\d[0-9a-f]*")
SHOWN = 20


@dataclass(frozen=True)
class Problem:
    """Something wrong: ``cause`` stays the same while it lasts, ``sentence`` is told."""

    cause: str
    sentence: str


def problems_of(status: Mapping[str, Any], *, is_scheduled: bool) -> list[Problem]:
    """What is wrong in a status (operations.status)."""
    return list(_problems(status, is_scheduled=is_scheduled))


def _problems(status: Mapping[str, Any], *, is_scheduled: bool) -> Iterator[Problem]:
    finished = [run for run in status["runs"] if run["status"] in {*FAILED, "success"}]
    if finished and finished[0]["status"] in FAILED:
        run = finished[0]
        cause = run["cause"] or "It was stopped."
        yield _problem("run", f"The run of {run['at']} UTC, by {run['started_by']}, failed", cause)
    for message in late_or_odd(status["ledger"]):
        yield _problem("source", "Late or odd", message)
    version = status["version"]
    if version is not None:
        for warning in version["warnings"]:
            yield _problem("check", "The version in force has a warning", warning)
        if is_scheduled and version["is_old"]:
            text = f"{version['version']}, as of {version['as_of']}, is more than a day old."
            yield _problem("old", "No newer version was published", text)
    if status["disk"]["is_low"]:
        yield _problem("disk", "The disk runs low", status["disk"]["message"])


def _problem(kind: str, title: str, text: str) -> Problem:
    return Problem(f"{kind}: {_VARIES.sub('#', text)}", f"{title}: {text}")


def send_alerts(settings: Settings, status: Mapping[str, Any]) -> list[str]:
    """Tell what is new in ``status``; sentences about addresses that did not take it.

    Nothing without HOURGLASS_ALERT_URLS. What no address took is told again the next time.
    """
    if not settings.alert_urls:
        return []
    problems = problems_of(status, is_scheduled=settings.schedule_enabled)
    path = settings.dagster_home / "alerts.json"
    told = _told(path)
    new = {problem.cause: problem for problem in problems if problem.cause not in told}
    refused: list[str] = []
    if new:
        refused = _notify(settings, [problem.sentence for problem in new.values()])
    lasting = {problem.cause for problem in problems}
    if len(refused) == len(settings.alert_urls):
        lasting -= new.keys()
    if lasting != told:
        _remember(path, lasting)
    return refused


def _notify(settings: Settings, sentences: list[str]) -> list[str]:
    # A second of imports, for what is rarely needed.
    import apprise

    title = f"Hourglass on {socket.gethostname()}"
    body = "\n".join(sentences[:SHOWN])
    if len(sentences) > SHOWN:
        body += f"\nand {len(sentences) - SHOWN:,} more: hourglass status"
    refused = []
    for number, url in enumerate(settings.alert_urls, 1):
        # One by one, because an address carries a secret and is not named.
        service = apprise.Apprise()
        is_known = service.add(url)
        if not is_known or not service.notify(
            title=title, body=body, notify_type=apprise.NotifyType.WARNING
        ):
            why = "did not take it" if is_known else "is not one that Apprise knows"
            refused.append(f"Address {number} of HOURGLASS_ALERT_URLS {why}.")
    return refused


def _told(path: Path) -> set[str]:
    try:
        return set(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return set()


def _remember(path: Path, causes: set[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(sorted(causes), indent=1), encoding="utf-8")
    partial.replace(path)
