"""The committed sample, read once, with every cell as the text that is in the files."""

from collections.abc import Callable

import pandas as pd
import pytest

from dagster_project.sample import SAMPLE_DIR

Read = Callable[[str], pd.DataFrame]


@pytest.fixture(scope="session")
def landed() -> Read:
    """Reads a landing table such as ``shop/orders``, without the rows written to be refused."""
    cache: dict[str, pd.DataFrame] = {}
    refused = {
        "shop/orders": ("order_id", "O-UNKNOWN-STATUS"),
        "crm/contacts": ("contact_id", ""),
        "call_center/calls": ("call_id", "K-NO-DISPOSITION"),
    }

    def read(table: str) -> pd.DataFrame:
        if table not in cache:
            path = SAMPLE_DIR / "landing" / f"{table}.csv.gz"
            rows = pd.read_csv(path, dtype=str, keep_default_na=False)
            if table in refused:
                column, value = refused[table]
                rows = rows[rows[column] != value]
            cache[table] = rows.reset_index(drop=True)
        return cache[table].copy()

    return read


@pytest.fixture(scope="session")
def truth() -> Read:
    """Reads a table of the truth such as ``persons``."""

    def read(table: str) -> pd.DataFrame:
        path = SAMPLE_DIR / "truth" / f"{table}.csv.gz"
        return pd.read_csv(path, dtype=str, keep_default_na=False)

    return read


@pytest.fixture(scope="session")
def newest_orders(landed: Read) -> pd.DataFrame:
    """Orders, the newest version of each, with times as times and pence as whole numbers."""
    orders = landed("shop/orders").sort_values("updated_at", kind="stable")
    orders = orders.drop_duplicates("order_id", keep="last").reset_index(drop=True)
    for column in ("total_amount", "discount_amount", "shipping_amount", "tax_amount"):
        orders[column] = pence(orders[column])
    orders["ordered_at"] = pd.to_datetime(orders["ordered_at"])
    return orders


def pence(column: pd.Series) -> pd.Series:
    """Amounts such as 12.30 as 1230, without a float in between."""
    return column.str.replace(".", "", regex=False).astype("int64")
