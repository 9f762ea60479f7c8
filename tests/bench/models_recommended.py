"""Recommendations as of past days: the models' own SQL on a warehouse, once per day."""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import duckdb

COMPILED = Path("warehouse") / "dbt" / "compiled" / "hourglass" / "models" / "intermediate"
MODELS = ("int_products_recommended", "int_recommendations_tested")
HOLDOUT_DAYS = 90
LABELS = {
    "most_bought": "own most bought",
    "habit": "habit",
    "popularity": "popularity",
    "item_neighbours": "item neighbours",
    "trending_neighbours": "neighbours and trend",
}


def compare(
    data_dir: Path, warehouse: Path, cuts: Iterable[date]
) -> Iterable[tuple[str, str, str, str, str]]:
    """Hit rates of both lists for customers who came back within HOLDOUT_DAYS of each cut."""
    for cut in cuts:
        con = duckdb.connect()
        con.execute(f"ATTACH '{warehouse}' AS kept (READ_ONLY)")
        con.execute("ATTACH ':memory:' AS warehouse; USE warehouse")
        con.execute("CREATE SCHEMA marts; CREATE SCHEMA intermediate; CREATE SCHEMA control")
        end = cut + timedelta(days=HOLDOUT_DAYS)
        con.execute(
            f"CREATE TABLE control.parameters AS SELECT DATE '{end}' AS as_of, 'UTC' AS time_zone"
        )
        con.execute(
            f"CREATE TABLE marts.order_lines AS FROM kept.marts.order_lines "
            f"WHERE order_date <= DATE '{end}'"
        )
        con.execute("CREATE TABLE marts.products AS FROM kept.marts.products")
        for model in MODELS:
            sql = (data_dir / COMPILED / "products" / f"{model}.sql").read_text()
            con.execute(f"CREATE TABLE intermediate.{model} AS {sql}")
        rows = con.execute(
            "SELECT recommendation_list, method, hits / customers AS rate, is_in_force, complexity "
            "FROM intermediate.int_recommendations_tested ORDER BY 1, 5"
        ).fetchall()
        for name in ("buy_again", "discover"):
            mine = [row for row in rows if row[0] == name]
            found = {row[1]: f"{LABELS[row[1]]} {row[2]:.3f}" for row in mine}
            (chosen,) = [row[1] for row in mine if row[3]]
            rule = "most_bought" if name == "buy_again" else "item_neighbours"
            rest = [text for method, text in found.items() if method not in (chosen, rule)]
            yield (
                "Buy again" if name == "buy_again" else "Discover",
                f"Online Retail {cut}, {HOLDOUT_DAYS} days",
                found[chosen],
                found[rule],
                "; ".join(rest) or "-",
            )
        con.close()
