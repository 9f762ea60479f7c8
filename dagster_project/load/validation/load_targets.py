"""Load targets: what files can feed, canonical tables and mappings on equal terms."""

import csv
import hashlib
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from dagster_project.contracts import SourceSettings, Table, load_contract
from dagster_project.contracts.folders import WORDS, own_files
from dagster_project.contracts.mapping import Mapping, load_mappings
from dagster_project.contracts.yaml_files import unknown
from dagster_project.errors import UsageError
from dagster_project.load.landing.discovery import split_instance
from dagster_project.load.reading.header_matching import Field, table_fields
from dagster_project.settings import PROJECT_ROOT, Settings

SEEDS_DIR = PROJECT_ROOT / "dbt" / "seeds"

# What says when and how much is expected and how long it is kept, not how a file is read.
EXPECTATIONS = dict.fromkeys(
    ("expected_delivery", "volume_band", "late_or_odd", "conflicts_block_above", "keep_days"), True
)

# Where the further addresses of a cell go.
POINTS = ("crm", "contact_points")

Words = dict[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Target:
    """One canonical table, or one mapping with the tables that it feeds.

    ``instance``: one of several of the same kind, whose keys are kept apart from the others'.
    ``definition`` changes when the same file would be read in another way.
    """

    name: str
    fields: tuple[Field, ...]
    one_of: tuple[str, ...]
    settings: SourceSettings
    time_zone: str
    definition: str
    table: Table | None = None
    mapping: Mapping | None = None
    instance: str | None = None
    words: Words = field(default_factory=dict)

    def plausible(self, today: date) -> tuple[date, date]:
        """First and last day on which an event of this source can have happened."""
        ahead = timedelta(days=round(365.25 * self.settings.plausible_years_ahead))
        return self.settings.plausible_from, min(today + ahead, date(9999, 12, 31))

    @property
    def reads_delivery_date(self) -> bool:
        """Whether a mapping makes values of the date in the file's name."""
        return self.mapping is not None and "delivered_on(" in self.mapping.model_dump_json(
            include={"leave_out", "tables"}
        )

    @property
    def declared_dates(self) -> str:
        """How the source's settings want dates written; empty when they are silent."""
        if self.settings.date_formats:
            return f"date_formats {', '.join(self.settings.date_formats)}"
        return f"date_order {self.settings.date_order}" if self.settings.date_order else ""

    @property
    def tables(self) -> list[tuple[str, Table]]:
        """(system, table) of each canonical table that is fed.

        A table whose cells may hold several addresses feeds contact points as well.
        """
        if self.mapping is None:
            assert self.table is not None
            fed = {self.name: self.table}
        else:
            fed = {name: table for name, table, _ in self.mapping.canonical()}
        if any(column.contact_point for table in fed.values() for column in table.columns):
            system, name = POINTS
            fed[f"{system}.{name}"] = load_contract()[system].tables[name]
        return [(name.partition(".")[0], table) for name, table in fed.items()]

    @property
    def explode(self) -> tuple[str, ...]:
        return self.mapping.explode if self.mapping else ()


def load_words(
    project_dir: Path | None = None, names: frozenset[str] = frozenset({"order_statuses"})
) -> Words:
    """The lists that turn vendors' words into accepted ones: the shipped, and over them one's own.

    Raises UsageError when a list cannot be used.
    """
    own = own_files(WORDS, project_dir)
    for name in own.keys() - names:
        raise UsageError(f"{own[name]}: {unknown(name, names)}")
    return {
        name: tuple(
            (
                _word_list(SEEDS_DIR / f"{name}.csv")
                | (_word_list(own[name]) if name in own else {})
            ).items()
        )
        for name in names
    }


def _word_list(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
        return {word.strip().lower(): value for word, value in rows[1:]}
    except (OSError, ValueError):
        raise UsageError(
            f"{path} must be a CSV file with two columns, a word and what it means."
        ) from None


class Targets(dict[str, Target]):
    """Targets by name; one of an instance (``shop.orders@de``) is made when it is asked for."""

    def __missing__(self, name: str) -> Target:
        base, instance = split_instance(name)
        if instance is None:
            raise KeyError(name)
        target = self[base]
        definition = _definition(target.definition, instance)
        self[name] = replace(target, name=name, instance=instance, definition=definition)
        return self[name]


def load_targets(
    settings: Settings, words: Words, mappings: dict[str, Mapping] | None = None
) -> Targets:
    """Every canonical table as ``system.table``, and every mapping, by name."""
    targets = Targets()
    for system_name, system in load_contract(settings.project_dir).items():
        for table in system.tables.values():
            name = f"{system_name}.{table.name}"
            time_zone = table.settings.time_zone or settings.time_zone
            targets[name] = Target(
                name=name,
                fields=table_fields(table, words),
                one_of=table.needs_one_of,
                settings=table.settings,
                time_zone=time_zone,
                definition=_definition(
                    table.model_dump_json(exclude={"settings": EXPECTATIONS}),
                    time_zone,
                    _used(table, words),
                ),
                table=table,
            )
    for name, mapping in (
        load_mappings(settings.project_dir) if mappings is None else mappings
    ).items():
        time_zone = mapping.settings.time_zone or settings.time_zone
        fed = [table for _, table, _ in mapping.canonical()]
        contracts = "".join(
            table.model_dump_json(exclude={"settings": EXPECTATIONS}) for table in fed
        )
        own = mapping.model_dump_json(
            exclude={"description": True, "reference": True, "settings": EXPECTATIONS}
        )
        used = "".join(_used(table, words) for table in fed)
        targets[name] = Target(
            name=name,
            fields=tuple(
                Field(
                    name=column,
                    type=mapped.type,
                    required=mapped.required,
                    needed=mapped.needed,
                    hint=mapped.hint,
                    aliases=mapped.aliases,
                )
                for column, mapped in mapping.columns.items()
            ),
            one_of=(),
            settings=mapping.settings,
            time_zone=time_zone,
            definition=_definition(own, contracts, time_zone, used),
            mapping=mapping,
            words=words,
        )
    return targets


def _used(table: Table, words: Words) -> str:
    return repr([words[column.words] for column in table.columns if column.words])


def _definition(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]
