"""A shop of any size, drawn in SQL: N customers, 5 N orders, 40 N web events, three years.

What the marts read, as staging would have left it, with one customer per person: the simulated
company knows how customers behave, and is too slow for millions. Everything is a function of the
number of a row, so that equal sizes give equal shops.
"""

import duckdb

from tests.bench.shop_draw import (
    AS_OF,
    CAMPAIGNS,
    CATEGORY,
    CITY,
    DAYS,
    EMAIL,
    PHONE,
    PRICE,
    PRODUCTS,
    arrival,
    campaign,
    customer_of,
    day,
    draw,
    pick,
    u,
)


def fill(con: duckdb.DuckDBPyConnection, customers: int) -> None:
    """Fill the staging tables, ``identity.*``, ``predictions.*`` and ``control.parameters``.

    The tables must be there and empty. Fewer than 1,000 customers make no shop.
    """
    draw(con, customers)
    for table, sql in _tables(customers).items():
        con.execute(f"INSERT INTO {table} BY NAME {sql}")
    for table in ("bench_orders", "bench_visits"):
        con.execute(f"DROP TABLE {table}")


def _tables(n: int) -> dict[str, str]:
    return _people(n) | _trade(n) | _visits(n) | _service(n) | _identity(n) | _predictions(n)


def _people(n: int) -> dict[str, str]:
    person = f"""
        {EMAIL} AS email, {PHONE} AS phone, 'First' || c % 400 AS first_name,
        'Last' || c % 9000 AS last_name,
        CAST('1950-01-01' AS DATE) + CAST(hash(c, 'birth') % 20000 AS INTEGER) AS birth_date,
        {pick("c", "gender", "'f'", "'m'")} AS gender, {CITY} AS city,
        'Region ' || c % 12 AS region, 'GB' AS country
    """
    return {
        "control.parameters": f"""
            SELECT 'bench' AS build_id, DATE '{AS_OF}' AS as_of, 'Europe/London' AS time_zone,
                   'GBP' AS currency, 'GB' AS holiday_country, 30 AS lookback_days,
                   7e0 AS half_life_days, 365 AS loyalty_point_days,
                   10e0 AS loyalty_gold_percent, 40e0 AS loyalty_silver_percent,
                   500 AS affinity_partners,
                   now()::TIMESTAMP AS started_at
        """,
        "staging.stg_shop__accounts": f"""
            SELECT 'a' || c AS account_id, {day("c")} AS registered_at,
                   {pick("c", "reg", "'site'", "'site'", "'app'", "'pos'")}
                       AS registration_channel, {person},
                   CASE WHEN c % 5 < 2 THEN 'card' || c END AS loyalty_card,
                   CASE WHEN c % 20 = 1 THEN 'a' || (c // 2) END AS referred_by_account_id,
                   {day("c")} AS updated_at
            FROM range({n}) AS t(c)
        """,
        "staging.stg_crm__contacts": f"""
            SELECT 'c' || c AS contact_id, {day("c")} AS created_at, {day("c")} AS updated_at,
                   {person}, {pick("c", "lead", "'referral'", "'organic_search'", "'email'")}
                       AS lead_source, false AS is_deleted
            FROM range({n}) AS t(c) WHERE c % 5 < 3
        """,
        "staging.stg_crm__consents": f"""
            SELECT {EMAIL} AS email, {pick("c, k", "purpose", "'email'", "'sms'", "'call'")}
                       AS purpose,
                   CASE WHEN hash(c, k) % 5 = 0 THEN 'withdrawn' ELSE 'granted' END AS status,
                   {day("c, k")} AS effective_at, 'site' AS source
            FROM range({n}) AS t(c), range(2) AS s(k)
        """,
        "staging.stg_crm__surveys": f"""
            SELECT 's' || i AS survey_id, {pick("i", "kind", "'nps'", "'csat'")} AS kind,
                   CAST(1 + hash(i, 'score') % 5 + CASE WHEN hash(i, 'kind') % 2 = 0 THEN 5 ELSE 0
                       END AS DECIMAL(18, 3)) AS score,
                   {pick("i", "reason", "'price'", "'delivery'", "NULL", "NULL")} AS reason,
                   ordered_at + INTERVAL 9 DAY AS answered_at, order_id
            FROM bench_orders WHERE i % 16 = 3
        """,
    }


def _trade(n: int) -> dict[str, str]:
    lines = f"""
        SELECT o.i, o.order_id, l AS line_number, o.c,
               CAST(floor({PRODUCTS} * power({u("i, l", "product")}, 2.2)) AS BIGINT) AS p,
               CAST(1 + hash(i, l) % 3 AS DECIMAL(18, 3)) AS quantity
        FROM bench_orders AS o, range(1, 5) AS t(l) WHERE l <= o.lines
    """
    totals = f"""
        SELECT order_id, sum(CAST(quantity * {PRICE} AS DECIMAL(18, 2))) AS amount
        FROM ({lines}) GROUP BY order_id
    """
    is_usd = "i % 20 = 7"
    return {
        "staging.stg_shop__products": f"""
            SELECT 'p' || p AS product_id, 'Product ' || p AS name, {CATEGORY} AS category,
                   'Brand ' || p % 40 AS brand, p % 500 = 499 AS is_service,
                   CASE WHEN p % 50 <> 49 THEN CAST({PRICE} * 0.55 AS DECIMAL(18, 6)) END
                       AS unit_cost,
                   {PRICE} AS list_price, CAST(hash(p, 'stock') % 900 AS DECIMAL(18, 3))
                       AS stock_on_hand, TIMESTAMP '2023-01-01' AS launched_at
            FROM range({PRODUCTS}) AS t(p)
        """,
        "staging.stg_shop__order_lines": f"""
            SELECT order_id, line_number, 'p' || p AS product_id, quantity,
                   CAST({PRICE} AS DECIMAL(18, 6)) AS unit_price
            FROM ({lines})
        """,
        # Charged: the lines, a tenth off for every fifth, postage, and the tax that is inside.
        "staging.stg_shop__orders": f"""
            SELECT order_id, CASE WHEN kind < 0.85 THEN 'a' || c END AS account_id,
                   CASE WHEN kind BETWEEN 0.85 AND 0.97 THEN {EMAIL} END AS email,
                   CASE WHEN is_web AND i % 2 = 0 THEN 'v' || c END AS visitor_id, ordered_at,
                   status, CASE WHEN {is_usd} THEN 'USD' ELSE 'GBP' END AS currency,
                   amount - discount + postage AS total_amount, discount AS discount_amount,
                   postage AS shipping_amount,
                   CAST((amount - discount) / 6 AS DECIMAL(18, 2)) AS tax_amount,
                   CASE WHEN is_web THEN 'web'
                        ELSE {pick("i", "place", "'pos'", "'app'", "'phone'")} END AS sales_channel,
                   {CITY} AS city, 'GB' AS country, ordered_at AS updated_at
            FROM (
                SELECT o.*, t.amount,
                       CASE WHEN i % 5 = 0 THEN CAST(amount / 10 AS DECIMAL(18, 2)) ELSE 0 END
                           AS discount,
                       CASE WHEN is_web THEN CAST(3.99 AS DECIMAL(18, 2)) ELSE 0 END AS postage
                FROM bench_orders AS o INNER JOIN ({totals}) AS t USING (order_id)
            )
        """,
        "staging.stg_shop__exchange_rates": f"""
            SELECT DATE '2023-06-28' + CAST(d AS INTEGER) AS rate_date, 'USD' AS from_currency,
                   'GBP' AS to_currency,
                   CAST(0.75 + hash(d) % 900 / 10000.0 AS DECIMAL(18, 9)) AS rate
            FROM range({DAYS + 4}) AS t(d) WHERE d % 7 < 5
        """,
        # Each twentieth customer's refunds name goods and no order; the others' an order, half of
        # them with goods.
        "staging.stg_shop__refunds": f"""
            SELECT 'r' || i AS refund_id, CASE WHEN c % 20 <> 7 THEN order_id END AS order_id,
                   ordered_at + INTERVAL 12 DAY AS refunded_at,
                   CAST(1 + hash(i, 'back') % 4000 / 100.0 AS DECIMAL(18, 2)) AS amount,
                   CASE WHEN i % 2 = 0 OR c % 20 = 7 THEN 'p' || p END AS product_id,
                   CASE WHEN i % 2 = 0 OR c % 20 = 7 THEN CAST(1 AS DECIMAL(18, 3)) END AS quantity,
                   'did not fit' AS reason, CASE WHEN kind < 0.85 THEN 'a' || c END AS account_id
            FROM (
                SELECT o.*, l.p FROM bench_orders AS o
                INNER JOIN ({lines}) AS l ON o.order_id = l.order_id AND l.line_number = 1
                WHERE hash(o.i, 'refund') % 25 = 0 AND o.status <> 'pending'
                QUALIFY row_number() OVER (PARTITION BY o.c, l.p ORDER BY o.i) = 1
            )
        """,
        "staging.stg_shop__reviews": """
            SELECT 'w' || i AS review_id, 'a' || c AS account_id, order_id,
                   CAST(1 + hash(i, 'stars') % 5 AS DECIMAL(18, 3)) AS rating,
                   ordered_at + INTERVAL 20 DAY AS reviewed_at
            FROM bench_orders WHERE i % 25 = 4 AND kind < 0.85
        """,
        "staging.stg_shop__loyalty_transactions": """
            SELECT 'l' || i AS transaction_id, 'a' || c AS account_id,
                   CASE WHEN i % 9 = 0 THEN 'redeem' ELSE 'earn' END AS kind,
                   CAST(10 + i % 90 AS DECIMAL(18, 3)) AS points, order_id,
                   ordered_at AS occurred_at
            FROM bench_orders WHERE c % 5 < 2 AND kind < 0.85
        """,
    }


def _visits(n: int) -> dict[str, str]:
    steps = "['page_view', 'product_view', 'add_to_cart', 'checkout_started', 'page_view']"
    return {
        # The order is placed by the last event, twelve minutes after the first.
        "staging.stg_shop__web_events": f"""
            SELECT v || '-' || e AS event_id,
                   CASE WHEN is_stranger THEN 'x' || v
                        WHEN hash(v, 'device') % 5 = 0 THEN 'w' || c ELSE 'v' || c END
                       AS visitor_id,
                   CASE WHEN is_logged_in AND e >= 2 THEN 'a' || c END AS account_id,
                   started_at + to_seconds(e * 144) AS occurred_at,
                   CASE WHEN order_id IS NOT NULL
                            THEN CASE WHEN e = 5 THEN 'order_placed' ELSE {steps}[1 + e] END
                        WHEN e = 0 THEN 'page_view'
                        WHEN hash(v, e) % 9 = 0 THEN 'add_to_cart' ELSE 'product_view' END
                       AS event_name,
                   '/p/' || hash(v, e) % {PRODUCTS} AS page_path,
                   CASE WHEN e > 0 THEN 'p' || hash(v, e) % {PRODUCTS} END AS product_id,
                   CASE WHEN e = 5 THEN order_id END AS order_id,
                   CASE WHEN e = 0 THEN {arrival(0)} END AS utm_source,
                   CASE WHEN e = 0 THEN {arrival(1)} END AS utm_medium,
                   CASE WHEN e = 0 THEN {campaign()} END AS utm_campaign,
                   CASE WHEN e = 0 THEN {arrival(2)} END AS referrer,
                   {pick("v", "device", "'mobile'", "'desktop'", "'mobile'")} AS device,
                   'GB' AS country
            FROM bench_visits, range(6) AS t(e) WHERE e < events
        """,
        "staging.stg_marketing__campaigns": f"""
            SELECT 'k' || k AS campaign_id, 'Campaign ' || k AS name,
                   {pick("k", "channel", "'google_ads'", "'facebook'", "'email'", "'display'")}
                       AS channel, DATE '2023-07-01' AS starts_on, DATE '{AS_OF}' AS ends_on,
                   CAST(10000 + k AS DECIMAL(18, 2)) AS budget
            FROM range({CAMPAIGNS}) AS t(k)
        """,
        "staging.stg_marketing__ad_spend": f"""
            SELECT DATE '2023-07-01' + CAST(d AS INTEGER) AS spend_date,
                   {pick("k", "channel", "'google_ads'", "'facebook'", "'email'", "'display'")}
                       AS channel, 'k' || k AS campaign_id,
                   CAST({n} / 1000.0 + hash(d, k) % 500 / 100.0 AS DECIMAL(18, 2)) AS cost,
                   'GBP' AS currency, CAST(hash(d, k) % 9000 AS BIGINT) AS impressions,
                   CAST(hash(d, k) % 90 AS BIGINT) AS clicks
            FROM range({DAYS}) AS t(d), range({CAMPAIGNS}) AS s(k)
        """,
        "staging.stg_marketing__messages": f"""
            SELECT 'm' || i AS message_id, {
            pick(
                "i",
                "event",
                "'sent'",
                "'delivered'",
                "'opened'",
                "'sent'",
                "'delivered'",
                "'opened'",
                "'delivered'",
                "'clicked'",
            )
        } AS event,
                   {pick("i", "medium", "'email'", "'email'", "'sms'")} AS medium,
                   {day("i")} AS occurred_at, 'k' || i % {CAMPAIGNS} AS campaign_id,
                   CASE WHEN i % 3 = 0 THEN 'c' || c END AS contact_id, {EMAIL} AS email
            FROM (SELECT i, {customer_of("i", n)} AS c FROM range({n * 6}) AS t(i))
        """,
        "staging.stg_marketing__social_interactions": f"""
            SELECT 'i' || i AS interaction_id, {pick("i", "net", "'instagram'", "'vk'")}
                       AS platform, 'comment' AS kind, {day("i")} AS occurred_at,
                   'a' || {customer_of("i", n)} AS account_id
            FROM range({n // 5}) AS t(i)
        """,
        "staging.stg_marketing__experiment_assignments": f"""
            SELECT 'x' || k AS experiment_id, 'account' AS subject_kind, 'a' || c AS subject_id,
                   {pick("c, k", "variant", "'control'", "'treatment'")} AS variant,
                   TIMESTAMP '2025-01-01' + to_days(CAST(k * 30 AS INTEGER)) AS assigned_at
            FROM range({n // 5}) AS t(c), range(2) AS s(k)
        """,
    }


def _service(n: int) -> dict[str, str]:
    return {
        "staging.stg_call_center__agents": """
            SELECT 'g' || g AS agent_id, 'Agent ' || g AS name, 'Team ' || g % 4 AS team
            FROM range(40) AS t(g)
        """,
        "staging.stg_call_center__calls": f"""
            SELECT 'q' || i AS call_id, 'inbound' AS direction, {PHONE} AS customer_phone,
                   called_at AS started_at,
                   CASE WHEN i % 10 <> 0 THEN called_at + to_seconds(i % 60) END AS answered_at,
                   called_at + INTERVAL 5 MINUTE AS ended_at, i % 60 AS wait_seconds,
                   CASE WHEN i % 10 <> 0 THEN 240 END AS talk_seconds, 0 AS hold_seconds,
                   CASE WHEN i % 10 <> 0 THEN 30 END AS wrap_up_seconds,
                   {pick("i", "queue", "'sales'", "'service'", "'complaints'")} AS queue,
                   CASE WHEN i % 10 <> 0 THEN 'g' || i % 40 END AS agent_id,
                   CASE WHEN i % 10 = 0 THEN 'abandoned' ELSE 'answered' END AS disposition,
                   {pick("i", "why", "'delivery'", "'refund'", "'price'", "'advice'")} AS reason,
                   i % 4 <> 0 AS is_resolved
            FROM (
                SELECT i, {customer_of("i", n)} AS c, {day("i")} AS called_at
                FROM range({n // 2}) AS t(i)
            )
        """,
        "staging.stg_call_center__tickets": f"""
            SELECT 't' || i AS ticket_id, 'a' || {customer_of("i, 't'", n)} AS account_id,
                   'email' AS channel,
                   {pick("i", "why", "'delivery'", "'refund'", "'quality'")} AS reason,
                   CASE WHEN i % 30 = 0 THEN 'open' ELSE 'solved' END AS status,
                   {day("i")} AS created_at, {day("i")} + INTERVAL 3 HOUR AS first_replied_at,
                   CASE WHEN i % 30 <> 0 THEN {day("i")} + INTERVAL 1 DAY END AS resolved_at,
                   CAST(0 AS BIGINT) AS reopened_count, 'g' || i % 40 AS agent_id,
                   CASE WHEN i % 3 = 0 THEN CAST(1 + i % 5 AS DECIMAL(18, 3)) END AS csat_score
            FROM range({n // 5}) AS t(i)
        """,
    }


def _identity(n: int) -> dict[str, str]:
    of_call, of_ticket = customer_of("i", n), customer_of("i, 't'", n)
    records = {
        ("shop", "accounts"): f"SELECT 'a' || c AS source_id, c FROM range({n}) AS t(c)",
        ("crm", "contacts"): f"SELECT 'c' || c, c FROM range({n}) AS t(c) WHERE c % 5 < 3",
        ("shop", "orders"): "SELECT order_id, c FROM bench_orders WHERE kind BETWEEN 0.85 AND 0.97",
        (
            "call_center",
            "calls",
        ): f"SELECT 'q' || i, {of_call} FROM range({n // 2}) t(i)",
        ("call_center", "tickets"): (f"SELECT 't' || i, {of_ticket} FROM range({n // 5}) t(i)"),
    }
    assigned = " UNION ALL ".join(
        f"SELECT '{system}' AS source_system, '{table}' AS source_table, source_id, c "
        f"FROM ({sql}) AS r(source_id, c)"
        for (system, table), sql in records.items()
    )
    identifiers = " UNION ALL ".join(
        f"SELECT '{kind}' AS identifier_kind, {value} AS raw_value, c FROM range({n}) AS t(c)"
        + (" WHERE c % 5 < 2" if kind == "loyalty_card" else "")
        for kind, value in (("email", EMAIL), ("phone", PHONE), ("loyalty_card", "'card' || c"))
    )
    customer = "'H-' || lpad(CAST(c AS VARCHAR), 9, '0')"
    return {
        "identity.customers": f"""
            SELECT {customer} AS customer_id, TIMESTAMP '2026-06-30' AS minted_at, 2 AS record_count
            FROM range({n}) AS t(c)
        """,
        "identity.assignments": f"""
            SELECT source_system, source_table, source_id, source_id AS public_source_id,
                   {customer} AS customer_id, 'email' AS method, 1e0 AS probability,
                   TIMESTAMP '2026-06-30' AS linked_at
            FROM ({assigned})
        """,
        "identity.identifiers": f"""
            SELECT identifier_kind, raw_value, raw_value AS normalised_value, false AS is_blocked,
                   {customer} AS customer_id
            FROM ({identifiers})
        """,
    }


def _predictions(n: int) -> dict[str, str]:
    customer = "'H-' || lpad(CAST(c AS VARCHAR), 9, '0')"
    return {
        "predictions.customer_values": f"""
            SELECT {customer} AS customer_id, CAST(10 + c % 900 AS DECIMAL(18, 2)) AS ltv_simple,
                   {u("c", "alive")} AS p_alive, 3 * {u("c", "orders")} AS expected_orders_12m,
                   CAST(c % 700 AS DECIMAL(18, 2)) AS predicted_12m_value,
                   {u("c", "churn")} AS churn_probability,
                   {u("c", "again")} AS repurchase_probability,
                   DATE '{AS_OF}' + CAST(c % 200 AS INTEGER) AS next_order_expected_date
            FROM range({n}) AS t(c)
        """,
        "predictions.personas": f"""
            SELECT {customer} AS customer_id, 'P' || c % 5 AS persona,
                   'group ' || c % 5 AS persona_label
            FROM range({n}) AS t(c)
        """,
        "predictions.channel_removal_effects": """
            SELECT * FROM (VALUES ('direct', 0.31), ('organic_search', 0.22), ('paid_search', 0.17),
                ('paid_social', 0.11), ('email', 0.19), ('organic_social', 0.07),
                ('referral', 0.06), ('affiliates', 0.05), ('display', 0.04), ('call_center', 0.03),
                ('sms', 0.02)) AS t(channel, removal_effect)
        """,
    }
