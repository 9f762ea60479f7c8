"""The types of the source contract: a system, its tables, their columns, and a source's settings.

What a YAML file may say and what must hold within one table stands here. Reading the files, and
finding them, does not.
"""

import codecs
import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from dagster_project.operations.setting_values import known_cron, known_region, known_time_zone

ColumnType = Literal[
    "text",
    "timestamp",
    "date",
    "boolean",
    "money",
    "unit_price",
    "quantity",
    "rate",
    "score",
    "integer",
]
PersonalTag = Literal["direct identifier", "personal", "none"]

DUCKDB_TYPES: dict[str, str] = {
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "money": "DECIMAL(18,2)",
    "unit_price": "DECIMAL(18,6)",
    "quantity": "DECIMAL(18,3)",
    "rate": "DECIMAL(18,9)",
    "score": "DECIMAL(18,3)",
    "integer": "BIGINT",
}

# What cells are read as: more is a slip of the keyboard, and too much for the sums over it.
READ_TYPES: dict[str, str] = DUCKDB_TYPES | {
    "money": "DECIMAL(14,2)",
    "unit_price": "DECIMAL(17,6)",
    "quantity": "DECIMAL(12,3)",
    "rate": "DECIMAL(16,9)",
}

META_COLUMNS: dict[str, str] = {
    "_file_hash": "VARCHAR",
    "_line": "BIGINT",
    "_delivered_on": "DATE",
    "_extra": "VARCHAR",
    # What was delivered: the table or mapping of the file, with its instance. Two of them may
    # deliver one content.
    "_source": "VARCHAR",
}


# What strptime of the engine understands, and what of it says the day, the month and the year.
_FORMAT_SIGNS = frozenset("aAbBdfgHIjmMnpSyYzZ%")
_DATE_PARTS = (frozenset("dj"), frozenset("mbBj"), frozenset("yY"))


class Strict(BaseModel):
    """A part of a YAML file: an unknown key raises, and nothing changes it after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Strict):
    """One column of a canonical table.

    ``required`` columns must hold a valid value or the record goes to quarantine; ``key`` columns
    name the record. ``refuses_invalid``: the value may be absent, but an invalid one sends the
    record to quarantine, since without it the record would say something else. A time is not
    earlier than that of the column ``not_before``, or it is unknown. ``words`` names the seed that
    turns vendors' words into accepted ones. Of a cell that holds several addresses of the kind
    ``contact_point``, the further ones are contact points.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: ColumnType
    key: bool = False
    required: bool = False
    personal: PersonalTag
    description: str
    accepted_values: tuple[str, ...] = ()
    words: str | None = None
    aliases: tuple[str, ...] = ()
    not_before: str | None = None
    contact_point: Literal["email", "phone"] | None = None
    refuses_invalid: bool = False

    @property
    def duckdb_type(self) -> str:
        return DUCKDB_TYPES[self.type]

    @property
    def is_time(self) -> bool:
        return self.type in ("timestamp", "date")


class IdentifiedBy(Strict):
    """Columns that can say whose record it is; with ``required`` at least one has a value."""

    columns: tuple[str, ...]
    required: bool


class SourceSettings(Strict):
    """How a source writes its files; what is None is found out from each file.

    ``time_zone`` and ``phone_region`` fall back to the installation's settings. ``null_words`` are
    texts that mean "no value" in every column, besides the empty field. ``date_order`` decides
    dates such as 03/04/2025; without it the whole column decides. ``header`` names the columns, in
    order, of text files that begin with their first record; a file may lack the last ones. Lines
    that begin with ``comment`` are no records: remarks, or a line of totals below the table.

    ``plausible_from`` and ``plausible_years_ahead`` bound when an event can have happened, the
    latter counted from the load; an event outside is quarantined.

    ``expected_delivery`` is a cron expression in the source's time zone: by then a file must have
    come. ``volume_band`` is (low, high) as shares of the median records of the same weekday in
    the eight weeks before. What a source does not say is learnt from its deliveries, unless
    ``late_or_odd`` is off. What is late or outside warns or, as ``late_or_odd`` says, blocks the
    publish. Where the records of keys that stand in one file with several contents are a larger
    share of it than ``conflicts_block_above``, the publish is blocked.

    ``keep_days``: how long rows with personal columns are kept (``privacy.retention``); None: until
    they are erased.
    """

    time_zone: Annotated[str, AfterValidator(known_time_zone)] | None = None
    phone_region: Annotated[str, AfterValidator(known_region)] | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str | None = None
    header: tuple[str, ...] = ()
    decimal: Literal[".", ","] | None = None
    thousands: Literal[",", ".", " ", "'", "_"] | None = None
    date_order: Literal["day_first", "month_first", "year_first"] | None = None
    date_formats: tuple[str, ...] = ()
    comment: str | None = Field(default=None, min_length=1)
    null_words: tuple[str, ...] = ()
    plausible_from: date = date(1990, 1, 1)
    plausible_years_ahead: int = Field(default=2, ge=0, le=1000)
    expected_delivery: Annotated[str, AfterValidator(known_cron)] | None = None
    volume_band: tuple[float, float] | None = None
    late_or_odd: Literal["warn", "block", "off"] = "warn"
    conflicts_block_above: float | None = Field(default=None, ge=0, le=1)
    keep_days: int | None = Field(default=None, ge=1, le=36_525)

    @field_validator("delimiter")
    @classmethod
    def _can_delimit(cls, value: str | None) -> str | None:
        if value is not None and value in "\"'\r\n\x00":
            raise ValueError("a quote or a line end cannot stand between fields; correct it")
        return value

    @field_validator("encoding")
    @classmethod
    def _is_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                "".encode(value)
                codecs.getincrementaldecoder(value)
            except (LookupError, UnicodeError):
                raise ValueError(
                    f"no encoding is called {value!r}; write a name such as utf-8, cp1251 or "
                    "latin-1"
                ) from None
        return value

    @field_validator("date_formats")
    @classmethod
    def _are_formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for form in value:
            signs = set(re.findall(r"%-?(.)", form))
            if not signs <= _FORMAT_SIGNS or not all(signs & part for part in _DATE_PARTS):
                raise ValueError(
                    f"{form!r} must name a day, a month and a year, as %d.%m.%Y does; known are "
                    f"{' '.join('%' + sign for sign in sorted(_FORMAT_SIGNS - {'%'}))}"
                )
        return value

    @field_validator("header", "null_words")
    @classmethod
    def _are_words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not word.strip() for word in value) or len(set(value)) < len(value):
            raise ValueError("an entry is empty or stands twice; take it out")
        return value

    @model_validator(mode="after")
    def _signs_differ(self) -> "SourceSettings":
        if self.thousands and self.thousands == (self.decimal or "."):
            raise ValueError(
                "decimal (. unless it says otherwise) and thousands are the same sign; correct one"
            )
        return self

    @field_validator("volume_band")
    @classmethod
    def _is_band(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 <= value[0] <= 1 <= value[1]:
            raise ValueError("must be two shares of the usual volume around 1, such as [0.5, 2.0]")
        return value


class Table(Strict):
    """One canonical table of a system.

    ``dated_by`` is the column that says when a row happened: what happened after as_of stays in
    raw. ``version_of`` are the columns whose newest row holds, where the table has no key.
    ``one_of`` are columns of which a record needs one. ``part_of`` is the column that names the
    whole of which a row is a part: where one was refused the whole is incomplete.
    ``staged_by_hand``: ``make contracts`` leaves the SQL of its staging model alone.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    identified_by: IdentifiedBy | None = None
    one_of: tuple[str, ...] = ()
    part_of: str | None = None
    dated_by: str | None = None
    version_of: tuple[str, ...] = ()
    staged_by_hand: bool = False
    settings: SourceSettings = SourceSettings()

    @model_validator(mode="after")
    def _consistent(self) -> "Table":
        names = [column.name for column in self.columns]
        words = names + [alias for column in self.columns for alias in column.aliases]
        doubled = sorted({word for word in words if words.count(word) > 1})
        if doubled:
            raise ValueError(f"names or aliases that stand twice: {', '.join(doubled)}")
        if self.identified_by and not set(self.identified_by.columns) <= set(names):
            raise ValueError("identified_by names a column that the table lacks")
        if not {*self.one_of, *self.version_of, *filter(None, [self.part_of])} <= set(names):
            raise ValueError("one_of, version_of or part_of names a column that the table lacks")
        if self.one_of and self.identified_by and self.identified_by.required:
            raise ValueError("one_of stands beside identified_by: one of them can be required")
        if self.version_of and self.key:
            raise ValueError("version_of is for a table without a key")
        if self.dated_by and self.dated_by not in {c.name for c in self.columns if c.is_time}:
            raise ValueError("dated_by must name a timestamp or date of the table")
        return self

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def is_personal(self) -> bool:
        """Whether any column is tagged as personal."""
        return any(column.personal != "none" for column in self.columns)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.key)

    @property
    def needs_one_of(self) -> tuple[str, ...]:
        """Columns of which a record needs one: who it is of, or those of ``one_of``."""
        owner = self.identified_by
        return owner.columns if owner and owner.required else self.one_of

    @property
    def id_columns(self) -> tuple[str, ...]:
        """Columns that hold a key of the source's own, of this table or of another.

        A number that the state or a card gave somebody is none.
        """
        return tuple(
            column.name
            for column in self.columns
            if column.type == "text"
            and column.name.endswith("_id")
            and (column.personal != "direct identifier" or self.kind_of(column.name))
        )

    def kind_of(self, name: str) -> str | None:
        """The column that says what the id in the column ``name`` names; None where none does."""
        kind = f"{name.removesuffix('_id')}_kind"
        return kind if name.endswith("_id") and kind in self.column_names else None

    @property
    def phone_columns(self) -> tuple[tuple[str, str | None], ...]:
        """(column, None) of each that holds telephone numbers; of one that holds addresses of
        several kinds the column that says which it is."""
        found: list[tuple[str, str | None]] = [
            (name, None) for name in self.column_names if name == "phone" or name.endswith("_phone")
        ]
        kinds = [c for c in self.columns if c.name == "kind" and "phone" in c.accepted_values]
        return (*found, *(("value", kind.name) for kind in kinds))

    def column(self, name: str) -> Column:
        """The column ``name``; KeyError when the table lacks it."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


class System(Strict):
    """One source system: its tables by name, and the settings of its files."""

    system: str
    description: str
    settings: SourceSettings = SourceSettings()
    tables: dict[str, Table]
