"""Raw tables: one step loads what landed and decides whether there is anything to build."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from dagster_project.contracts import load_contract
from dagster_project.defs.groups import PARAMETERS_KEY, Group, group_of_source
from dagster_project.defs.resources import RunLock, told_plainly
from dagster_project.engine import forget_models
from dagster_project.engine.spread_load import file_spread
from dagster_project.errors import UsageError
from dagster_project.identity import (
    create_identity_tables,
    forget_resolution,
    is_registry_empty,
    restore_registry,
    return_to_published,
)
from dagster_project.identity.matching.overrides import sync_overrides
from dagster_project.load import create_raw_tables, load_landing
from dagster_project.load.landing.discovery import split_instance
from dagster_project.load.ledger.accounting import ledger_summary
from dagster_project.operations.build_plan import asked_day, create_control_tables, plan_build
from dagster_project.operations.disk import require_room
from dagster_project.operations.landing_spool import spool_landing
from dagster_project.predict import create_prediction_tables
from dagster_project.privacy.daily import obey_requests, purge_old_rows
from dagster_project.privacy.erasure import resume
from dagster_project.privacy.suppression import suppress_erased
from dagster_project.privacy.tables import create_privacy_tables, restore_privacy_tables
from dagster_project.publish import restricted_database
from dagster_project.publish.targets import update_targets
from dagster_project.settings import Settings
from dagster_project.transform.increments import create_increment_tables, forget_increments
from dagster_project.warehouse import connect

SHOWN_COUNTS = (
    *("files_seen", "files_loaded", "files_skipped", "files_quarantined", "files_waiting"),
    *("files_empty", "files_refused"),
    *("records", "accepted", "quarantined", "left_out", "erased", "nulled"),
)
FILES_KEY = dg.AssetKey(["ledger", "files"])
QUARANTINE_KEY = dg.AssetKey(["ledger", "quarantine"])
PURGED_KEY = dg.AssetKey(["identity", "purged_sums"])
LEDGER = {
    "files": "One row per file content that was ever read: its records and what became of them.",
    "file_tables": "Rows that each file gave to each raw table.",
    "quarantine": "Records and values that were refused: file, line, column, reason, original.",
    "quarantined_parts": "Lines in quarantine, with the order that lacks them.",
    "left_out": "Records that a mapping's named rule left out, per file and rule.",
}


class LoadConfig(dg.Config):
    """What a person may say of a run."""

    as_of: str | None = Field(
        default=None, description="The last business date that counts, as YYYY-MM-DD."
    )
    full_refresh: bool = Field(
        default=False, description="Read every file in landing/ again, also the known ones."
    )
    take_now: bool = Field(
        default=False, description="Every file in landing/ is whole: none has to hold still first."
    )
    force: bool = Field(default=False, description="Build although nothing changed.")
    make_current: bool = Field(
        default=False, description="Put the version in force although its as_of is a past day."
    )


def parse_as_of(text: str | None) -> date | None:
    """A date written as YYYY-MM-DD; None stays None. Raises UsageError."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"as_of must be a date such as 2026-06-30 (YYYY-MM-DD); found {text!r}."
        ) from None


def raw_asset_specs() -> list[dg.AssetSpec]:
    """One asset per contract table, the load's ledger, and the build's parameters."""
    specs = [
        dg.AssetSpec(
            key=[system.system, table.name],
            description=table.description,
            group_name=group_of_source(system.system),
            kinds={"duckdb", "table"},
            owners=["team:data-engineering"],
            skippable=True,
            metadata={
                "dagster/column_schema": dg.TableSchema(
                    [
                        dg.TableColumn(
                            column.name,
                            column.duckdb_type,
                            description=column.description,
                            tags={"personal_data": column.personal.replace(" ", "_")},
                        )
                        for column in table.columns
                    ]
                )
            },
        )
        for system in load_contract().values()
        for table in system.tables.values()
    ]
    specs += [
        dg.AssetSpec(
            key=["ledger", name],
            description=description,
            group_name=Group.SOURCES,
            kinds={"duckdb", "table"},
            owners=["team:data-engineering"],
            skippable=True,
        )
        for name, description in LEDGER.items()
    ]
    specs.append(
        dg.AssetSpec(
            key=PURGED_KEY,
            description="What retention purged, as sums per source and month: nobody is in it.",
            group_name=Group.SOURCES,
            kinds={"duckdb", "table"},
            owners=["team:data-engineering"],
            skippable=True,
        )
    )
    specs.append(
        dg.AssetSpec(
            key=PARAMETERS_KEY,
            description="The build's one row: its id, as_of (the only 'now'), time zone, currency.",
            group_name=Group.SOURCES,
            kinds={"duckdb", "table"},
            owners=["team:data-engineering"],
            skippable=True,
        )
    )
    return specs


def held_back(key: dg.AssetKey, ledger: Mapping[str, Any]) -> dict[str, Any]:
    """What of a table's own files was refused and why, and how its deliveries stand: counts.

    What concerns vendors' exports, which are no table's own, stands with everything else at
    ``ledger.quarantine`` and ``ledger.files``.
    """
    source = ".".join(key.path)
    shown: dict[str, Any] = {}
    reasons = [
        row
        for row in ledger["reasons"]
        if key == QUARANTINE_KEY or split_instance(row["source"] or "")[0] == source
    ]
    if reasons:
        columns = ("source", "level", "reason", "records")
        shown["held back"] = dg.MetadataValue.table(
            [dg.TableRecord({name: row[name] or "" for name in columns}) for row in reasons],
            dg.TableSchema([dg.TableColumn(name) for name in columns]),
        )
    for row in ledger["by_source"]:
        if split_instance(row["source"])[0] == source:
            for name in ("accepted", "quarantined", "left_out"):
                shown[name] = shown.get(name, 0) + row[name]
            newest = (shown.get("newest delivery"), row["newest_delivery"])
            shown["newest delivery"] = max(filter(None, newest), default=None)
    for name, sentence in (("deliveries", "{message}"), ("schema_changes", "{source}: {message}")):
        said = [
            f"- {sentence.format(**row)}"
            for row in ledger[name]
            if key == FILES_KEY or split_instance(row["source"])[0] == source
        ]
        if said:
            shown[name.replace("_", " ")] = dg.MetadataValue.md("\n".join(said))
    return shown


def build_load() -> dg.AssetsDefinition:
    """The raw tables of every contract, with what the load tells of them."""

    @dg.multi_asset(
        name="load",
        specs=raw_asset_specs(),
        description="Reads new files under landing/ into raw tables, each exactly once; every "
        "record is accepted, quarantined or left out by a named rule. When no file, setting, date "
        "or code changed since the version in force, nothing downstream is rebuilt.",
    )
    def load(
        context: dg.AssetExecutionContext,
        config: LoadConfig,
        settings: dg.ResourceParam[Settings],
        run_lock: dg.ResourceParam[RunLock],
    ) -> Iterator[dg.MaterializeResult]:
        with told_plainly(context):
            as_of = asked_day(settings, parse_as_of(config.as_of))
            for erasure in resume(settings):
                context.log.info(erasure.sentence())
                if warning := erasure.warning():
                    context.log.warning(warning)
            require_room(settings)
            for name in spool_landing(settings):
                context.log.info(f"{name} was brought into landing/.")
            with connect(settings, keep_order=True) as con:
                create_raw_tables(con)
                create_control_tables(con)
                create_increment_tables(con)
                create_identity_tables(con)
                create_privacy_tables(con)
                create_prediction_tables(con)
                if config.full_refresh:
                    forget_resolution(con)
                    forget_increments(con)
                    forget_models(settings)
                registry = restricted_database(settings)
                if registry is not None and is_registry_empty(con):
                    restore_registry(con, registry)
                    restore_privacy_tables(con, registry)
                    context.log.info(
                        "The warehouse was lost: customer ids restored from the last version."
                    )
                elif registry is not None and return_to_published(con, registry):
                    context.log.info(
                        "The last run was not published: customer ids are those of the version in "
                        "force."
                    )
                suppressed = suppress_erased(con, settings, full_refresh=config.full_refresh)
                if suppressed:
                    context.log.info(
                        f"{suppressed} records of erased people were kept out of new files."
                    )
                with file_spread(settings) as spread:
                    summary = load_landing(
                        con,
                        settings,
                        run_id=context.run_id,
                        full_refresh=config.full_refresh,
                        take_now=config.take_now,
                        progress=context.log.debug,
                        spread=spread,
                    )
                sync_overrides(con, settings)
                # The day of the build is needed before anybody is looked for.
                day = plan_build(con, settings, as_of=as_of).as_of
            erasures, waiting = obey_requests(settings, run_id=context.run_id)
            erasures += purge_old_rows(settings, day, run_id=context.run_id)
            for erasure in erasures:
                context.log.info(erasure.sentence())
            for sentence in waiting:
                context.log.warning(sentence)
            with connect(settings) as con:
                create_control_tables(con)
                create_increment_tables(con)
                create_prediction_tables(con)
                plan = plan_build(
                    con,
                    settings,
                    as_of=as_of,
                    force=config.force or config.full_refresh,
                    make_current=config.make_current,
                )
                counts = {
                    key: con.execute(
                        "SELECT count(*) FROM " + ".".join(f'"{part}"' for part in key.path)
                    ).fetchone()
                    for key in context.selected_asset_keys
                }
                ledger = ledger_summary(con)
        for message in summary.messages:
            log = {"info": context.log.info, "warning": context.log.warning}.get(
                message.level, context.log.error
            )
            log(f"{message.path}: {message.text}")
        context.log.info(plan.reason)
        context.log_event(
            dg.AssetObservation(
                asset_key=PARAMETERS_KEY,
                description=plan.reason,
                metadata={
                    **{name: getattr(summary, name) for name in SHOWN_COUNTS},
                    "as_of": plan.as_of.isoformat(),
                    "build_id": plan.build_id,
                    "is_needed": plan.is_needed,
                    "reason": plan.reason,
                },
            )
        )
        if not plan.is_needed:
            # A target that was away when the version in force was published.
            with told_plainly(context):
                update_targets(settings, context.log.info)
            return
        for key in sorted(counts):
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={"dagster/row_count": counts[key][0], **held_back(key, ledger)},
            )

    return load
