"""YAML files that people write, read as types: what is wrong is named by file, line and key."""

import copy
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from dagster_project.errors import UsageError, did_you_mean

# Every command reads the contract and all mappings: libyaml takes a sixth of Python's time.
YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; UsageError says where it cannot be read."""
    return _keys_and_values(_content(path), path)


def read_model(model: type[Model], path: Path) -> Model:
    """A YAML file as ``model``, which is frozen: read again only when its content has changed.

    One run asks for all mappings some ten times, and their expressions take half a second.
    """
    return _model(model, _content(path), path)


@cache
def _model(model: type[Model], content: bytes, path: Path) -> Model:
    return validated(model, _keys_and_values(content, path), path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise UsageError(f"{path}: not readable as YAML. Correct the file.") from None


def _keys_and_values(content: bytes, path: Path) -> dict[str, Any]:
    try:
        raw = yaml.load(content.decode(), YAML_LOADER)
    except (UnicodeDecodeError, yaml.YAMLError) as error:
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
        found = error.errors(include_url=False)
    # What holds between the keys is asked only where each is right by itself: once more, then,
    # without those that are wrong.
    try:
        model.model_validate(_without(raw, [item["loc"] for item in found]))
    except ValidationError as error:
        found += [
            item
            for item in error.errors(include_url=False)
            if item["type"] == "value_error"
            and item["loc"] not in [other["loc"] for other in found]
        ]
    problems = [
        ": ".join(filter(None, (".".join(map(str, item["loc"])), _said(item, model))))
        for item in found
    ]
    raise UsageError(f"{path}: " + "; ".join(problems))


def _without(raw: dict[str, Any], places: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    """A copy of what was read without the values at some places."""
    pruned = copy.deepcopy(raw)
    for place in places:
        inner: Any = pruned
        # One way to feed a table may stand for a list of ways: its number is then in no file.
        steps = list(place)
        while len(steps) > 1 and isinstance(inner, dict | list):
            step = steps.pop(0)
            if isinstance(inner, dict) and isinstance(step, int) and step not in inner:
                continue
            try:
                inner = inner[step]
            except (KeyError, IndexError, TypeError):
                inner = None
        if isinstance(inner, dict) and steps:
            inner.pop(steps[0], None)
    return pruned


def unknown(name: str, known: Iterable[str]) -> str:
    """That a name is not one of those known, with the nearest of them."""
    names = sorted(known)
    return f"{name} is not known.{did_you_mean(name, names)} Known are {', '.join(names)}."


def _said(item: Any, model: type[BaseModel]) -> str:
    """What a check of our own said, or pydantic's words; for an unknown key the known ones."""
    own = item.get("ctx", {}).get("error")
    if isinstance(own, ValueError):
        return str(own)
    if item["type"] == "extra_forbidden":
        place = _model_at(model, item["loc"][:-1])
        if place is not None:
            return unknown(str(item["loc"][-1]), place.model_fields)
    return item["msg"]


def _model_at(model: type[BaseModel], loc: tuple[Any, ...]) -> type[BaseModel] | None:
    """The model that stands at a place of another: through fields, lists and dictionaries."""
    found: Any = model
    for part in loc:
        if isinstance(found, type) and issubclass(found, BaseModel):
            if part not in found.model_fields:
                return None
            found = found.model_fields[part].annotation
        elif isinstance(part, int | str):
            inner = [a for a in get_args(found) if a is not Ellipsis and a is not type(None)]
            found = inner[-1] if inner else None
    while not isinstance(found, type) and get_args(found):
        found = get_args(found)[0]
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None
