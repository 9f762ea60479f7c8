"""Suites: what a reader of a mart may rely on, as files that a person can read and edit.

``expectations/<mart>.yml`` is one suite. Its keys::

    mart: customers              # the table, and the file's name
    schema: marts                # or restricted
    key: [customer_id]           # columns that name a failing row without being personal
    empty: {outcome: pass, why: ...}             # what holds of an empty mart
    volume: {warn_drop_percent: 5, block_drop_percent: 30, why: ...}   # against the last version
    expectations:
      - name: customer_id_is_unique
        expect: column_values_to_be_unique       # Great Expectations' name without "expect_"
        with: {column: customer_id}              # its arguments
        severity: blocking                       # or warning
        why: One person has one row.
        min_rows: 1                              # it applies from so many rows on
      - name: orders_reconcile
        sql: select ... from {batch} where ...   # passes when it returns no row
        severity: blocking
        why: ...
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from dagster_project.contracts.yaml_files import YAML_LOADER
from dagster_project.errors import UsageError
from dagster_project.quality.results import Severity
from dagster_project.quality.sql import BATCH, parse_select
from dagster_project.settings import PROJECT_ROOT
from dagster_project.warehouse import PUBLISHED_SCHEMAS

SUITES_DIR = PROJECT_ROOT / "expectations"

COLUMN_ARGUMENTS = ("column", "column_A", "column_B")
BETWEEN = frozenset({"min_value", "max_value"})
STRICT = BETWEEN | {"strict_min", "strict_max"}

# Expectation -> (arguments it must have, arguments it may have). Row expectations judge each row,
# so the rows that fail can be kept; aggregates judge one number and mean nothing over no rows.
ROW_EXPECTATIONS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "column_values_to_not_be_null": (frozenset({"column"}), frozenset({"mostly"})),
    "column_values_to_be_unique": (frozenset({"column"}), frozenset()),
    "compound_columns_to_be_unique": (frozenset({"column_list"}), frozenset()),
    "column_values_to_be_between": (frozenset({"column"}), STRICT | {"mostly"}),
    "column_values_to_be_in_set": (frozenset({"column", "value_set"}), frozenset({"mostly"})),
    "column_pair_values_a_to_be_greater_than_b": (
        frozenset({"column_A", "column_B"}),
        frozenset({"or_equal", "mostly"}),
    ),
}
AGGREGATE_EXPECTATIONS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "table_row_count_to_be_between": (frozenset(), BETWEEN),
    "column_mean_to_be_between": (frozenset({"column"}), STRICT),
    "column_median_to_be_between": (frozenset({"column"}), STRICT),
    "column_max_to_be_between": (frozenset({"column"}), STRICT),
    "column_min_to_be_between": (frozenset({"column"}), STRICT),
    "column_sum_to_be_between": (frozenset({"column"}), STRICT),
    "column_stdev_to_be_between": (frozenset({"column"}), STRICT),
    "column_unique_value_count_to_be_between": (frozenset({"column"}), STRICT),
    "column_proportion_of_unique_values_to_be_between": (frozenset({"column"}), STRICT),
    "column_proportion_of_non_null_values_to_be_between": (frozenset({"column"}), STRICT),
    "column_quantile_values_to_be_between": (
        frozenset({"column", "quantile_ranges"}),
        frozenset(),
    ),
}
EXPECTATIONS = ROW_EXPECTATIONS | AGGREGATE_EXPECTATIONS
SEVERITIES = ("blocking", "warning")
GROUPS = frozenset({"row_count", "column_values"})


@dataclass(frozen=True)
class Expectation:
    """One check of a suite: an expectation with arguments, or SQL that returns what is wrong.

    ``reads`` are the tables of the SQL besides the mart's own.
    """

    name: str
    severity: Severity
    why: str
    min_rows: int = 0
    expect: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sql: str | None = None
    reads: frozenset[str] = frozenset()

    @property
    def columns(self) -> frozenset[str]:
        """The mart's columns that the arguments name; SQL names its own."""
        named = [self.arguments[key] for key in COLUMN_ARGUMENTS if key in self.arguments]
        return frozenset(named) | frozenset(self.arguments.get("column_list", ()))


@dataclass(frozen=True)
class EmptyRule:
    """What holds of the mart when it has no row: ``pass``, ``warning`` or ``blocking``."""

    outcome: str
    why: str


@dataclass(frozen=True)
class VolumeRule:
    """How many percent of the last published version's rows may be gone."""

    warn_drop_percent: float
    block_drop_percent: float
    why: str


@dataclass(frozen=True)
class Suite:
    """The checks of one mart, in the order of its file."""

    mart: str
    schema: str
    key: tuple[str, ...]
    empty: EmptyRule
    volume: VolumeRule | None
    expectations: tuple[Expectation, ...]
    path: Path

    @property
    def table(self) -> str:
        return f"{self.schema}.{self.mart}"

    @cached_property
    def check_names(self) -> tuple[str, ...]:
        """Every check that this suite must report."""
        volume = () if self.volume is None else ("volume",)
        return ("not_empty", *volume, *(item.name for item in self.expectations))

    @cached_property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """The checks as a person is shown them: name to the checks that it stands for.

        How many rows there are is one, and so are the blocking rules of single columns, which one
        scan proves; every other check stands for itself.
        """
        rows = ("not_empty",) if self.volume is None else ("not_empty", "volume")
        groups: dict[str, tuple[str, ...]] = {"row_count": rows}
        for item in self.expectations:
            is_value = item.expect in ROW_EXPECTATIONS and item.severity == "blocking"
            name = "column_values" if is_value else item.name
            groups[name] = (*groups.get(name, ()), item.name)
        return groups

    def reason(self, group: str) -> str:
        """Why the checks of one of ``groups`` are asked for, in their order."""
        reasons = {item.name: item.why for item in self.expectations}
        reasons["not_empty"] = f"When it is empty: {self.empty.why}"
        if self.volume is not None:
            reasons["volume"] = self.volume.why
        return " ".join(dict.fromkeys(reasons[name] for name in self.groups[group]))

    def severity(self, check: str) -> Severity:
        """What a check of the suite does to the publish when it fails; the volume's own outcome
        says it for ``volume``."""
        item = next((item for item in self.expectations if item.name == check), None)
        return item.severity if item is not None else "blocking"

    @cached_property
    def reads(self) -> frozenset[str]:
        """Every table that decides the outcome, the mart's own included."""
        return frozenset({self.table}).union(*(item.reads for item in self.expectations))


def suite_paths(directory: Path, project_dir: Path | None) -> dict[str, Path]:
    """The file of each mart's suite, by name: one of ``expectations/`` below ``project_dir`` takes
    the place of the shipped one.
    """
    own = [] if project_dir is None else sorted((project_dir / "expectations").glob("*.yml"))
    return dict(sorted({path.stem: path for path in [*directory.glob("*.yml"), *own]}.items()))


def load_suites(
    directory: Path = SUITES_DIR, *, project_dir: Path | None = None
) -> dict[str, Suite]:
    """All suites by mart, sorted by name; see :func:`suite_paths`.

    Raises UsageError that names file and key when one is not what this module's docstring says.
    """
    paths = suite_paths(directory, project_dir)
    if not paths:
        raise UsageError(f"There is no suite in {directory}: a mart needs <mart>.yml there.")
    return {mart: load_suite(path) for mart, path in paths.items()}


def load_suite(path: Path) -> Suite:
    """One suite from its file. Raises UsageError that names file and key."""
    where = f"{path.parent.name}/{path.name}"
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), YAML_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{where}{line}: this is not YAML in UTF-8.") from None
    top = _mapping(
        content,
        where,
        required=("mart", "key", "empty", "expectations"),
        optional=("schema", "volume"),
    )
    mart = _text(top["mart"], where, "mart")
    if mart != path.stem:
        raise UsageError(f"{where}: mart is {mart!r}, but the file is of {path.stem!r}.")
    schema = _choice(top.get("schema", "marts"), where, "schema", PUBLISHED_SCHEMAS)
    if not isinstance(top["expectations"], list):
        raise UsageError(f"{where}: expectations is a list.")
    empty = _mapping(top["empty"], f"{where}: empty", required=("outcome", "why"))
    expectations = tuple(
        _expectation(item, f"{where}: expectations[{number}]", f"{schema}.{mart}")
        for number, item in enumerate(top["expectations"], start=1)
    )
    suite = Suite(
        mart=mart,
        schema=schema,
        key=tuple(_texts(top["key"], where, "key")),
        empty=EmptyRule(
            _choice(empty["outcome"], f"{where}: empty", "outcome", ("pass", *SEVERITIES)),
            _text(empty["why"], f"{where}: empty", "why"),
        ),
        volume=_volume(top.get("volume"), f"{where}: volume"),
        expectations=expectations,
        path=path,
    )
    names = suite.check_names
    twice = sorted({name for name in names if names.count(name) > 1 or name in GROUPS})
    if twice:
        raise UsageError(f"{where}: name {', '.join(twice)} is used twice or reserved.")
    return suite


def _expectation(content: Any, where: str, table: str) -> Expectation:
    item = _mapping(
        content,
        where,
        required=("name", "severity", "why"),
        optional=("expect", "with", "sql", "min_rows"),
    )
    name = _text(item["name"], where, "name")
    where = f"{where} ({name})"
    if not name.isidentifier() or not name.islower():
        raise UsageError(f"{where}: name is lower-case words joined by underscores.")
    if ("expect" in item) == ("sql" in item) or ("with" in item and "expect" not in item):
        raise UsageError(f"{where}: give either expect (and with) or sql.")
    min_rows = item.get("min_rows", 0)
    if not isinstance(min_rows, int) or isinstance(min_rows, bool) or min_rows < 0:
        raise UsageError(f"{where}: min_rows is a number of rows, 0 or more.")
    severity = _choice(item["severity"], where, "severity", SEVERITIES)
    why = _text(item["why"], where, "why")
    if "sql" in item:
        sql = _text(item["sql"], where, "sql")
        if BATCH not in sql:
            raise UsageError(f"{where}: the SQL never reads the mart: write it as {BATCH}.")
        reads = parse_select(sql, batch=table, where=where)
        return Expectation(name, severity, why, min_rows, sql=sql.rstrip("; \n"), reads=reads)
    expect = _choice(item["expect"], where, "expect", EXPECTATIONS)
    required, optional = EXPECTATIONS[expect]
    arguments = _mapping(
        item.get("with", {}), f"{where}: with", required=sorted(required), optional=sorted(optional)
    )
    if expect in AGGREGATE_EXPECTATIONS and min_rows < 1:
        raise UsageError(
            f"{where}: min_rows is missing. {expect} judges one number over all rows and means "
            "nothing over none: say from how many rows on it applies."
        )
    if optional & BETWEEN and not arguments.keys() & BETWEEN:
        raise UsageError(f"{where}: with needs min_value or max_value.")
    return Expectation(name, severity, why, min_rows, expect=expect, arguments=arguments)


def _volume(content: Any, where: str) -> VolumeRule | None:
    if content is None:
        return None
    item = _mapping(content, where, required=("warn_drop_percent", "block_drop_percent", "why"))
    limits = {}
    for key in ("warn_drop_percent", "block_drop_percent"):
        value = item[key]
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 100:
            raise UsageError(f"{where}: {key} is a number from 0 to 100.")
        limits[key] = float(value)
    if limits["block_drop_percent"] < limits["warn_drop_percent"]:
        raise UsageError(f"{where}: block_drop_percent is below warn_drop_percent.")
    return VolumeRule(why=_text(item["why"], where, "why"), **limits)


def _mapping(
    content: Any, where: str, *, required: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UsageError(f"{where}: keys with values are expected here.")
    known = [*required, *optional]
    unknown = sorted(str(key) for key in content if key not in known)
    if unknown:
        raise UsageError(f"{where}: unknown key {', '.join(unknown)}. Known: {', '.join(known)}.")
    missing = [key for key in required if key not in content]
    if missing:
        raise UsageError(f"{where}: {', '.join(missing)} is missing.")
    return content


def _text(value: Any, where: str, key: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: {key} is a text.")
    return " ".join(value.split()) if key == "why" else value.strip()


def _texts(value: Any, where: str, key: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: {key} is a list of column names.")
    return value


def _choice(value: Any, where: str, key: str, known: Iterable[str]) -> Any:
    if value not in list(known):
        raise UsageError(f"{where}: {key} is {value!r}; known are {', '.join(known)}.")
    return value
