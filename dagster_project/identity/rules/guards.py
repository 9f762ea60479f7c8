"""Guards: values that prove nothing, and how many people may share one (``guards.yml``)."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from dagster_project.errors import UsageError

RULES_DIR = Path(__file__).parent
GUARDS_PATH = RULES_DIR / "guards.yml"


@dataclass(frozen=True)
class Guards:
    """The content of ``guards.yml``; ``version`` changes when it does."""

    blocked_values: frozenset[str]
    blocked_emails: frozenset[str]
    blocked_phones: frozenset[str]
    blocked_names: frozenset[str]
    role_mailboxes: frozenset[str]
    domain_aliases: dict[str, str]
    ignores_dots: frozenset[str]
    minimum_phone_digits: int
    other_regions: tuple[str, ...]
    default_birth_dates: tuple[str, ...]
    priority: tuple[str, ...]
    people_per_value: dict[str, int]
    further_values_per_record: dict[str, int]
    profiles_per_value: int
    profiles_per_customer: int
    version: str


def load_guards(path: Path = GUARDS_PATH) -> Guards:
    """Read the file; raises UsageError that names the entry which does not fit."""
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _load(path: Path, _changed: int) -> Guards:
    text = path.read_text(encoding="utf-8")
    try:
        data = yaml.safe_load(text)
        return Guards(
            blocked_values=_texts(data["blocked_values"]),
            blocked_emails=_texts(data["email"]["blocked_values"]),
            blocked_phones=_texts(data["phone"]["blocked_values"]),
            blocked_names=_texts(data["blocked_names"]),
            role_mailboxes=_texts(data["email"]["role_mailboxes"]),
            domain_aliases=dict(data["email"]["domain_aliases"]),
            ignores_dots=_texts(data["email"]["ignores_dots"]),
            minimum_phone_digits=int(data["phone"]["minimum_digits"]),
            other_regions=tuple(data["phone"]["other_regions"]),
            default_birth_dates=tuple(sorted(_texts(data["default_birth_dates"]))),
            priority=tuple(data["priority"]),
            people_per_value={kind: int(n) for kind, n in data["people_per_value"].items()},
            further_values_per_record={
                kind: int(n) for kind, n in data["further_values_per_record"].items()
            },
            profiles_per_value=int(data["profiles_per_value"]),
            profiles_per_customer=int(data["profiles_per_customer"]),
            version=hashlib.sha256(text.encode()).hexdigest()[:16],
        )
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise UsageError(
            f"{path} does not fit: {type(error).__name__} at {error}. "
            "Compare it with the version that came with the project."
        ) from None


def _texts(values: list[Any]) -> frozenset[str]:
    return frozenset(str(value).strip().casefold() for value in values)
