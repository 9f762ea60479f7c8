"""What holds of every mapping that is shipped."""

import re
from decimal import Decimal

import pytest

from dagster_project.contracts.mapping import MAPPINGS_DIR, load_mappings
from dagster_project.errors import UsageError
from dagster_project.load.discover import is_named_as
from dagster_project.load.try_mapping import check_expressions
from dagster_project.settings import PROJECT_ROOT
from tests.vendor_files import VENDOR_EXPORTS, load_export

MAPPINGS = load_mappings()
README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MAPPINGS)
def test_mapping_says_what_it_is(name):
    """Nobody can tell whether a mapping is right: its format or a column's meaning is not said."""
    mapping = MAPPINGS[name]
    assert mapping.reference.startswith("https://")
    assert mapping.description.endswith(".")
    assert [column for column, found in mapping.columns.items() if not found.description] == []
    assert [rule for rule, found in mapping.leave_out.items() if not found.description] == []


@pytest.mark.parametrize("name", MAPPINGS)
def test_mapping_fits_the_engine(name):
    """A mapping with a function that no type fits ends the first load of its vendor's files."""
    check_expressions(MAPPINGS[name], MAPPINGS_DIR / f"{name}.yml")


@pytest.mark.parametrize("name", MAPPINGS)
def test_mapping_has_an_example(name):
    """A mapping is shipped that never saw a file of its vendor."""
    files = [path.name for path in (VENDOR_EXPORTS / name).iterdir() if path.is_file()]
    assert files
    assert all(is_named_as(file, MAPPINGS[name].files) for file in files)


@pytest.mark.parametrize("name", MAPPINGS)
def test_mapping_is_in_the_readme(name):
    """A company does not learn that its vendor's export is understood, or what it gives."""
    (row,) = re.findall(rf"^\| `{name}` \| .+ \| (.+) \|$", README, re.MULTILINE)
    assert row == ", ".join(f"`{table}`" for table in MAPPINGS[name].tables)


def test_uci_online_retail(tmp_path):
    """A cancellation is a sale, or an adjustment of the stock one of nothing."""
    loaded = load_export(tmp_path, "uci_online_retail")
    assert [row["total_amount"] for row in loaded.rows("shop.orders")] == [Decimal("15.30")]
    assert [row["amount"] for row in loaded.rows("shop.refunds")] == [Decimal("27.50")]
    assert [row["account_id"] for row in loaded.rows("shop.accounts")] == ["17850", "14527"]
    assert loaded.left_out == {"not_a_sale": 1, "bad_debt_adjustment": 1}


def test_a_mapping_is_called_like_its_file(tmp_path):
    """A copied mapping takes the place of the one that it was copied from, unsaid."""
    text = (MAPPINGS_DIR / "ga4.yml").read_text()
    (tmp_path / "ga4.yml").write_text(text)
    (tmp_path / "our_ga4.yml").write_text(text)
    with pytest.raises(UsageError, match=r"our_ga4\.yml.*must be our_ga4"):
        load_mappings(tmp_path)
