"""YAML files that people write, read as types: what is wrong is named by file, line and key."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dagster_project.errors import UsageError

# Every command reads the contract and all mappings: libyaml takes a sixth of Python's time.
YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; UsageError says where it cannot be read."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), YAML_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{where}: not readable as YAML. Correct the file.") from None
    if not isinstance(raw, dict):
        raise UsageError(f"{path}: expected keys and values, found {type(raw).__name__}.")
    return raw


def validated(model: type[Model], raw: dict[str, Any], path: Path) -> Model:
    """``raw`` as ``model``; UsageError lists every key that is unknown, missing or wrong."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = [
            ": ".join(filter(None, (".".join(map(str, item["loc"])), _said(item))))
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise UsageError(f"{path}: " + "; ".join(problems)) from None


def _said(item: Any) -> str:
    """What a check of our own said, or pydantic's words."""
    own = item.get("ctx", {}).get("error")
    return str(own) if isinstance(own, ValueError) else item["msg"]
