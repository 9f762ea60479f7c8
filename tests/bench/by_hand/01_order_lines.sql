-- Orders in pounds with their buyer, and lines with their share of what was charged and given back.
CREATE MACRO share(amount, part, whole) AS CAST(round(amount * part / whole) AS BIGINT);

CREATE TABLE valued AS
WITH people AS (
    SELECT source_table, source_id, customer_id FROM identity.assignments
    WHERE source_system = 'shop' AND source_table IN ('accounts', 'orders')
),
placed AS (
    SELECT order_id, arg_min(visitor_id, occurred_at) AS visitor_id
    FROM staging.stg_shop__web_events
    WHERE event_name = 'order_placed' AND order_id IS NOT NULL GROUP BY order_id
),
dated AS (
    SELECT *, ordered_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/London' AS ordered_at_local
    FROM staging.stg_shop__orders
),
rates AS (
    SELECT d.day, 'USD' AS currency, r.rate
    FROM (SELECT DISTINCT CAST(ordered_at_local AS DATE) AS day FROM dated) AS d
    ASOF JOIN staging.stg_shop__exchange_rates AS r ON d.day >= r.rate_date
    WHERE d.day - r.rate_date <= 7
)
SELECT o.order_id, coalesce(a.customer_id, g.customer_id) AS customer_id,
    coalesce(o.visitor_id, p.visitor_id) AS visitor_id, o.ordered_at, o.ordered_at_local,
    CAST(o.ordered_at_local AS DATE) AS order_date, o.status,
    o.status IN ('paid', 'shipped', 'completed', 'refunded') AS is_sale, o.sales_channel,
    o.store_id, o.coupon_code, o.city,
    o.country, o.currency, coalesce(r.rate, 1) AS rate,
    CAST(o.total_amount * coalesce(r.rate, 1) AS DECIMAL(18, 2)) AS total,
    CAST(coalesce(o.discount_amount, 0) * coalesce(r.rate, 1) AS DECIMAL(18, 2)) AS discount,
    CAST(coalesce(o.shipping_amount, 0) * coalesce(r.rate, 1) AS DECIMAL(18, 2)) AS shipping,
    CAST(coalesce(o.tax_amount, 0) * coalesce(r.rate, 1) AS DECIMAL(18, 2)) AS tax
FROM dated AS o
LEFT JOIN people AS a ON a.source_table = 'accounts' AND a.source_id = o.account_id
LEFT JOIN people AS g ON g.source_table = 'orders' AND g.source_id = o.order_id
LEFT JOIN placed AS p ON p.order_id = o.order_id
LEFT JOIN rates AS r ON r.currency = o.currency AND r.day = CAST(o.ordered_at_local AS DATE);

CREATE TABLE order_lines AS
WITH priced AS (
    SELECT l.order_id, l.line_number, l.product_id, l.quantity, l.unit_price,
        coalesce(l.discount_amount, 0) AS discount_amount, o.customer_id, o.ordered_at,
        o.order_date, o.is_sale, o.rate, p.category, p.is_service, p.unit_cost,
        CASE WHEN o.is_sale THEN CAST(o.total * 100 AS BIGINT) ELSE 0 END AS total_cents,
        CASE WHEN o.is_sale THEN CAST((o.total - o.tax - o.shipping) * 100 AS BIGINT) ELSE 0 END
            AS goods_cents,
        CAST(CAST(l.quantity * l.unit_price AS DECIMAL(18, 2)) * 100 AS BIGINT) AS weight
    FROM staging.stg_shop__order_lines AS l
    INNER JOIN valued AS o USING (order_id)
    LEFT JOIN staging.stg_shop__products AS p USING (product_id)
),
running AS (
    SELECT *, sum(weight) OVER (PARTITION BY order_id) AS order_weight,
        sum(weight) OVER (PARTITION BY order_id ORDER BY line_number) AS so_far
    FROM priced
),
shared AS (
    SELECT *, share(total_cents, so_far, order_weight)
        - share(total_cents, so_far - weight, order_weight) AS gross_cents
    FROM running
),
-- One refund an order, and one without an order per person and product.
refunded AS (
    SELECT r.order_id, r.product_id, coalesce(CAST(r.quantity AS INTEGER), 0) AS units,
        least(CAST(CAST(r.amount * o.rate AS DECIMAL(18, 2)) * 100 AS BIGINT),
            CAST(o.total * 100 AS BIGINT)) AS cents
    FROM staging.stg_shop__refunds AS r INNER JOIN valued AS o USING (order_id)
    WHERE o.is_sale
),
affected AS (
    SELECT s.order_id, s.line_number, s.gross_cents, s.quantity, r.cents,
        CASE WHEN s.product_id = r.product_id THEN r.cents ELSE 0 END AS named,
        CASE WHEN s.product_id = r.product_id THEN r.units ELSE 0 END AS units,
        sum(s.gross_cents) OVER p AS gross_so_far, sum(s.quantity) OVER p AS units_so_far
    FROM shared AS s INNER JOIN refunded AS r ON r.order_id = s.order_id
    WINDOW p AS (PARTITION BY s.order_id, s.product_id ORDER BY s.line_number)
),
named AS (
    SELECT *, least(gross_so_far, named) - least(gross_so_far - gross_cents, named) AS named_cents,
        least(units_so_far, units) - least(units_so_far - quantity, units) AS named_units
    FROM affected
),
left_over AS (
    SELECT *, cents - sum(named_cents) OVER o AS unnamed, sum(gross_cents - named_cents) OVER o
            AS order_left,
        sum(gross_cents - named_cents) OVER (PARTITION BY order_id ORDER BY line_number) AS so_far
    FROM named WINDOW o AS (PARTITION BY order_id)
),
given_back AS (
    SELECT order_id, line_number, cents,
        CASE WHEN gross_cents > 0 AND cents >= gross_cents THEN quantity ELSE units END AS units
    FROM (
        SELECT order_id, line_number, gross_cents, quantity, named_units AS units,
            named_cents + CASE WHEN order_left > 0 THEN share(unnamed, so_far, order_left)
                - share(unnamed, so_far - (gross_cents - named_cents), order_left) ELSE 0 END
                AS cents
        FROM left_over
    )
    UNION ALL
    SELECT s.order_id, s.line_number,
        CAST(CAST(r.amount * s.rate AS DECIMAL(18, 2)) * 100 AS BIGINT), r.quantity
    FROM staging.stg_shop__refunds AS r
    INNER JOIN identity.assignments AS a
        ON a.source_system = 'shop' AND a.source_table = 'accounts' AND a.source_id = r.account_id
    INNER JOIN shared AS s
        ON s.customer_id = a.customer_id AND s.product_id = r.product_id AND s.is_sale
        AND s.ordered_at <= r.refunded_at
    WHERE r.order_id IS NULL
    QUALIFY row_number() OVER (
        PARTITION BY r.refund_id ORDER BY s.ordered_at DESC, s.order_id DESC, s.line_number DESC
    ) = 1
),
kept AS (
    SELECT s.*, coalesce(g.cents, 0) AS refunded_cents, coalesce(g.units, 0) AS returned_quantity,
        sum(gross_cents - coalesce(g.cents, 0)) OVER (
            PARTITION BY order_id ORDER BY line_number
        ) AS left_so_far
    FROM shared AS s LEFT JOIN given_back AS g USING (order_id, line_number)
)
SELECT order_id, line_number, customer_id, product_id, category, is_service, ordered_at, order_date,
    is_sale, quantity, returned_quantity, CAST(unit_price * rate AS DECIMAL(18, 6)) AS unit_price,
    CAST(discount_amount * rate AS DECIMAL(18, 2)) AS discount_amount,
    CAST(CAST(quantity * unit_price AS DECIMAL(18, 2)) * rate AS DECIMAL(18, 2)) AS line_amount,
    CAST(gross_cents / 100 AS DECIMAL(18, 2)) AS gross_revenue,
    CAST(refunded_cents / 100 AS DECIMAL(18, 2)) AS refunded_amount,
    CAST(CASE WHEN total_cents = 0 THEN 0 ELSE share(goods_cents, left_so_far, total_cents)
        - share(goods_cents, left_so_far - (gross_cents - refunded_cents), total_cents) END
        / 100 AS DECIMAL(18, 2)) AS net_revenue,
    CASE WHEN NOT is_sale OR quantity = returned_quantity THEN 0
        WHEN unit_cost IS NULL AND is_service THEN 0
        ELSE CAST((quantity - returned_quantity) * unit_cost AS DECIMAL(18, 2)) END AS kept_cost,
    net_revenue - kept_cost AS gross_margin
FROM kept;
