"""Check: what a load would say about files, without loading them, for those who send them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dagster_project.contracts import load_contract
from dagster_project.contracts.mapping import (
    Mapping,
    canonical_table,
    file_patterns,
    load_mappings,
)
from dagster_project.errors import UsageError
from dagster_project.load.ingest.canonical_rows import LoadStamp
from dagster_project.load.landing.discovery import Discovery, discover, split_instance
from dagster_project.load.ledger.key_versions import conflicting_keys
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.load.run import count_keys_and_references, load_files
from dagster_project.load.validation.load_targets import load_targets, load_words
from dagster_project.load.validation.row_rules import ROW_RULES
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file

EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """One reason in one file. ``level``: file, row, cell (would become NULL), column (undeclared,
    or read under another name), key (one that stands several times) or left_out.

    ``lines`` are the first few; ``examples`` their texts, only of columns without personal data.
    """

    path: str
    level: str
    column: str | None
    reason: str
    message: str
    count: int
    lines: tuple[int, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileCheck:
    """What would become of one file's records; others of their keys supersede ``older`` of them."""

    path: str
    target: str
    records: int
    accepted: int
    quarantined: int
    left_out: int
    nulled: int
    older: int


@dataclass(frozen=True)
class CheckReport:
    """Every file with its counts, and every reason.

    ``is_clean``: nothing would be quarantined, and no file with records would give none.
    """

    files: tuple[FileCheck, ...]
    findings: tuple[Finding, ...]

    @property
    def is_clean(self) -> bool:
        is_empty = any(file.records and not file.accepted for file in self.files)
        return not is_empty and not any(
            finding.level in ("file", "row") for finding in self.findings
        )


def check_path(
    path: Path, settings: Settings, *, mappings: dict[str, Mapping] | None = None
) -> CheckReport:
    """Read a file or folder as a load would, into a warehouse in memory that is thrown away.

    The path must lie in a folder that is called like a system or a mapping, or be one, or hold
    such folders. Raises UsageError when it does not exist or nothing says what its files are.
    """
    path = path.absolute()
    if not path.exists():
        raise UsageError(f"{path} does not exist.")
    known = load_mappings(settings.project_dir) if mappings is None else mappings
    root = _root(path, set(load_contract()) | set(known))
    found = discover(root, load_contract(), file_patterns(known))
    inside = "" if path == root else path.relative_to(root).as_posix()
    found = Discovery(
        [d for d in found.deliveries if _within(d.name, inside)],
        [r for r in found.skipped if _within(r.name, inside)],
    )
    if not found.deliveries and not found.skipped:
        raise UsageError(f"{path} has no files to check.")
    with throwaway_load(found, root, settings, known) as con:
        return read_report(con, known)


@contextmanager
def throwaway_load(
    found: Discovery, root: Path, settings: Settings, mappings: dict[str, Mapping]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse in memory into which the files that were ``found`` below ``root`` are loaded."""
    with tempfile.TemporaryDirectory() as folder:
        con = connect_file(
            ":memory:",
            allowed_dirs=(root, Path(folder)),
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            keep_order=True,
        )
        try:
            create_raw_tables(con)
            targets = load_targets(settings, load_words(settings.project_dir), mappings)
            stamp = LoadStamp("check", datetime.now(UTC).replace(tzinfo=None))
            summary = load_files(con, found, targets, stamp, Path(folder))
            count_keys_and_references(con, targets, summary)
            yield con
        finally:
            con.close()


def _root(path: Path, known: set[str]) -> Path:
    """The folder that would be landing/: the one above the nearest system or mapping."""
    for folder in (path, *path.parents):
        if folder.is_dir() and split_instance(folder.name)[0] in known:
            return folder.parent
    if path.is_dir():
        return path
    raise UsageError(
        f"Nothing says what {path.name} is. Put it into a folder that is called like its system "
        f"or mapping ({', '.join(sorted(known))}) and check it there."
    )


def _within(name: str, inside: str) -> bool:
    return not inside or name == inside or name.startswith(f"{inside}/")


def read_report(con: duckdb.DuckDBPyConnection, mappings: dict[str, Mapping]) -> CheckReport:
    """What the ledger of a rehearsal says."""
    files = [
        FileCheck(*row)
        for row in con.execute(
            """
            SELECT path, target, records, accepted, quarantined, left_out,
                (SELECT count(*) FROM ledger.quarantine q WHERE q.file_hash = f.file_hash
                    AND q.target = f.target AND q.level = 'cell'),
                (SELECT CAST(coalesce(sum(older), 0) AS BIGINT) FROM ledger.key_versions k
                    WHERE k.file_hash = f.file_hash AND k.source = f.target)
            FROM ledger.files f ORDER BY path
            """
        ).fetchall()
    ]
    findings = [
        Finding(
            path,
            level,
            column,
            reason,
            message,
            count,
            tuple(lines or ()),
            tuple(texts or ()) if level == "cell" and _is_public(target, column) else (),
        )
        for target, path, level, column, reason, message, count, lines, texts in con.execute(
            f"""
            SELECT any_value(target), path, level, column_name, reason, message,
                count(*), list(line ORDER BY line)[1:{EXAMPLES}],
                list(left(original, 80) ORDER BY line)[1:{EXAMPLES}]
            FROM ledger.quarantine
            GROUP BY path, level, column_name, reason, message
            ORDER BY path, level DESC, count(*) DESC
            """
        ).fetchall()
    ]
    findings += [
        Finding(
            path,
            "left_out",
            None,
            rule,
            f"Left out by the rule {rule}. {_description(rule, mappings, target)}"
            + (f" They are: {listed}." if listed else ""),
            count,
        )
        for path, target, rule, count, listed in con.execute(
            "SELECT f.path, target, l.rule, l.records, l.listed FROM ledger.left_out l "
            "JOIN ledger.files f USING (file_hash, target) ORDER BY ALL"
        ).fetchall()
    ]
    findings += [
        Finding(path, "column", None, kind, message, 1)
        for path, kind, message in con.execute(
            "SELECT path, kind, message FROM ledger.schema_events "
            "WHERE kind <> 'columns_changed' ORDER BY ALL"
        ).fetchall()
    ]
    findings += _conflicts(con)
    findings += [
        Finding(reference, "key", None, "missing_parents", message, missing)
        for reference, missing, message in con.execute(
            "SELECT reference, missing, message FROM ledger.missing_parents WHERE is_odd "
            "ORDER BY ALL"
        ).fetchall()
    ]
    return CheckReport(tuple(files), tuple(findings))


def _conflicts(con: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """Keys that stand in a file with several contents, with the first of them."""
    contract = load_contract()
    for path, system, table, conflicts, message in con.execute(
        "SELECT path, system, table_name, conflicts, message FROM ledger.key_versions "
        "WHERE conflicts > 0 ORDER BY ALL"
    ).fetchall():
        keys = conflicting_keys(con, system, contract[system].tables[table], path, EXAMPLES)
        yield Finding(path, "key", None, "conflicting_keys", message, conflicts, (), tuple(keys))


def _description(rule: str, mappings: dict[str, Mapping], target: str) -> str:
    """What a rule that left records of ``target`` out is about."""
    mapping = mappings.get(split_instance(target)[0])
    if mapping and rule in mapping.leave_out:
        return mapping.leave_out[rule].description
    return ROW_RULES[rule]


def _is_public(target: str, column: str) -> bool:
    """Whether a column holds no personal data; columns of a vendor's export are not trusted."""
    name = column.rpartition(".")[0] or split_instance(target)[0]
    table = canonical_table(name)
    if table is None or column.rpartition(".")[2] not in table.column_names:
        return False
    return table.column(column.rpartition(".")[2]).personal == "none"
