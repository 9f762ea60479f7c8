"""The gate's verdict on this version, and the reconciliation done once more from the marts."""

from collections import Counter
from decimal import Decimal

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Facts, Folded, Section, Table
from dagster_project.report.context import Context, Row
from dagster_project.report.language import noted, nt, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("attribution_channels", "cohort_retention", "orders")

# Worst first; the words are shown beside a sign, so that no meaning is in a colour alone.
STATUSES = {
    "fail": noted("Failed"),
    "error": noted("Not answered"),
    "warn": noted("Warning"),
    "pass": noted("Passed"),
}

_KINDS = {
    "expectation": noted("expectation"),
    "dbt_test": noted("model test"),
    "dbt_model": noted("model"),
}


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
    bad = tally["fail"] + tally["error"]
    if not results:
        return {"status": "fail", "text": t("No check reported on this build")}
    if bad:
        return {
            "status": "fail",
            "text": nt(
                "{bad} of {n} check did not pass", "{bad} of {n} checks did not pass", len(results)
            ).format(bad=formats.count(bad), n=formats.count(len(results))),
        }
    if tally["warn"]:
        passed = nt("{passed} of {n} check passed", "{passed} of {n} checks passed", len(results))
        warned = nt("{n} warning", "{n} warnings", tally["warn"])
        return {
            "status": "warn",
            "text": f"{passed}, {warned.format(n=formats.count(tally['warn']))}".format(
                passed=formats.count(tally["pass"]), n=formats.count(len(results))
            ),
        }
    passed = nt("The only check passed", "All {n} checks passed", len(results))
    return {"status": "pass", "text": passed.format(n=formats.count(len(results)))}


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
                (t(label), formats.count(tally[state]), tally[state])
                for state, label in reversed(STATUSES.items())
                if tally[state] or state in ("pass", "warn")
            ]
        ),
        _reconciliation(context),
    ]
    concerns = [result for result in results if status(result) != "pass"]
    if concerns:
        blocks.append(_table("checks-concerns", t("Checks that did not simply pass"), concerns))
    if results:
        blocks.append(
            Folded(
                nt("{n} check by mart", "All {n} checks by mart", len(results)).format(
                    n=formats.count(len(results))
                ),
                [_table("checks-all", t("Every check of this build"), results)],
            )
        )
    return Section(
        "checks",
        t("Checks"),
        t(
            "A version is published only when every expected check reported on exactly this build "
            "and no blocking one failed; a warning does not block. The reconciliation is computed "
            "from the published marts again: the net revenue of all sales must be the same by "
            "cohort and by channel, to the cent."
        ),
        blocks,
    )


def _table(key: str, caption: str, results: list[Row]) -> Table:
    return Table(
        key,
        caption,
        [
            Column(t("Mart"), "code"),
            Column(t("Check"), "code"),
            Column(t("Result"), "status"),
            Column(t("Failing rows")),
            Column(t("Kind"), "text"),
            Column(t("What it guards"), "text"),
        ],
        [
            [
                Cell(formats.clean(result["mart"])),
                Cell(formats.clean(result["check"])),
                Cell(t(STATUSES[status(result)]), status=status(result)),
                Cell(formats.count(result["failing_rows"]), result["failing_rows"]),
                Cell(t(_KINDS.get(result["kind"], formats.clean(result["kind"])))),
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
        return formats.clean(t(why))
    return formats.clean(message if why in message else f"{message} {t(why)}")


def _reconciliation(context: Context) -> Table:
    money = context.money
    net = context.row(_NET)
    cohorts = context.row(_COHORTS)["total"]
    attributed = context.row(_ATTRIBUTED)
    by_cohort = cohorts + net["unidentified"]
    lines = [
        (t("Net revenue of all sales"), net["total"], None),
        (t("By cohort, with sales of unidentified buyers"), by_cohort, by_cohort - net["total"]),
        *(
            (
                t("By channel, {label}").format(label=label),
                attributed[name],
                attributed[name] - net["total"],
            )
            for name, label in (
                ("smallest", t("the model with the least")),
                ("largest", t("the model with the most")),
            )
        ),
    ]
    return Table(
        "checks-reconciliation",
        t("Reconciliation"),
        [Column(t("Net revenue"), "text"), Column(t("Amount")), Column(t("Difference"))],
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
        source=context.source(_NET),
    )
