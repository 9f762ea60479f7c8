"""Column rules on the built project: what dbt counts, the gate expects and a person is shown."""

import json
import shutil

import duckdb
import pytest

from dagster_project.quality import column_rules
from tests.integration.conftest import Project


@pytest.fixture(scope="module")
def rule_tests(project: Project) -> dict[str, dict]:
    """Every test of column rules, by its name."""
    nodes = json.loads((project.target / "manifest.json").read_text())["nodes"]
    return {node["name"]: node for node in nodes.values() if column_rules(node)}


def test_every_rule_that_the_gate_expects_is_counted(project, rule_tests):
    """The gate waits for a rule under a name that dbt never gives, or misses one it does not."""
    assert len(rule_tests) > 60
    with duckdb.connect(str(project.warehouse), read_only=True) as con:
        for name, node in rule_tests.items():
            counted = con.execute(f"SELECT rule_name FROM column_rules.{node['alias']}").fetchall()
            expected = sorted(rule.name for rule in column_rules(node))
            assert sorted(row[0] for row in counted) == expected, name


def test_broken_rows_are_counted_as_they_are_shown(project, rule_tests, tmp_path):
    """A rule counts no row that breaks it, or a person is shown other rows than were counted."""
    path = tmp_path / "warehouse.duckdb"
    shutil.copyfile(project.warehouse, path)
    node = rule_tests["orders_rules"]
    compiled = (project.target / "compiled" / "hourglass" / node["path"]).with_suffix("")
    [sql] = compiled.parent.rglob(f"{node['name']}*.sql")
    with duckdb.connect(str(path)) as con:
        con.execute(
            """
            CREATE TABLE broken AS FROM marts.orders;
            INSERT INTO broken SELECT * FROM marts.orders WHERE order_id = 'o1';
            INSERT INTO broken
                SELECT * REPLACE ('lost' AS order_id, 'gone' AS status, false AS is_sale,
                    1 AS net_revenue)
                FROM marts.orders WHERE order_id = 'o2';
            INSERT INTO broken SELECT * REPLACE ('odd' AS order_id, NULL AS is_sale)
                FROM marts.orders WHERE order_id = 'o3';
            INSERT INTO broken SELECT * REPLACE ('void' AS order_id, NULL AS order_total)
                FROM marts.orders WHERE is_sale LIMIT 1;
            DROP TABLE marts.orders;
            CREATE TABLE marts.orders AS FROM broken;
            """
        )
        counted = dict(con.execute(sql.read_text()).fetchall())
        shown = {
            rule.name: con.execute(
                f"SELECT count(*) FROM (SELECT * FROM marts.orders {rule.condition})"
            ).fetchall()[0][0]
            for rule in column_rules(node)
        }
    assert counted == shown
    assert counted == {
        "unique(order_id)": 2,
        "accepted_values(status)": 1,
        "accepted_values(no_sale_reason)": 0,
        "a_sale_or_a_reason": 2,
        "a_sale_has_a_total": 1,
        "no_sale_has_no_revenue": 2,
    }
