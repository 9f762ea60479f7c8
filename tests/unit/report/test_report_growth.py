"""When these fail, a shop stocks the wrong goods, or repeats the wrong campaign."""

from decimal import Decimal

import pytest

from tests.unit.report.report_parsed import parse, table_rows


def test_best_products_first(marts, page):
    """The first line would not be the product that brings the most."""
    expected = marts.execute(
        "select name, net_revenue, units_sold from product_performance "
        "order by net_revenue desc limit 12"
    ).fetchall()
    rows = table_rows(page, "products-best")
    assert [(row[0].text, row[2].number, row[3].number) for row in rows] == expected
    assert [row[5].text for row in rows][:2] == ["AX, fast", "AY, fast"]


def test_matrix_holds_every_product_once(marts, page):
    """A product would be steady and erratic at once, or in no class."""
    expected = dict(
        marts.execute(
            "select abc_class || coalesce(xyz_class, ''), count(*) from product_performance "
            "group by 1"
        ).fetchall()
    )
    rows = table_rows(page, "products-matrix")
    found = {
        abc + xyz: int(cell.number)
        for abc, row in zip("ABC", rows, strict=True)
        for xyz, cell in zip(("X", "Y", "Z", ""), row[1:], strict=True)
        if cell.all("data")
    }
    assert found == expected


def test_stock_that_lies_is_named(marts, page):
    """Money would stay in goods that nobody buys."""
    rows = table_rows(page, "products-lying")
    dead = marts.execute(
        "select name from product_performance "
        "where movement = 'not_moving' and stock_on_hand > 0 order by stock_on_hand desc"
    ).fetchall()
    assert 0 < len(dead) < len(rows)
    assert [row[0].text for row in rows[: len(dead)]] == [name for (name,) in dead]
    facts = page.by_id("products").all("dl")[0].all("data")
    assert Decimal(facts[2].attributes["value"]) == len(dead)
    assert "44.7% (23.4% of their most bought)" in page.by_id("products").text


def test_each_pair_stands_once(marts, page):
    """Half of the list would be the other half, turned round."""
    rows = table_rows(page, "products-pairs")
    lifts = marts.execute(
        "select lift from product_affinities where product_order_count = 100 "
        "order by lift desc limit 12"
    ).fetchall()
    assert [float(row[4].number) for row in rows] == [lift for (lift,) in lifts]
    assert len({frozenset((row[0].text, row[1].text)) for row in rows}) == len(rows)
    # The share is of the product that asks for the other more often.
    assert rows[0][3].text == "39.0%"


def test_campaigns_by_what_they_brought(marts, page):
    """A budget would go to the campaign in another line."""
    expected = marts.execute(
        "select name, attributed_revenue from campaign_performance order by 2 desc limit 72"
    ).fetchall()
    rows = table_rows(page, "campaigns-best") + table_rows(page, "campaigns-rest")
    assert [(row[0].text, row[2].number) for row in rows] == expected
    assert "The next 60 of 78 more campaigns" in page.by_id("campaigns").text


def test_an_experiment_gets_the_verdict_of_its_numbers(page):
    """A change that hurts would be kept, or an invalid experiment believed."""
    rows = table_rows(page, "campaigns-experiments")
    verdicts = {(row[0].text, row[1].text): row[7].text for row in rows}
    invalid = "Invalid: not split as planned"
    assert verdicts == {
        ("one", "A"): "Control",
        ("one", "B"): "Better",
        ("one", "C"): "Worse",
        ("two", "A"): invalid,
        ("two", "B"): invalid,
        ("three", "A"): "Control",
        ("three", "B"): "No difference shown",
        ("four", "A"): "Control",
        ("four", "B"): "Not known yet",
    }
    (worse,) = (row for row in rows if row[7].text == "Worse")
    assert (worse[4].text, worse[5].text) == ("−5.0", "−8.0 to −2.0")


def test_audiences_say_who_is_left_out_and_why(marts, page):
    """A marketer would plan for people who may not be written to."""
    expected = marts.execute(
        "select count(*), count(*) filter (where left_out_because is null), "
        "count(*) filter (where left_out_because = 'no_consent'), "
        "count(*) filter (where left_out_because = 'hold_out') "
        "from audiences where audience = 'win_back'"
    ).fetchone()
    row = table_rows(page, "audiences-members")[0]
    assert row[0].text == "Win back"
    assert (row[2].number, row[4].number, row[5].number, row[8].number) == expected
    # Of the newest build alone.
    assert row[3].number == 7
    facts = page.by_id("audiences").all("dl")[0].all("data")
    ((email, nobody),) = marts.execute(
        "select count(*) filter (where can_email), count(*) filter (where not ("
        "coalesce(can_email, false) or coalesce(can_sms, false) or coalesce(can_call, false))) "
        "from customers"
    ).fetchall()
    assert int(facts[1].attributes["value"]) == email
    assert int(facts[4].attributes["value"]) == nobody


def test_an_audience_gets_the_verdict_of_its_hold_out(page):
    """Messages that change nothing would be sent for ever."""
    rows = {row[0].text: row for row in table_rows(page, "audiences-results")}
    assert [rows["Win back"][at].text for at in (5, 6, 9)] == ["10.0", "5.0 to 15.0", "Better"]
    assert rows["VIP"][9].text == "Not known yet"


def test_deals_add_up(marts, page):
    """The sales force would be shown another month's deals, or a deal twice."""
    won, opened, sums = marts.execute(
        "select sum(won), sum(won_amount), sum(opened) from deal_pipeline"
    ).fetchone()
    rows = table_rows(page, "deals-owners")
    assert sum(row[4].number for row in rows) == won
    assert sum(row[1].number for row in rows) == opened
    assert sums
    ((count, amount),) = marts.execute(
        "select count(*), sum(amount) from deals where status = 'open'"
    ).fetchall()
    rows = table_rows(page, "deals-open")
    assert (sum(r[1].number for r in rows), sum(r[2].number for r in rows)) == (count, amount)


def test_groups_stand_above_all_customers(marts, page):
    """A group would be compared with something that is not everybody."""
    rows = table_rows(page, "segment-value-rfm-segment")
    assert [row[0].text for row in rows][:2] == ["Champions", "Lost"]
    expected = marts.execute(
        "select ltv_simple from value_by_segment where dimension_value = 'Champions'"
    ).fetchone()
    assert float(rows[0][2].number) == expected[0]


def test_members_stand_beside_those_they_were_matched_with(marts, page, scratch, rendered):
    """The programme would be credited with members whom nobody was found for."""
    own, others, matched = marts.execute(
        "select avg(net_revenue_180d), avg(matched_net_revenue_180d), count(*) "
        "from loyalty_accounts where matched_net_revenue_180d is not null"
    ).fetchone()
    facts = page.by_id("campaigns").all("dl")[0]
    assert f"({matched} matched)" in facts.text
    assert float(facts.all("data")[3].attributes["value"]) == pytest.approx(own - others)
    scratch.execute("update loyalty_accounts set matched_net_revenue_180d = null")
    assert "matched)" not in parse(rendered(scratch)).by_id("campaigns").text


def test_customers_stand_where_their_discounts_put_them(marts, page):
    """Who never buys at a discount would be offered one, or nobody would see what it costs."""
    rows = table_rows(page, "preferences-discounts")
    expected = marts.execute(
        "select count(*) filter (where discounted_sales = 0), "
        "count(*) filter (where discounted_sales between 1 and 2), "
        "count(*) filter (where discounted_sales = 3), "
        "count(*) filter (where full_price_sales = 0) "
        "from customer_preferences"
    ).fetchone()
    assert tuple(int(row[1].number) for row in rows) == expected
    (given,) = marts.execute("select sum(margin_given_away) from customer_preferences").fetchone()
    assert sum(row[5].number for row in rows) == given
    assert [row[0].text for row in table_rows(page, "preferences-devices")] == ["Mobile", "Desktop"]
    assert table_rows(page, "preferences-wanted")[0][0].text == "v1"


def test_rates_of_a_coupon_are_made_of_its_sums(marts, page):
    """A mean of rates over segments would let ten buyers weigh as much as ten thousand."""
    rows = {row[0].text: row for row in table_rows(page, "discounts-coupons")}
    for name, coupon in (("SPRING", "SPRING"), ("(no coupon)", "(no coupon)")):
        sold, rate, without = marts.execute(
            "select sum(redemptions), sum(matched_repeated_sales) / sum(matched_sales), "
            "sum(expected_repeated_sales) / sum(matched_sales) from discount_response "
            f"where coupon = '{coupon}'"
        ).fetchone()
        row = rows[name]
        assert int(row[1].number) == sold
        assert [float(cell.number) for cell in row[6:]] == pytest.approx(
            [rate, without, rate - without]
        )
