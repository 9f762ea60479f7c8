"""A company that has outgrown its tables: every reader finds the same in marts of Parquet alone."""

import html
import json
import re
from functools import partial
from pathlib import Path

import duckdb
import pytest

from dagster_project.load.ledger.accounting import ledger_summary
from dagster_project.publish import opened_marts, publish
from dagster_project.publish.reading import marts_in
from dagster_project.report import render
from dagster_project.settings import PROJECT_ROOT, load_settings
from dagster_project.warehouse import connect
from tests.byte_search import search
from tests.equal_marts import differences
from tests.pipeline.conftest import Company, copied
from tests.soak import SOAK


@pytest.fixture(scope="module")
def outgrown(company_after_run: Company, tmp_path_factory) -> tuple[Company, str, str]:
    """A company whose build was published twice: with tables, and in force as Parquet alone. The
    last test here changes it.
    """
    company = copied(company_after_run, tmp_path_factory.mktemp("outgrown"))
    before = company.version
    settings = load_settings(data_dir=company.data_dir, parquet_only_rows=0)
    with connect(settings) as con:
        version = publish(
            con,
            settings,
            render=partial(render, first_language="en"),
            ledger=ledger_summary(con),
        )
    return company, before, version.name


def folder(company: Company, version: str) -> Path:
    return company.data_dir / "published" / "versions" / version


def told(company: Company, *args: str) -> str:
    result = company.hourglass(*args)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_every_reader_finds_the_same(outgrown, tmp_path, monkeypatch):
    """A company grows by a row, and its report, a metric, an export or an audience is another."""
    company, before, now = outgrown
    with opened_marts(folder(company, before)) as one, opened_marts(folder(company, now)) as other:
        assert differences(one, other) == {}
        (number,) = one.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
        assert number > 50
    with duckdb.connect(str(company.marts_path), read_only=True) as con:
        assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("build",)]
    # Nothing changed between the two versions, which the second says of itself.
    comparison = json.loads((folder(company, now) / "manifest.json").read_text())["comparison"]
    assert all(mart["is_equal"] for mart in comparison["marts"].values())
    assert comparison["rows"].keys() == {"orders", "customers", "campaigns"}
    assert not any(comparison["rows"].values())
    # Pages name the versions, and by when they were made.
    pages = [folder(company, version) / "report" / "customers.html" for version in (before, now)]
    assert _definitions(pages[0]) == _definitions(pages[1]) != []
    assert _answers(pages[0], monkeypatch) == _answers(pages[1], monkeypatch)

    value = json.loads(told(company, "metric", "net_revenue", "--against", before, "--json"))
    assert value["version"] == now
    assert [*value["rows"][0].values()] == [value["against"]["value"]] != ["0"]
    for version in (before, now):
        to = str(tmp_path / version)
        told(company, "export-marts", "orders", "--as-of", version, "--folder", to)
        names = {path.name for path in Path(to).iterdir()}
        assert names == {"orders.csv", "orders.columns.json"}
    for name in names:
        assert (tmp_path / before / name).read_bytes() == (tmp_path / now / name).read_bytes()
    told(company, "audiences", "export", "win_back")


def test_the_guide_for_other_tools_works(outgrown, monkeypatch):
    """An analyst copies the guide's lines and finds half of the marts, or none."""
    company, before, _ = outgrown
    guide = (PROJECT_ROOT / "docs" / "bi.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(import duckdb, json.*?)```", guide, re.DOTALL)
    monkeypatch.chdir(company.data_dir.parent)
    names: dict = {}
    exec(code, names)
    with names["con"] as con, opened_marts(folder(company, before)) as tables:
        for mart in marts_in(tables):
            assert con.execute(f"SELECT count(*) FROM {mart}").fetchone() == (
                tables.execute(f"SELECT count(*) FROM {mart}").fetchone()
            )


def _definitions(page: Path) -> list[str]:
    """What the page says of the marts that it stands on."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if "rows" in line and "orders" in line]


def _answers(page: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[tuple]]:
    """What the queries of a page give to somebody who pastes them, in the version's folder."""
    monkeypatch.chdir(page.parent.parent)
    queries = re.findall(r"<pre><code>(.*?)</code></pre>", page.read_text(encoding="utf-8"), re.S)
    assert len(queries) > 5
    with duckdb.connect("marts.duckdb", read_only=True) as con:
        return [sorted(con.execute(html.unescape(sql)).fetchall(), key=repr) for sql in queries]


def test_the_erased_leave_every_mart_and_the_next_day_goes_on(outgrown):
    """Somebody stays in the largest marts after an erasure, or the next run finds no version."""
    company, _, now = outgrown
    [(email, customer)] = company.warehouse(
        "SELECT email, customer_id FROM restricted.customer_contacts "
        "WHERE email IS NOT NULL AND customer_id IN (SELECT customer_id FROM marts.orders) "
        "ORDER BY customer_id LIMIT 1"
    )
    told(company, "forget", email, "--yes")
    assert company.version > now
    assert search(company.data_dir / "published", [customer]) == []
    with opened_marts(company.marts_path.parent) as con:
        (customers,) = con.execute("SELECT count(*) FROM customers").fetchone()
        assert customers > 0
    with duckdb.connect(str(company.marts_path), read_only=True) as con:
        tables = con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    assert tables == [("build",), ("erased_sums",)]
    if not SOAK:
        return
    company.run("--now", "--full-refresh")
    with duckdb.connect(str(company.marts_path), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM orders").fetchone() != (0,)
