"""When these fail, a name in somebody's extract runs as code in the reader's browser."""

import json

import pytest

from dagster_project.report import formats
from tests.unit.report import report_company as company
from tests.unit.report.report_parsed import Element, body_text, parse


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
        assert [(e.text, e.attributes) for e in page.all(tag) if not e.is_data] == [
            (e.text, e.attributes) for e in plain.all(tag) if not e.is_data
        ]
    for script in page.all("script"):
        if script.is_data:
            assert not set("<>&") & set(script.data)
            json.loads(script.data)
    text = " ".join(body_text(page).split())
    for string in strings:
        assert " ".join(formats.clean(string).split()) in text


_INSERTS = (
    "customers by name select s as customer_id, s as lifecycle_stage, s as acquisition_channel, "
    "s as rfm_segment, s as value_tier, 1 as order_count",
    "customer_segments by name select s as customer_id, s as persona_label, s as gender, "
    "s as age_band, s as region, s as country",
    "segment_migrations by name select date '2030-01-01' as month, s as from_segment, "
    "s as to_segment, 1 as customers, true as is_move",
    "demand_forecast by name select s as category, date '2024-06-10' as week_start, "
    "false as is_forecast, 9e9 as units_sold",
    "driver_analysis by name select 'spearman' as method, 'churn' as outcome, s as feature, "
    "0.5 as estimate",
    "attribution_channels by name select date '2024-04-01' as month, s as channel, "
    "s as campaign_id, 'first' as sale_kind, 'last' as model, 9e6 as attributed_revenue",
    "product_performance by name select s as product_id, s as name, 'A' as abc_class, "
    "s as movement, 9 as units_sold, 9e6 as net_revenue",
    "product_affinities by name select s as product_id, s as other_product_id, 9e6 as lift, "
    "1 as product_order_count, 2 as other_order_count",
    "campaign_performance by name select s as campaign_id, s as channel, 9 as attributed_revenue",
    "experiment_results by name select s as experiment_id, s as variant, 0.1 as rate_difference, "
    "0.01 as rate_p_value",
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
        "s as channel, s as model, 0 as attributed_revenue "
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
