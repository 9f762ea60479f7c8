"""Remote folder: one on S3-compatible storage, Google Cloud Storage, Azure or SFTP, by fsspec.

What its drivers raise becomes a sentence, a connection that was cut is tried again. Credentials
come from the environment, as each provider's own tools read them, and never from the address.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from dagster_project.errors import HourglassError, UsageError

TRIES = 4
PAUSE_SECONDS = 0.5
# Where a new file appears under its name before it is whole.
NOT_ATOMIC = frozenset({"sftp", "ssh", "file"})

Result = TypeVar("Result")


class RemoteFolder:
    """The folder at ``url``. Every method raises HourglassError that says what went wrong."""

    def __init__(self, url: str, setting: str) -> None:
        parts = urlsplit(url)
        if parts.password or (parts.username and parts.scheme not in NOT_ATOMIC | {"abfs"}):
            raise UsageError(
                f"{setting} holds a password: give credentials in the environment, as the "
                "provider's own tools read them."
            )
        self.url, self.scheme, self._setting = url.rstrip("/"), parts.scheme, setting
        try:
            import fsspec

            # A connection of its own: one that was kept may be of a process that forked.
            self._fs, self._root = fsspec.core.url_to_fs(self.url, skip_instance_cache=True)
        except ImportError:
            raise UsageError(
                f"{setting} needs the drivers: pip install 'hourglass[storage]'."
            ) from None
        except ValueError:
            raise UsageError(
                f"{setting}: {parts.scheme}:// is not known. Use s3, gs, abfs or sftp."
            ) from None
        self._root = self._root.rstrip("/")

    def stamps(self) -> dict[str, str]:
        """By relative path what changes with a file's content: its etag, or time, and its size."""

        def listed() -> dict[str, Any]:
            self._fs.invalidate_cache()
            try:
                return self._fs.find(self._root, detail=True)
            except FileNotFoundError:
                return {}

        found = {}
        for path, info in self._tried("listed", listed).items():
            name = path.removeprefix(self._root).lstrip("/")
            changes = (
                info.get(key) for key in ("ETag", "etag", "md5Hash", "LastModified", "mtime")
            )
            mark = next((value for value in changes if value), "")
            found[name] = f"{mark} {info['size']}"
        return found

    def fetch(self, name: str, to: Path) -> None:
        """Bring a file here, whole or not at all."""
        partial = to.with_name(f".{to.name}.part")

        def fetched() -> None:
            self._fs.get_file(f"{self._root}/{name}", str(partial))
            expected = self._fs.info(f"{self._root}/{name}")["size"]
            if partial.stat().st_size != expected:
                raise ConnectionError("cut off")

        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            self._tried(f"read ({name})", fetched)
            partial.replace(to)
        finally:
            partial.unlink(missing_ok=True)

    def store(self, file: Path, name: str) -> None:
        """Bring a file there."""
        path = f"{self._root}/{name}"

        def stored() -> None:
            if self.scheme in NOT_ATOMIC:
                self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(file), path)
            self._fs.invalidate_cache()
            if self._fs.info(path)["size"] != file.stat().st_size:
                raise ConnectionError("cut off")

        self._tried(f"written ({name})", stored)

    def write(self, name: str, content: bytes) -> None:
        """Write a small file in one step: readers find the old content or the new."""
        path = f"{self._root}/{name}"

        def written() -> None:
            if self.scheme in NOT_ATOMIC:
                self._fs.makedirs(self._root, exist_ok=True)
                self._fs.pipe_file(f"{path}.part", content)
                self._fs.mv(f"{path}.part", path)
            else:
                self._fs.pipe_file(path, content)

        self._tried(f"written ({name})", written)

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None when there is none."""

        def content() -> bytes | None:
            self._fs.invalidate_cache()
            try:
                return self._fs.cat_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return None

        return self._tried(f"read ({name})", content)

    def remove(self, name: str) -> None:
        """Remove a folder and all that is in it."""
        self._tried(
            f"removed ({name})", lambda: self._fs.rm(f"{self._root}/{name}", recursive=True)
        )

    def _tried(self, what: str, work: Callable[[], Result]) -> Result:
        for number in range(1, TRIES + 1):
            try:
                return work()
            except PermissionError:
                raise HourglassError(
                    f"{self.url} may not be {what}: access was denied. Check the credentials in "
                    "the environment and what they may do."
                ) from None
            # Each driver has exceptions of its own, of no common kind.
            except Exception as error:  # noqa: BLE001
                if number == TRIES:
                    raise HourglassError(
                        f"{self.url} could not be {what} ({type(error).__name__}) in {TRIES} "
                        f"tries. Check the network and {self._setting}; what was brought over "
                        "stays, and the next run goes on.",
                        may_pass=True,
                    ) from None
                time.sleep(PAUSE_SECONDS * 2 ** (number - 1))
        raise AssertionError
