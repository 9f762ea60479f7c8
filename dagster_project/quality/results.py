"""What a check says: its outcome, and the record of all checks of one build.

Results hold counts and keys of a non-personal kind, never the value of a cell: they go to asset
metadata, quality.json and the report.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dagster_project.errors import HourglassError, counted

Severity = Literal["blocking", "warning"]
Kind = Literal["expectation", "dbt_test", "dbt_model"]
# errored: the check ran and could not answer; missing: it did not run on this build.
Outcome = Literal["passed", "failed", "errored", "missing"]

SHOWN_FAILURES = 20


@dataclass(frozen=True)
class CheckResult:
    """One check on one mart (or, for dbt, on one model).

    ``failing_rows`` is a number of rows, 0 when nothing failed and None when a check that did not
    pass cannot count rows. ``failing_rows_path`` is where they are kept, relative to the data
    directory. ``failing_keys`` are up to 20 keys of them.
    """

    mart: str
    check: str
    kind: Kind
    severity: Severity
    outcome: Outcome
    message: str
    why: str = ""
    failing_rows: int | None = 0
    checked_rows: int | None = None
    failing_rows_path: str | None = None
    failing_keys: tuple[Mapping[str, str], ...] = ()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    @property
    def blocks(self) -> bool:
        """Whether this result alone keeps the build from being published."""
        return not self.passed and self.severity == "blocking"

    @property
    def status(self) -> str:
        """``pass``; ``warn`` when it did not and does not block; ``fail``; ``error``: no answer."""
        if self.passed or not self.blocks:
            return "pass" if self.passed else "warn"
        return "fail" if self.outcome == "failed" else "error"

    @property
    def sentence(self) -> str:
        """The result in words: mart, check, number of rows, where they are kept."""
        rows = "" if self.failing_rows in (None, 0) else f", {counted(self.failing_rows, 'row')}"
        kept = f" The rows are kept in {self.failing_rows_path}." if self.failing_rows_path else ""
        return f"{self.mart}: {self.check} {self.outcome}{rows}. {self.message}{kept}"

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        keys = [dict(key) for key in self.failing_keys]
        return {"status": self.status, **asdict(self), "failing_keys": keys}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "CheckResult":
        """The inverse of :meth:`to_json`."""
        given = {name: value[name] for name in cls.__dataclass_fields__}
        return cls(**{**given, "failing_keys": tuple(value["failing_keys"])})


@dataclass(frozen=True)
class Fingerprint:
    """One table's content: number of rows, and a hash that does not depend on their order."""

    rows: int
    digest: str


@dataclass(frozen=True)
class GateRecord:
    """What publish asks for: every expected check's result on exactly one build.

    ``fingerprints`` are of the marts at the time of the record, ``registry`` of the identity tables
    that are published with them.
    """

    build_id: str
    recorded_at: str
    fingerprints: Mapping[str, Fingerprint]
    results: tuple[CheckResult, ...]
    registry: Mapping[str, Fingerprint] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.blocking

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """The results that keep this build from being published."""
        return tuple(result for result in self.results if result.blocks)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """The results that are shown and do not block."""
        return tuple(r for r in self.results if not r.passed and not r.blocks)

    def require_passed(self) -> None:
        """Raise HourglassError that names mart, check, rows and where they are kept."""
        if self.passed:
            return
        count = len(self.blocking)
        raise HourglassError(
            f"The build {self.build_id} is not published: "
            f"{counted(count, 'blocking check')} did not pass. The version in force is "
            f"unchanged.\n{listed(result.sentence for result in self.blocking)}"
        )

    def to_json(self) -> dict[str, Any]:
        """The content of quality.json: plain values, with the totals in front."""
        return {
            "build_id": self.build_id,
            "recorded_at": self.recorded_at,
            "passed": self.passed,
            "counts": {
                "checks": len(self.results),
                "passed": sum(result.passed for result in self.results),
                "blocking": len(self.blocking),
                "warnings": len(self.warnings),
            },
            "fingerprints": {mart: asdict(value) for mart, value in self.fingerprints.items()},
            "registry": {table: asdict(value) for table, value in self.registry.items()},
            "results": [result.to_json() for result in self.results],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "GateRecord":
        """The inverse of :meth:`to_json`."""
        return cls(
            build_id=value["build_id"],
            recorded_at=value["recorded_at"],
            fingerprints={m: Fingerprint(**f) for m, f in value["fingerprints"].items()},
            results=tuple(CheckResult.from_json(result) for result in value["results"]),
            registry={t: Fingerprint(**f) for t, f in value.get("registry", {}).items()},
        )


def listed(sentences: Iterable[str]) -> str:
    """One line each, the first 20; the number of the rest."""
    lines = [f"- {sentence}" for sentence in sentences]
    if len(lines) > SHOWN_FAILURES:
        rest = len(lines) - SHOWN_FAILURES
        lines = [*lines[:SHOWN_FAILURES], f"- and {rest} more; quality.check_results has all."]
    return "\n".join(lines)
