"""When these fail, dbt's exposures name marts that the report does not read, or miss some."""

import re

import pytest

from dagster_project.report.context import Context
from dagster_project.report.page import context_of
from dagster_project.report.pages import PAGES
from tests.unit.report import report_company as company

SECTIONS = [section for page in PAGES for section in page.sections]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.__name__.rpartition(".")[2])
def test_a_section_declares_exactly_the_marts_that_it_reads(scratch, section, monkeypatch):
    """An exposure would say that a page stands on a mart that it never opens, or hide one."""
    asked: list[str] = []
    original = Context.rows

    def context() -> Context:
        return context_of(
            scratch, quality=company.quality(), manifest=company.manifest(), ledger=company.ledger()
        )

    def rows(self, sql, parameters=None):
        asked.append(sql)
        return original(self, sql, parameters)

    monkeypatch.setattr(Context, "rows", rows)
    section.build(context())
    # What is asked only where something is absent.
    scratch.execute("update customer_segments set persona_label = null")
    section.build(context())
    read = {
        name for sql in asked for name in scratch.get_table_names(re.sub(r"\$\w+", "1", sql))
    } - {"columns"}
    assert tuple(sorted(read)) == section.MARTS


def test_a_mart_without_a_description_is_there(scratch):
    """Somebody's own mart, or one of an older version, is said to be missing."""
    scratch.execute("comment on table orders is null")
    context = context_of(
        scratch, quality=company.quality(), manifest=company.manifest(), ledger=company.ledger()
    )
    assert context.known("orders")
    assert not context.known("orders_of_mars")
    source = context.source("select count(*) from orders")
    assert [(mart, definition) for mart, definition, _ in source.marts] == [("orders", "")]
