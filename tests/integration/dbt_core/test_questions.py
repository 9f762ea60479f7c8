"""The ten business questions of docs/questions.md, run as they are printed."""

import re
from decimal import Decimal

import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.integration.dbt_core.busy_company import busy_company
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.test_random_facts import with_deals
from tests.integration.dbt_core.test_random_service import serving_company

PAGE = (PROJECT_ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
QUESTIONS = dict(
    re.findall(r"^## (\d+)\. [^\n]+\n\n```sql\n(.*?)```", PAGE, flags=re.MULTILINE | re.DOTALL)
)
MARTS = set(re.findall(r"\b(?:from|join) ([a-z_]+)", PAGE)) - {"credited", "spent"}


@pytest.fixture(scope="module")
def answers(warehouse: Warehouse) -> dict[str, list[dict]]:
    company = with_deals(busy_company(4), 4)
    served = serving_company(2)
    for table in ("call_center.calls", "call_center.tickets"):
        company[table] = served[table]
    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))
    warehouse.con.execute("SET search_path = 'marts'")
    try:
        return {number: warehouse.rows(sql) for number, sql in QUESTIONS.items()}
    finally:
        warehouse.con.execute("RESET search_path")
        warehouse.con.execute("USE warehouse")


def test_every_question_has_one_answer_that_runs(answers):
    """An analyst copies a query from the guide and gets an error, or nothing."""
    assert list(answers) == [str(number) for number in range(1, 11)]
    # Carts of the last day alone may be none.
    assert [number for number, rows in answers.items() if not rows and number != "6"] == []


def test_answers_add_up(answers, warehouse: Warehouse):
    """A question looks answered, and the answer counts something twice or leaves it out."""

    def one(sql: str):
        return warehouse.con.execute(sql).fetchone()[0]

    revenue = one("select sum(net_revenue) from marts.orders where is_sale")
    assert sum(row["revenue"] for row in answers["1"]) == revenue
    assert sum(row["revenue"] for row in answers["3"]) == revenue
    spend = one("select sum(spend) from intermediate.int_ad_spend_converted")
    assert sum(row["spend"] for row in answers["3"]) == spend
    assert answers["2"][0]["net_revenue"] == one("select max(net_revenue) from marts.customers")
    won = one("select count(*) from marts.deals where status = 'won'")
    assert sum(row["won"] for row in answers["7"]) == won
    calls = one("select count(*) from marts.calls where direction = 'inbound'")
    assert sum(row["offered"] for row in answers["8"]) == calls
    buyers = one("select count(*) from marts.customers where order_count > 0")
    assert sum(row["customers"] for row in answers["10"]) == buyers
    assert len(answers["9"]) == one("select count(*) from marts.calendar where is_past")
    people = one("select sum(people) from marts.daily_activity")
    assert sum(row["people"] for row in answers["9"]) == people
    assert all(row["r_half"] is None or row["r_half"] >= 0 for row in answers["10"])
    assert isinstance(revenue, Decimal)
