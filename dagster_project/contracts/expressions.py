"""The mapping language: scalar SQL over one record, a few aggregates, and ``line_number()``.

An expression is parsed before use and rebuilt from its tree. It can name the record's columns and
the functions listed here; there is no way to name a table, a file or a setting.

``OWN_FUNCTIONS`` says what the language adds to SQL; docs/mappings.md is written from it.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import available_timezones

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dagster_project.errors import did_you_mean

AGGREGATES = frozenset({"first", "min", "max", "sum"})
# What the language adds to SQL, as an author writes it.
OWN_FUNCTIONS: dict[str, str] = {
    "line_number(key, ...)": "Number of the record among the file's records with its key, from 1.",
    "first_of(value, key, ...)": (
        "The first value that is not NULL among them, for exports that write what several records "
        "share on one of them only."
    ),
    "delivered_on()": ("The date in the file's name, NULL without one: when a snapshot was true."),
    "json_find(list, 'key', 'page', '$.value.text')": (
        "From a JSON list of objects the first whose `key` (a name or a path) is `page`, and of it "
        "the text at the path. GA4's parameters and CRMs' custom fields are such lists."
    ),
    "url_path(url)": "The path of an address, without parameters and fragment.",
    "url_parameter(url, 'utm_source')": "The decoded value of a parameter of an address.",
    "click_source(url)": (
        "Who brought the visit by the click id in the address: google (gclid, gbraid, wbraid), "
        "yandex (yclid), bing (msclkid), facebook (fbclid) and others; NULL without one."
    ),
    "click_medium(url)": "The medium of the same click id: cpc, paid_social or social.",
    "header_of(column)": (
        "The name under which the file has the column: of `Amount spent (*)` the currency."
    ),
}
# Click ids that advertisers' systems put into addresses: the source and medium that they stand for.
# fbclid is on every link out of Facebook, paid or not.
CLICK_IDS: tuple[tuple[str, str, str], ...] = (
    ("gclid|gbraid|wbraid|gad_source", "google", "cpc"),
    ("dclid", "google", "display"),
    ("yclid", "yandex", "cpc"),
    ("msclkid", "bing", "cpc"),
    ("ttclid", "tiktok", "paid_social"),
    ("vkclid|vk_ad_id|rb_clickid", "vk", "paid_social"),
    ("li_fat_id", "linkedin", "paid_social"),
    ("twclid", "twitter", "paid_social"),
    ("ScCid|sccid", "snapchat", "paid_social"),
    ("epik", "pinterest", "paid_social"),
    ("rdt_cid", "reddit", "paid_social"),
    ("fbclid", "facebook", "social"),
)
_FUNCTION_NAMES = """
    abs ceil ceiling coalesce concat concat_ws contains date_diff date_part date_trunc ends_with
    epoch_ms extract floor greatest if ifnull instr json_extract_string least left length lower
    lpad ltrim make_date make_timestamp md5 mod nullif position prefix regexp_extract
    regexp_full_match regexp_matches regexp_replace replace reverse right round rpad rtrim sha256
    sign split_part starts_with strpos substr substring suffix timezone to_timestamp trim
    try_strptime upper
"""
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_OVER = 'OVER (PARTITION BY "_file"{keys} ORDER BY "_row"'
# Functions over the records of a file: {0} is the first argument, {keys} the others (or all).
_OVER_RECORDS = {
    "line_number": f"row_number() {_OVER})",
    "first_of": (
        f"first_value({{0}} IGNORE NULLS) {_OVER} "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    ),
    "delivered_on": '"_delivered"',
}


# Functions of one record: their arguments by position, as DuckDB SQL. TRY stands close around
# what can fail: DuckDB does not catch an error within NULLIF or CASE, nor one of a part that stands
# in two expressions and is computed once for both. TRY_CAST holds everywhere.
def _by_click_id(gives: int) -> str:
    """SQL: of the first click id in the address {0} its source (1) or medium (2)."""
    cases = " ".join(
        f"WHEN regexp_matches({{0}}, '[?&]({row[0]})=[^&#]') THEN '{row[gives]}'"
        for row in CLICK_IDS
    )
    return f"CASE {cases} END"


_OWN: dict[str, str] = {
    "click_source": _by_click_id(1),
    "click_medium": _by_click_id(2),
    "json_find": (
        "list_filter(TRY_CAST(TRY_CAST({0} AS JSON) AS JSON[]), "
        "lambda item: json_extract_string(item, {1}) = {2})[1] ->> {3}"
    ),
    "url_path": (
        "nullif(regexp_extract({0}, '^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1), '')"
    ),
    "url_parameter": (
        "nullif(TRY(url_decode(replace(regexp_extract({0}, "
        "concat('[?&]', regexp_escape({1}), '=([^&#]*)'), 1), '+', ' '))), '')"
    ),
}
_WORD_NAMES = """
    and or not in case when then else end cast try_cast between like ilike is as decimal numeric
    varchar interval distinct from
"""
_WORDS = frozenset(_WORD_NAMES.split())
_HEADER_OF = "header_of"
_CALLABLE = FUNCTIONS | AGGREGATES | frozenset(_OWN) | frozenset(_OVER_RECORDS) | {_HEADER_OF}
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
    exp.JSONPath,
    exp.JSONPathPart,
)
# These stop the whole statement at a value that does not fit; like casts they shall give NULL.
_RAISING = (
    exp.UnixToTime,
    exp.TimestampFromParts,
    exp.DateFromParts,
)
_OF_JSON = (exp.JSONExtract, exp.JSONExtractScalar)


class ExpressionError(ValueError):
    """What in an expression is not allowed, in words for its author."""


@dataclass(frozen=True)
class Expression:
    """A checked expression over a record's columns."""

    tree: exp.Expression
    columns: frozenset[str]
    has_aggregate: bool
    is_over_records: bool

    @property
    def divisions(self) -> tuple["Division", ...]:
        """Every division in it, outermost first."""
        return tuple(
            Division(
                node.sql(dialect="duckdb"), node.expression.sql(dialect="duckdb"), _of(divisor)
            )
            for node in self.tree.find_all(exp.Div, exp.IntDiv, exp.Mod)
            if (divisor := node.expression.unnest())
        )

    def sql(
        self,
        column: Callable[[str], str],
        *,
        header: Callable[[str], str | None] = lambda name: name,
        lift: Callable[[str], str] = lambda sql: sql,
    ) -> str:
        """DuckDB SQL with every column replaced by what ``column`` gives for its name.

        ``header`` gives the name of a column in the file. ``lift`` takes the SQL of a function over
        records and gives what stands for it: an aggregate cannot hold a window, so that it is
        computed below, as a column.

        The relation that it is put over must have ``_file``, ``_line``, ``_row``, ``_number`` (of
        the record in its file, from 1) and ``_delivered`` (date in the file's name). Casts give
        NULL where they do not fit.
        """
        return _Builder(column, header, lift).rebuilt(self.tree.copy()).sql(dialect="duckdb")


@dataclass(frozen=True)
class Division:
    """A division within an expression: its text and its divisor's, which must not be 0."""

    text: str
    divisor_text: str
    divisor: Expression


def _of(tree: exp.Expression) -> Expression:
    """The expression of a checked tree, or of a part of one."""
    calls = {_function_name(node) for node in tree.walk()}
    return Expression(
        tree,
        frozenset(node.name for node in tree.find_all(exp.Column)),
        bool(calls & AGGREGATES),
        bool(calls & {"line_number", "first_of"}),
    )


@dataclass(frozen=True)
class _Builder:
    """Puts an expression's tree into DuckDB's words; see ``Expression.sql``."""

    column: Callable[[str], str]
    header: Callable[[str], str | None]
    lift: Callable[[str], str]

    def rebuilt(self, node: exp.Expression) -> exp.Expression:
        """The tree from its leaves up."""
        if isinstance(node, exp.Column):
            return _parsed(self.column(node.name))
        if _function_name(node) == _HEADER_OF:
            text = self.header(node.expressions[0].name)
            return exp.null() if text is None else exp.Literal.string(text)
        for child in list(node.iter_expressions()):
            child.replace(self.rebuilt(child.copy()))
        if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
            return exp.TryCast(this=node.this, to=node.to)
        built = _engine_function(node)
        is_lifted = isinstance(built, exp.Window) or built.find(exp.Window) is not None
        if _function_name(node) in _OVER_RECORDS and is_lifted:
            return _parsed(self.lift(built.sql(dialect="duckdb")))
        return built


def _engine_function(node: exp.Expression) -> exp.Expression:
    name = _function_name(node)
    if name == "first" or isinstance(node, exp.First):
        return exp.Anonymous(this="arg_min", expressions=[_argument(node), _column("_row")])
    if isinstance(node, _OF_JSON):
        node.set("this", exp.TryCast(this=node.this, to=exp.DataType.build("JSON", "duckdb")))
        return node
    if isinstance(node, _RAISING):
        return exp.Anonymous(this="TRY", expressions=[node])
    parts = [part.sql(dialect="duckdb") for part in node.expressions]
    if name in _OWN:
        return _parsed(_OWN[name].format(*parts))
    if name == "line_number" and not parts:
        return _column("_number")
    if name in _OVER_RECORDS:
        keys = parts[1:] if name == "first_of" else parts
        same = "".join(f", {key}" for key in keys)
        return _parsed(_OVER_RECORDS[name].format(*parts[:1], keys=same))
    return node


def _parsed(text: str) -> exp.Expression:
    return sqlglot.parse_one(text, dialect="duckdb")


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
    for node in tree.walk():
        if not isinstance(node, _ALLOWED_NODES) or _reaches_out(node):
            raise ExpressionError(f"{text!r}: {node.key} is not allowed, only scalar expressions")
        _check_own(text, node)
        if isinstance(node, exp.Column) and (node.table or node.name not in columns):
            near = did_you_mean(node.name, columns)
            raise ExpressionError(
                f"{text!r}: the record has no declared column {node.sql()}.{near}"
            )
    return _of(tree)


def _reaches_out(node: exp.Expression) -> bool:
    """Whether the node is a query, a word such as CURRENT_DATE that is no function call, a function
    or type that is not built in, or a name within a name."""
    if type(node).__name__.startswith(("Current", "Session", "Local")):
        return True
    if isinstance(node, exp.Anonymous):
        return node.name.lower() not in _CALLABLE
    if isinstance(node, exp.DataType):
        return node.this == exp.DType.USERDEFINED
    return isinstance(node, exp.Subquery | exp.Query | exp.Lambda | exp.Window | exp.Dot)


def _check_own(text: str, node: exp.Expression) -> None:
    """The language's own functions take as many arguments as they say, names as plain texts."""
    name = _function_name(node)
    if name == _HEADER_OF and not (
        len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Column)
    ):
        raise ExpressionError(f"{text!r}: header_of takes the name of a column")
    if name == "first_of" and len(node.expressions) < 2:
        raise ExpressionError(f"{text!r}: first_of takes a value and a key")
    is_tried = name in _OWN or isinstance(node, _RAISING)
    if is_tried and any(_function_name(part) in AGGREGATES for part in node.walk()):
        raise ExpressionError(f"{text!r}: first, min, max and sum go around {name}, not into it")
    if isinstance(node, exp.JSONExtractScalar) and not isinstance(node.expression, exp.JSONPath):
        raise ExpressionError(f"{text!r}: a path within JSON is a plain text such as '$.name'")
    if name == "timezone" and not (node.expressions and _is_zone(node.expressions[0])):
        raise ExpressionError(
            f"{text!r}: timezone takes a name such as 'Europe/Moscow', and a time"
        )
    if name not in _OWN:
        return
    wanted = 1 + max(int(number) for number in re.findall(r"\{(\d)\}", _OWN[name]))
    if len(node.expressions) != wanted:
        raise ExpressionError(f"{text!r}: {name} takes {wanted} arguments")
    if not all(isinstance(part, exp.Literal) and part.is_string for part in node.expressions[1:]):
        raise ExpressionError(f"{text!r}: {name} takes plain texts after its first argument")


def _is_zone(node: exp.Expression) -> bool:
    return isinstance(node, exp.Literal) and node.is_string and node.name in available_timezones()


def _check_calls(text: str) -> None:
    try:
        tokens = sqlglot.tokenize(text, dialect="duckdb")
    except SqlglotError:
        raise ExpressionError(f"{text!r} is no SQL expression") from None
    for token, following in pairwise(tokens):
        is_call = following.text == "(" and re.fullmatch(r"\w+", token.text)
        if is_call and token.text.lower() not in _CALLABLE | _WORDS and not token.text.isdigit():
            near = did_you_mean(token.text.lower(), _CALLABLE)
            raise ExpressionError(
                f"{text!r}: the function {token.text} is not allowed.{near} docs/mappings.md lists "
                "those that are"
            )


def _function_name(node: exp.Expression) -> str:
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def _argument(node: exp.Expression) -> exp.Expression:
    return node.expressions[0] if isinstance(node, exp.Anonymous) else node.this


def _column(name: str) -> exp.Expression:
    return exp.column(name, quoted=True)
