"""P7 and P8: an erasure that is killed or stopped at any moment is done by the next start."""

import json
import signal
import subprocess
import sys

import pytest

from dagster_project.privacy.erasure import forget, resume
from dagster_project.privacy.journal import pending_dir
from dagster_project.settings import PROJECT_ROOT
from tests.byte_search import search
from tests.soak import SOAK, seeded
from tests.unit.privacy.conftest import ALICE
from tests.unit.privacy.test_forget import BOBS, TOTALS

KILLS = 20 if SOAK else 1
# Gets a folder, n and a signal, which comes before the nth time that
# something is made sure of on disk, or takes another's name.
WORKER = """
import os, signal, sys
from pathlib import Path
from dagster_project.cli.entry import main
left, number = int(sys.argv[2]), int(sys.argv[3])
def dying(original):
    def call(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)
        return original(*args, **kwargs)
    return call
os.fsync = dying(os.fsync)
for name in ("replace", "rename", "unlink"):
    setattr(Path, name, dying(getattr(Path, name)))
sys.argv = ["hourglass", "forget", "crm.contacts/C-000001", "--yes", "--data-dir", sys.argv[1]]
main()
"""
# A Ctrl-C whose exception is dropped, before the erasure has begun.
DROPPED = """
import os, signal, sys
from dagster_project.cli.entry import main
from dagster_project.privacy import erasure
class Dropped:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
found = erasure.find_customers
def find_customers(*args):
    gone = Dropped()
    del gone
    return found(*args)
erasure.find_customers = find_customers
sys.argv = ["hourglass", "forget", "crm.contacts/C-000001", "--yes", "--data-dir", sys.argv[1]]
main()
"""


def start(program: str, *given: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, given)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def moments(forgotten) -> list[int]:
    """Moments to die at, out of all that there are: about 120 for this company."""
    return sorted(seeded().sample(range(1, 110), KILLS))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_erasure_is_finished_by_the_next(company, forgotten, moments, number, tmp_path):
    """A power cut or Ctrl-C leaves somebody half erased: gone from the marts, still in a file."""
    for moment in moments:
        copy = type(company)(
            company.settings.model_copy(update={"data_dir": tmp_path / str(moment)}),
            company.registry,
        )
        subprocess.run(
            ["cp", "-R", str(company.settings.data_dir), str(copy.settings.data_dir)], check=True
        )
        died = start(WORKER, copy.settings.data_dir, moment, int(number))
        code = 130 if number == signal.SIGINT else -number
        assert died.returncode == code, (moment, died.stdout, died.stderr)
        has_begun = any(copy.settings.data_dir.glob("erasures/.pending/[!.]*"))
        has_ended = any(copy.settings.data_dir.glob("erasures/*.json"))
        if number == signal.SIGINT:
            left = "what was begun is finished by the next hourglass forget or hourglass run"
            assert died.stderr == f"hourglass: stopped by Ctrl-C; {left}.\n"
        if not has_begun and not has_ended:
            # It died before the plan was written: nothing is half done.
            forget(copy.settings, ["crm.contacts/C-000001"])
        resume(copy.settings)
        assert search(copy.settings.data_dir, ALICE) == [], moment
        assert list(pending_dir(copy.settings).iterdir()) == []
        copy.load(suppress=True)
        assert copy.rows(TOTALS) == forgotten.after.rows(TOTALS), moment
        for table, columns in BOBS.items():
            query = f"SELECT {columns} FROM {table} ORDER BY ALL"
            assert copy.rows(query) == forgotten.after.rows(query), (moment, table)
        versions = sorted(copy.settings.published_dir.glob("versions/*"))
        assert len(versions) == 2, moment
        current = copy.settings.published_dir / "current"
        assert current.resolve().name == versions[-1].name
        manifest = json.loads((current / "manifest.json").read_text())
        assert manifest["version"] == versions[-1].name


def test_ctrl_c_that_ended_nothing_keeps_an_erasure_from_beginning(company):
    """Somebody sees that it is the wrong person, presses Ctrl-C in time, and the person is gone."""
    before = search(company.settings.data_dir, ALICE)
    stopped = start(DROPPED, company.settings.data_dir)
    assert stopped.returncode == 130, stopped.stderr
    assert stopped.stderr.endswith("hourglass: stopped by Ctrl-C; nobody was erased.\n")
    assert [*company.settings.data_dir.glob("erasures/*")] == []
    assert set(search(company.settings.data_dir, ALICE)) >= set(before)
