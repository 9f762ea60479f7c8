"""Metric definitions: dbt's semantic models and metrics, read from their YAML.

Understood is what the files use: measures that are summed, counted or counted once, simple
metrics with or without a filter, ratios and derived metrics. Anything else is an error that names
the file, not a number that differs from MetricFlow's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dagster_project.contracts.yaml_files import read_yaml
from dagster_project.errors import HourglassError, UsageError, no_such
from dagster_project.settings import PROJECT_ROOT

METRICS_DIR = PROJECT_ROOT / "dbt" / "metrics"

AGGREGATIONS = {"sum": "sum({})", "count": "count({})", "count_distinct": "count(distinct {})"}
_REFERENCE = re.compile(r"ref\('(\w+)'\)")
_FILTERED = re.compile(r"\{\{\s*Dimension\('(\w+)__(\w+)'\)\s*\}\}")


@dataclass(frozen=True)
class Dimension:
    """What a metric can be cut by; ``expr`` is a column or expression of the mart."""

    name: str
    expr: str
    is_time: bool
    grain: str | None
    description: str


@dataclass(frozen=True)
class SemanticModel:
    """A mart with its dimensions and measures (name to aggregate expression)."""

    name: str
    mart: str
    time: str
    dimensions: Mapping[str, Dimension]
    measures: Mapping[str, str]


@dataclass(frozen=True)
class Metric:
    """A metric: ``kind`` simple, ratio or derived.

    ``parts`` are the metrics of a ratio (numerator, denominator) or of a derived one; a simple
    metric has ``model`` and ``measure``, and ``condition``, SQL over the mart's columns, or None.
    ``format`` is how its number is written: count, money, cents, percent, decimal, duration.
    """

    name: str
    label: str
    description: str
    kind: str
    format: str
    parts: tuple[str, ...] = ()
    expr: str | None = None
    model: str | None = None
    measure: str | None = None
    condition: str | None = None


@dataclass(frozen=True)
class Metrics:
    """Every metric and the semantic models under them."""

    models: Mapping[str, SemanticModel]
    metrics: Mapping[str, Metric] = field(default_factory=dict)

    def metric(self, name: str) -> Metric:
        """Raises UsageError that names those like it, and then all that there are."""
        if name not in self.metrics:
            raise UsageError(no_such("metric", name, sorted(self.metrics)))
        return self.metrics[name]

    def leaves(self, metric: Metric) -> list[Metric]:
        """The simple metrics that it is made of, each once, in order."""
        if metric.kind == "simple":
            return [metric]
        found: dict[str, Metric] = {}
        for part in metric.parts:
            for leaf in self.leaves(self.metric(part)):
                found.setdefault(leaf.name, leaf)
        return list(found.values())

    def marts(self, metric: Metric) -> tuple[str, ...]:
        """The marts that it reads."""
        return tuple(
            sorted({self.models[leaf.model].mart for leaf in self.leaves(metric) if leaf.model})
        )

    def dimensions(self, metric: Metric) -> dict[str, Dimension]:
        """What all of its parts can be cut by; ``month`` and ``day`` come from the time of each."""
        models = [self.models[leaf.model] for leaf in self.leaves(metric) if leaf.model]
        first, *others = models
        shared = {
            name: dimension
            for name, dimension in first.dimensions.items()
            if not dimension.is_time and all(name in other.dimensions for other in others)
        }
        times = [model.dimensions[model.time] for model in models]
        shared["month"] = Dimension("month", "", True, "month", "Calendar month.")
        if all(time.grain == "day" for time in times):
            shared["day"] = Dimension("day", "", True, "day", "Business date.")
        return shared


@cache
def load_metrics(folder: Path = METRICS_DIR) -> Metrics:
    """The metrics defined in the YAML files of ``folder``.

    Raises HourglassError that names the file of a definition that is not understood.
    """
    models: dict[str, SemanticModel] = {}
    raw: list[tuple[Path, dict[str, Any]]] = []
    for path in sorted(folder.glob("*.yml")):
        content = read_yaml(path) or {}
        for item in content.get("semantic_models") or ():
            models[item["name"]] = _model(path, item)
        raw += [(path, item) for item in content.get("metrics") or ()]
    owner = {name: model for model in models.values() for name in model.measures}
    metrics = {item["name"]: _metric(path, item, owner) for path, item in raw}
    found = Metrics(models, metrics)
    for path, item in raw:
        for part in metrics[item["name"]].parts:
            if part not in metrics:
                raise _unknown(path, item["name"], f"metric {part}")
    return found


def _model(path: Path, item: dict[str, Any]) -> SemanticModel:
    reference = _REFERENCE.fullmatch(item["model"])
    if reference is None:
        raise _unknown(path, item["name"], f"model {item['model']}")
    dimensions = {
        d["name"]: Dimension(
            d["name"],
            d.get("expr", d["name"]),
            d["type"] == "time",
            d.get("type_params", {}).get("time_granularity"),
            d.get("description", ""),
        )
        for d in item["dimensions"]
    }
    measures = {}
    for measure in item["measures"]:
        if measure["agg"] not in AGGREGATIONS:
            raise _unknown(path, measure["name"], f"aggregation {measure['agg']}")
        expr = measure.get("expr", measure["name"])
        measures[measure["name"]] = AGGREGATIONS[measure["agg"]].format(expr)
    return SemanticModel(
        item["name"],
        reference[1],
        item["defaults"]["agg_time_dimension"],
        dimensions,
        measures,
    )


def _metric(path: Path, item: dict[str, Any], owner: Mapping[str, SemanticModel]) -> Metric:
    head = {
        "name": item["name"],
        "label": item["label"],
        "description": item["description"],
        "kind": item["type"],
        "format": item["config"]["meta"]["format"],
    }
    parameters = item["type_params"]
    if item["type"] == "ratio":
        return Metric(**head, parts=(parameters["numerator"], parameters["denominator"]))
    if item["type"] == "derived":
        return Metric(**head, parts=tuple(parameters["metrics"]), expr=parameters["expr"])
    if item["type"] != "simple" or parameters["measure"] not in owner:
        raise _unknown(path, item["name"], f"type {item['type']} or its measure")
    model = owner[parameters["measure"]]
    condition = None
    if item.get("filter"):
        condition = _FILTERED.sub(lambda m: model.dimensions[m[2]].expr, item["filter"])
        if "{" in condition:
            raise _unknown(path, item["name"], f"filter {item['filter']}")
    return Metric(**head, model=model.name, measure=parameters["measure"], condition=condition)


def _unknown(path: Path, name: str, what: str) -> HourglassError:
    return HourglassError(
        f"{path.name}: {name} has the {what}, which is not understood. See "
        "dagster_project/metrics/definitions.py for what is."
    )
