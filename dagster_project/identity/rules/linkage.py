"""How probabilistic links are found and judged: ``linkage.yml`` and ``model.json``."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from dagster_project.errors import UsageError
from dagster_project.identity.rules.guards import RULES_DIR

LINKAGE_PATH = RULES_DIR / "linkage.yml"
MODEL_PATH = RULES_DIR / "model.json"


@dataclass(frozen=True)
class Linkage:
    """The content of ``linkage.yml``."""

    expected_duplicates: float
    link: float
    review: float
    bits_beyond_names: float
    block_limit: int
    pairs_per_record: float
    blocks: dict[str, str]
    narrow_blocks: frozenset[str]


@lru_cache(maxsize=1)
def load_linkage(path: Path = LINKAGE_PATH) -> Linkage:
    """Read ``linkage.yml``; raises UsageError when an entry is missing or of a wrong kind."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Linkage(
            float(data["expected_duplicates"]),
            float(data["link"]),
            float(data["review"]),
            float(data["bits_beyond_names"]),
            int(data["block_limit"]),
            float(data["pairs_per_record"]),
            {**data["narrow_blocks"], **data["blocks"]},
            frozenset(data["narrow_blocks"]),
        )
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise UsageError(
            f"{path} does not fit: {type(error).__name__} at {error}. "
            "Compare it with the version that came with the project."
        ) from None


def load_model(path: Path = MODEL_PATH) -> dict[str, Any]:
    """The Splink settings with the reviewed parameters, without blocking rules and prior."""
    return json.loads(path.read_text(encoding="utf-8"))
