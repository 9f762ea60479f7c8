"""Features and purchase histories of customers, read from ``marts.orders`` as of any past day.

Nothing depends on the order of rows or on the values of customer ids: customers come sorted by
their features, ties being interchangeable, so that the same deliveries in any order give the
same predictions.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import numpy as np
from numpy.typing import NDArray

from dagster_project.predict.likelihood import Array

RECENT_DAYS = 90
# Models of a dozen features are fitted to so many customers at most: every k-th of a larger shop.
LARGEST_SAMPLE = 60_000
# Ratios, shares and counts of channels stay; days and money are skewed by orders of magnitude.
UNSCALED = frozenset({"discount_share", "weekend_share", "sales_channels"})

# Each is known at the end of the day it is computed for: gross revenue and discount stand when
# the order is placed, while refunds that came later would tell a model about its future.
FEATURES = (
    "days_since_last_order",
    "purchase_days",
    "tenure_days",
    "mean_gap_days",
    "gap_ratio",
    "average_order_value",
    "recent_purchase_days",
    "recent_revenue",
    "discount_share",
    "weekend_share",
    "sales_channels",
)

# What goes beyond the orders, for groups and drivers: different categories of goods bought, and
# calls to the company.
BEYOND_ORDERS = ("category_count", "call_count")


@dataclass(frozen=True)
class Customers:
    """Customers with a sale by ``as_of``, in an order that only their features decide.

    ``customer_id`` is an object array, ``features`` maps each name of FEATURES and
    BEYOND_ORDERS, and the histories that the value models need, to a float array; ``first_date``
    and ``last_date`` are datetime64[D]. ``bought`` says for labelled customers whether they bought
    in the horizon of ``horizon_days``.
    """

    as_of: date
    customer_id: NDArray[np.object_]
    first_date: NDArray[np.datetime64]
    last_date: NDArray[np.datetime64]
    columns: dict[str, Array]
    bought: NDArray[np.bool_]
    horizon_days: int = 0

    def __len__(self) -> int:
        return len(self.customer_id)

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def sample(self, limit: int = LARGEST_SAMPLE) -> "Customers":
        """At most ``limit`` of them: every k-th, which is fair as they are sorted by features."""
        step = max(1, -(-len(self) // limit))
        if step == 1:
            return self
        return Customers(
            self.as_of,
            self.customer_id[::step],
            self.first_date[::step],
            self.last_date[::step],
            {name: column[::step] for name, column in self.columns.items()},
            self.bought[::step],
            self.horizon_days,
        )

    def matrix(self, names: tuple[str, ...] = FEATURES) -> Array:
        """Shape (customers, features)."""
        if not len(self):
            return np.zeros((0, len(names)))
        return np.column_stack([self.columns[name] for name in names])

    def scaled_matrix(self) -> Array:
        """All features, days and money on a logarithmic scale; shape (customers, features)."""
        matrix = self.matrix()
        for column, name in enumerate(FEATURES):
            if name not in UNSCALED:
                matrix[:, column] = np.log1p(np.maximum(matrix[:, column], 0))
        return matrix


@dataclass(frozen=True)
class Span:
    """The time observed: from the first sale of a known customer to ``as_of``, and the gaps."""

    first: date
    as_of: date
    customers: int
    gaps: int
    gap_p90: float

    @property
    def days(self) -> int:
        return (self.as_of - self.first).days


def prepare_days(con: duckdb.DuckDBPyConnection, as_of: date) -> Span | None:
    """Build the temporary tables of purchases and refunds; None when nobody known has bought.

    ``prediction_days`` has one row per customer and day with a sale, of sales up to ``as_of``:
    orders of one day are one purchase, so that an order split in two by the shop is no second
    visit. ``prediction_refunds`` says on which day which part of its net revenue was given back, so
    that a model of a past day does not know refunds that came later. What was refunded on an
    unknown day counts from the sale on. ``prediction_categories`` has the first day of each
    category of goods that a customer bought, ``prediction_calls`` the calls to the company. They
    name a customer by a number, which ``prediction_customers`` gives: twenty past days are read,
    and ids took a third of it (0.4 of 1.2 processor seconds a day of 309,000 customers).
    """
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE prediction_customers AS
        SELECT customer_id, CAST(row_number() OVER () AS INTEGER) AS customer
        FROM (
            SELECT DISTINCT customer_id FROM marts.orders
            WHERE is_sale AND customer_id IS NOT NULL AND order_date <= ?
        )
        """,
        [as_of],
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE prediction_days AS
        WITH days AS (
            SELECT customer, order_date AS day, count(*) AS orders,
                   sum(coalesce(net_revenue, 0)) AS net_revenue,
                   sum(coalesce(gross_revenue, 0)) AS gross_revenue,
                   sum(coalesce(discount_amount, 0)) AS discount,
                   min(sales_channel) AS channel
            FROM marts.orders INNER JOIN prediction_customers USING (customer_id)
            WHERE is_sale AND order_date <= ?
            GROUP BY customer, order_date
        )
        SELECT *, day - before AS gap, before IS NULL AS is_first,
               coalesce(date_trunc('month', day) > before, TRUE) AS is_new_month,
               channel IS NOT NULL AND row_number() OVER (
                   PARTITION BY customer, channel ORDER BY day
               ) = 1 AS is_new_channel
        FROM (
            SELECT *, lag(day) OVER (PARTITION BY customer ORDER BY day) AS before FROM days
        )
        """,
        [as_of],
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE prediction_refunds AS
        SELECT k.customer, o.order_date AS day, r.refunded_date,
               sum((o.gross_revenue - o.tax_amount - o.shipping_amount)
                   * (r.refunded_cents / (100 * o.gross_revenue))) AS net_revenue
        FROM intermediate.int_refunds_dated AS r
        INNER JOIN marts.orders AS o ON r.order_id = o.order_id
        INNER JOIN prediction_customers AS k ON o.customer_id = k.customer_id
        WHERE o.is_sale AND o.gross_revenue > 0 AND o.order_date <= ?
        GROUP BY k.customer, o.order_date, r.refunded_date
        """,
        [as_of],
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE prediction_categories AS
        SELECT customer, category, min(order_date) AS first_day
        FROM marts.order_lines INNER JOIN prediction_customers USING (customer_id)
        WHERE is_sale AND NOT coalesce(is_service, FALSE) AND category IS NOT NULL
            AND order_date <= ?
        GROUP BY customer, category
        """,
        [as_of],
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE prediction_calls AS
        SELECT customer, call_date AS day
        FROM marts.calls INNER JOIN prediction_customers USING (customer_id)
        WHERE direction = 'inbound' AND call_date <= ?
        """,
        [as_of],
    )
    row = con.execute(
        """
        SELECT min(day), count(DISTINCT customer), count(gap), quantile_cont(gap, 0.9)
        FROM prediction_days
        """
    ).fetchone()
    if row is None or row[0] is None:
        return None
    first, customers, gaps, p90 = row
    return Span(first, as_of, customers, gaps, float("nan") if p90 is None else p90)


def read_customers(
    con: duckdb.DuckDBPyConnection, as_of: date, horizon_days: int = 0, *, named: bool = True
) -> Customers:
    """Customers as they stood at the end of ``as_of``, from ``prediction_days``.

    With ``horizon_days``, ``bought`` says who had a sale in (as_of, as_of + horizon_days];
    otherwise it is all False. Models learn from people who need not be ``named``; they have numbers
    then.
    """
    who = "k.customer_id" if named else "customer AS customer_id"
    names = "INNER JOIN prediction_customers AS k USING (customer)" if named else ""
    found = con.execute(
        f"""
        WITH future AS (
            SELECT customer, count(*) AS purchases, sum(orders) AS orders,
                   sum(net_revenue) AS net_revenue, min(day) AS next_day
            FROM prediction_days WHERE day > $as_of AND day <= $until GROUP BY customer
        ),
        later AS (
            SELECT customer, sum(net_revenue) AS net_revenue,
                   sum(net_revenue) FILTER (WHERE NOT is_first) AS repeat_revenue
            FROM (
                SELECT r.customer, r.net_revenue, d.is_first
                FROM prediction_refunds AS r
                INNER JOIN prediction_days AS d ON r.customer = d.customer AND r.day = d.day
                WHERE r.day <= $as_of AND r.refunded_date > $as_of
            )
            GROUP BY customer
        ),
        past AS (
            SELECT customer,
                   min(day) AS first_date,
                   max(day) AS last_date,
                   cast(count(*) AS DOUBLE) AS purchase_days,
                   cast(sum(orders) AS DOUBLE) AS order_count,
                   cast(count(*) - 1 AS DOUBLE) AS frequency,
                   cast(max(day) - min(day) AS DOUBLE) AS recency,
                   cast($as_of - min(day) AS DOUBLE) AS age,
                   cast(sum(net_revenue) AS DOUBLE) AS net_revenue,
                   cast(sum(net_revenue) FILTER (WHERE NOT is_first) AS DOUBLE) AS repeat_revenue,
                   cast(count(*) FILTER (WHERE is_new_month) AS DOUBLE) AS active_months,
                   cast($as_of - max(day) AS DOUBLE) AS days_since_last_order,
                   cast($as_of - min(day) AS DOUBLE) AS tenure_days,
                   cast(sum(gross_revenue) AS DOUBLE) / count(*) AS average_order_value,
                   cast(count(*) FILTER (WHERE day > $recent) AS DOUBLE) AS recent_purchase_days,
                   cast(coalesce(sum(gross_revenue) FILTER (WHERE day > $recent), 0) AS DOUBLE)
                       AS recent_revenue,
                   coalesce(cast(sum(discount) AS DOUBLE)
                       / nullif(cast(sum(gross_revenue) + sum(discount) AS DOUBLE), 0), 0)
                       AS discount_share,
                   cast(count(*) FILTER (WHERE isodow(day) >= 6) AS DOUBLE) / count(*)
                       AS weekend_share,
                   cast(count(*) FILTER (WHERE is_new_channel) AS DOUBLE) AS sales_channels
            FROM prediction_days WHERE day <= $as_of GROUP BY customer
        ),
        goods AS (
            SELECT customer, count(*) AS category_count
            FROM prediction_categories WHERE first_day <= $as_of GROUP BY customer
        ),
        calls AS (
            SELECT customer, count(*) AS call_count
            FROM prediction_calls WHERE day <= $as_of GROUP BY customer
        ),
        customers AS (
            SELECT past.* EXCLUDE (net_revenue, repeat_revenue),
                   past.net_revenue + coalesce(later.net_revenue, 0) AS net_revenue,
                   (past.repeat_revenue + coalesce(later.repeat_revenue, 0))
                       / nullif(past.frequency, 0) AS repeat_value
            FROM past LEFT JOIN later USING (customer)
        )
        SELECT {who}, customers.* EXCLUDE (customer),
               cast(coalesce(goods.category_count, 0) AS DOUBLE) AS category_count,
               cast(coalesce(calls.call_count, 0) AS DOUBLE) AS call_count,
               cast(coalesce(future.purchases, 0) AS DOUBLE) AS future_purchases,
               cast(coalesce(future.orders, 0) AS DOUBLE) AS future_orders,
               cast(coalesce(future.net_revenue, 0) AS DOUBLE) AS future_revenue,
               cast(future.next_day - $as_of AS DOUBLE) AS days_to_next
        FROM customers {names}
        LEFT JOIN goods USING (customer)
        LEFT JOIN calls USING (customer)
        LEFT JOIN future USING (customer)
        ORDER BY first_date, last_date, purchase_days, order_count, net_revenue, repeat_value,
                 average_order_value, recent_purchase_days, recent_revenue, discount_share,
                 weekend_share, sales_channels, active_months, category_count, call_count,
                 future_purchases, future_orders, future_revenue, days_to_next
        """,
        {
            "as_of": as_of,
            "until": as_of + timedelta(days=horizon_days),
            "recent": as_of - timedelta(days=RECENT_DAYS),
        },
    ).fetchnumpy()
    columns = {
        name: np.ma.filled(values, np.nan).astype(np.float64)
        for name, values in found.items()
        if name not in ("customer_id", "first_date", "last_date")
    }
    _add_gaps(columns)
    return Customers(
        as_of=as_of,
        customer_id=np.asarray(found["customer_id"], dtype=object),
        first_date=np.asarray(found["first_date"]).astype("datetime64[D]"),
        last_date=np.asarray(found["last_date"]).astype("datetime64[D]"),
        columns=columns,
        bought=columns["future_purchases"] > 0,
        horizon_days=horizon_days,
    )


def _add_gaps(columns: dict[str, Array]) -> None:
    """Mean days between purchases, shrunk by one gap of the population's mean, and lateness.

    Without the shrinking a customer with one gap of a day would be a hundred times late after
    three months, and one-time buyers would have no gap at all.
    """
    x, recency = columns["frequency"], columns["recency"]
    typical = recency.sum() / x.sum() if x.sum() > 0 else float(RECENT_DAYS)
    columns["mean_gap_days"] = (recency + typical) / (x + 1)
    columns["gap_ratio"] = columns["days_since_last_order"] / columns["mean_gap_days"]
