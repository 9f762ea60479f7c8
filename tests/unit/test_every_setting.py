"""Settings of an installation: each one does something, and what is wrong is told at once."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagster_project.activation.delivery import endpoint_of
from dagster_project.contracts.mapping import load_mappings
from dagster_project.defs import publish as publish_step
from dagster_project.defs.dagster_home import ensure_dagster_home
from dagster_project.defs.schedules import build_job, build_schedule
from dagster_project.engine import dbt_executable, spread_load
from dagster_project.engine.configuration import spark_conf, spark_environment
from dagster_project.errors import HourglassError, UsageError
from dagster_project.identity.matching import probabilistic
from dagster_project.identity.registry.published_comparison import compare_with_published
from dagster_project.identity.rules.rule_set import load_rules
from dagster_project.load import load_landing
from dagster_project.operations import alerts, landing_spool
from dagster_project.operations.alerts import send_alerts
from dagster_project.operations.build_plan import create_control_tables, plan_build
from dagster_project.privacy.erasure import prepare_tables
from dagster_project.privacy.subject import prepare_values
from dagster_project.publish import inputs, targets, versions_on_disk
from dagster_project.settings import Settings, load_settings
from dagster_project.warehouse import connect, connect_file

Effect = Callable[[Settings, pytest.MonkeyPatch], Any]


def in_parameters(name: str) -> Effect:
    """What stands in the one row that dbt's models read."""

    def effect(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
        patch.setattr(inputs, "code_hash", lambda root: "")
        with connect(settings) as con:
            create_control_tables(con)
            plan_build(con, settings)
            return con.execute(f"SELECT {name} FROM control.parameters").fetchall()

    return effect


def of_the_warehouse(name: str) -> Effect:
    def effect(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
        with connect(settings) as con:
            return con.execute("SELECT current_setting(?)", [name]).fetchone()

    return effect


def loaded_from(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    path = settings.landing_dir / "crm" / "contacts.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"contact_id\n{settings.data_dir.name}\n")
    with connect(settings) as con:
        load_landing(con, settings, run_id="test", take_now=True)
        return con.execute("SELECT contact_id FROM crm.contacts").fetchall()


def mappings_known(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    if settings.project_dir:
        own = settings.project_dir / "mappings"
        own.mkdir(parents=True)
        text = "description: Ours.\ntables: {crm.contacts: {columns: {contact_id: \"'1'\"}}}\n"
        (own / "ours.yml").write_text(f"mapping: ours\n{text}")
    return sorted(load_mappings(settings.project_dir))


def telephone_read(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    with connect_file(":memory:") as con:
        prepare_tables(con)
        con.execute("INSERT INTO crm.contacts (contact_id, phone) VALUES ('1', '02079460958')")
        prepare_values(con, settings)
        return con.execute("SELECT value FROM who_values").fetchall()


def limit_of_the_gate(metric: str) -> Effect:
    def effect(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
        with connect_file(":memory:") as con:
            con.execute("CREATE SCHEMA identity")
            con.execute("CREATE TABLE identity.metrics (metric VARCHAR, value DOUBLE)")
            con.execute("CREATE TABLE reassigned (former_customer_id VARCHAR)")
            con.execute("CREATE TABLE published (records BIGINT)")
            con.execute("CREATE TABLE largest (profiles DOUBLE)")
            published = SimpleNamespace(records="published", largest="largest")
            assignment = SimpleNamespace(changes=[], reassigned="reassigned")
            compare_with_published(con, settings, published, assignment)
            return con.execute(
                "SELECT value FROM identity.metrics WHERE metric = ?", [metric]
            ).fetchall()

    return effect


def published_with(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    """The language that the report is rendered in first, and the address that Dagster links."""
    seen: list[Any] = []

    def publish_version(con: Any, given: Settings, *, render: Any, **rest: Any) -> Any:
        seen.append(render.keywords["first_language"])
        return SimpleNamespace(name="v", is_restated=False, database=Path("m"), report=Path("r"))

    patch.setattr(publish_step, "publish_version", publish_version)
    patch.setattr(publish_step, "ledger_summary", lambda con: {})
    patch.setattr(publish_step, "told_plainly", lambda context: contextlib.nullcontext())
    context = SimpleNamespace(log=SimpleNamespace(debug=print, info=print))
    results = list(publish_step.publish.op.compute_fn.decorated_fn(context, settings, None))
    return seen, results[-1].metadata["page"]


def parquet_alone_from(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    """What it does to a version is tested with publish (tests/unit/publish/test_publish.py)."""
    return settings.parquet_only_from


def versions_discarded(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    old = datetime(2026, 1, 1, tzinfo=UTC)
    versions = [
        SimpleNamespace(name=str(number), is_restated=False, published_at=old)
        for number in range(20)
    ]
    patch.setattr(versions_on_disk, "list_versions", lambda given: versions)
    patch.setattr(versions_on_disk, "version_in_force", lambda given: versions[-1])
    patch.setattr(versions_on_disk, "discard", lambda version: None)
    return versions_on_disk.prune(settings)


def files_that_wait(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    path = settings.landing_dir / "crm" / "contacts.csv"
    path.parent.mkdir(parents=True)
    path.write_text("contact_id\n1\n")
    with connect(settings) as con:
        try:
            return load_landing(con, settings, run_id="test").files_waiting
        except HourglassError as error:
            return type(error).__name__


def schedule(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    found = build_schedule(settings, build_job(settings))
    return found.cron_schedule, found.default_status


def told_to(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    told: list[Any] = []
    patch.setattr(alerts, "_notify", lambda given, sentences: told.append(sentences) or [])
    disk = {"is_low": True, "message": "The disk is full."}
    send_alerts(settings, {"runs": [], "ledger": {}, "version": None, "disk": disk})
    return told


def brought_from(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    def remote(url: str, setting: str) -> Any:
        return SimpleNamespace(stamps=lambda: {url: ""})

    patch.setattr(landing_spool, "RemoteFolder", remote)
    return landing_spool.remote_stamps(settings)


def published_to(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    made: list[Any] = []

    def target(*args: Any, **arguments: Any) -> Any:
        made.append((args, arguments.get("schema"), arguments.get("readers")))

    patch.setattr(targets, "PostgresTarget", target)
    patch.setattr(targets, "StorageTarget", target)
    targets.targets_of(settings)
    return made


def history_kept_in(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    # It puts the address into the environment; undone with the test.
    patch.setenv("HOURGLASS_DAGSTER_POSTGRES_URL", "")
    home = ensure_dagster_home(settings)
    patch.delenv("HOURGLASS_DAGSTER_POSTGRES_URL")
    return (home / "dagster.yaml").read_text().replace(str(settings.data_dir), "")


def told_to_spark(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    return spark_conf(settings)


def spark_asked(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    return spark_environment(settings).get("SPARK_REMOTE")


def files_read_by(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr(spread_load, "spread", lambda *_, **__: [("a", "a worker")])
    files = [SimpleNamespace(size_bytes=1 << 20, name=name) for name in "ab"]
    return spread_load.spread_files(settings, [("target", files)], "stamp", "corrections", {})


def pairs_scored_by(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr(probabilistic, "spread", lambda *_, **__: ["a worker"])
    patch.setattr(probabilistic, "score_share", lambda *_, **__: "this machine")
    return probabilistic._scored(settings, load_rules(), settings.data_dir, 1000, 0.1)


def told_to_dbt_on_spark(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    return spark_environment(settings)


def models_run_by(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    return dbt_executable(settings)


def delivered_to(settings: Settings, patch: pytest.MonkeyPatch) -> Any:
    try:
        return endpoint_of(settings)
    except UsageError as error:
        return error.message


DELIVERY = {
    "delivery_enabled": True,
    "delivery_url": "https://example.test/a",
    "delivery_secret": "a" * 32,
}
# What Spark is told names folders below data_dir, which differ by themselves.
SPARK = {"data_dir": Path("/somewhere")}
POSTGRES = {"publish_postgres_url": "postgresql://host/db"}
# With it nothing is asked of the raw tables.
DAY = {"as_of": "2026-01-01"}
# By setting: another value than the default, what shows its effect, and what else is set.
EFFECTS: dict[str, tuple[Any, Effect, dict[str, Any]]] = {
    "data_dir": (None, loaded_from, {}),
    "project_dir": ("own", mappings_known, {}),
    "as_of": ("2026-01-31", in_parameters("as_of"), DAY),
    "time_zone": ("Asia/Tokyo", in_parameters("time_zone"), DAY),
    "currency": ("EUR", in_parameters("currency"), DAY),
    "phone_region": ("DE", telephone_read, {}),
    "lookback_days": (7, in_parameters("lookback_days"), DAY),
    "half_life_days": (3.5, in_parameters("half_life_days"), DAY),
    "won_deals": ("sales", in_parameters("won_deals"), DAY),
    "holiday_country": ("RU", in_parameters("holiday_country"), DAY),
    "changed_ids_percent": (50, limit_of_the_gate("changed_ids_percent_limit"), {}),
    "largest_customer_growth": (99, limit_of_the_gate("largest_customer_growth_limit"), {}),
    "language": ("ru", published_with, {}),
    "report_url": ("https://example.test/", published_with, {}),
    "keep_versions": (3, versions_discarded, {}),
    "settle_seconds": (0, files_that_wait, {"settle_seconds": 3600}),
    "memory_limit": ("321MB", of_the_warehouse("memory_limit"), {}),
    "threads": (3, of_the_warehouse("threads"), {"threads": 1}),
    "schedule_enabled": (True, schedule, {}),
    "schedule_cron": ("0 6 * * *", schedule, {}),
    "alert_urls": ("json://example.test/hook", told_to, {}),
    "landing_url": ("s3://bucket/landing", brought_from, {}),
    "publish_url": ("s3://bucket/published", published_to, {}),
    "publish_postgres_url": ("postgresql://host/db", published_to, {}),
    "publish_postgres_schema": ("other", published_to, POSTGRES),
    "publish_postgres_readers": ("bi", published_to, POSTGRES),
    "loyalty_point_days": (90, in_parameters("loyalty_point_days"), DAY),
    "loyalty_gold_percent": (5, in_parameters("loyalty_gold_percent"), DAY),
    "loyalty_silver_percent": (30, in_parameters("loyalty_silver_percent"), DAY),
    "affinity_partners": (50, in_parameters("affinity_partners"), DAY),
    "dagster_postgres_url": ("postgresql://host/db", history_kept_in, {}),
    "engine": ("spark", models_run_by, {}),
    "spark_master": ("spark://host:7077", told_to_spark, SPARK),
    "spark_warehouse": ("/other", told_to_spark, SPARK),
    "spark_conf": (None, told_to_spark, SPARK),
    "spark_remote": ("sc://host:15002", spark_asked, {}),
    "spark_load_mb": (1, files_read_by, {}),
    "spark_scored_pairs": (1000, pairs_scored_by, {"engine": "spark"}),
    "spark_increment_rows": (5, told_to_dbt_on_spark, {"engine": "spark"}),
    "spark_memory": ("3g", told_to_spark, SPARK),
    "spark_partitions": (99, told_to_spark, SPARK),
    "parquet_only_rows": (5, parquet_alone_from, {}),
    "delivery_enabled": (True, delivered_to, {**DELIVERY, "delivery_enabled": False}),
    "delivery_url": ("https://example.test/b", delivered_to, DELIVERY),
    "delivery_secret": ("b" * 32, delivered_to, DELIVERY),
}


def test_every_setting_is_tried():
    """A new setting is documented and does nothing."""
    assert set(EFFECTS) == set(Settings.model_fields)


@pytest.mark.parametrize("name", EFFECTS)
def test_setting_has_an_effect(tmp_path, monkeypatch, name: str):
    """A person sets it, and the run goes on as before."""
    value, effect, base = EFFECTS[name]
    if name == "spark_conf":
        value = tmp_path / "spark.conf"
        value.write_text("spark.eventLog.enabled true\n")
    if name == "project_dir":
        value = tmp_path / "own"
    before = Settings(**{"data_dir": tmp_path / "before", **base})
    changed = {} if name == "data_dir" else {name: value}
    after = Settings(**{"data_dir": tmp_path / "after", **base, **changed})
    assert effect(before, monkeypatch) != effect(after, monkeypatch)


WRONG: dict[str, tuple[str, ...]] = {
    "data_dir": ("", " ", "{file}"),
    "as_of": ("30.06.2026", "2026-02-30"),
    "time_zone": ("Mars/Olympus", "Europe", ""),
    "currency": ("pounds", "ZZZ", "eur"),
    "phone_region": ("uk", "ZZ", ""),
    "lookback_days": ("0", "many", "366"),
    "half_life_days": ("0", "nan", "inf"),
    "won_deals": ("orders",),
    "holiday_country": ("FR", "gb", ""),
    "changed_ids_percent": ("-1", "101", "nan"),
    "largest_customer_growth": ("-1", "1.5"),
    "language": ("fr", ""),
    "report_url": ("example.test/", "https://example.test", "https:///"),
    "keep_versions": ("1", "0", ""),
    "settle_seconds": ("-1", "nan", "soon"),
    "memory_limit": ("a lot", "0", "0GB", "1KB", "2", ""),
    "threads": ("0", "-1", "two"),
    "loyalty_point_days": ("0", "x"),
    "loyalty_gold_percent": ("-1", "101"),
    "loyalty_silver_percent": ("-1", "101"),
    "affinity_partners": ("0", "x"),
    "dagster_postgres_url": ("mysql://host/db", "host"),
    "engine": ("flink", ""),
    "spark_master": ("somewhere",),
    "spark_remote": ("host:15002", "https://host"),
    "spark_load_mb": ("-1", "x", ""),
    "spark_scored_pairs": ("-1", "all"),
    "spark_increment_rows": ("-1", "many"),
    "spark_memory": ("2", "lots"),
    "spark_partitions": ("0", "x"),
    "parquet_only_rows": ("-1", "all"),
    "schedule_enabled": ("perhaps", ""),
    "schedule_cron": ("every morning", "@daily", "0 0 30 2 *", "61 4 * * *", "* * * * * *", ""),
    "landing_url": ("ftp://", "bucket", "s3://"),
    "publish_url": ("bucket", "s3://"),
    "publish_postgres_url": ("mysql://host/db", "host"),
    "publish_postgres_schema": ("a b", ""),
    "delivery_url": ("file:///etc/passwd", "example.test", "https://", "https://a b", "http://[x"),
    "delivery_enabled": ("true", "perhaps"),
}
# Any text, and any folder, may be meant.
FREE = {"project_dir", "delivery_secret", "alert_urls", "publish_postgres_readers"}
FREE |= {"spark_warehouse", "spark_conf"}


def test_wrong_settings_are_told_at_once(tmp_path, monkeypatch):
    """A wrong value is found in the middle of the night, and the next one the night after."""
    assert set(WRONG) | FREE == set(Settings.model_fields)
    (tmp_path / "file").write_text("")
    for number in range(max(map(len, WRONG.values()))):
        wrong = {name: values[number] for name, values in WRONG.items() if number < len(values)}
        for name, text in wrong.items():
            monkeypatch.setenv(f"HOURGLASS_{name.upper()}", text.format(file=tmp_path / "file"))
        with pytest.raises(UsageError) as caught:
            load_settings()
        lines = caught.value.message.splitlines()
        assert sorted(line.partition(":")[0] for line in lines) == sorted(
            f"HOURGLASS_{name.upper()}" for name in wrong
        )
        assert all(line.endswith(".") for line in lines)
        assert caught.value.exit_code == 2
        for name in wrong:
            monkeypatch.delenv(f"HOURGLASS_{name.upper()}")


def test_secrets_are_not_repeated(monkeypatch):
    """The address of a webhook, which is a key to somebody's chat, stands in a log."""
    monkeypatch.setenv("HOURGLASS_DELIVERY_URL", "hooks.example.test/services/T0/B0/secret")
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert "secret" not in caught.value.message


def test_a_cron_that_is_accepted_ticks(tmp_path):
    """Dagster refuses at its start what the settings took."""
    for cron in ("0 5 * * *", "*/15 6-20 * * 1-5", "0 4 1,15 * *", "0 5 * * 5#2", "0 0 L * *"):
        settings = Settings(data_dir=tmp_path, schedule_cron=cron)
        assert build_schedule(settings, build_job(settings)).cron_schedule == cron
