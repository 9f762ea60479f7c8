"""Half-written files: nobody's half of an order is taken for the whole."""

import gzip
import io
import os
import time
import zipfile

import pytest

from dagster_project.errors import HourglassError

ORDERS = b"order_id,ordered_at,status,total_amount\na,2026-01-01,paid,5.00\nb,2026-01-01,paid,12"
WHOLE = ORDERS + b"99.00\n"
SETTLE = 5


def age(path, seconds: float) -> None:
    """Make a file as old as if it had been changed that many seconds ago."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("orders.csv", content)
    return buffer.getvalue()


def test_a_file_that_has_just_changed_waits(make_landing):
    """A file is read while it is written, and its second half is never missed."""
    landing = make_landing(settle_seconds=SETTLE)
    path = landing.put("shop/orders.csv", WHOLE)
    with pytest.raises(HourglassError, match=r"orders.csv changed a moment ago.*--now"):
        landing.load()
    age(path, SETTLE + 1)
    assert landing.load().accepted == 2


def test_many_files_that_wait_are_counted(make_landing):
    """A first delivery of hundreds of files pushes the reason off the screen."""
    landing = make_landing(settle_seconds=SETTLE)
    for number in range(200):
        landing.put(f"shop/orders_{number:03}.csv", WHOLE)
    with pytest.raises(HourglassError) as caught:
        landing.load()
    assert len(str(caught.value).splitlines()) == 6
    assert str(caught.value).endswith("\nAnd 195 more paths.")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders.csv", ORDERS),
        ("orders.json", b'[{"order_id": "a"}, {"order_id": "b"'),
        ("orders.zip", zipped(WHOLE)[:-30]),
        ("orders.parquet", b"PAR1 and no end"),
    ],
)
def test_a_file_that_looks_cut_off_waits_longer(make_landing, name: str, content: bytes):
    """1299.00 is cut to 12 and published."""
    landing = make_landing(settle_seconds=SETTLE)
    landing.put("crm/contacts.csv", "contact_id\n1\n")
    age(landing.settings.landing_dir / "crm" / "contacts.csv", 3600)
    path = landing.put(f"shop/{name}", content)
    age(path, SETTLE * 4)
    summary = landing.load()
    assert (summary.files_loaded, summary.files_waiting) == (1, 1)
    [(waiting, message)] = landing.query("SELECT path, message FROM ledger.waiting")
    assert waiting == f"shop/{name}"
    assert "UTC" in message
    # Nobody waits for ever.
    age(path, SETTLE * 13)
    landing.load()
    assert landing.query("SELECT count(*) FROM ledger.waiting") == [(0,)]
    assert landing.query("SELECT count(*) FROM ledger.paths WHERE path LIKE 'shop/%'") != [(0,)]


def test_what_slipped_through_is_healed_by_the_rest(make_landing):
    """Half of a file stays in the warehouse beside the whole."""
    landing = make_landing(settle_seconds=SETTLE)
    path = landing.put("shop/orders.csv", ORDERS)
    age(path, SETTLE * 13)
    landing.load()
    path.write_bytes(WHOLE)
    age(path, SETTLE + 1)
    landing.load()
    assert landing.query("SELECT CAST(sum(total_amount) AS VARCHAR) FROM shop.orders") == [
        ("1304.00",)
    ]


def test_now_and_a_marker_say_that_a_file_is_whole(make_landing):
    """Who knows that the file is complete waits for nothing."""
    landing = make_landing(settle_seconds=SETTLE)
    landing.put("shop/orders.csv", ORDERS)
    assert landing.load(take_now=True).accepted == 2
    other = make_landing("marked", settle_seconds=SETTLE)
    other.put("shop/orders.csv", ORDERS)
    other.put("shop/_SUCCESS", b"")
    assert other.load().accepted == 2


def test_a_known_file_never_waits_again(make_landing):
    """A touched setting makes yesterday's files wait."""
    landing = make_landing(settle_seconds=SETTLE)
    landing.put("shop/orders.csv.gz", gzip.compress(WHOLE))
    landing.load(take_now=True)
    summary = landing.load()
    assert (summary.files_known, summary.files_waiting) == (1, 0)
