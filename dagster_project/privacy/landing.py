"""Delivered files without the erased: every file below landing/ that holds something of a subject.

Whose records stand on which lines is known from the raw tables; what no table took in (records that
a mapping leaves out, lines that became one row with others) is found by the keys in it. A file of
which nothing is left is removed. Corrections of quarantined records and decisions on identities are
files of people, and lose the rows that concern the subject.
"""

import csv
import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path

from dagster_project.contracts import load_contract
from dagster_project.contracts.mapping import file_patterns, load_mappings
from dagster_project.load.landing.corrections import FOLDER as CORRECTIONS
from dagster_project.load.landing.corrections import ID
from dagster_project.load.landing.discovery import Delivery, discover, format_of
from dagster_project.load.reading.file_content import CHUNK, DamagedFileError, read_chunks
from dagster_project.load.reading.header_matching import normalised
from dagster_project.load.reading.zip_archive import member_chunks, opened_zip
from dagster_project.load.validation.load_targets import Target, load_targets, load_words
from dagster_project.privacy.file_rewriting import Cells, Removal, Rewritten, rewrite
from dagster_project.privacy.journal import RewrittenFile
from dagster_project.privacy.references import ABOUT
from dagster_project.privacy.search import Patterns
from dagster_project.settings import Settings

# Formats whose bytes do not show the text in them.
_VEILED = ("parquet", "xlsx")
# Formats in which a record that stays keeps its line, and its cells their text.
_KEEPING_LINES = ("csv", "json")
# Formats within an archive that are not read: another archive, or anything.
_PACKED = ("zip", "")
_OVERLAP = 512
# What stands in no text; in UTF-16 also zeros do.
_CONTROLS = bytes({*range(32)} - {*b"\x00\t\n\x0b\x0c\r\x1a\x1b"})
_WIDE_TEXT = (b"\xff\xfe", b"\xfe\xff")


@dataclass
class LandingScrub:
    """What to take out of landing/.

    ``lines``: delivered hash to the lines of records that go. ``loaded``: gives the lines that
    some table or the quarantine has of a delivered hash. ``delivered``: rewritten hash to the one
    that a file was delivered with. ``note``: called with what a file becomes before it does.
    ``not_read``: called with the name of a file that is damaged, protected or of a kind that cannot
    be looked into. ``emptied``: delivered hashes of vendors' exports of which no record stays.
    """

    settings: Settings
    patterns: Patterns
    keys: Mapping[str, Set[str]]
    lines: Mapping[str, Set[int]]
    loaded: Callable[[str], Set[int]]
    delivered: Mapping[str, str]
    note: Callable[[RewrittenFile], None]
    not_read: Callable[[str], None]
    emptied: Set[str] = frozenset()

    def __post_init__(self) -> None:
        self.mappings = load_mappings(self.settings.project_dir)
        words = load_words(self.settings.project_dir)
        self.targets = load_targets(self.settings, words, self.mappings)
        self.landing = self.settings.landing_dir
        self.known_as = dict(self.delivered)

    def run(self, done: Mapping[str, RewrittenFile], only: Set[str] | None = None) -> None:
        """Rewrite what must be; ``done`` were rewritten before. ``only``: these paths and no other.

        Raises OSError when a file cannot be written.
        """
        for entry in done.values():
            if entry.rewritten_hash:
                self.known_as[entry.rewritten_hash] = entry.delivered_hash
        found = discover(self.landing, load_contract(), file_patterns(self.mappings))
        deliveries = [d for d in found.deliveries if only is None or d.name in only]
        for delivery in deliveries:
            if not self._is_done(delivery, done):
                self._delivery(delivery)
        if only is not None:
            return
        known = {delivery.name for delivery in found.deliveries}
        for path in sorted(path for path in self.landing.rglob("*") if path.is_file()):
            name = path.relative_to(self.landing).as_posix()
            if name.startswith(f"{CORRECTIONS}/"):
                self._corrections(path)
            elif name not in known and not path.is_symlink():
                self._unknown(path, name)

    def _is_done(self, delivery: Delivery, done: Mapping[str, RewrittenFile]) -> bool:
        entry = done.get(delivery.name)
        return entry is not None and file_hash(delivery.path) == entry.rewritten_hash

    def _delivery(self, delivery: Delivery) -> None:
        target = self.targets[delivery.target]
        if delivery.format == "zip":
            self._archive(delivery, target)
            return
        now = file_hash(delivery.path)
        delivered = self.known_as.get(now, now)
        out = _beside(delivery.path)
        try:
            result = self._rewritten(delivery, target, delivered, out)
            if result is not None:
                _date_as(delivery.path, out)
                entry = RewrittenFile(
                    delivery.name,
                    target.name,
                    delivered,
                    None if result.is_empty else file_hash(out),
                    len(result.gone),
                    is_pristine=now == delivered,
                    size_bytes=out.stat().st_size,
                    mtime_ns=out.stat().st_mtime_ns,
                    keeps_rows=self._keeps_rows(delivery, target, delivered, result),
                )
                self._put(delivery.path, out, entry)
        finally:
            out.unlink(missing_ok=True)

    def _rewritten(
        self, delivery: Delivery, target: Target, delivered: str, out: Path
    ) -> Rewritten | None:
        """Write the rest to ``out``; None when the file holds nothing of the subject."""
        lines = self.lines.get(delivered, frozenset())
        is_concerned = lines or delivered in self.emptied or delivery.format in _VEILED
        if not is_concerned and not self._shows(delivery, target):
            return None
        removal = Removal(lines, self.patterns, self._left_over(target, delivered))
        result = self._rewritten_as_can_be(delivery, target, removal, out)
        return result if result and result.is_changed else None

    def _rewritten_as_can_be(
        self, delivery: Delivery, target: Target, removal: Removal, out: Path
    ) -> Rewritten | None:
        """As records, else as text, else as bytes that have no more than the name of an archive."""
        as_text = replace(delivery, format="")
        for tried in (delivery, as_text, replace(as_text, compression=None)):
            try:
                result = rewrite(tried, target, removal, out)
            except DamagedFileError:
                self._tell_unless_text(delivery)
                continue
            if tried.format not in _VEILED and self._is_in(out, tried.compression):
                # Such as a text of which one half of a letter is missing.
                self.not_read(delivery.name)
            return result
        return None

    def _is_in(self, path: Path, compression: str | None) -> bool:
        return found_in(read_chunks(path, compression), self.patterns)

    def _tell_unless_text(self, delivery: Delivery) -> None:
        if not _is_text(delivery.path):
            self.not_read(delivery.name)

    def _keeps_rows(
        self, delivery: Delivery, target: Target, delivered: str, result: Rewritten
    ) -> bool:
        """Whether the raw rows of the other records are those of the rewritten file."""
        return (
            delivery.format in _KEEPING_LINES
            and target.mapping is None
            and not result.redacted
            and set(result.gone) == self.lines.get(delivered, frozenset())
        )

    def _shows(self, delivery: Delivery, target: Target) -> bool:
        """Whether the bytes hold an identifier or, in a vendor's export, any key."""
        patterns = self.patterns.with_all_keys(self.keys) if target.mapping else self.patterns
        if delivery.format in _PACKED:
            self._tell_unless_text(delivery)
        try:
            return found_in(read_chunks(delivery.path, delivery.compression), patterns)
        except DamagedFileError:
            self._tell_unless_text(delivery)
            return found_in(read_chunks(delivery.path, None), patterns)

    def _left_over(self, target: Target, delivered: str) -> Callable[[int, Cells], bool] | None:
        """A test for records of a vendor's export that fed no table, by the keys in them."""
        if target.mapping is None:
            return None
        if delivered in self.emptied:
            return lambda line, cells: True
        kinds: dict[str, set[str]] = {}
        for ways in target.mapping.tables.values():
            for way in ways:
                for column, text in way.columns.items():
                    if column in ABOUT:
                        for name in target.mapping.expression(text).columns:
                            kinds.setdefault(normalised(name), set()).add(ABOUT[column])
        loaded = self.loaded(delivered)

        def is_gone(line: int, cells: Cells) -> bool:
            return line not in loaded and any(
                cell in self.keys.get(kind, ())
                for name, cell in cells.items()
                for kind in kinds.get(normalised(name), ())
            )

        return is_gone

    def _archive(self, delivery: Delivery, target: Target) -> None:
        out = _beside(delivery.path)
        entries: list[RewrittenFile] = []
        try:
            with opened_zip(delivery.path) as archive, zipfile.ZipFile(out, "w") as copy:
                for info in archive.infolist():
                    data = b"".join(member_chunks(archive, info))
                    entry, rest = self._member(delivery, target, info.filename, data)
                    if entry:
                        entries.append(entry)
                    if rest is not None:
                        copy.writestr(info, rest, zipfile.ZIP_DEFLATED)
            if entries:
                for entry in entries:
                    self.note(entry)
                    if entry.rewritten_hash:
                        self.known_as[entry.rewritten_hash] = entry.delivered_hash
                whole = RewrittenFile(
                    delivery.name, target.name, file_hash(delivery.path), file_hash(out), 0
                )
                self.note(whole)
                _replace(out, delivery.path)
        except DamagedFileError:
            self._tell_unless_text(delivery)
        finally:
            out.unlink(missing_ok=True)

    def _member(
        self, delivery: Delivery, target: Target, name: str, data: bytes
    ) -> tuple[RewrittenFile | None, bytes | None]:
        kind, compression = format_of(Path(name).name)
        if name.endswith("/"):
            return None, data
        inner, out = _beside(delivery.path, ".member"), _beside(delivery.path, ".rest")
        try:
            inner.write_bytes(data)
            now = hashlib.sha256(data).hexdigest()
            delivered = self.known_as.get(now, now)
            member = replace(
                delivery,
                path=inner,
                name=f"{delivery.name}!{name}",
                format=kind,
                compression=compression,
                size_bytes=len(data),
            )
            result = self._rewritten(member, target, delivered, out)
            if result is None:
                return None, data
            rest = None if result.is_empty else out.read_bytes()
            entry = RewrittenFile(
                member.name,
                target.name,
                delivered,
                None if rest is None else hashlib.sha256(rest).hexdigest(),
                len(result.gone),
                is_pristine=now == delivered,
            )
            return entry, rest
        finally:
            inner.unlink(missing_ok=True)
            out.unlink(missing_ok=True)

    def _put(self, path: Path, out: Path, entry: RewrittenFile) -> None:
        self.note(entry)
        if entry.rewritten_hash is None:
            path.unlink()
        else:
            self.known_as[entry.rewritten_hash] = entry.delivered_hash
            _replace(out, path)

    def _unknown(self, path: Path, name: str) -> None:
        """A file that is not read: its text without the identifiers, or the file away."""
        _, compression = format_of(path.name)
        status = path.stat()
        file = Delivery(
            path, name, "", "", "", compression, status.st_size, status.st_mtime_ns, None
        )
        target = next(iter(self.targets.values()))
        if not self._shows(file, target):
            return
        out = _beside(path)
        try:
            result = self._rewritten_as_can_be(
                file, target, Removal(frozenset(), self.patterns), out
            )
            if result is not None:
                _replace(out, path)
        finally:
            out.unlink(missing_ok=True)

    def _corrections(self, path: Path) -> None:
        gone = {
            f"{delivered[:16]}-{line}" for delivered, lines in self.lines.items() for line in lines
        }
        drop_rows(path, lambda row: row.get(ID) in gone, self.patterns)


def drop_rows(path: Path, concerns: Callable[[dict[str, str]], bool], patterns: Patterns) -> None:
    """Rewrite a CSV file of ours without the rows that concern a subject or name an identifier."""
    # Bytes that are no text stay as they are.
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    names = list(reader.fieldnames or ())
    rows = list(reader)
    # First all rows at once: a look at one cell costs 50 us at least (2026-12-01).
    possible = patterns.possible_rows(
        [
            "\x1f".join(str(cell) for cell in row.values() if cell)
            .encode("utf-8", "replace")
            .decode()
            for row in rows
        ]
    )
    kept = [
        row
        for at, row in enumerate(rows)
        if not concerns(row)
        and not (
            at in possible and any(cell and patterns.is_in_text(str(cell)) for cell in row.values())
        )
    ]
    if len(kept) == len(rows):
        return
    out = _beside(path)
    with out.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(kept)
    _replace(out, path)


def found_in(chunks: Iterable[bytes], patterns: Patterns) -> bool:
    """Whether any chunk, or two that follow each other, hold an identifier."""
    tail = b""
    for chunk in _large(chunks):
        if patterns.is_in(tail + chunk):
            return True
        tail = chunk[-_OVERLAP:]
    return False


def _large(chunks: Iterable[bytes]) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= CHUNK:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)


def _is_text(path: Path) -> bool:
    """Whether the first bytes of a file are text: what an identifier is found in as it stands."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return head.startswith(_WIDE_TEXT) or head.translate(None, _CONTROLS) == head


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as the ledger knows it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _beside(path: Path, ending: str = ".erasing") -> Path:
    """A name in the same folder that no load reads."""
    return path.with_name(f".{path.name}{ending}")


def _date_as(old: Path, new: Path) -> None:
    """Give ``new`` the time of change of ``old``: what was delivered long ago is still whole."""
    status = old.stat()
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))


def _replace(new: Path, old: Path) -> None:
    """Put ``new`` in the place of ``old``, on disk when this returns, with its permissions and
    its time of change.
    """
    new.chmod(old.stat().st_mode & 0o777)
    _date_as(old, new)
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(old)
    handle = os.open(old.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
