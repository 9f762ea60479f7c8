"""The journey models as dbt compiled them, run in plain DuckDB on tables that a test gives."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from dagster_project.transform.project import DBT_DIR
from tests.integration.conftest import Project, fill

SEEDS_DIR = DBT_DIR / "seeds" / "journeys"
MODELS = (
    "int_owners_resolved",
    "int_sessions_formed",
    "int_sessions_channeled",
    "int_sessions_identified",
    "int_channel_words",
    "int_campaigns_named",
    "int_people_referenced",
    "int_clicks_opened",
    "touchpoints",
    "int_attribution_paths",
    "int_journey_steps",
    "int_journey_transition_counts",
    "int_attribution_credits",
    "int_attribution_ranges",
    "int_attribution_markov",
    "attribution_touchpoints",
    "int_ad_spend_converted",
    "marketing_spend",
    "attribution_channels",
    "attribution_removal_effects",
    "int_journeys_summed",
    "int_paths_written",
    "journey_paths",
    "journey_transitions",
)
# Every journey with its path.
JOURNEYS = "intermediate.int_journeys_summed LEFT JOIN intermediate.int_paths_written USING (mark)"
INPUTS = {
    "staging.stg_shop__web_events": (
        "event_id VARCHAR, visitor_id VARCHAR, account_id VARCHAR, occurred_at TIMESTAMP, "
        "event_name VARCHAR, utm_source VARCHAR, utm_medium VARCHAR, utm_campaign VARCHAR, "
        "referrer VARCHAR, device VARCHAR"
    ),
    "staging.stg_shop__orders": "order_id VARCHAR, account_id VARCHAR",
    "staging.stg_marketing__messages": (
        "message_id VARCHAR, event VARCHAR, medium VARCHAR, occurred_at TIMESTAMP, "
        "campaign_id VARCHAR, contact_id VARCHAR, account_id VARCHAR, email VARCHAR, phone VARCHAR"
    ),
    "staging.stg_marketing__social_interactions": (
        "interaction_id VARCHAR, platform VARCHAR, occurred_at TIMESTAMP, contact_id VARCHAR, "
        "account_id VARCHAR, email VARCHAR"
    ),
    "staging.stg_marketing__campaigns": "campaign_id VARCHAR, name VARCHAR, starts_on DATE",
    "staging.stg_marketing__ad_spend": (
        "spend_date DATE, channel VARCHAR, campaign_id VARCHAR, cost DECIMAL(18,2), "
        "currency VARCHAR, impressions BIGINT, clicks BIGINT"
    ),
    "staging.stg_call_center__calls": (
        "call_id VARCHAR, disposition VARCHAR, started_at TIMESTAMP, campaign_id VARCHAR"
    ),
    "staging.stg_crm__deals": "deal_id VARCHAR, campaign_id VARCHAR",
    "intermediate.int_money_rates": (
        "from_currency VARCHAR, valid_from DATE, valid_to DATE, rate DECIMAL(18,9)"
    ),
    "identity.assignments": (
        "source_system VARCHAR, source_table VARCHAR, source_id VARCHAR, customer_id VARCHAR"
    ),
    "identity.identifiers": ("identifier_kind VARCHAR, raw_value VARCHAR, customer_id VARCHAR"),
    "marts.orders": (
        "order_id VARCHAR, customer_id VARCHAR, visitor_id VARCHAR, ordered_at TIMESTAMP, "
        "order_date DATE, is_sale BOOLEAN, is_first_order BOOLEAN, net_revenue DECIMAL(18,2)"
    ),
    "predictions.channel_removal_effects": "channel VARCHAR, removal_effect DOUBLE",
    "control.parameters": (
        "as_of DATE, time_zone VARCHAR, lookback_days INTEGER, half_life_days DOUBLE"
    ),
}
SEED_TYPES = {"rule_number": "INTEGER", "position": "INTEGER", "is_paid": "BOOLEAN"}


# dbt's path_max_touches.
LONGEST = 200


class Journeys:
    """Compiled models over an in-memory warehouse whose inputs a test fills."""

    def __init__(self, sql: dict[str, str]) -> None:
        self.sql = sql
        self.con = duckdb.connect(config={"threads": 1})
        self.con.execute("SET TimeZone = 'UTC'")
        self.con.execute("ATTACH ':memory:' AS warehouse")
        self.con.execute("USE warehouse")
        for schema in (
            "staging",
            "intermediate",
            "marts",
            "identity",
            "control",
            "predictions",
            "seeds",
        ):
            self.con.execute(f"CREATE SCHEMA {schema}")
        for table, columns in INPUTS.items():
            self.con.execute(f"CREATE TABLE {table} ({columns})")
        for path in sorted(SEEDS_DIR.glob("*.csv")):
            self._load_seed(path)

    def _load_seed(self, path: Path) -> None:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        columns = ", ".join(f"{name} {SEED_TYPES.get(name, 'VARCHAR')}" for name in header)
        self.con.execute(f"CREATE TABLE seeds.{path.stem} ({columns})")
        marks = ", ".join("?" * len(header))
        self.con.executemany(
            f"INSERT INTO seeds.{path.stem} VALUES ({marks})",
            [[cell or None for cell in row] for row in rows],
        )

    def fill(self, **tables: list[dict]) -> None:
        """Replace inputs, named by the table without its schema; every other input is emptied."""
        for table in INPUTS:
            self.con.execute(f"DELETE FROM {table}")
        named = {table.split(".")[1]: table for table in INPUTS}
        fill(self.con, {named[name]: rows for name, rows in tables.items() if name in named})

    @contextmanager
    def paths_of(self, longest: int) -> Iterator[None]:
        """Have paths of at most ``longest`` touches in the block."""
        compiled = self.sql["int_attribution_paths"]
        assert compiled.count(f"touch_count, {LONGEST})") == 1
        assert compiled.count(f"touch_count - {LONGEST},") == 1
        self.sql["int_attribution_paths"] = compiled.replace(
            f"touch_count, {LONGEST})", f"touch_count, {longest})"
        ).replace(f"touch_count - {LONGEST},", f"touch_count - {longest},")
        try:
            yield
        finally:
            self.sql["int_attribution_paths"] = compiled

    def build(self, *models: str) -> None:
        """Build the models in the order of MODELS."""
        for model in MODELS:
            if model in models:
                schema = "intermediate" if model.startswith("int_") else "marts"
                self.con.execute(f"CREATE OR REPLACE TABLE {schema}.{model} AS {self.sql[model]}")

    def rows(self, query: str) -> list[tuple]:
        return self.con.execute(query).fetchall()


@pytest.fixture(scope="module")
def journeys(project: Project) -> Iterator[Journeys]:
    warehouse = Journeys({model: project.models[model][1] for model in MODELS})
    yield warehouse
    warehouse.con.close()
