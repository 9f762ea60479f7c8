"""The gate's verdict on this version, and the reconciliation done once more from the marts."""

from collections import Counter
from decimal import Decimal

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Folded, Section, Table
from dagster_project.report.context import Context, Row

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("attribution_channels", "cohort_retention", "orders")

# Worst first; the words are shown beside a sign, so that no meaning is in a colour alone.
STATUSES = {"fail": "Failed", "error": "Not answered", "warn": "Warning", "pass": "Passed"}

_KINDS = {"expectation": "expectation", "dbt_test": "model test", "dbt_model": "model"}


def status(result: Row) -> str:
    """pass, warn (did not pass and does not block), fail, or error (blocking and no answer)."""
    if result["outcome"] == "passed":
        return "pass"
    if result["severity"] != "blocking":
        return "warn"
    return "fail" if result["outcome"] == "failed" else "error"


def verdict(results: list[Row]) -> dict[str, str]:
    """The gate's outcome in one line, and its status: pass, warn or fail."""
    tally = Counter(map(status, results))
    total = formats.plural(len(results), "check")
    bad = tally["fail"] + tally["error"]
    if not results:
        return {"status": "fail", "text": "No check reported on this build"}
    if bad:
        return {"status": "fail", "text": f"{formats.count(bad)} of {total} did not pass"}
    if tally["warn"]:
        warned = formats.plural(tally["warn"], "warning")
        passed = formats.count(tally["pass"])
        return {"status": "warn", "text": f"{passed} of {total} passed, {warned}"}
    return {"status": "pass", "text": f"All {total} passed"}


_NET = """
    select
        coalesce(sum(net_revenue), 0) as total,
        coalesce(sum(net_revenue) filter (where customer_id is null), 0) as unidentified
    from orders
    where is_sale
"""

_COHORTS = """
    select coalesce(sum(net_revenue), 0) as total
    from cohort_retention
    where period_kind = 'month'
"""

_ATTRIBUTED = """
    select
        coalesce(min(total), 0) as smallest, coalesce(max(total), 0) as largest,
        count(*) as models
    from (
        select model, sum(attributed_revenue) as total
        from attribution_channels
        where model is not null
        group by model
    )
"""


def build(context: Context) -> Section:
    """Checks that did not pass, all checks folded, and the reconciliation to the cent."""
    results = sorted(
        context.quality.get("results", []),
        key=lambda r: (list(STATUSES).index(status(r)), str(r["mart"]), str(r["check"])),
    )
    tally = Counter(map(status, results))
    blocks: list[Block] = [
        Facts(
            [
                (label, formats.count(tally[state]), tally[state])
                for state, label in reversed(STATUSES.items())
                if tally[state] or state in ("pass", "warn")
            ]
        ),
        _reconciliation(context),
    ]
    concerns = [result for result in results if status(result) != "pass"]
    if concerns:
        blocks.append(_table("checks-concerns", "Checks that did not simply pass", concerns))
    if results:
        blocks.append(
            Folded(
                f"All {formats.plural(len(results), 'check')} by mart",
                [_table("checks-all", "Every check of this build", results)],
            )
        )
    return Section(
        "checks",
        "Checks",
        "A version is published only when every expected check reported on exactly this build and "
        "no blocking one failed; a warning is shown and does not block. The reconciliation is "
        "computed from the published marts again: the net revenue of all sales must be the same "
        "by cohort and by channel, to the cent.",
        blocks,
    )


def _table(key: str, caption: str, results: list[Row]) -> Table:
    return Table(
        key,
        caption,
        [
            Column("Mart", "code"),
            Column("Check", "code"),
            Column("Result", "status"),
            Column("Failing rows"),
            Column("Kind", "text"),
            Column("What it guards", "text"),
        ],
        [
            [
                Cell(formats.clean(result["mart"])),
                Cell(formats.clean(result["check"])),
                Cell(STATUSES[status(result)], status=status(result)),
                Cell(formats.count(result["failing_rows"]), result["failing_rows"]),
                Cell(_KINDS.get(result["kind"], formats.clean(result["kind"]))),
                Cell(_text(result)),
            ]
            for result in results
        ],
        is_wide=True,
    )


def _text(result: Row) -> str:
    """Why the check exists; what it says too when it did not pass. Keys of rows are not shown."""
    why, message = result["why"] or "", result["message"] or ""
    if result["outcome"] == "passed":
        return formats.clean(why)
    return formats.clean(message if why in message else f"{message} {why}")


def _reconciliation(context: Context) -> Table:
    money = context.money
    net = context.row(_NET)
    cohorts = context.row(_COHORTS)["total"]
    attributed = context.row(_ATTRIBUTED)
    by_cohort = cohorts + net["unidentified"]
    lines = [
        ("Net revenue of all sales", net["total"], None),
        ("By cohort, with sales of unidentified buyers", by_cohort, by_cohort - net["total"]),
        *(
            (f"By channel, {label}", attributed[name], attributed[name] - net["total"])
            for name, label in (
                ("smallest", "the model with the least"),
                ("largest", "the model with the most"),
            )
        ),
    ]
    return Table(
        "checks-reconciliation",
        "Reconciliation",
        [Column("Net revenue", "text"), Column("Amount"), Column("Difference")],
        [
            [
                Cell(label),
                Cell(money.exact(amount), amount),
                Cell(
                    formats.NO_VALUE if difference is None else money.exact(difference),
                    Decimal(0) if difference is None else difference,
                ),
            ]
            for label, amount, difference in lines
        ],
    )
