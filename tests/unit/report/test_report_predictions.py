"""When these fail, people act on predictions that the build did not make."""

from decimal import Decimal

import pytest

from dagster_project.report import formats
from tests.unit.report.report_parsed import parse, table_rows


def test_tenths_hold_every_predicted_customer_once(marts, page):
    """The best tenth would be somebody else's, or the shares would not add up."""
    values = [
        row[0]
        for row in marts.execute(
            "select predicted_12m_value from customer_value "
            "where predicted_12m_value is not null order by 1 desc"
        ).fetchall()
    ]
    rows = table_rows(page, "value-tenths")
    sizes = [int(row[2].number) for row in rows]
    assert sum(sizes) == len(values)
    assert max(sizes) - min(sizes) <= 1
    so_far = 0
    for row, size in zip(rows, sizes, strict=True):
        assert row[3].number == sum(values[so_far : so_far + size])
        so_far += size
    assert float(sum(row[4].number for row in rows)) == pytest.approx(1)
    facts = page.by_id("value").all("dl")[0].all("data")
    assert Decimal(facts[0].attributes["value"]) == sum(values)


def test_people_who_are_not_profiled_are_counted_and_not_predicted(marts, page):
    """A prediction would be shown of somebody who said no, or the totals would look complete."""
    buyers, blank = marts.execute(
        "select count(*), count(*) filter (where p_alive is null) from customer_value "
        "where order_count > 0"
    ).fetchone()
    facts = page.by_id("value").all("dl")[0].all("data")
    assert 0 < blank < buyers
    assert Decimal(facts[-1].attributes["value"]) == blank
    personas = table_rows(page, "segments-personas")
    assert sum(row[2].number for row in personas) == buyers - blank


def test_a_model_that_is_no_better_is_said_to_be(page):
    """A rule of thumb would be sold as machine learning."""
    rows = {row[0].text: row for row in table_rows(page, "value-record")}
    assert list(rows) == ["Orders of a customer", "Who leaves"]
    assert "Better than the simple rule" in rows["Orders of a customer"][4].text
    leaving = rows["Who leaves"]
    assert "No better" in leaving[4].text
    # Of the two candidates the one with the smaller Brier score, not the larger area.
    assert [leaving[2].text, leaving[3].text] == ["71.0%", "69.0%"]


@pytest.mark.parametrize(
    ("chosen", "is_told"),
    [("mbg_nbd x gamma_gamma: smaller", False), ("shrunk_rate x shrunk_mean: closest", True)],
)
def test_a_value_that_is_the_past_continued_is_said_to_be(scratch, rendered, chosen, is_told):
    """A rule of thumb would be taken for a model."""
    scratch.execute(
        "insert into model_quality (model, metric, note) values ('predicted_value', 'chosen', ?)",
        [chosen],
    )
    text = parse(rendered(scratch)).by_id("value").text
    assert ("Expected value continues each customer's own pace" in text) == is_told


def test_the_last_closed_horizon_stands_beside_what_happened(page, marts):
    """A level that was wrong for everybody would go unseen behind a good ranking."""
    rows = table_rows(page, "value-closed")
    assert [[cell.text for cell in row] for row in rows] == [
        ["Customers who leave, 90 days", "40.0%", "50.0%", "80.0%"],
        ["Orders of known customers, 182 days", "930", "1,000", "93.0%"],
    ]
    (staying,) = marts.execute("select sum(1 - churn_probability) from customer_value").fetchone()
    facts = page.by_id("value").all("dl")[0].all("data")
    assert float(facts[2].attributes["value"]) == pytest.approx(staying)


def test_moves_of_the_last_month(marts, page):
    """Customers would be said to have left for a segment that they came from."""
    expected = {
        (origin, target): (number, share)
        for origin, target, number, share in marts.execute(
            "select from_segment, to_segment, customers, share_of_from from segment_migrations "
            "where month = date '2024-05-01'"
        ).fetchall()
    }
    (head,) = page.by_id("segments-moves").all("thead")
    targets = [cell.text for cell in head.all("th")[2:]]
    assert targets == ["Champions", "Loyal", "At risk", "Own name"]
    rows = table_rows(page, "segments-moves")
    assert [row[0].text for row in rows] == ["First sale", *targets]
    for row in rows:
        origin = "(none)" if row[0].text == "First sale" else row[0].text
        size = sum(number for (a, _), (number, _) in expected.items() if a == origin)
        assert row[1].number == size
        for cell, target in zip(row[2:], targets, strict=True):
            number, share = expected[origin, target]
            assert float(cell.number) == pytest.approx(number / size)
            assert share is None or share == pytest.approx(number / size)
    moved = sum(n for (a, b), (n, _) in expected.items() if a not in ("(none)", b))
    facts = page.by_id("segments").all("dl")[0].all("data")
    assert Decimal(facts[0].attributes["value"]) == moved
    assert table_rows(page, "segments-months")[-1][2].number == moved


def test_forecast_stands_beside_what_was_sold(marts, page):
    """Stock would be ordered for weeks that are over, or for another category."""
    rows = table_rows(page, "forecast-weeks")
    assert len(rows) == 52 + 8
    known = marts.execute(
        "select week_start, units_sold, forecast_units, lower_units, upper_units "
        "from demand_forecast where category = '(all)' order by week_start desc limit 60"
    ).fetchall()
    for row, (week, *numbers) in zip(rows, reversed(known), strict=True):
        assert row[0].text == formats.day_short(week)
        assert [float(c.number) if c.all("data") else None for c in row[1:]] == numbers
    lines = {row[0].text: row for row in table_rows(page, "forecast-categories")}
    assert set(lines) == {"Tea", "Cups", "No category"}
    sold, expected = marts.execute(
        "select sum(units_sold) filter (where horizon > -8), sum(forecast_units) "
        "from demand_forecast where category = 'Tea'"
    ).fetchone()
    assert [float(lines["Tea"][1].number), float(lines["Tea"][2].number)] == [sold, expected]
    assert lines["Tea"][5].text == "The same week a year before"
    assert "6 of 97 weeks" in lines["No category"][5].text


def test_the_range_of_the_forecast_is_drawn(page):
    """A single line would promise what nobody knows."""
    figure = page.by_id("forecast-chart")
    (strip,) = [g for g in figure.all("g") if g.has_class("range")]
    (path,) = strip.all("path")
    # Eight weeks, there along the upper ends and back along the lower ones.
    assert path.attributes["d"].count("L") == 15
    readings = [b.attributes["data-tip"] for b in figure.all("span") if "data-tip" in b.attributes]
    assert "Range that should hold 19 of 20: 27 to 74" in readings[-1]


def test_a_company_that_is_too_small_to_predict_is_told_why(scratch, rendered):
    """An empty chart with no reason looks like a failure."""
    scratch.execute("delete from demand_forecast where horizon > 0")
    scratch.execute("update customer_segments set persona = null, persona_label = null")
    scratch.execute("update customer_value set predicted_12m_value = null")
    scratch.execute("delete from model_quality")
    scratch.execute(
        "insert into model_quality (model, metric, value, note) values "
        "('predicted_value', 'fitted', 0, 'nobody has bought twice'), "
        "('personas', 'fitted', 0, '7 customers; at least 50 are needed'), "
        "('demand_forecast.(all)', 'fitted', 0, '5 complete weeks')"
    )
    page = parse(rendered(scratch))
    assert "Nothing is predicted: nobody has bought twice." in page.by_id("value").text
    assert "no personas: 7 customers; at least 50 are needed." in page.by_id("segments").text
    assert "not forecast: 5 complete weeks." in page.by_id("forecast").text
