"""The wheel holds everything, and is left alone by what it does."""

import re
import shutil
import subprocess

from tests.pipeline.conftest import Company


def test_installed_package_runs_the_sample_in_an_empty_folder(sample_company):
    """Whoever installs the package gets a FileNotFoundError, or marts without the sample's rows."""
    assert sample_company.query("SELECT count(*) > 2000 FROM customers") == [(True,)]
    work = sample_company.data_dir.parent
    ours = {"data", "added.txt", "connections.txt", "said.txt"}
    assert {path.name for path in work.iterdir()} <= ours


def test_the_summary_is_that_of_the_published_version(sample_company):
    """A person's first figure is of no currency, or another than the mart's."""
    ((revenue, currency),) = sample_company.query(
        "SELECT sum(net_revenue), any_value(currency) FROM orders WHERE is_sale"
    )
    said = (sample_company.data_dir.parent / "said.txt").read_text()
    assert re.search(rf"Net revenue +{revenue:,.2f} {currency}\s", said), said


def test_nothing_is_written_beside_the_code(sample_company):
    """An installation that nobody may write fails, or grows with every run."""
    assert (sample_company.data_dir.parent / "added.txt").read_text() == ""


def test_the_clone_and_the_wheel_are_the_same_code(copy_of_sample: Company):
    """After an upgrade from a clone to a package of the same version everything is rebuilt.

    Or every tick of the sensor rebuilds and republishes the same marts.
    """
    before = copy_of_sample.version
    assert "Nothing changed since version" in copy_of_sample.run().stdout
    assert copy_of_sample.version == before


def test_commands_of_the_wheel_find_what_is_shipped(sample_company, tmp_path):
    """The command lists no mapping and is content: the files stayed in the clone."""
    command = sample_company.data_dir.parents[1] / "away" / "environment" / "bin" / "hourglass"
    listed = subprocess.run(
        [str(command), "mappings"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "shopify_orders" in listed.stdout
    assert shutil.which("hourglass", path=str(command.parent)) == str(command)
