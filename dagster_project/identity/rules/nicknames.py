"""First names: what full names a short or foreign form stands for, and their gender.

The data are ``nicknames.csv``: a full name, f or m (empty for either), and its forms.
"""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dagster_project.errors import UsageError
from dagster_project.identity.rules.spelling import spelling_key

NICKNAMES_PATH = Path(__file__).parent / "nicknames.csv"


@dataclass(frozen=True)
class Nicknames:
    """By spelling key, the full names that it is a form of; by full name, its gender if it has one.

    ``version`` changes with the file.
    """

    full_names: Mapping[str, tuple[str, ...]]
    genders: Mapping[str, str]
    version: str

    def full_names_of(self, key: str) -> tuple[str, ...]:
        """The full names that ``key`` is a form of: Chris is Christina or Christopher."""
        return self.full_names.get(key, ())

    def gender_of(self, key: str) -> str | None:
        """f or m where every full name that ``key`` is a form of has that gender, else None."""
        found = {self.genders.get(name, "") for name in self.full_names.get(key, ())}
        return found.pop() or None if len(found) == 1 else None


def load_nicknames(path: Path = NICKNAMES_PATH) -> Nicknames:
    """Read the file; raises UsageError that names it when its columns are others."""
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _load(path: Path, _changed: int) -> Nicknames:
    text = path.read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    genders: dict[str, str] = {}
    try:
        for row in csv.DictReader(text.splitlines()):
            name = spelling_key(row["name"])
            genders[name] = row["gender"].strip()
            for form in (row["name"], *row["also"].split()):
                found.setdefault(spelling_key(form), set()).add(name)
    except (KeyError, AttributeError) as error:
        raise UsageError(
            f"{path} does not fit: {type(error).__name__} at {error}. Expected the columns name, "
            "gender and also; compare it with the version that came with the project."
        ) from None
    names = {key: tuple(sorted(full)) for key, full in found.items()}
    return Nicknames(names, genders, hashlib.sha256(text.encode()).hexdigest()[:16])
