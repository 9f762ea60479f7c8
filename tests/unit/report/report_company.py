"""A small company's marts, made by SQL alone, for the tests of the report.

The tables are the marts' contracts; filled are the columns that the report reads.
"""

from datetime import date
from typing import Any

import duckdb

from tests.unit.report import report_growth, report_predictions, report_service
from tests.unit.report.mart_tables import create_marts

AS_OF = date(2024, 6, 19)
MODELS = ("first", "last", "last_non_direct", "linear", "u_shaped", "w_shaped", "time_decay")

# A fixed sequence, so that every run and every machine draws the same company.
_ORDERS = """
    insert into orders (
        order_id, customer_id, ordered_at, order_date, status, is_sale, sales_channel,
        gross_revenue, discount_amount, refunded_amount, net_revenue, gross_margin,
        order_number, is_first_order
    )
    with numbers as (
        select i, (i * 7919 + 31) % 9973 as a, (i * 104729 + 7) % 7919 as b
        from range($orders) as t(i)
    ),

    drawn as (
        select
            i, a, b,
            date '2022-11-03' + cast(sqrt(a / 9973.0) * $days as integer) as order_date,
            case when b % 20 = 0 then null
                 else 'c' || cast(power(b / 7919.0, 2) * $orders / 3 as integer) end as customer_id,
            cast(15 + (b % 240) + (a % 100) / 100.0 as decimal(18, 2)) as gross,
            b % 17 = 0 as is_refunded, a % 40 = 0 as is_cancelled
        from numbers
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by customer_id, is_cancelled order by order_date, i
            ) as order_number
        from drawn
    )

    select
        'o' || i, customer_id, order_date + interval 10 hour, order_date,
        case when is_cancelled then 'cancelled' when is_refunded then 'refunded'
             else 'completed' end,
        not is_cancelled, case i % 3 when 0 then 'app' else 'web' end, gross, 0,
        case when is_refunded then round(gross / 2, 2) else 0 end,
        gross - case when is_refunded then round(gross / 2, 2) else 0 end,
        null,
        case when customer_id is not null and not is_cancelled then order_number end,
        customer_id is not null and not is_cancelled and order_number = 1
    from ranked
    where order_date <= $as_of
"""

_MONTHS = """
    create temp table buys as
    select distinct customer_id, date_trunc('month', order_date)::date as month
    from orders where is_sale and customer_id is not null;

    insert into customers (
        customer_id, acquisition_channel, lifecycle_stage, rfm_segment, value_tier,
        order_count, net_revenue, can_email, can_sms, can_call, is_profiling_withdrawn
    )
    select
        customer_id,
        case count(*) % 4 when 0 then 'Organic Search' when 1 then 'Paid Search'
            when 2 then 'Email' end,
        case when max(order_date) > date '2024-05-01' then 'active'
            when max(order_date) > date '2024-01-01' then 'at_risk' else 'lapsed' end,
        case when count(*) > 5 then 'Champions' when count(*) > 2 then 'Loyal'
            else 'Need attention' end,
        case when sum(net_revenue) > 900 then 'A' when sum(net_revenue) > 300 then 'B'
            else 'C' end,
        count(*), sum(net_revenue), count(*) % 3 > 0, count(*) % 5 = 0, false,
        row_number() over (order by customer_id) % 19 = 0
    from orders where is_sale and customer_id is not null group by customer_id
    union all
    select 'lead' || i, null, 'lead', null, null, 0, 0, i % 2 = 0, false, null, false
    from range(40) as t(i);

    insert into cohort_retention (
        period_kind, cohort_start, period_number, cohort_size, active_customers,
        active_or_later_customers, retention_rate, retention_rate_or_later, net_revenue,
        cumulative_net_revenue, cumulative_revenue_per_customer, cumulative_known_margin,
        margin_known_share, acquisition_cost, payback_ratio, payback_period, is_complete
    )
    with firsts as (select customer_id, min(month) as cohort from buys group by 1),
    sizes as (select cohort, count(*) as size from firsts group by 1),
    grid as (
        select cohort, size, k
        from sizes, range(40) as t(k)
        where date_add(cohort, to_months(cast(k as integer))) <= date_trunc('month', $as_of)
    ),
    active as (
        select f.cohort, date_diff('month', f.cohort, b.month) as k, f.customer_id
        from firsts f join buys b using (customer_id)
    ),
    counted as (
        select
            g.cohort, g.size, g.k,
            (select count(*) from active a where a.cohort = g.cohort and a.k = g.k) as n,
            (select count(distinct customer_id) from active a
             where a.cohort = g.cohort and a.k >= g.k) as later
        from grid g
    ),
    money as (
        select f.cohort, date_diff('month', f.cohort, date_trunc('month', o.order_date)) as k,
            sum(o.net_revenue) as net_revenue
        from firsts f join orders o using (customer_id) where o.is_sale group by 1, 2
    )
    select
        'month', g.cohort, g.k, g.size, g.n, g.later, g.n / g.size, g.later / g.size,
        coalesce(m.net_revenue, 0),
        sum(coalesce(m.net_revenue, 0)) over (partition by g.cohort order by g.k),
        sum(coalesce(m.net_revenue, 0)) over (partition by g.cohort order by g.k) / g.size,
        g.size * 2, 0.8, 3.5, 2 / 3.5, if(g.cohort < date '2024-01-01', 4, null),
        last_day(cast(date_add(g.cohort, to_months(cast(g.k as integer))) as date)) <= $as_of
    from counted g left join money m on m.cohort = g.cohort and m.k = g.k;

    insert into retention_monthly (
        month, customers_at_start, customers_at_end, new_customers, reactivated_customers,
        retained_customers, retention_rate, retention_rate_formula, churn_rate,
        is_complete
    )
    with months as (select distinct month from buys),
    counted as (
        select
            month,
            (select count(*) from buys s where s.month = m.month - interval 1 month) as at_start,
            (select count(*) from buys e where e.month = m.month) as at_end,
            (select count(*) from (select customer_id, min(month) as first from buys group by 1)
             where first = m.month) as new,
            (select count(*) from buys e join buys s using (customer_id)
             where e.month = m.month and s.month = m.month - interval 1 month) as retained
        from months m
    )
    select month, at_start, at_end, new, at_end - new - retained, retained,
        retained / nullif(at_start, 0), (at_end - new) / nullif(at_start, 0),
        1 - retained / nullif(at_start, 0), last_day(month) <= $as_of
    from counted;
"""

_CHANNELS = """
    insert into attribution_channels (
        month, channel, campaign_id, sale_kind, model, attributed_orders,
        attributed_revenue, new_customers, roas, cac
    )
    with channels as (
        select * from (values
            ('Organic Search', null, 0.30), ('Paid Search', 'brand', 0.22),
            ('Paid Search', 'shoes', 0.08), ('Email', 'spring', 0.12), ('Direct', null, 0.15),
            ('Paid Social', 'feed', 0.07), ('(none)', null, 0.06)
        ) as t(channel, campaign_id, share)
    ),
    sales as (
        select
            date_trunc('month', order_date)::date as month,
            case when is_first_order then 'first' else 'repeat' end as sale_kind,
            sum(net_revenue) as revenue, count(*) as orders,
            count(*) filter (where is_first_order) as new
        from orders where is_sale group by 1, 2
    ),
    shared as (
        select
            s.month, c.channel, c.campaign_id, s.sale_kind, m.model, s.orders * c.share as orders,
            round(s.revenue * c.share
                * (1 + 0.25 * sin(m.i * 3 + length(c.channel))), 2) as revenue,
            s.new * c.share as new, s.revenue as total,
            row_number() over (partition by s.month, s.sale_kind, m.model
                order by c.channel, c.campaign_id) as n
        from sales s, channels c, (select unnest($models) as model,
            generate_subscripts($models, 1) as i) as m
    )
    select month, channel, campaign_id, sale_kind, model, orders,
        case when n = 1 then total - (sum(revenue) over w - revenue) else revenue end,
        new, null, null
    from shared
    window w as (partition by month, sale_kind, model);
"""

_REST = """
    insert into marketing_spend by name
    select distinct date_trunc('month', order_date)::date as month, channel, campaign_id, spend
    from orders, (values
        ('Paid Search', 'brand', 900), ('Paid Search', 'shoes', 700), ('Email', 'spring', 60),
        ('Paid Social', 'feed', 800)
    ) as t(channel, campaign_id, spend)
    where is_first_order;

    insert into customer_identities (
        source_system, source_table, source_id, customer_id, method, probability,
        linked_at
    )
    select 'shop', case when i % 3 = 0 then 'accounts' else 'orders' end, 's' || i, customer_id,
        case i % 4 when 0 then 'email' when 1 then 'phone' else 'account_reference' end, 1.0,
        $as_of
    from (select *, row_number() over (order by customer_id) as i from customers)
    union all
    select 'crm', 'contacts', 'k' || i, customer_id, case when i % 2 = 0 then 'email'
        else 'probabilistic' end, 0.97, $as_of
    from (select *, row_number() over (order by customer_id) as i from customers) where i % 2 = 0
    union all
    select 'call_center', 'calls', 'p' || i || '-' || j, customer_id, 'phone', 1.0, $as_of
    from (select *, row_number() over (order by customer_id) as i from customers),
        range(9) as t(j) where i % 11 = 0 and j <= i % 9;
    insert into customer_id_changes (old_customer_id, new_customer_id, changed_at, kind, cause)
    select 'c9' || i, 'c' || i, timestamp '2024-03-02 06:00:00', if(i % 5 = 0, 'split', 'merge'),
        'email' from range(11) as t(i);
    insert into unallocated_refunds (refund_id, refunded_at, amount, obstacle)
    select 'r' || i, timestamp '2024-02-01', 11.37 + i,
        if(i % 3 = 0, 'no_purchase_left', 'unknown_customer') from range(9) as t(i);
    insert into touchpoints (touchpoint_id, customer_id, channel) values ('t1', 'c1', 'Direct');
    insert into calls (
        call_id, customer_id, direction, call_date, wait_seconds, talk_seconds,
        hold_seconds, wrap_up_seconds, queue, disposition, reason, is_short_abandon
    )
    select 'l' || i, 'c' || i, if(i % 9 = 0, 'outbound', 'inbound'),
        date '2023-03-01' + cast(i * 9 / 24 as integer),
        (i * 37) % 61, if(i % 8 = 1, null, 100 + i % 200), 10, 30, 'sales',
        if(i % 8 = 1, 'abandoned', 'answered'), 'delivery', i % 8 = 1 and (i * 37) % 61 < 10
    from range(1260) as t(i);
    insert into feedback (feedback_id, customer_id, kind, feedback_date, score, score_class, reason)
    select 'f' || i, 'c' || i, case i % 3 when 0 then 'nps' when 1 then 'csat' else 'review' end,
        date '2023-05-04' + cast(i * 4 / 3 as integer),
        case when i % 3 = 0 then (i * 7) % 11 else 1 + (i * 3) % 5 end, null, null
    from range(300) as t(i);
"""


SOURCES = (
    "call_center.calls, crm.contacts, crm.surveys, marketing.ad_spend, shop.accounts, "
    "shop.orders, shop.refunds, shop.reviews, shop.web_events"
)


def create_tables(
    con: duckdb.DuckDBPyConnection, *, as_of: date = AS_OF, sources: str = ""
) -> None:
    """Every mart that the report reads, empty but for the one row of ``build``."""
    create_marts(con)
    con.execute(
        "insert into build (build_id, as_of, time_zone, currency, sources) "
        "values ('b-7f3a', $1, 'Europe/London', 'GBP', $2)",
        [as_of, sources],
    )


def fill(
    con: duckdb.DuckDBPyConnection, *, orders: int = 6000, days: int = 595, as_of: date = AS_OF
) -> None:
    """A shop with seasonless sales over ``days`` from 3 November 2022, calls, surveys and spend."""
    con.execute("update build set as_of = $1, sources = $2", [as_of, SOURCES])
    con.execute(_ORDERS, {"orders": orders, "days": days, "as_of": as_of})
    for statement in con.extract_statements(_MONTHS):
        names = statement.named_parameters
        con.execute(statement, {"as_of": as_of} if "as_of" in names else None)
    con.execute(_CHANNELS, {"models": list(MODELS)})
    for statement in con.extract_statements(_REST):
        con.execute(statement, {"as_of": as_of} if "as_of" in statement.named_parameters else None)
    report_predictions.fill(con)
    report_growth.fill(con)
    report_service.fill(con)


def manifest() -> dict[str, Any]:
    return {
        "version": "20240620T050312Z-1a2b3c",
        "build_id": "b-7f3a",
        "as_of": AS_OF.isoformat(),
        "published_at": "2024-06-20T05:03:12Z",
    }


def check(
    name: str, mart: str = "orders", *, outcome: str = "passed", severity: str = "blocking"
) -> dict[str, Any]:
    return {
        "mart": mart,
        "check": name,
        "kind": "expectation",
        "severity": severity,
        "outcome": outcome,
        "message": f"{name} says something.",
        "why": "An order has one row.",
        "failing_rows": 0 if outcome == "passed" else 3,
        "checked_rows": 100,
        "failing_rows_path": None,
        "failing_keys": [],
        "seconds": 0.1,
    }


def quality() -> dict[str, Any]:
    results = [check(f"check_{i}", mart) for i in range(6) for mart in ("orders", "customers")]
    results.append(check("row_count_in_band", "calls", outcome="failed", severity="warning"))
    return {"build_id": "b-7f3a", "results": results}


def ledger() -> dict[str, Any]:
    return {
        "files": 41,
        "records": 120_345,
        "accepted": 120_000,
        "quarantined": 45,
        "left_out": 300,
        "by_source": [
            {
                "source": f"shop.{table}",
                "files": 20,
                "records": 60_172,
                "accepted": 60_000,
                "quarantined": 22,
                "left_out": 150,
                "newest_delivery": "2024-06-19",
            }
            for table in ("orders", "accounts")
        ],
        "reasons": [
            {"source": "shop.orders", "reason": "unknown_status", "level": "row", "records": 30},
            {"source": "shop.accounts", "reason": "invalid_date", "level": "cell", "records": 112},
        ],
        "rules": [{"source": "shop.orders", "rule": "stock_adjustment", "records": 300}],
        "notes": ["Undeclared column in shop.orders: gift_wrap."],
    }
