"""The files in data/sample are what the simulator writes today."""

import gzip
from pathlib import Path

import pytest

from dagster_project.contracts import load_contract
from dagster_project.sample import COMMITTED, SAMPLE_DIR, write_company
from dagster_project.sample.layout import LANDING, NOT_DELIVERED, TRUTH


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("company")
    write_company(out, **COMMITTED)
    return out


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.csv.gz"))


def test_regenerated_text_is_the_committed_text(regenerated: Path):
    """The sample that newcomers run and that tests measure on cannot be made again."""
    assert _files(regenerated) == _files(SAMPLE_DIR)
    different = [
        name
        for name in _files(SAMPLE_DIR)
        if gzip.decompress((SAMPLE_DIR / name).read_bytes())
        != gzip.decompress((regenerated / name).read_bytes())
    ]
    assert different == []


def test_sample_stays_small():
    """A clone of the repository grows past what a sample is worth."""
    assert sum(path.stat().st_size for path in SAMPLE_DIR.rglob("*")) <= 3_000_000


def test_gzip_headers_carry_no_time():
    """The same company written twice differs in bytes, and is loaded as another delivery."""
    for name in _files(SAMPLE_DIR):
        assert (SAMPLE_DIR / name).read_bytes()[4:8] == bytes(4), name


def test_what_is_not_delivered_is_in_the_contract():
    """A table or column is renamed in the contract, and the sample goes on without it, unsaid."""
    contract = load_contract()
    for table, columns in NOT_DELIVERED.items():
        system, _, name = table.partition("/")
        assert columns <= set(contract[system].tables[name].column_names), table


def test_truth_is_never_under_landing():
    """The pipeline could read the answers."""
    names = [Path(name) for name in _files(SAMPLE_DIR)]
    assert {n.parts[0] for n in names} == {"landing", "truth"}
    tables = {
        folder: {str(Path(*n.parts[1:]))[: -len(".csv.gz")] for n in names if n.parts[0] == folder}
        for folder in ("landing", "truth")
    }
    assert tables["truth"] == set(TRUTH)
    assert tables["landing"] <= set(LANDING)
