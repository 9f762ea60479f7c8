"""P1 where files are damaged on their way: each is loaded or refused, and the others are loaded."""

import errno
import os
import zipfile
from pathlib import Path
from random import Random

import pytest

from dagster_project.load.ingest import file_preparation
from dagster_project.load.run import load_landing
from dagster_project.settings import Settings
from dagster_project.warehouse import connect
from tests.damage import DAMAGES
from tests.soak import SOAK, seeded
from tests.unit.privacy.conftest import write_landing

ROUNDS = range(300 if SOAK else 8)
COPIES = 3


def add_damaged(landing: Path, random: Random) -> dict[str, str]:
    """Damaged copies of every file: what was done, by name."""
    done = {}
    for path in sorted(path for path in landing.rglob("*") if path.is_file()):
        for number in range(COPIES):
            stem, _, endings = path.name.partition(".")
            copy = path.with_name(f"{stem.split('_2')[0]}_9{number}.{endings}")
            damage = random.choice(list(DAMAGES))
            copy.write_bytes(DAMAGES[damage](path.read_bytes(), random))
            # Old enough to be no longer waited for.
            os.utime(copy, (1e9, 1e9))
            done[copy.relative_to(landing).as_posix()] = damage
    return done


@pytest.mark.parametrize("number", ROUNDS)
def test_damaged_files_do_not_stop_the_others(tmp_path, number):
    """A byte that is wrong in one of three hundred files costs the day's load."""
    settings = Settings(data_dir=tmp_path / "data")
    landing = settings.landing_dir
    write_landing(landing)
    (landing / "notes.txt").unlink()
    whole = {path.relative_to(landing).as_posix() for path in landing.rglob("*") if path.is_file()}
    damaged = add_damaged(landing, seeded())
    with connect(settings, keep_order=True) as con:
        load_landing(con, settings, run_id="first")
        files = con.execute(
            "SELECT path, message, records, accepted + quarantined + left_out + erased "
            "FROM ledger.files"
        ).fetchall()
        seen = {row[0] for row in con.execute("SELECT path FROM ledger.paths").fetchall()}
        again = load_landing(con, settings, run_id="again")
    assert again.files_opened == 0
    assert {path.split("!")[0] for path in seen} == whole | damaged.keys(), damaged
    for path, message, records, parts in files:
        assert records == parts, (path, damaged)
        if path.split("!")[0] in whole:
            assert message is None, (path, damaged)


def test_a_full_disk_is_no_damaged_archive(tmp_path, monkeypatch):
    """The disk fills up while a zip is unpacked, and the zip is refused until it is sent again."""
    settings = Settings(data_dir=tmp_path / "data")
    path = settings.landing_dir / "crm" / "contacts.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("contacts.csv", "contact_id\n1\n")
    os.utime(path, (1e9, 1e9))

    def write(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with connect(settings, keep_order=True) as con:
        with monkeypatch.context() as patch:
            patch.setattr(file_preparation, "check_expansion", write)
            with pytest.raises(OSError, match="No space left"):
                load_landing(con, settings, run_id="full")
        assert load_landing(con, settings, run_id="again").accepted == 1
