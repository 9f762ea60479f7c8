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
        "where period_kind = 'month' group by 1 order by 1"
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
        "where period_kind = 'month' and period_number = 3 and is_complete",
    )
    assert float(foot.all("td")[4].number) == pytest.approx(float(mean))


def test_attribution_shows_each_model_and_its_spend(marts, page):
    """Return would be taken of money that was never spent, or of another model's revenue."""
    months = "month between '2023-06-01' and '2024-05-01'"
    expected = {
        (channel, model): revenue
        for channel, model, revenue in marts.execute(
            "select channel, model, sum(attributed_revenue) "
            f"from attribution_channels where {months} group by 1, 2"
        ).fetchall()
    }
    spent = dict(
        marts.execute(
            f"select channel, sum(spend) from marketing_spend where {months} group by 1"
        ).fetchall()
    )
    assert spent
    rows = table_rows(page, "attribution-revenue")
    assert len(rows) == len({channel for channel, _ in expected})
    for row in rows:
        for index, model in enumerate(company.MODELS):
            assert row[2 + index].number == expected[row[0].text, model]
        assert row[1].number == spent.get(row[0].text, 0)
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
        assert row[5].number == expected[row[0].text, "linear"] / spent[row[0].text]


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
    why = "A share of sales is never below zero."
    told = company.check("told", outcome="failed") | {"why": why, "message": f"Expected: {why}"}
    page = parse(rendered(marts, quality={"build_id": "b", "results": [told]}))
    ((*_, text),) = table_rows(page, "checks-concerns")
    assert text.text == f"Expected: {why}"
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
    assert [(row[1].number, row[3].number) for row in rows] == expected
    assert all(row[2].number == row[1].number - row[3].number for row in rows)


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


def test_service_by_month_and_agent(scratch, rendered):
    """Rates would be means of rates, or a call given up at once would count against the team."""
    scratch.execute("delete from service_quality")
    scratch.execute(
        """
        insert into service_quality (
            call_date, queue, agent_id, offered, answered, answered_timed, answered_in_time,
            abandoned, abandoned_short, wait_seconds, handled, handle_seconds, fcr_calls,
            fcr_resolved
        ) values
        ('2024-05-31', 'q', 'a1', 3, 2, 2, 1, 1, 1, 41, 2, 180, 2, 1),
        ('2024-05-30', 'q', '(none)', 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0),
        ('2024-05-30', 'q', 'a2', 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1),
        ('2023-06-30', 'q', 'a0', 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0)
        """
    )
    page = parse(rendered(scratch))
    rows = table_rows(page, "service-table")
    assert [cell.text for cell in rows[-2]] == [
        "May 2024", "6", "3", "20.0%", "20.0%", "21 s", "1 min 30 s", "66.7%",
    ]  # fmt: skip
    assert [cell.text for cell in rows[-1]] == ["Jun 2024 to date", "0", "0", *["\u2013"] * 5]
    agents = {row[0].text: row[1].text for row in table_rows(page, "service-by-agent-id")}
    assert agents == {"a1": "3", "(none)": "2", "a2": "1"}


def test_service_impact_shows_the_matched_difference(marts, page):
    """The raw rates would be read as what service does to people."""
    rows = table_rows(page, "service-impact")
    assert [[cell.text for cell in row] for row in rows] == [
        ["No contact", "900", "28.0%", "25.2% to 31.0%", "\u2013", "\u2013"],
        ["Contacts, all well served", "160", "35.0%", "28.1% to 42.6%", "5.0",
         "\u22122.0 to 13.0"],
        ["A contact that went badly", "40", "20.0%", "10.5% to 34.8%", "\u22128.0",
         "\u221219.0 to 6.0"],
    ]  # fmt: skip


def test_nps_csat_and_reasons(scratch, rendered):
    """Answers of one dimension would be added to those of another, or of five groups one lost."""
    scratch.execute("delete from feedback")
    scratch.execute(
        "insert into feedback by name select kind, score from (values ('nps', 9), ('csat', 4), "
        "('review', 2)) as t(kind, score)"
    )
    scratch.execute("delete from satisfaction")
    scratch.execute(
        """
        insert into satisfaction (
            month, dimension, dimension_value, nps_answers, promoters, detractors, csat_answers,
            csat_good, csat_bad, reviews, mean_rating
        ) values
        ('2024-05-01', 'all', 'all', 5, 2, 1, 4, 2, 1, 1, 2.0),
        ('2024-05-01', 'segment', 'Loyal', 4, 2, 0, 3, 2, 0, 1, 2.0),
        ('2024-05-01', 'segment', '(none)', 1, 0, 1, 1, 0, 1, 0, null)
        """
    )
    scratch.execute("delete from churn_reasons")
    scratch.execute(
        """
        insert into churn_reasons (
            month, declared_in, reason_group, statements, customers, lapsed_customers
        ) values
        ('2024-05-01', 'survey', 'price', 2, 2, 1), ('2024-04-01', 'call', 'price', 3, 2, 0),
        ('2024-05-01', 'ticket', '(other)', 9, 8, 2), ('2023-05-01', 'survey', 'support', 9, 9, 9)
        """
    )
    page = parse(rendered(scratch))
    results = {row[0].text: row[3].text for row in table_rows(page, "feedback-table")}
    assert results == {
        "Recommendation (NPS)": "NPS 20.0",
        "Satisfaction (CSAT)": "CSAT 66.7%",
        "Reviews": "\u2013",
    }
    assert [cell.text for cell in table_rows(page, "feedback-months")[0]] == [
        "May 2024", "20.0", "5", "66.7", "4",
    ]  # fmt: skip
    segments = [[cell.text for cell in row] for row in table_rows(page, "feedback-by-segment")]
    assert segments == [
        ["Loyal", "50.0", "4", "100.0", "3", "2.00", "1"],
        ["(none)", "\u2212100.0", "1", "0.0", "1", "\u2013", "0"],
    ]
    reasons = [[cell.text for cell in row] for row in table_rows(page, "feedback-reasons")]
    assert reasons == [
        ["Price", "", "2", "3", "0", "4", "1"],
        ["(other)", "", "0", "0", "9", "8", "2"],
    ]


def test_cohorts_of_weeks_and_cuts_stand_apart(marts, page, scratch, rendered):
    """A heat map would mix weeks with months, or a channel's customers with a segment's."""
    (week,) = marts.execute(
        "select max(cohort_start) from cohort_retention where period_kind = 'week'"
    ).fetchone()
    assert table_rows(page, "cohorts-week")[-1][0].text == formats.day_short(week)
    expected = one(
        marts,
        "select sum(active_customers) / sum(cohort_size) from cohort_retention_by "
        "where dimension = 'segment' and period_number = 3 and is_complete",
    )
    (row,) = table_rows(page, "cohorts-by-segment")
    assert float(row[3].number) == pytest.approx(float(expected))
    assert len(table_rows(page, "cohorts-by-acquisition-channel")) == 2
    assert "No customer has one" not in page.by_id("cohorts").text
    scratch.execute(
        "update cohort_retention_by set dimension_value = '(none)' where dimension = 'segment'"
    )
    bare = parse(rendered(scratch)).by_id("cohorts")
    assert "so there is no table: segment of today." in bare.text
    assert not [e for e in bare.all() if e.attributes.get("id") == "cohorts-by-segment"]
    paid = table_rows(page, "cohorts-payback")
    assert [cell.text for cell in paid[0]][3:] == ["£2.00", "80%", "£3.50", "period 4"]
    assert paid[-1][6].text == "not yet"


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
        "select campaign_id, sum(attributed_revenue), (select sum(spend) from marketing_spend as s "
        "where s.campaign_id = a.campaign_id and month between '2023-06-01' and '2024-05-01') "
        "from attribution_channels as a "
        "where model = 'last_non_direct' and campaign_id is not null "
        "and month between '2023-06-01' and '2024-05-01' group by 1 order by 2 desc"
    ).fetchall()
    rows = table_rows(page, "attribution-campaigns")
    assert [(row[0].text, row[2].number, row[4].number) for row in rows] == expected
    for row, (_, revenue, spend) in zip(rows, expected, strict=True):
        assert float(row[5].number) == pytest.approx(float(revenue / spend))
