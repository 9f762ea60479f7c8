"""Increments on Spark: tables cut into buckets of keys; those that changed are written anew.

The mechanism is that of docs/increments.md, and what a model declares is the same; dbt's macros
decide how a table is built (``dbt/macros/increment/state.sql``). Here stands how it is written
without transactions. In the folder of a table lie

- ``rows-G/_bucket=B``: rows whose key falls into bucket B, as generation G made them;
- ``changes-G``: the rows that came or went with generation G;
- ``_state.json``: what the table stands for, and which of these folders it is made of. Its renaming
  is the commit: a process that dies before it leaves the table as it was.

``increment_states`` reads the states, ``tables`` gives DuckDB the same rows. All of it is Spark's
SQL and data frames, which a server of Spark Connect runs too.
"""

import json
import re
import shutil
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.engine.increment_states import (
    BUCKET,
    STATE,
    changes_folders,
    layout,
    listed,
    raw_records,
    read_files,
    read_state,
)

# Views whose columns Spark reads from their files at once.
SHOWN_AT_ONCE = 4


@dataclass(frozen=True)
class Asked:
    """One table to write, as ``dbt/macros/materializations/table_on_spark.sql`` asks for it."""

    schema: str
    name: str
    # anew: nothing of the table is believed; whole: built whole and compared; part: by its keys;
    # kept: nothing changed.
    way: str
    # The column or expression that the table is rebuilt by; none of a table that keeps changes.
    key: str | None
    # The rows of the whole table, those of the keys, and the keys.
    query: str
    part: str | None
    keys: str | None
    # Whether a model that goes on reads this one.
    is_followed: bool
    # Raw tables of which the state keeps the files.
    raw: Sequence[str]
    state: Mapping[str, Any]


class SparkIncrements:
    """States and tables below ``folder``, for one process of dbt with the session ``spark``.

    ``least_rows``: raw records from which going on is worth its statements; ``buckets``: how many a
    table that is written anew is cut into; ``largest_share``: of a table's keys, beyond which it is
    cheaper to build it whole.
    """

    def __init__(
        self, spark: Any, folder: Path, *, least_rows: int, buckets: int, largest_share: float
    ) -> None:
        self._spark, self._folder = spark, folder
        self.pay = raw_records(folder) >= least_rows
        self._buckets, self._largest_share = buckets, largest_share
        self._states: dict[str, dict[str, Any]] = {}
        # Two threads that make the same schema at once: one fails.
        self._catalog = threading.Lock()

    def register(self) -> None:
        """Make a view over every table that has a state."""
        found = {path.parent: read_state(path.parent) for path in self._folder.glob(f"*/*/{STATE}")}
        states = {table: state for table, state in found.items() if state is not None}
        self._states = {table.name: state for table, state in states.items()}
        with ThreadPoolExecutor(SHOWN_AT_ONCE) as pool:
            list(pool.map(self._show, states, states.values()))

    def forget(self, schema: str, name: str) -> None:
        """Have no state of a table that is written by another way."""
        self._states.pop(name, None)
        (self._folder / schema / name / STATE).unlink(missing_ok=True)

    def states(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The states of tables by name, of those that have one."""
        return {name: self._states[name] for name in names if name in self._states}

    def new_files(self, name: str, raw: Sequence[str]) -> dict[str, list[str]] | None:
        """Hashes of the files that came to each of ``raw`` (schema.table) since ``name`` was built.

        None where a file went, was read again or dated otherwise: all has to be built.
        """
        before = self._states.get(name, {}).get("files", {})
        new = {}
        for table in raw:
            now = read_files(self._folder.joinpath(*table.split(".")))
            if now is None or table not in before:
                return None
            known = {tuple(file) for file in before[table]}
            if known - now:
                return None
            new[table] = sorted({str(file[0]) for file in now - known})
        return new

    def write(self, asked: Asked) -> None:
        """Write the table and its state; leaves both as they were if it cannot finish."""
        table = self._folder / asked.schema / asked.name
        own = self._states.get(asked.name)
        # Never one that a table of this name had before, whatever became of its state.
        now = max(own["generation"] + 1 if own else 0, time.time_ns() // 1000)
        way, state = asked.way, None
        if own is not None and way == "part":
            state = self._write_part(asked, table, own, now)
            way = "part" if state else "whole"
        if own is not None and way == "whole":
            state = self._write_whole(asked, table, own, now)
        if own is not None and way == "kept":
            state = dict(own)
        if state is None:
            way = "anew"
            state = self._write_rows(asked, table, self._spark.sql(asked.query), now)
            state |= {"generation": now, "kept_from": now, "changes": {}}
        is_same = own is not None and state["rows"] == own["rows"]
        state["way"] = "kept" if is_same else way
        files = {raw: self._folder.joinpath(*raw.split(".")) for raw in asked.raw}
        state |= asked.state
        state["layout"] = layout()
        state["files"] = {raw: listed(read_files(path) or ()) for raw, path in files.items()}
        self._commit(table, own, state)

    def _write_part(
        self, asked: Asked, table: Path, own: dict[str, Any], now: int
    ) -> dict[str, Any] | None:
        """Rebuild the rows of the keys; none where so many changed that the whole is cheaper."""
        from pyspark.sql import functions

        bucket = _bucket_of(asked.key, own["buckets"])
        keys = self._spark.sql(
            f"SELECT DISTINCT key FROM ({asked.keys}) AS found (key) WHERE key IS NOT NULL"
        ).cache()
        fresh = None
        try:
            key_bucket = functions.expr(_bucket_of("key", own["buckets"]))
            counts = dict(map(tuple, keys.groupBy(key_bucket).count().collect()))
            if not counts:
                return dict(own)
            if sum(counts.values()) > self._largest_share * own["key_count"]:
                return None
            keys.createOrReplaceTempView(f"keys__{asked.name}")
            before = self._read(table, own["rows"], counts)
            rows_of_keys = _of_keys(self._spark.sql(asked.part), asked.key, keys, "left_semi")
            fresh = rows_of_keys.select(*before.columns).cache()
            state = dict(own)
            if asked.is_followed:
                changes = _rows_that_differ(_of_keys(before, asked.key, keys, "left_semi"), fresh)
                if not self._keep_changes(table, state, changes, now):
                    return state
            else:
                state |= {"generation": now, "kept_from": now, "changes": {}}
            stay = _of_keys(before, asked.key, keys, "left_anti")
            rows = f"rows-{now}"
            self._write_buckets(stay.unionByName(fresh), table / rows, bucket, len(counts))
            state["rows"] = [
                folder for folder in own["rows"] if _number(folder) not in counts
            ] + _written(table, rows)
            if not state["rows"]:
                state["rows"] = [self._write_none(before, table, rows)]
            return state
        finally:
            keys.unpersist()
            if fresh is not None:
                fresh.unpersist()
            self._spark.catalog.dropTempView(f"keys__{asked.name}")

    def _write_whole(
        self, asked: Asked, table: Path, own: dict[str, Any], now: int
    ) -> dict[str, Any] | None:
        """Build the table whole and keep the rows that differ; none where its columns do."""
        fresh, before = self._spark.sql(asked.query), self._read(table, own["rows"])
        if not asked.is_followed or _columns(fresh) != _columns(before):
            return None
        state = self._write_rows(asked, table, fresh, now)
        state |= {name: own[name] for name in ("generation", "kept_from", "changes")}
        changes = _rows_that_differ(before, self._read(table, state["rows"]))
        if self._keep_changes(table, state, changes, now):
            return state
        shutil.rmtree(table / f"rows-{now}", ignore_errors=True)
        return dict(own)

    def _write_rows(self, asked: Asked, table: Path, rows: Any, now: int) -> dict[str, Any]:
        """Write all rows of a table under a new generation; its buckets, folders and sizes."""
        from pyspark.sql import functions

        folder = f"rows-{now}"
        if asked.key is None:
            buckets = 1
            rows.write.mode("overwrite").parquet(str(table / folder / f"{BUCKET}=0"))
        else:
            buckets = self._buckets
            bucket = _bucket_of(asked.key, buckets)
            self._write_buckets(rows, table / folder, bucket, buckets)
        folders = _written(table, folder) or [self._write_none(rows, table, folder)]
        keys = (
            functions.lit(0)
            if asked.key is None
            else functions.expr(f"approx_count_distinct({asked.key})")
        )
        written = self._read(table, folders).agg(functions.count("*"), keys).collect()[0]
        return {
            "buckets": buckets,
            "rows": folders,
            "row_count": written[0],
            "key_count": written[1],
        }

    def _write_buckets(self, rows: Any, path: Path, bucket: str, files: int) -> None:
        """One file for each bucket that has rows."""
        from pyspark.sql import functions

        cut = rows.withColumn(BUCKET, functions.expr(bucket)).repartition(files, BUCKET)
        cut.write.mode("overwrite").partitionBy(BUCKET).parquet(str(path))

    def _write_none(self, rows: Any, table: Path, folder: str) -> str:
        """A file of no row, which says the columns of a table that has none."""
        empty = f"{folder}/{BUCKET}=-1"
        rows.limit(0).coalesce(1).write.mode("overwrite").parquet(str(table / empty))
        return empty

    def _keep_changes(self, table: Path, state: dict[str, Any], changes: Any, now: int) -> bool:
        """Keep the rows that came and went under the generation ``now``; whether there are any.

        Kept are as many as pay: past the size of the table it is cheaper to rebuild who reads them.
        """
        from pyspark.sql import functions

        folder = str(table / f"changes-{now}")
        marked = changes.withColumn("_generation", functions.lit(now).cast("bigint"))
        marked.write.mode("overwrite").parquet(folder)
        count = self._spark.read.parquet(folder).count()
        if not count:
            shutil.rmtree(folder, ignore_errors=True)
            return False
        before = state["generation"]
        state["generation"] = now
        state["changes"] = {**state["changes"], str(now): count}
        if sum(state["changes"].values()) > 10000 + state["row_count"]:
            state["changes"] = {str(now): count}
            state["kept_from"] = before
        return True

    def _read(
        self, table: Path, folders: Iterable[str], buckets: Iterable[int] | None = None
    ) -> Any:
        """The rows of some folders of a table, or of those of ``buckets``; no row of none."""
        folders = list(folders)
        wanted = None if buckets is None else set(buckets)
        chosen = [
            str(table / folder) for folder in folders if wanted is None or _number(folder) in wanted
        ]
        if not chosen:
            return self._spark.read.parquet(str(table / folders[0])).limit(0)
        return self._spark.read.parquet(*chosen)

    def _commit(self, table: Path, own: Mapping[str, Any] | None, state: Mapping[str, Any]) -> None:
        """Make ``state`` the table's, then show its rows and remove what nobody reads any more.

        What the state before names stays until the next: the warehouse's view shows it until the
        run takes the tables back.
        """
        fresh = table / f"{STATE}.new"
        fresh.write_text(json.dumps(state), encoding="utf-8")
        fresh.replace(table / STATE)
        self._states[table.name] = dict(state)
        self._show(table, state)
        used = {
            folder.split("/")[0]
            for one in (own or {}, state)
            for folder in [*one.get("rows", ()), *changes_folders(one)]
        }
        kept_buckets = {folder for one in (own or {}, state) for folder in one.get("rows", ())}
        for path in table.iterdir():
            if path.name == STATE:
                continue
            if path.name not in used:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            elif path.name.startswith("rows-"):
                for part in path.iterdir():
                    if part.is_dir() and f"{path.name}/{part.name}" not in kept_buckets:
                        shutil.rmtree(part)

    def _show(self, table: Path, state: Mapping[str, Any]) -> None:
        """Views of the session: the table by its name, its changes below ``increment``."""
        views = {(table.parent.name, table.name): list(state["rows"])}
        if state["changes"]:
            views["increment", table.name] = changes_folders(state)
        for (schema, name), folders in views.items():
            relation = f"`{schema}`.`{name}`"
            with self._catalog:
                self._spark.sql(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
            if not self._spark.sql(f"SHOW VIEWS IN `{schema}` LIKE '{name}'").collect():
                self._spark.sql(f"DROP TABLE IF EXISTS {relation}")
            self._spark.sql(
                f"CREATE OR REPLACE VIEW {relation} AS "
                f"SELECT * FROM parquet.`{_pattern(table, folders)}`"
            )


def _bucket_of(key: str | None, buckets: int) -> str:
    """SQL of the bucket of a key, by Spark's hash of its text."""
    return f"pmod(hash(cast(({key}) AS string)), {buckets})"


def _of_keys(rows: Any, key: str | None, keys: Any, how: str) -> Any:
    """The rows whose key is among ``keys`` (left_semi), or is not (left_anti)."""
    from pyspark.sql import functions

    keyed = rows.withColumn("_key", functions.expr(str(key)))
    return keyed.join(keys.withColumnRenamed("key", "_key"), "_key", how).drop("_key")


def _number(folder: str) -> int:
    return int(folder.rsplit("=", 1)[1])


def _written(table: Path, folder: str) -> list[str]:
    """The buckets that Spark wrote below ``folder``."""
    return sorted(f"{folder}/{path.name}" for path in (table / folder).glob(f"{BUCKET}=*"))


def _columns(rows: Any) -> list[tuple[str, str]]:
    return [(field.name, field.dataType.simpleString()) for field in rows.schema.fields]


def _rows_that_differ(before: Any, now: Any) -> Any:
    """Rows that one side has oftener than the other, as often as it does."""
    from pyspark.sql import functions

    columns = before.columns
    sided = before.withColumn("_side", functions.lit(-1)).unionByName(
        now.withColumn("_side", functions.lit(1))
    )
    grouped = sided.groupBy(*columns).agg(functions.sum("_side").alias("_side")).where("_side <> 0")
    times = functions.explode(
        functions.sequence(functions.lit(1), functions.abs("_side").cast("int"))
    )
    return grouped.withColumn("_side", times).drop("_side")


def _pattern(table: Path, folders: Sequence[str]) -> str:
    """A path as Hadoop's patterns write it: all of ``folders`` below that of the table."""
    home = re.sub(r"([\\*?\[\]{},])", r"\\\1", str(table)).replace("`", "``")
    return f"{home}/{{{','.join(folders)}}}" if len(folders) > 1 else f"{home}/{folders[0]}"
