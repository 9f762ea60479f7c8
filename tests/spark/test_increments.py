"""Models that go on from their last build on Spark: a table at random, all of them in histories."""

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.engine import after_models
from dagster_project.engine.configuration import spark_environment
from dagster_project.engine.increment_states import STATE, read_state
from dagster_project.engine.increments import Asked, SparkIncrements
from dagster_project.engine.session import start_session
from dagster_project.engine.tables import hand_over
from dagster_project.settings import Settings, load_settings
from dagster_project.transform.project import (
    cache_dir,
    prepare_project,
    share_parse,
)
from tests.integration.conftest import Project
from tests.integration.increments.conftest import Increments
from tests.integration.increments.histories import History
from tests.soak import SOAK, seeded
from tests.spark.conftest import SMALL

HISTORIES = 3 if SOAK else 1
# What happens: anything, or what concerns most models.
STEPS = [None] * 4 if SOAK else ["a day", "a merge"]
# dbt on Spark, where any share of a table's keys is rebuilt by its keys: so few are soon most.
DBT_ON_SPARK = (
    "import dagster_project.engine.dbt_on_spark as dbt; dbt.LARGEST_SHARE = 1000; dbt.main()"
)
COLUMNS = "who STRING, what STRING, amount DECIMAL(9,2), at TIMESTAMP"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    settings = load_settings(
        data_dir=tmp_path_factory.mktemp("session"),
        engine="spark",
        spark_conf=SMALL,
        spark_partitions=1,
    )
    # No longer than it takes to start: settings of other tests would read the same variables.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in spark_environment(settings).items():
            patch.setenv(name, value)
        spark = start_session()
    yield spark
    spark.stop()


class Table:
    """A table that is asked for again and again, with what it and its changes should be."""

    def __init__(self, spark: Any, folder: Path, draw: random.Random) -> None:
        self.spark, self.folder, self.draw = spark, folder, draw
        self.rows: list[tuple[str, str, int]] = []
        self.buckets = draw.randint(1, 5)
        self.restart()

    def restart(self) -> None:
        """As the next process of dbt finds it."""
        self.increments = SparkIncrements(
            self.spark, self.folder, least_rows=0, buckets=self.buckets, largest_share=1000
        )
        self.increments.register()

    def query(self, rows: list[tuple[str, str, int]]) -> str:
        values = ", ".join(
            f"({text(who)}, {text(what)}, {amount}, TIMESTAMP '2026-01-01 00:00:00.{amount:06}')"
            for who, what, amount in rows
        )
        columns = "CAST(c0 AS STRING), CAST(c1 AS STRING), CAST(c2 AS DECIMAL(9,2)), c3"
        if not rows:
            return f"SELECT {columns} FROM {self.values_of('(NULL, NULL, 0, NULL)')} WHERE false"
        return f"SELECT {columns} FROM {self.values_of(values)}"

    @staticmethod
    def values_of(values: str) -> str:
        return (
            "(SELECT who AS c0, what AS c1, amount AS c2, CAST(at AS TIMESTAMP) AS c3 "
            f"FROM VALUES {values} AS v (who, what, amount, at))"
        )

    def change(self) -> set[str]:
        """Have rows of some keys come, go and change; the keys, and some that did not change."""
        keys = {
            self.draw.choice(["", "a", "b'", "ü", "d", "e"]) for _ in range(self.draw.randint(0, 3))
        }
        stay = [row for row in self.rows if row[0] not in keys]
        old = [row for row in self.rows if row[0] in keys and self.draw.random() < 0.5]
        new = [
            (key, self.draw.choice("xyz"), self.draw.randint(0, 2))
            for key in sorted(keys)
            for _ in range(self.draw.randint(0, 3))
        ]
        self.rows = stay + old + new
        return keys

    def ask(self, way: str, keys: set[str], *, is_followed: bool) -> None:
        listed = ", ".join(text(key) for key in sorted(keys)) or "NULL"
        named = "SELECT c0 AS who, c1 AS what, c2 AS amount, c3 AS at FROM ({})"
        names = "AS t (c0, c1, c2, c3)"
        whole = named.format(self.query(self.rows)) + f" {names}"
        # More than the keys: what a model gives beside them is left out.
        self.increments.write(
            Asked(
                schema="marts",
                name="facts",
                way=way,
                key="coalesce(who, '')",
                query=whole,
                part=whole,
                keys=f"SELECT explode(array({listed}))" if keys else "SELECT 'x' WHERE false",
                is_followed=is_followed,
                raw=[],
                state={"inputs": {}, "fingerprint": "f", "as_of": "2026-01-01"},
            )
        )

    def found(self) -> Counter[tuple[str, str, int]]:
        rows = self.spark.sql("SELECT who, what, CAST(amount AS INT) FROM marts.facts").collect()
        return Counter(tuple(row) for row in rows)

    def changes(self, since: int) -> Counter[tuple[str, str, int]]:
        state = read_state(self.folder / "marts" / "facts")
        if not state or not state["changes"]:
            return Counter()
        rows = self.spark.sql(
            "SELECT who, what, CAST(amount AS INT) FROM increment.facts "
            f"WHERE _generation > {since}"
        ).collect()
        return Counter(tuple(row) for row in rows)

    @property
    def generation(self) -> int:
        return int(self.increments.states(["facts"])["facts"]["generation"])


def text(value: str) -> str:
    return "'" + value.replace("'", "\\'") + "'"


@pytest.mark.parametrize("case", range(20 if SOAK else 3))
def test_a_table_goes_on_by_its_keys(session: Any, tmp_path: Path, case: int):
    """A customer's old rows stay, another's are lost, or who reads the table misses changes."""
    draw = seeded()
    draw = random.Random(draw.random() + case)
    table = Table(session, tmp_path, draw)
    table.change()
    table.ask("anew", set(), is_followed=True)
    for _ in range(6):
        before, since = Counter(table.rows), table.generation
        keys = table.change()
        way = draw.choice(["part", "part", "whole"])
        if draw.random() < 0.3:
            # A process that dies while it writes leaves files that nobody asked for.
            half = tmp_path / "marts" / "facts" / "rows-1" / "_bucket=0"
            half.mkdir(parents=True, exist_ok=True)
            (half / "part-0.parquet").write_bytes(b"PAR1")
            table.restart()
        table.ask(way, keys, is_followed=True)
        now = Counter(table.rows)
        assert table.found() == now, way
        assert table.changes(since) == (before - now) + (now - before), way
        assert (table.generation == since) == (before == now), way
    # What nobody goes on from is replaced, and not compared.
    since = table.generation
    table.ask("part", table.change() | {"a"}, is_followed=False)
    assert table.found() == Counter(table.rows)
    assert table.generation > since
    assert len(list((tmp_path / "marts" / "facts").glob("rows-*"))) <= 2 * table.buckets


class OnSpark(Increments):
    """The same histories, built by dbt on Spark."""

    def __init__(self, project: Project, settings: Settings) -> None:
        super().__init__(project, prepare_project(cache_dir(settings), engine="spark"), settings)
        share_parse(self.prepared, self.target)
        self.manifest = self.prepared.read_manifest()

    def build(self, until: int | None = None) -> None:
        with self.open() as con:
            hand_over(con, self.settings, self.manifest, set(self.models))
        self.dbt(
            *(sys.executable, "-c", DBT_ON_SPARK, "build"),
            *("--select", "resource_type:seed", *self.models[:until]),
            *("--exclude", "resource_type:test", "resource_type:unit_test"),
        )
        with self.open() as con:
            built = {
                key for key, node in self.manifest["nodes"].items() if node["name"] in self.models
            }
            after_models(con, self.settings, self.manifest, built)

    def differences(self, con: duckdb.DuckDBPyConnection) -> dict[str, str]:
        """Of tables whose types are the same on both engines: all but a few without a contract."""
        found = super().differences(con)
        others = {name for name, what in found.items() if what.startswith("columns ")}
        assert len(others) < 10, others
        return {name: what for name, what in found.items() if name not in others}


@pytest.mark.parametrize("history_number", range(HISTORIES))
def test_going_on_equals_building_from_nothing(
    project: Project, tmp_path: Path, history_number: int
):
    """On Spark a late event, a merge or a correction leaves figures that no rebuild gives."""
    settings = load_settings(
        data_dir=tmp_path,
        engine="spark",
        spark_conf=SMALL,
        spark_partitions=2,
        spark_increment_rows=0,
    )
    on_spark = OnSpark(project, settings)
    history = History(seeded().randrange(10**6) + history_number)
    with on_spark.begin() as con:
        history.begin(con)
    on_spark.build()
    happened, by_keys = [], set()
    for step in STEPS:
        with on_spark.open() as con:
            happened.append(history.step(con, step))
        if SOAK and history.draw.random() < 0.4:
            on_spark.build(until=history.draw.randint(1, len(on_spark.models)))
            with on_spark.open() as con:
                happened.append(f"killed; {history.step(con)}")
        on_spark.build()
        ways = ways_on_spark(settings)
        by_keys |= {name for name, way in ways.items() if way == "part"}
    with on_spark.open() as con:
        assert on_spark.differences(con) == {}, happened
    if not SOAK:
        # A random day concerns more or fewer: 19 of them with SEED=82513.
        assert len(by_keys) > 10, by_keys
        assert ways["int_sessions_formed"] == ways["stg_marketing__messages"] == "kept"


def ways_on_spark(settings: Settings) -> dict[str, str]:
    """How each table was built last."""
    found = settings.warehouse_dir.glob(f"spark/*/*/{STATE}")
    return {path.parent.name: json.loads(path.read_text())["way"] for path in found}
