"""Every way of the Pollock benchmark to pollute a file: read cell for cell right, or refused."""

import json
from collections import Counter, defaultdict

import pytest

from tests.soak import SOAK
from tests.unit.load.polluted_files import HEADER, Polluted, Row, polluted_files

READ = "coalesce(CAST(o.{} AS VARCHAR), '')"


def is_right(found: Row, extras: dict[str, str], truth: Row) -> bool:
    """Whether each cell stands in its column; one whose name was polluted, among the extras."""
    rest = Counter(cell for name, cell in extras.items() if cell and not name.startswith("col"))
    rest.update(cell for name, cell in extras.items() if cell and name.startswith("column_"))
    named = dict(zip(HEADER, found, strict=False))
    for name, cell in zip(HEADER, truth, strict=True):
        if named.get(name) == cell or not cell:
            continue
        if named.get(name) or not rest[cell]:
            return False
        rest[cell] -= 1
    return not +rest


@pytest.mark.parametrize("quotes_all", [True, False])
def test_no_cell_of_a_polluted_file_is_shifted(landing, quotes_all: bool):
    """A file in an odd dialect is loaded with its cells in other columns, or without a word."""
    files: dict[str, Polluted] = {}
    files_made = polluted_files(quotes_all) if SOAK else polluted_files(quotes_all, [1], [0, 4, 8])
    for number, file in enumerate(files_made):
        path = f"shop/orders/{number:04}/{file.file_name or 'orders.csv'}"
        files[path] = file
        landing.put(path, file.content)
    landing.load()
    columns = ", ".join(map(READ.format, HEADER[:7]))
    accepted = defaultdict(list)
    for path, extras, *found in landing.query(
        f"SELECT f.path, o._extra, {columns} FROM shop.orders o "
        "JOIN ledger.files f ON f.file_hash = o._file_hash"
    ):
        accepted[path].append((found, json.loads(extras or "{}")))
    told = Counter(path for (path,) in landing.query("SELECT path FROM ledger.quarantine"))
    problems = []
    for path, file in files.items():
        truth = {row[0]: row for row in file.rows}
        rows = accepted[path]
        shifted = [
            found
            for found, extras in rows
            if found[0] not in truth or not is_right(found, extras, truth[found[0]])
        ]
        refused = len(truth) - len(rows)
        if shifted:
            problems.append(f"{file.kind}: read wrong {shifted[0]}")
        if refused and not told[path] and not file.is_overlooked:
            problems.append(f"{file.kind}: {refused} rows are gone without a reason")
        if file.refusable is not None and refused > file.refusable:
            problems.append(f"{file.kind}: {refused} rows refused")
    assert problems == []
