"""Small landing folders after public bug reports, read in place from ``../shared/data/cases``.

A case is a folder with ``landing/`` and, in ``expected.txt``, what must come out. Its test is a
function in ``loading.py`` or ``mappings.py`` that is registered by ``case`` and looks at what a
load, as ``hourglass check`` does it, makes of the folder.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.load.dry_run.check import CheckReport, Finding


@dataclass(frozen=True)
class LoadedCase:
    """A case after its load: the throw-away warehouse, and what ``hourglass check`` says."""

    folder: Path
    con: duckdb.DuckDBPyConnection
    report: CheckReport

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the raw tables or of the ledger."""
        return self.con.execute(sql).fetchall()

    def findings(self, reason: str) -> list[Finding]:
        """What the check says under one reason."""
        return [finding for finding in self.report.findings if finding.reason == reason]

    @property
    def text(self) -> str:
        """Every message of the check."""
        return "\n".join(finding.message for finding in self.report.findings)


Expectation = Callable[[LoadedCase], None]


@dataclass(frozen=True)
class RegisteredCase:
    """What must come of a case under settings that the case asks for."""

    name: str
    expectation: Expectation
    settings: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, RegisteredCase] = {}
# Cases of which a load alone shows nothing: tests/integration/test_cases_of_people.py.
PEOPLE = {
    "email-dot-or-display-name",
    "email-invisible-characters",
    "one-price-for-everything",
    "phone-as-float-or-annotated",
}


def case(name: str, **settings: Any) -> Callable[[Expectation], Expectation]:
    """Register the expectation of the case ``name``; a name that stands twice is an error."""

    def register(expectation: Expectation) -> Expectation:
        assert name not in CASES, name
        CASES[name] = RegisteredCase(name, expectation, settings)
        return expectation

    return register
