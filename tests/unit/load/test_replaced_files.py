"""A path's newest content stands for it: corrected files, archives, and names that moved."""

import io
import itertools
import zipfile
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.soak import SOAK

HEADER = "order_id,ordered_at,status,total_amount,updated_at\n"


def orders(*rows: tuple[str, str]) -> str:
    """A file of orders (id, amount), all of one moment."""
    return HEADER + "".join(
        f"{name},2026-01-01,paid,{amount},2026-01-02\n" for name, amount in rows
    )


def totals(landing) -> list[tuple[str, Decimal]]:
    return landing.query("SELECT order_id, total_amount FROM shop.orders ORDER BY ALL")


@pytest.mark.parametrize(("first", "second"), [("100.17", "103.00"), ("103.00", "100.17")])
def test_a_corrected_file_takes_the_place_of_the_first(landing, first: str, second: str):
    """Which of two amounts counts is decided by the order of two hashes."""
    landing.put("shop/orders.csv", orders(("a", first), ("gone", "5.00")))
    landing.load(mappings={})
    landing.put("shop/orders.csv", orders(("a", second)))
    summary = landing.load(mappings={})
    assert totals(landing) == [("a", Decimal(second))]
    assert summary.files_superseded == 1
    assert landing.query("SELECT outcome, records FROM ledger.files ORDER BY loaded_at") == [
        ("superseded", 0),
        ("loaded", 1),
    ]
    landing.load(full_refresh=True, mappings={})
    assert totals(landing) == [("a", Decimal(second))]


def test_a_content_may_come_back(landing):
    """A correction that is taken back stays in force, or both count."""
    for amount in ("1.00", "2.00", "1.00"):
        landing.put("shop/orders.csv", orders(("a", amount)))
        landing.load(mappings={})
    assert totals(landing) == [("a", Decimal("1.00"))]


def test_quarantined_records_go_with_their_content(landing):
    """A mistake that was corrected is held against the sender for ever."""
    landing.put("shop/orders.csv", orders(("a", "1.00")) + "b,yesterday,paid,1,\n")
    landing.load(mappings={})
    assert landing.query("SELECT count(*) FROM ledger.quarantine") == [(1,)]
    landing.put("shop/orders.csv", orders(("a", "1.00"), ("b", "1.00")))
    landing.load(mappings={})
    assert landing.query("SELECT count(*) FROM ledger.quarantine") == [(0,)]


def test_a_content_that_lies_elsewhere_too_stays(landing):
    """An archived copy loses its rows because the original was overwritten."""
    landing.put("shop/orders.csv", orders(("a", "1.00")))
    landing.put("shop/orders_copy.csv", orders(("a", "1.00")))
    landing.load(mappings={})
    landing.put("shop/orders.csv", orders(("b", "2.00")))
    landing.load(mappings={})
    assert totals(landing) == [("a", Decimal("1.00")), ("b", Decimal("2.00"))]
    landing.put("shop/orders_copy.csv", orders(("c", "3.00")))
    landing.load(mappings={})
    assert totals(landing) == [("b", Decimal("2.00")), ("c", Decimal("3.00"))]


def test_a_file_that_is_moved_and_replaced_keeps_its_rows(landing):
    """Yesterday's file is renamed, today's takes its name, and yesterday is gone."""
    for old, new in (("orders.csv", "orders_old.csv"), ("orders_z.csv", "orders_a.csv")):
        path = landing.put(f"shop/{old}", orders((old, "1.00")))
        landing.load(mappings={})
        path.rename(path.parent / new)
        landing.put(f"shop/{old}", orders((old + " new", "2.00")))
        landing.load(mappings={})
    assert [name for name, _ in totals(landing)] == [
        "orders.csv",
        "orders.csv new",
        "orders_z.csv",
        "orders_z.csv new",
    ]


def test_a_damaged_correction_replaces_nothing(landing):
    """A broken transfer empties the shop."""
    landing.put("shop/orders.csv", orders(("a", "1.00")))
    landing.load(mappings={})
    landing.put("shop/orders.csv", b"\x00\x01")
    summary = landing.load(mappings={})
    assert summary.files_quarantined == 1
    assert totals(landing) == [("a", Decimal("1.00"))]
    landing.put("shop/orders.csv", orders(("b", "2.00")))
    landing.load(mappings={})
    assert totals(landing) == [("b", Decimal("2.00"))]
    assert landing.query("SELECT count(*) FROM ledger.quarantine") == [(0,)]


def archive(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.csv", content)
    return buffer.getvalue()


def test_an_archive_is_replaced_whole(landing):
    """A member that the new archive lacks goes on counting."""
    landing.put("shop/orders.zip", archive(a=orders(("a", "1.00")), b=orders(("b", "1.00"))))
    landing.load(mappings={})
    landing.put("shop/orders.zip", archive(a=orders(("a", "2.00"))))
    landing.load(mappings={})
    assert totals(landing) == [("a", Decimal("2.00"))]


def test_the_newest_date_of_a_content_counts(make_landing):
    """The state that was delivered again last loses to one that it replaced."""
    files = {
        "shop/orders_2026-01-01.csv": HEADER + "a,2026-01-01,pending,1,\n",
        "shop/orders_2026-01-02.csv": HEADER + "a,2026-01-01,paid,1,\n",
        "shop/orders_2026-01-03.csv": HEADER + "a,2026-01-01,pending,1,\n",
    }
    found = []
    for number, names in enumerate(itertools.permutations(files)):
        for step in (1, 3) if number else (3,):
            landing = make_landing(f"{number}-{step}")
            for start in range(0, 3, step):
                for name in names[start : start + step]:
                    landing.put(name, files[name])
                landing.load(mappings={})
            found.append(
                landing.query(
                    "SELECT status, _delivered_on FROM shop.orders ORDER BY _delivered_on"
                )
            )
            landing.con.close()
    assert all(rows == found[0] for rows in found)
    assert found[0][-1][0] == "pending"


PATHS = ("shop/orders_a.csv", "shop/orders_b_2026-01-02.csv", "shop/orders_c_2026-01-03.csv")
COUNT = itertools.count()


@settings(
    max_examples=300 if SOAK else 4,
    deadline=None,
    # A shrunk example is not worth minutes: each step of it is a load.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(PATHS), st.integers(0, 2), st.booleans()), min_size=1, max_size=8
    )
)
def test_a_grown_folder_equals_a_fresh_one(make_landing, steps):
    """What the marts say depends on when the files came."""
    name = str(next(COUNT))
    grown = make_landing(f"{name}-grown")
    last: dict[str, str] = {}
    for path, version, is_loaded in steps:
        last[path] = orders(("a", f"{version}.00"), (f"v{version}", "9.00"))
        grown.put(path, last[path])
        if is_loaded:
            grown.load(mappings={})
    grown.load(mappings={})
    fresh = make_landing(f"{name}-fresh")
    for path, content in last.items():
        fresh.put(path, content)
    fresh.load(mappings={})
    rows = "SELECT * FROM shop.orders ORDER BY ALL"
    assert grown.query(rows) == fresh.query(rows)
    grown.load(full_refresh=True, mappings={})
    assert grown.query(rows) == fresh.query(rows)
    grown.con.close()
    fresh.con.close()
