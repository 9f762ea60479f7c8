"""When these fail, people decide on wrong numbers, or the page of a version does not open."""

import json
import re
from datetime import date
from decimal import Decimal
from itertools import pairwise

import duckdb
import pytest

from dagster_project.errors import HourglassError
from dagster_project.report import formats
from tests.unit.report import report_company as company
from tests.unit.report.report_parsed import Element, parse, table_rows

MAY, APRIL = "2024-05-01", "2024-04-01"


@pytest.fixture(scope="module")
def html(marts):
    from dagster_project.report import render

    return render(
        marts,
        quality=company.quality(),
        manifest=company.manifest(),
        ledger=company.ledger(),
    )


@pytest.fixture(scope="module")
def page(html):
    return parse(html)


@pytest.fixture
def scratch(marts):
    """The filled marts, to be changed: everything is undone after the test."""
    marts.execute("begin")
    yield marts
    marts.execute("rollback")


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


def test_the_file_needs_nothing_but_itself(html, page):
    """The page would stay blank, or ask a server, on a machine with no network."""
    loading = {"src", "srcset", "data", "poster", "action", "background", "xlink:href"}
    for element in page.all():
        assert not loading & set(element.attributes)
        if "href" in element.attributes:
            assert element.attributes["href"].startswith("#")
    assert not page.all("link")
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest", html)
    assert len(html.encode()) < 1_500_000


def test_the_page_is_navigable(page):
    """Keyboard and screen reader would find no way through it."""
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in page.all():
        for name in ("aria-labelledby", "href"):
            target = (element.attributes.get(name) or "").removeprefix("#")
            assert not target or target in ids
    assert [len(page.all(tag)) for tag in ("h1", "main", "nav", "header", "footer")] == [1] * 5
    levels = [int(e.tag[1]) for e in page.all() if re.fullmatch("h[1-6]", e.tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(plot.attributes["aria-label"] for plot in page.all("div") if _is(plot, "plot"))
    assert all(figure.all("table") for figure in page.all("figure"))
    assert all(table.attributes["aria-label"] for table in page.all("table"))
    for table in page.all("table"):
        for row in table.all("tr"):
            cells = [c for c in row.children if isinstance(c, Element)]
            assert cells[0].tag == "th"


def _is(element: Element, name: str) -> bool:
    return name in (element.attributes.get("class") or "").split()


def _all_text(page: Element) -> str:
    (body,) = page.all("body")
    return body.text


def test_empty_marts_say_what_is_absent(empty_marts, rendered):
    """A company without a call centre would see an empty chart, or no report at all."""
    page = parse(rendered(empty_marts, ledger={}))
    absent = [p.text for p in page.all("p") if _is(p, "absent")]
    assert absent == [
        "No sales: shop.orders was not delivered.",
        "No sales: shop.orders was not delivered.",
        "No sales of identified buyers: shop.orders was not delivered.",
        "No sales of identified buyers: shop.orders was not delivered.",
        "No sales and no ad spend: shop.orders and marketing.ad_spend were not delivered.",
        "No customers: no record bears an identifier.",
        "No refunds: shop.refunds was not delivered.",
        "No inbound calls: call_center.calls was not delivered.",
        "No answers: crm.surveys, shop.reviews and call_center.tickets were not delivered.",
        "No customers: no record bears an identifier.",
        "No files were delivered.",
    ]
    assert not page.all("figure")


def test_a_source_that_came_empty_handed_is_told_from_an_absent_one(empty_marts, rendered):
    """People would look for a file that is there, or not for one that is missing."""
    empty_marts.execute("update build set sources = 'shop.orders, crm.surveys'")
    text = _all_text(parse(rendered(empty_marts)))
    assert "No sales up to 19 June 2024, although shop.orders came." in text
    assert "No answers up to 19 June 2024, although crm.surveys came." in text


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (date(2022, 11, 19), "No month is complete yet, so there is nothing to compare."),
        (date(2022, 11, 30), "first month, nothing to compare"),
        (date(2022, 12, 31), "not comparable with Nov 2022"),
        (date(2023, 6, 30), "as in May 2023"),
    ],
)
def test_a_single_month(empty_marts, rendered, as_of, expected):
    """A new company, or one that stopped selling, would see nonsense changes."""
    company.fill(empty_marts, orders=200, days=15, as_of=as_of)
    assert expected in _all_text(parse(rendered(empty_marts)))


def test_nulls_everywhere(scratch, rendered):
    """One odd record would keep a whole version from being published."""
    for table in company.TABLES.keys() - {"build"}:
        width = len(scratch.execute(f"describe {table}").fetchall())
        scratch.execute(f"insert into {table} values ({', '.join(['null'] * width)})")
    scratch.execute("insert into orders (is_sale) values (true), (true)")
    scratch.execute("insert into calls (direction, call_date) values ('inbound', '2024-01-01')")
    scratch.execute("insert into feedback (kind) values ('nps'), (null)")
    parse(rendered(scratch))


def test_only_nulls(empty_marts, rendered):
    """The same with nothing else to hold on to."""
    for table in company.TABLES.keys() - {"build"}:
        width = len(empty_marts.execute(f"describe {table}").fetchall())
        empty_marts.execute(f"insert into {table} values ({', '.join(['null'] * width)})")
    empty_marts.execute("insert into orders (is_sale) values (true)")
    parse(rendered(empty_marts))


def test_all_sales_refunded(empty_marts, rendered):
    """Divisions by nothing."""
    company.fill(empty_marts, orders=300, days=200, as_of=date(2023, 5, 31))
    empty_marts.execute("update orders set net_revenue = 0, refunded_amount = gross_revenue")
    page = parse(rendered(empty_marts))
    assert page.by_id("tile-refunded_share").text == "100.0%"
    assert page.by_id("tile-net_revenue").text == "£0"


@pytest.fixture(scope="module")
def naughty(shared_data):
    path = shared_data / "bad_input" / "blns" / "blns.json"
    return json.loads(path.read_text(encoding="utf-8"))


HOSTILE = (
    "</script><script>alert(1)</script>",
    "--></style><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&amp;amp;",
    "</table></section>",
    "_" * 50 + "x" * 400,
    "\u202egpj.exe\x00\ud800",
)


def _harmless(page: Element, plain: Element, strings: list[str]) -> None:
    """``page`` has no element, attribute or rule that ``plain`` lacks, and shows ``strings``."""
    assert {e.tag for e in page.all()} <= {e.tag for e in plain.all()}
    assert {a for e in page.all() for a in e.attributes} <= {
        a for e in plain.all() for a in e.attributes
    }
    for tag in ("script", "style", "meta"):
        assert [(e.text, e.attributes) for e in page.all(tag)] == [
            (e.text, e.attributes) for e in plain.all(tag)
        ]
    text = " ".join(_all_text(page).split())
    for string in strings:
        assert " ".join(formats.clean(string).split()) in text


_INSERTS = (
    "customers by name select s as customer_id, s as lifecycle_stage, s as acquisition_channel, "
    "s as rfm_segment, s as value_tier, 1 as order_count",
    "attribution_channels by name select date '2024-04-01' as month, s as channel, "
    "s as campaign_id, 'first' as sale_kind, 'last' as model, 9e6 as attributed_revenue",
    "customer_identities by name select s as source_system, s as source_table, s as source_id, "
    "s as customer_id, s as method",
    "customer_id_changes by name select s as kind",
    "feedback by name select s as kind, 5 as score",
    "unallocated_refunds by name select s as obstacle, 1 as amount",
)


def _with(con, rendered, strings: list[str]) -> Element:
    """The page with each string as a channel, campaign, segment, method, source and so on."""
    # What DuckDB cannot hold cannot come from a mart; the ledger's texts come from Python.
    held = [string.encode("utf-8", "replace").decode() for string in strings]
    con.execute("delete from customers")
    for insert in _INSERTS:
        con.execute(f"insert into {insert} from (select unnest($1) as s)", [held])
    con.execute(
        "insert into attribution_channels by name select date '2024-04-01' as month, "
        "s as channel, s as model, 0 as attributed_revenue, 5 as spend "
        "from (select unnest($1) as s)",
        [held[:9]],
    )
    source = company.ledger()["by_source"][0]
    return parse(
        rendered(
            con,
            ledger=company.ledger()
            | {
                "by_source": [source | {"source": string} for string in strings],
                "reasons": [
                    {"source": string, "reason": string, "level": string, "records": 1}
                    for string in strings
                ],
                "notes": list(strings),
            },
            quality={
                "results": [
                    company.check(string, string, outcome="failed", severity="warning")
                    | {"message": string, "why": string, "kind": string}
                    for string in strings
                ]
            },
            manifest=company.manifest() | {"version": strings[0], "build_id": strings[-1]},
        )
    )


def test_markup_in_any_value_stays_text(scratch, rendered, page):
    """A campaign's name would run a script in the browser of everybody who opens the report."""
    _harmless(_with(scratch, rendered, list(HOSTILE)), page, list(HOSTILE))


def test_naughty_strings_stay_text(scratch, rendered, page, naughty):
    """The same for a public list of 515 strings that break software."""
    _harmless(_with(scratch, rendered, naughty), page, naughty)


def test_a_mart_of_another_release_is_named_as_such(empty_marts, rendered):
    """The run would end in a stack trace that nobody can act on."""
    empty_marts.execute("alter table retention_monthly drop column churn_rate")
    empty_marts.execute("insert into orders (is_sale, order_date) values (true, '2024-01-01')")
    with pytest.raises(HourglassError, match="same release"):
        rendered(empty_marts)
    empty_marts.execute("delete from build")
    with pytest.raises(HourglassError, match="mart build"):
        rendered(empty_marts)
