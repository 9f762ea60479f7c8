"""What the tables of :mod:`tests.bench.shop` have in common: sizes, draws, orders and visits."""

import duckdb

ORDERS_EACH = 5
PRODUCTS = 5_000
CAMPAIGNS = 60
AS_OF = "2026-06-30"
DAYS = 1095

# How visits come: utm_source, utm_medium, referrer, weight of 100, whether a campaign is named.
ARRIVALS = (
    ("NULL", "NULL", "NULL", 26, False),
    ("NULL", "NULL", "'https://www.google.com/'", 20, False),
    ("'google'", "'cpc'", "'https://www.google.com/'", 15, True),
    ("'facebook'", "'paid_social'", "NULL", 9, True),
    ("'newsletter'", "'email'", "NULL", 12, True),
    ("NULL", "NULL", "'https://www.instagram.com/'", 6, False),
    ("NULL", "NULL", "'https://blog.example.org/best-lamps'", 5, False),
    ("'partner'", "'affiliate'", "NULL", 4, True),
    ("'display-net'", "'display'", "NULL", 3, True),
)


def u(key: str, salt: str) -> str:
    """SQL: a number in [0, 1) that depends on the row's ``key`` and on ``salt`` alone."""
    return f"(hash({key}, '{salt}') % 1000003 / 1000003.0)"


def pick(key: str, salt: str, *values: str) -> str:
    """SQL: one of ``values``, each as likely; a value that is given twice is twice as likely."""
    return f"[{', '.join(values)}][1 + CAST(hash({key}, '{salt}') % {len(values)} AS INTEGER)]"


EMAIL = "'p' || c || '@example.com'"
PHONE = "'+4470' || lpad(CAST(c AS VARCHAR), 8, '0')"
CITY = "'Town ' || CAST(floor(400 * power(hash(c, 'town') % 1009 / 1009.0, 2)) AS INTEGER)"
CATEGORY = "'Category ' || (hash(p, 'category') % 24)"
PRICE = "CAST(2.49 + hash(p, 'price') % 9000 / 100.0 AS DECIMAL(18, 2))"


def day(key: str) -> str:
    """SQL: a moment of the three years."""
    seconds = f"CAST({DAYS - 1} * 86400 * {u(key, 'day')} AS BIGINT)"
    return f"CAST('2023-07-01' AS TIMESTAMP) + to_seconds({seconds})"


def customer_of(key: str, n: int) -> str:
    """SQL: the number of one of ``n`` customers."""
    return f"CAST(hash({key}, 'customer') % {n} AS BIGINT)"


def arrival(column: int) -> str:
    """SQL over ``bench_visits``: one column of ARRIVALS by the visit's draw."""
    total, cases = 0, []
    for row in ARRIVALS:
        total += row[3]
        cases.append(f"WHEN hash(v, 'arrival') % 100 < {total} THEN {row[column]}")
    return f"CASE {' '.join(cases)} END"


def campaign() -> str:
    """SQL over ``bench_visits``: the utm_campaign of those that name one."""
    total, cases = 0, []
    for *_, weight, named in ARRIVALS:
        total += weight
        text = f"'k' || (hash(v, 'campaign') % {CAMPAIGNS})" if named else "NULL"
        cases.append(f"WHEN hash(v, 'arrival') % 100 < {total} THEN {text}")
    return f"CASE {' '.join(cases)} END"


def draw(con: duckdb.DuckDBPyConnection, n: int) -> None:
    """Orders and visits, which many tables repeat."""
    buyers = n * 85 // 100
    con.execute(
        f"""
        CREATE OR REPLACE TABLE bench_orders AS
        WITH drawn AS (
            SELECT i, CAST(floor({buyers} * power({u("i", "who")}, 1.4)) AS BIGINT) AS c,
                   {u("i", "kind")} AS kind
            FROM range({n * ORDERS_EACH}) AS t(i)
        ), dated AS (
            SELECT *, floor({DAYS} * {u("c", "joined")} * 0.9) AS joined FROM drawn
        )
        SELECT i, c, kind,
               CAST('2023-07-02' AS TIMESTAMP) + to_seconds(CAST(floor(86400 * (
                   joined + ({DAYS - 2} - joined) * power({u("i", "when")}, 1.3)
               )) AS BIGINT)) AS ordered_at,
               hash(i, 'web') % 10 < 6 AS is_web,
               1 + CAST(hash(i, 'lines') % 4 AS INTEGER) AS lines,
               'o' || i AS order_id,
               {
            pick(
                "i",
                "status",
                "'completed'",
                "'completed'",
                "'completed'",
                "'completed'",
                "'shipped'",
                "'paid'",
                "'paid'",
                "'completed'",
                "'cancelled'",
                "'pending'",
            )
        }
                   AS status
        FROM dated
        """
    )
    # Visits of orders have 6 events, the others fill up to 40 per customer.
    others = n * 5
    con.execute(
        f"""
        CREATE OR REPLACE TABLE bench_visits AS
        SELECT 'o' || i AS v, c, 6 AS events, order_id,
               ordered_at - INTERVAL 12 MINUTE AS started_at,
               kind < 0.85 AND {u("i", "logged")} < 0.7 AS is_logged_in, false AS is_stranger
        FROM bench_orders WHERE is_web
        UNION ALL
        SELECT 'b' || i, CAST(hash(i, 'who') % {n} AS BIGINT),
               CAST(3 + hash(i, 'long') % 3 + CASE WHEN i % 5 < 2 THEN 1 ELSE 0 END AS INTEGER),
               NULL, CAST('2023-07-01' AS TIMESTAMP)
               + to_seconds(CAST(floor({DAYS - 1} * 86400 * {u("i", "when")}) AS BIGINT)),
               {u("i", "logged")} < 0.3 AND {u("i", "stranger")} >= 0.2,
               {u("i", "stranger")} < 0.2
        FROM range({others}) AS t(i)
        """
    )
