"""The mapping language: scalar SQL over one record, a few aggregates, and ``line_number()``.

An expression is parsed before use and rebuilt from its tree. It can name the record's columns and
the functions listed here; there is no way to name a table, a file or a setting.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

AGGREGATES = frozenset({"first", "min", "max", "sum"})
_FUNCTION_NAMES = """
    abs ceil ceiling coalesce concat concat_ws contains date_diff date_part date_trunc ends_with
    epoch_ms extract floor greatest if ifnull instr json_extract_string least left length lower
    lpad ltrim make_date make_timestamp md5 mod nullif position prefix regexp_extract
    regexp_full_match regexp_matches regexp_replace replace reverse right round rpad rtrim sha256
    sign split_part starts_with strpos substr substring suffix to_timestamp trim try_strptime upper
"""
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
LINE_NUMBER = "line_number"
_WORD_NAMES = """
    and or not in case when then else end cast try_cast between like ilike is as decimal numeric
    varchar interval distinct from
"""
_WORDS = frozenset(_WORD_NAMES.split())
_ALLOWED_NODES = (
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Paren,
    exp.Binary,
    exp.Unary,
    exp.Case,
    exp.In,
    exp.Between,
    exp.Cast,
    exp.DataType,
    exp.DataTypeParam,
    exp.Interval,
    exp.Var,
    exp.Func,
)


class ExpressionError(ValueError):
    """What in an expression is not allowed, in words for its author."""


@dataclass(frozen=True)
class Expression:
    """A checked expression over a record's columns."""

    tree: exp.Expression
    columns: frozenset[str]
    has_aggregate: bool

    def sql(self, column: Callable[[str], str]) -> str:
        """DuckDB SQL with every column replaced by what ``column`` gives for its name.

        The relation that it is put over must have ``_file``, ``_line``, ``_row`` and ``_number``
        (of the record in its file, from 1). Casts give NULL where they do not fit.
        """

        tree = self.tree.copy()
        for rewrite in (lambda node: _named(node, column), _tolerant, _engine_function):
            tree = tree.transform(rewrite)
        return tree.sql(dialect="duckdb")


def _named(node: exp.Expression, column: Callable[[str], str]) -> exp.Expression:
    if isinstance(node, exp.Column):
        return sqlglot.parse_one(column(node.name), dialect="duckdb")
    return node


def _tolerant(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        return exp.TryCast(this=node.this, to=node.to)
    return node


def _engine_function(node: exp.Expression) -> exp.Expression:
    if _function_name(node) == LINE_NUMBER:
        return _line_number(node)
    if isinstance(node, exp.First) or _function_name(node) == "first":
        return exp.Anonymous(this="arg_min", expressions=[_argument(node), _column("_row")])
    return node


def parse(text: str, columns: Collection[str]) -> Expression:
    """Check an expression that may use ``columns``; ExpressionError says what is not allowed."""
    _check_calls(text)
    try:
        trees = sqlglot.parse(text, dialect="duckdb")
    except SqlglotError:
        raise ExpressionError(f"{text!r} is no SQL expression") from None
    if len(trees) != 1 or trees[0] is None:
        raise ExpressionError(f"{text!r} must be one expression")
    tree = trees[0]
    used: set[str] = set()
    has_aggregate = False
    for node in tree.walk():
        if not isinstance(node, _ALLOWED_NODES) or _reaches_out(node):
            raise ExpressionError(f"{text!r}: {node.key} is not allowed, only scalar expressions")
        if isinstance(node, exp.Column):
            if node.table or node.name not in columns:
                raise ExpressionError(f"{text!r}: the record has no declared column {node.sql()}")
            used.add(node.name)
        has_aggregate = has_aggregate or _function_name(node) in AGGREGATES
    return Expression(tree, frozenset(used), has_aggregate)


def _reaches_out(node: exp.Expression) -> bool:
    """Whether the node is a query, or a word such as CURRENT_DATE that is no function call."""
    is_current = type(node).__name__.startswith(("Current", "Session"))
    return is_current or isinstance(node, exp.Subquery | exp.Query | exp.Lambda | exp.Window)


def _check_calls(text: str) -> None:
    try:
        tokens = sqlglot.tokenize(text, dialect="duckdb")
    except SqlglotError:
        raise ExpressionError(f"{text!r} is no SQL expression") from None
    allowed = FUNCTIONS | AGGREGATES | _WORDS | {LINE_NUMBER}
    for token, following in pairwise(tokens):
        is_call = following.text == "(" and re.fullmatch(r"\w+", token.text)
        if is_call and token.text.lower() not in allowed and not token.text.isdigit():
            raise ExpressionError(f"{text!r}: the function {token.text} is not allowed")


def _function_name(node: exp.Expression) -> str:
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def _argument(node: exp.Expression) -> exp.Expression:
    return node.expressions[0] if isinstance(node, exp.Anonymous) else node.this


def _column(name: str) -> exp.Expression:
    return exp.column(name, quoted=True)


def _line_number(node: exp.Expression) -> exp.Expression:
    if not node.expressions:
        return _column("_number")
    parts = ", ".join(part.sql(dialect="duckdb") for part in node.expressions)
    return sqlglot.parse_one(
        f'row_number() OVER (PARTITION BY "_file", {parts} ORDER BY "_row")', dialect="duckdb"
    )
