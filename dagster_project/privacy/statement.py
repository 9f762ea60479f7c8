"""The erasure record: what was erased when, without saying who, signed by the installation.

The signature is an HMAC-SHA256 over the record's own JSON with a key derived from the
installation's secret (the one of the registry, which is part of every restricted version): whoever
holds the installation can show that it made the record and that nobody changed it since.
"""

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from dagster_project.settings import Settings

PURPOSE = b"hourglass erasure record"


def write_statement(settings: Settings, key: bytes, content: dict[str, Any]) -> Path:
    """Write the record of ``content["erasure_id"]`` to ``erasures/``; the path."""
    folder = settings.data_dir / "erasures"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{content['erasure_id']}.json"
    signed = {**content, "signature": signature(key, content)}
    temporary = folder / f".{path.name}"
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, (json.dumps(signed, indent=2) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    return path


def is_genuine(key: bytes, path: Path) -> bool:
    """Whether this installation made the record and nobody changed it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    given = content.pop("signature", "")
    return hmac.compare_digest(given, signature(key, content))


def signature(key: bytes, content: dict[str, Any]) -> str:
    """Hexadecimal HMAC-SHA256 of a record."""
    derived = hmac.digest(key, PURPOSE, "sha256")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
