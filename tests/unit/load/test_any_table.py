"""Any table, written in any dialect, then damaged: nothing lost, nothing doubled, no crash."""

import csv
import io
import os
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.contracts.mapping import Mapping
from tests.unit.load.conftest import PERMISSIVE

CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff\ufdd0"), max_size=12
)
BLANKS = " \t\n\r\xa0\ufeff"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")


@st.composite
def tables(draw):
    width = draw(st.integers(2, 5))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12))
    return width, rows


def written(width, rows, delimiter, encoding, end):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow([f"name {n}" for n in range(width)])
    writer.writerows(rows)
    return buffer.getvalue().encode(encoding)


def is_left_out(row) -> bool:
    """Whether no cell of a row has anything in it."""
    return not "".join(row).strip(BLANKS)


# More by environment: HYPOTHESIS_EXAMPLES=1000 is what a soak runs.
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "8"))
QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
COUNT = iter(range(1_000_000))


@QUICK
@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(ENCODINGS),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_accepted_cells_are_those_that_were_written(make_landing, table, delimiter, encoding, end):
    """A cell arrives as something else than its sender wrote."""
    width, rows = table
    landing = make_landing(str(next(COUNT)))
    landing.put("anything/t.csv", written(width, rows, delimiter, encoding, end))
    summary = landing.load(mappings={"anything": PERMISSIVE})
    records = [row for row in rows if not is_left_out(row)]
    assert (summary.accepted, summary.left_out) == (len(records), len(rows) - len(records))
    expected = [{f"name {n}": cell for n, cell in enumerate(row) if cell} for row in records]
    found = [{k: v for k, v in row.items() if v} for row in landing.extras()]
    assert found == expected
    landing.con.close()


# Text of one script, in the encoding that old systems write it in; None is found out by the load.
SCRIPTS = {
    "utf-8": (None, "aé日,;|\t\"'\n 0😀"),
    "utf-16": (None, "aé日,;|\t\"'\n 0😀"),
    "cp1251": ("windows-1251", "aЖя№,;|\t\"'\n 0"),
    "latin-1": ("latin-1", "aéßø,;|\t\"'\n 0"),
    "shift_jis": ("shift_jis", "a日本カ,;|\t\"'\n 0"),
}
FATES = ("whole", "whole", "changed", "extra field", "lost field", "cut")


NAMES = ("first_name", "last_name", "city", "company")


@st.composite
def damaged_tables(draw):
    """(encoding, [(cells, fate)]): what is written, and what happens to it."""
    encoding = draw(st.sampled_from(sorted(SCRIPTS)))
    width = len(NAMES)
    cells = st.lists(st.text(SCRIPTS[encoding][1], max_size=8), min_size=width, max_size=width)
    rows = draw(st.lists(st.tuples(cells, st.sampled_from(FATES)), min_size=1, max_size=10))
    return encoding, rows


def people(encoding: str | None) -> Mapping:
    return Mapping.model_validate(
        {
            "mapping": "people",
            "description": "Four columns of text.",
            "reference": "none",
            "settings": {"encoding": encoding},
            "columns": {name: {} for name in NAMES},
            "tables": {
                "crm.contacts": {
                    "columns": {"contact_id": "line_number()"} | {name: name for name in NAMES}
                }
            },
        }
    )


@QUICK
@given(
    table=damaged_tables(),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_damaged_records_alone_are_refused(make_landing, table, delimiter, end):
    """A record with a field too many takes its neighbours along, or shifts their cells."""
    encoding, rows = table
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(NAMES)
    expected, refused, left_out = [], 0, 0
    for cells, fate in rows:
        if fate == "cut":
            continue
        sent = {
            "changed": ["0", *cells[1:]],
            "extra field": [*cells, "0"],
            "lost field": cells[1:],
        }.get(fate, cells)
        writer.writerow(sent)
        if len(sent) == len(NAMES) and is_left_out(sent):
            left_out += 1
        elif len(sent) == len(NAMES):
            expected.append(tuple(cell or None for cell in sent))
        else:
            refused += 1
    landing = make_landing(str(next(COUNT)))
    landing.put("people/t.csv", buffer.getvalue().encode(encoding))
    summary = landing.load(mappings={"people": people(SCRIPTS[encoding][0])})
    counts = (summary.accepted, summary.quarantined, summary.left_out)
    assert counts == (len(expected), refused, left_out)
    found = landing.query(f"SELECT {', '.join(NAMES)} FROM crm.contacts ORDER BY _line")
    assert found == expected
    landing.con.close()


@QUICK
@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    seed=st.integers(0, 2**32),
    damages=st.integers(1, 4),
)
def test_damaged_files_are_accounted_for(make_landing, table, delimiter, seed, damages):
    """One flipped byte costs a run, or a record."""
    width, rows = table
    data = bytearray(written(width, rows, delimiter, "utf-8", "\n"))
    chance = random.Random(seed)
    for _ in range(damages):
        place = chance.randrange(len(data)) if data else 0
        kind = chance.choice(["flip", "cut", "quote", "field"])
        if kind == "flip" and data:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == "cut":
            del data[place : place + chance.randrange(9)]
        elif kind == "quote":
            data[place:place] = b'"'
        else:
            data[place:place] = delimiter.encode()
    landing = make_landing(str(next(COUNT)))
    landing.put("anything/t.csv", bytes(data))
    summary = landing.load(mappings={"anything": PERMISSIVE})
    assert summary.records == summary.accepted + summary.quarantined + summary.left_out
    landing.con.close()
