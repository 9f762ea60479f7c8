"""Landing spool: new objects of a remote folder are brought into landing/, each content once.

What was brought is remembered by path, etag and size; an object that is gone there stays here.
Files under landing/ that did not come from there are left alone.
"""

import json
import os
import time
from pathlib import Path, PurePosixPath

from dagster_project.publish.targets.remote_folder import RemoteFolder
from dagster_project.settings import Settings

# Whole when they get their name, so they need not hold still first (the largest settle_seconds).
SETTLED_SECONDS = 86400


def spool_landing(settings: Settings) -> list[str]:
    """Bring what is new under HOURGLASS_LANDING_URL into landing/; the relative paths.

    Raises HourglassError when the place cannot be reached; what was brought until then stays.
    """
    if not settings.landing_url:
        return []
    remote = _remote(settings)
    state = _state(settings)
    known = _read(state)
    brought = []
    for name, stamp in sorted(remote.stamps().items()):
        if known.get(name) == stamp or not _is_plain(name):
            continue
        target = settings.landing_dir / name
        remote.fetch(name, target)
        long_ago = time.time() - SETTLED_SECONDS
        os.utime(target, (long_ago, long_ago))
        known[name] = stamp
        # After each: killed here, at most one file is brought twice.
        partial = state.with_name(f".{state.name}.part")
        partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
        partial.replace(state)
        brought.append(name)
    return brought


def spooled(settings: Settings) -> set[str]:
    """The relative paths of what was brought into landing/ so far."""
    return set(_read(_state(settings)))


def remote_stamps(settings: Settings) -> dict[str, str]:
    """What lies there now, without bringing it; empty without HOURGLASS_LANDING_URL."""
    return _remote(settings).stamps() if settings.landing_url else {}


def _remote(settings: Settings) -> RemoteFolder:
    return RemoteFolder(settings.landing_url or "", "HOURGLASS_LANDING_URL")


def _state(settings: Settings) -> Path:
    return settings.data_dir / "landing_spool.json"


def _read(path: Path) -> dict[str, str]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _is_plain(name: str) -> bool:
    """Whether a path stays below landing/ and is no hidden file."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not any(p in {"..", "/"} or p.startswith(".") for p in parts)
