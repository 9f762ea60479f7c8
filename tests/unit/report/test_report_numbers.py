"""When these fail, people decide on wrong numbers."""

from decimal import Decimal

import duckdb
import pytest

from dagster_project.report import formats
from tests.unit.report import report_company as company
from tests.unit.report.report_parsed import parse, table_rows

MAY, APRIL = "2024-05-01", "2024-04-01"


def one(con: duckdb.DuckDBPyConnection, sql: str) -> Decimal:
    return Decimal(str(con.execute(sql).fetchone()[0]))


@pytest.mark.parametrize(
    ("tile", "sql"),
    [
        ("net_revenue", "select sum(net_revenue) from m"),
        ("sales", "select count(*) from m"),
        ("average_order_value", "select sum(net_revenue) / count(*) from m"),
        ("refunded_share", "select sum(refunded_amount) / sum(gross_revenue) from m"),
        ("customers", "select count(distinct customer_id) from m"),
        (
            "new_customers",
            "select count(*) from (select min(order_date) as d from orders where is_sale and "
            f"customer_id is not null group by customer_id) where date_trunc('month', d) = '{MAY}'",
        ),
        (
            "retention_rate",
            "select count(distinct customer_id) / (select count(distinct customer_id) from orders "
            f"where is_sale and date_trunc('month', order_date) = '{APRIL}') from m where "
            "customer_id in (select customer_id from orders where is_sale and "
            f"date_trunc('month', order_date) = '{APRIL}')",
        ),
    ],
)
def test_headline_numbers_are_of_the_last_complete_month(marts, page, tile, sql):
    """The first numbers that everybody reads would be wrong, or of half a month."""
    month = f"(select * from orders where is_sale and date_trunc('month', order_date) = '{MAY}')"
    shown = Decimal(page.by_id(f"tile-{tile}").attributes["value"])
    assert float(shown) == pytest.approx(float(one(marts, sql.replace("from m", f"from {month}"))))
    assert page.by_id("overview-title").text == "May 2024 at a glance"


def test_change_is_on_the_month_before(marts, page):
    """A growing month could be called shrinking."""
    may, april = (
        one(
            marts,
            "select sum(net_revenue) from orders "
            f"where is_sale and date_trunc('month', order_date) = '{month}'",
        )
        for month in (MAY, APRIL)
    )
    change = (may / april - 1) * 100
    word = "up" if change > 0 else "down"
    assert f"{word} {abs(change):.1f}% on Apr 2024" in page.by_id("overview").text


def test_revenue_table_holds_every_month_to_the_cent(marts, page):
    """The months would not add up to the year."""
    expected = marts.execute(
        "select sum(net_revenue), count(*) from orders where is_sale "
        "group by date_trunc('month', order_date) order by date_trunc('month', order_date)"
    ).fetchall()
    rows = table_rows(page, "revenue-table")
    assert [(row[1].number, row[4].number) for row in rows] == expected
    assert rows[-1][0].text == "Jun 2024 to date"


def test_cohort_cells_and_weighted_means(marts, page):
    """Retention would be read from the wrong cohort, or means spoilt by months still running."""
    expected = marts.execute(
        "select cohort_start, list(retention_rate order by period_number) from cohort_retention "
        "group by 1 order by 1"
    ).fetchall()
    rows = table_rows(page, "cohorts-bounded")
    for row, (start, rates) in zip(rows, expected, strict=True):
        assert row[0].text == formats.month_short(start)
        shown = [cell.number for cell in row[2:] if cell.all("data")]
        assert [float(value) for value in shown] == pytest.approx(rates)
        assert "is-open" in row[1 + len(rates)].attributes["class"]
    (foot,) = page.by_id("cohorts-unbounded").all("tfoot")
    mean = one(
        marts,
        "select sum(active_or_later_customers) / sum(cohort_size) from cohort_retention "
        "where period_number = 3 and is_complete",
    )
    assert float(foot.all("td")[4].number) == pytest.approx(float(mean))


def test_attribution_shows_each_model_and_counts_spend_once(marts, page):
    """Spend repeats per model: seven times the money would have been spent."""
    months = "month between '2023-06-01' and '2024-05-01'"
    expected = {
        (channel, model): (revenue, spend)
        for channel, model, revenue, spend in marts.execute(
            "select channel, model, sum(attributed_revenue), coalesce(sum(spend), 0) "
            f"from attribution_channels where {months} group by 1, 2"
        ).fetchall()
    }
    rows = table_rows(page, "attribution-revenue")
    assert len(rows) == len({channel for channel, _ in expected})
    for row in rows:
        for index, model in enumerate(company.MODELS):
            assert row[2 + index].number == expected[row[0].text, model][0]
        assert row[1].number == expected[row[0].text, "last"][1]
    (foot,) = page.by_id("attribution-revenue").all("tfoot")
    totals = {cell.number for cell in foot.all("td")[1:]}
    assert totals == {
        one(
            marts,
            "select sum(net_revenue) from orders where is_sale "
            "and order_date >= '2023-06-01' and order_date < '2024-06-01'",
        )
    }
    for row in table_rows(page, "attribution-roas"):
        revenue, spend = expected[row[0].text, "linear"]
        assert row[5].number == revenue / spend


def test_identity_counts(marts, page):
    """Nobody would notice that half of the records fell into one person."""
    facts = page.by_id("identity").all("dl")[0]
    assert [Decimal(d.attributes["value"]) for d in facts.all("data")][:2] == [
        one(marts, "select count(*) from customer_identities"),
        one(marts, "select count(distinct customer_id) from customer_identities"),
    ]
    sizes = table_rows(page, "identity-sizes")
    assert sum(row[2].number for row in sizes) == one(
        marts, "select count(distinct customer_id) from customer_identities"
    )
    largest = one(
        marts,
        "select max(n) from (select count(*) n from customer_identities group by customer_id)",
    )
    assert Decimal(facts.all("data")[3].attributes["value"]) == largest


def test_reconciliation_is_computed_from_the_marts(marts, page):
    """Revenue could be lost between the marts with every figure looking fine."""
    rows = table_rows(page, "checks-reconciliation")
    total = one(marts, "select sum(net_revenue) from orders where is_sale")
    assert [row[1].number for row in rows] == [total] * 4
    assert [row[2].number for row in rows] == [0, 0, 0, 0]


def test_a_lost_cent_is_shown(scratch, rendered):
    """A difference would be rounded away."""
    scratch.execute(
        "update cohort_retention set net_revenue = net_revenue - 0.01 where cohort_start = "
        "'2024-01-01' and period_number = 0"
    )
    rows = table_rows(parse(rendered(scratch)), "checks-reconciliation")
    assert rows[1][2].number == Decimal("-0.01")
    assert rows[1][2].text == "\u2212£0.01"


def test_checks_are_listed_worst_first_with_their_verdict(page, rendered, marts):
    """A warning, or a failure, would be overlooked."""
    assert "12 of 13 checks passed, 1 warning" in page.all("header")[0].text
    (concern,) = table_rows(page, "checks-concerns")
    assert [cell.text for cell in concern[:4]] == ["calls", "row_count_in_band", "Warning", "3"]
    assert len(table_rows(page, "checks-all")) == 13

    results = [
        company.check("late", outcome="missing"),
        company.check("fine"),
        company.check("broken", outcome="failed"),
    ]
    failed = parse(rendered(marts, quality={"build_id": "b", "results": results}))
    assert "2 of 3 checks did not pass" in failed.all("header")[0].text
    states = [row[2].text for row in table_rows(failed, "checks-concerns")]
    assert states == ["Failed", "Not answered"]
    none = parse(rendered(marts, quality={"build_id": "b", "results": []}))
    assert "No check reported" in none.all("header")[0].text


def test_quarantine_shows_counts_and_reasons(page):
    """Records could be held back with nobody told why."""
    rows = table_rows(page, "loading-reasons")
    assert [[cell.text for cell in row] for row in rows] == [
        ["shop.accounts", "Invalid date", "value made empty, record kept", "112"],
        ["shop.orders", "Unknown status", "record held back", "30"],
    ]
    assert "Undeclared column in shop.orders: gift_wrap." in page.by_id("loading").text


def test_new_and_returning_customers_by_month(marts, page):
    """Growth by new people and by loyal ones would be mixed up."""
    expected = marts.execute(
        "select count(distinct customer_id), count(distinct case when month = first then "
        "customer_id end) from (select customer_id, date_trunc('month', order_date) as month, "
        "min(date_trunc('month', order_date)) over (partition by customer_id) as first from orders "
        "where is_sale and customer_id is not null) group by month order by month"
    ).fetchall()
    rows = table_rows(page, "customers-table")
    assert [(row[1].number, row[2].number) for row in rows] == expected
    assert all(row[3].number == row[1].number - row[2].number for row in rows)


def test_retention_table_repeats_the_mart(marts, page):
    """Retained and new customers would stand under each other's heads."""
    expected = marts.execute(
        "select customers_at_start, retained_customers, reactivated_customers, new_customers, "
        "customers_at_end, retention_rate, retention_rate_formula, churn_rate "
        "from retention_monthly order by month"
    ).fetchall()
    rows = table_rows(page, "retention-table")
    for row, numbers in zip(rows, expected, strict=True):
        shown = [float(cell.number) if cell.all("data") else None for cell in row[1:]]
        assert shown == pytest.approx(list(numbers))


def test_service_level_edges(scratch, rendered):
    """A call answered in the 20th second, or given up at once, would count on the wrong side."""
    scratch.execute("delete from calls")
    scratch.execute(
        """
        insert into calls by name
        select * from (values
            ('inbound', 'answered', 20, 60, 10, 20, false),
            ('inbound', 'answered', 21, 90, null, null, false),
            ('inbound', 'abandoned', 9, null, null, null, true),
            ('inbound', 'abandoned', 10, null, null, null, false),
            ('inbound', 'missed', 30, null, null, null, false),
            ('outbound', 'answered', 0, 500, 500, 500, false)
        ) as t(direction, disposition, wait_seconds, talk_seconds, hold_seconds, wrap_up_seconds,
            is_short_abandon), (select date '2024-05-31' as call_date)
        """
    )
    rows = table_rows(parse(rendered(scratch)), "service-table")
    assert [cell.text for cell in rows[0]] == [
        "May 2024", "5", "2", "20.0%", "25.0%", "21 s", "1 min 30 s",
    ]  # fmt: skip
    assert [cell.text for cell in rows[1]] == ["Jun 2024 to date", "0", "0", *["\u2013"] * 4]


def test_nps_and_csat_edges(scratch, rendered):
    """An 8 would be a promoter, or a 3 a complaint."""
    scratch.execute("delete from feedback")
    scratch.execute(
        "insert into feedback by name select kind, score, date '2024-05-01' as feedback_date "
        "from (values ('nps', 9), ('nps', 10), ('nps', 8), ('nps', 7), ('nps', 6), ('nps', null), "
        "('csat', 4), ('csat', 3), ('csat', 2.5), ('csat', 5), ('review', 2)) as t(kind, score)"
    )
    page = parse(rendered(scratch))
    results = {row[0].text: row[3].text for row in table_rows(page, "feedback-table")}
    assert results == {
        "Recommendation (NPS)": "NPS 20.0",
        "Satisfaction (CSAT)": "CSAT 66.7%",
        "Reviews": "\u2013",
    }
    assert [cell.text for cell in table_rows(page, "feedback-months")[0]] == [
        "May 2024", "20.0", "6", "66.7", "4",
    ]  # fmt: skip


def test_customers_by_stage_and_consent(marts, page):
    """A campaign would be planned for people who may not be written to."""
    rows = table_rows(page, "customers-by-lifecycle-stage")
    expected = marts.execute(
        "select count(*), sum(net_revenue) from customers group by lifecycle_stage "
        "order by 1 desc, lifecycle_stage"
    ).fetchall()
    assert [(row[2].number, row[4].number) for row in rows] == expected
    consent = page.by_id("customers").all("dl")[0].all("data")
    assert [Decimal(element.attributes["value"]) for element in consent] == [
        one(marts, f"select count(*) from customers where {column}")
        for column in ("can_email", "can_sms", "can_call")
    ]


def test_returns(marts, page):
    """Refunds would be shown that nobody was paid, or unexplained ones disappear."""
    facts = page.by_id("returns").all("dl")[0].all("data")
    assert [Decimal(element.attributes["value"]) for element in facts] == [
        one(marts, "select sum(refunded_amount) from orders where is_sale"),
        one(marts, "select count(*) from orders where is_sale and refunded_amount > 0"),
        one(marts, "select count(*) from unallocated_refunds"),
        one(marts, "select sum(amount) from unallocated_refunds"),
    ]
    rows = table_rows(page, "returns-table")
    assert sum(row[2].number for row in rows) == facts[0].number
    obstacles = {row[0].text: row[2].number for row in table_rows(page, "returns-obstacles")}
    assert obstacles == {"No purchase left": 3, "Unknown customer": 6}


def test_cluster_size_bands(scratch, rendered):
    """Clusters that are too large would hide among ordinary ones."""
    scratch.execute("delete from customer_identities")
    for size in (1, 5, 6, 10, 11, 20, 21, 400):
        scratch.execute(
            "insert into customer_identities by name "
            "select 'c' || $1 as customer_id, 'email' as method from range($1)",
            [size],
        )
    bands = {
        row[0].text: row[2].number for row in table_rows(parse(rendered(scratch)), "identity-sizes")
    }
    assert bands == {"1": 1, "5": 1, "6 to 10": 2, "11 to 20": 2, "21 and more": 2}


def test_campaigns(marts, page):
    """Money would be moved to a campaign by another campaign's figures."""
    expected = marts.execute(
        "select campaign_id, sum(attributed_revenue), sum(spend) from attribution_channels "
        "where model = 'last_non_direct' and campaign_id is not null "
        "and month between '2023-06-01' and '2024-05-01' group by 1 order by 2 desc"
    ).fetchall()
    rows = table_rows(page, "attribution-campaigns")
    assert [(row[0].text, row[2].number, row[4].number) for row in rows] == expected
    for row, (_, revenue, spend) in zip(rows, expected, strict=True):
        assert float(row[5].number) == pytest.approx(float(revenue / spend))
