"""Metric SQL: a metric by dimensions and conditions, as one SELECT over the published marts.

Parts of a ratio that stand on different marts, or under different filters, are aggregated apart and
joined on the dimensions, so that a month with spend and no sale keeps its row.
"""

from collections.abc import Sequence

import sqlglot
from sqlglot import exp

from dagster_project.errors import UsageError
from dagster_project.metrics.definitions import Metric, Metrics, SemanticModel


def compile_metric(
    metrics: Metrics, name: str, by: Sequence[str] = (), where: Sequence[str] = ()
) -> str:
    """SQL with a column per dimension of ``by`` and the column ``value``, ordered by dimensions.

    ``where`` are conditions over the metric's dimensions, such as ``channel = 'email'`` or
    ``month >= date '2026-01-01'``; all must hold. Raises UsageError for an unknown metric or
    dimension, or a condition that is more than a comparison of dimensions.
    """
    metric = metrics.metric(name)
    known = metrics.dimensions(metric)
    for dimension in by:
        if dimension not in known:
            raise UsageError(
                f"{name} cannot be cut by {dimension}. It can be by {', '.join(known)}."
            )
    conditions = [_condition(name, text, set(known)) for text in where]
    groups: dict[tuple[str, str | None], list[Metric]] = {}
    for leaf in metrics.leaves(metric):
        groups.setdefault((leaf.model or "", leaf.condition), []).append(leaf)
    parts = []
    for (model, condition), leaves in groups.items():
        parts.append(_aggregate(metrics.models[model], condition, leaves, by, conditions))
    value = _value(metrics, metric)
    order = f"\norder by {', '.join(str(i + 1) for i in range(len(by)))}" if by else ""
    columns = "".join(f"{dimension}, " for dimension in by)
    if len(parts) == 1:
        return f"select {columns}{value} as value\nfrom (\n{_indented(parts[0])}\n){order}"
    joined = f"(\n{_indented(parts[0])}\n)"
    for part in parts[1:]:
        how = f"full outer join (\n{_indented(part)}\n) using ({', '.join(by)})"
        joined += "\n" + (how if by else f"cross join (\n{_indented(part)}\n)")
    return f"select {columns}{value} as value\nfrom {joined}{order}"


def rows_behind(metrics: Metrics, name: str, where: Sequence[str] = ()) -> dict[str, str]:
    """SQL by mart that counts the rows which the metric reads under the conditions."""
    metric = metrics.metric(name)
    conditions = [_condition(name, text, set(metrics.dimensions(metric))) for text in where]
    found = {}
    for leaf in metrics.leaves(metric):
        model = metrics.models[leaf.model or ""]
        found[model.mart] = (
            f"select count(*) from {model.mart}{_where(model, leaf.condition, conditions)}"
        )
    return found


def _aggregate(
    model: SemanticModel,
    condition: str | None,
    leaves: Sequence[Metric],
    by: Sequence[str],
    conditions: Sequence[exp.Expression],
) -> str:
    columns = [f"{_dimension(model, name)} as {name}" for name in by]
    columns += [f"{model.measures[leaf.measure or '']} as {leaf.name}" for leaf in leaves]
    group = f"\ngroup by {', '.join(str(i + 1) for i in range(len(by)))}" if by else ""
    inner = ",\n    ".join(columns)
    return f"select\n    {inner}\nfrom {model.mart}{_where(model, condition, conditions)}{group}"


def _where(
    model: SemanticModel, condition: str | None, conditions: Sequence[exp.Expression]
) -> str:
    written = [condition] if condition else []
    for one in conditions:
        tree = one.copy()
        for column in list(tree.find_all(exp.Column)):
            column.replace(sqlglot.parse_one(_dimension(model, column.name), dialect="duckdb"))
        written.append(f"({tree.sql(dialect='duckdb')})")
    return f"\nwhere {' and '.join(written)}" if written else ""


def _dimension(model: SemanticModel, name: str) -> str:
    if name in ("month", "day"):
        time = model.dimensions[model.time].expr
        return f"cast(date_trunc('{name}', {time}) as date)"
    return model.dimensions[name].expr


def _value(metrics: Metrics, metric: Metric) -> str:
    if metric.kind == "simple":
        return metric.name
    parts = [metrics.metric(part) for part in metric.parts]
    if metric.kind == "ratio":
        over, under = (_value(metrics, part) for part in parts)
        return f"cast({over} as double) / nullif({under}, 0)"
    tree = sqlglot.parse_one(metric.expr or "", dialect="duckdb")
    known = {part.name: _value(metrics, part) for part in parts}
    for column in list(tree.find_all(exp.Column)):
        column.replace(sqlglot.parse_one(f"({known[column.name]})", dialect="duckdb"))
    return tree.sql(dialect="duckdb")


def _condition(name: str, text: str, known: set[str]) -> exp.Expression:
    """A parsed condition; only dimensions, literals, comparisons and and/or/not may be in it."""
    allowed = (
        exp.Column,
        exp.Identifier,
        exp.Literal,
        exp.Boolean,
        exp.Null,
        exp.Predicate,
        exp.And,
        exp.Or,
        exp.Not,
        exp.Paren,
        exp.Cast,
        exp.DataType,
        exp.Neg,
        exp.Tuple,
    )
    try:
        tree = sqlglot.parse_one(f"select 1 where {text}", dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        tree = None
    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    # A comment or a second clause would be dropped unread.
    if where is None or set(tree.args) - {"expressions", "where", "kind"} & {
        key for key, value in tree.args.items() if value
    }:
        raise UsageError(f"--where {text!r} is no condition. For example: channel = 'email'.")
    condition = where.this
    for node in condition.walk():
        if not isinstance(node, allowed) or node.comments:
            raise UsageError(
                f"--where {text!r} may compare dimensions with values only; it holds "
                f"{type(node).__name__}."
            )
        if isinstance(node, exp.Column) and (node.table or node.name not in known):
            raise UsageError(
                f"{name} has no dimension {node.sql()}. It has {', '.join(sorted(known))}. A text "
                "that is a value stands in single quotes."
            )
    return condition


def _indented(sql: str) -> str:
    return "\n".join(f"    {line}" for line in sql.splitlines())
