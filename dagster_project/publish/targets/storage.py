"""Object storage as a publish target: whole versions, and a pointer that moves last.

``<url>/versions/<version>/`` holds the published files, ``<url>/current.json`` names the version in
force with size and SHA-256 of each file. A reader that reads the pointer once reads one version.
Direct identifiers are never brought there.
"""

import json
from collections.abc import Callable

from dagster_project.errors import HourglassError
from dagster_project.publish.targets.remote_folder import RemoteFolder
from dagster_project.publish.versions import PublishedVersion

POINTER = "current.json"
POINTED = ("version", "as_of", "published_at", "build_id", "files")


class StorageTarget:
    """The folder at ``url``. ``kept`` gives the names of the versions that stay there."""

    def __init__(self, url: str, *, kept: Callable[[], set[str]]) -> None:
        self._folder = RemoteFolder(url, "HOURGLASS_PUBLISH_URL")
        self._kept = kept
        self.name = self._folder.url

    def in_force(self) -> str | None:
        """The version that the pointer names; None when there is none yet."""
        content = self._folder.read(POINTER)
        try:
            return None if content is None else str(json.loads(content)["version"])
        except (ValueError, KeyError, TypeError):
            # Written by somebody else: this version's pointer replaces it.
            return None

    def put_in_force(self, version: PublishedVersion) -> None:
        """Bring the files that are not there yet, then the pointer, then remove old versions."""
        manifest = json.loads((version.published / "manifest.json").read_text(encoding="utf-8"))
        there = self._folder.stamps()
        files = sorted(path for path in version.published.rglob("*") if path.is_file())
        for path in files:
            name = f"versions/{version.name}/{path.relative_to(version.published)}"
            # A version's files never change, so one of the same size came over whole.
            if there.get(name, "").rpartition(" ")[2] != str(path.stat().st_size):
                self._folder.store(path, name)
        before = self.in_force()
        pointer = {name: manifest.get(name) for name in POINTED}
        self._folder.write(POINTER, json.dumps(pointer, indent=2).encode())
        kept = self._kept() | {version.name, before}
        present = {name.split("/")[1] for name in there if name.startswith("versions/")}
        for name in sorted(present - kept):
            # Left for the next publish: readers see the new version already.
            try:
                self._folder.remove(f"versions/{name}")
            except HourglassError:
                continue
