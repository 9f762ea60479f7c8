"""Missing rates: which amounts cannot be converted, and what to deliver or set, in one message."""

from collections.abc import Iterable
from dataclasses import replace

import duckdb

from dagster_project.quality.fingerprint import columns_of
from dagster_project.quality.results import CheckResult

CHECK = "no_rate_is_missing"
MOST_DAYS = 5
_TABLE = ("intermediate", "int_missing_rates")


def told(con: duckdb.DuckDBPyConnection, results: Iterable[CheckResult]) -> list[CheckResult]:
    """The results, with currencies, days and numbers of amounts in that of missing rates."""
    return [
        replace(result, message=_message(con))
        if result.check == CHECK and result.outcome == "failed" and columns_of(con, *_TABLE)
        else result
        for result in results
    ]


def _message(con: duckdb.DuckDBPyConnection) -> str:
    found = con.execute(
        "SELECT currency, sum(amounts), count(*), min(money_date), max(money_date), "
        f"list(money_date ORDER BY money_date)[:{MOST_DAYS}] "
        "FROM intermediate.int_missing_rates GROUP BY currency ORDER BY currency"
    ).fetchall()
    parts = []
    for currency, amounts, days, first, last, listed in found:
        dates = (
            ", ".join(map(str, listed))
            if days <= MOST_DAYS
            else f"{days} days from {first} to {last}"
        )
        parts.append(f"{currency}: {amounts} amounts of {dates}")
    return (
        f"No exchange rate is known for {'; '.join(parts)}. Deliver the rates of these days, or of "
        "the 7 days before, in shop/exchange_rates; where several currencies came, name the one "
        "to report in with HOURGLASS_CURRENCY."
    )
