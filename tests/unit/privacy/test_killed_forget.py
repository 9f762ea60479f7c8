"""P7 and P8: an erasure that is killed at any moment is carried out by the next start."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project.privacy.erasure import forget, resume
from dagster_project.privacy.journal import pending_dir
from dagster_project.settings import PROJECT_ROOT
from tests.byte_search import search
from tests.soak import SOAK, seeded
from tests.unit.privacy.conftest import ALICE
from tests.unit.privacy.test_forget import BOBS, TOTALS

KILLS = 20 if SOAK else 1
# Dies before the nth time that something is made sure of on disk, or takes another's name.
WORKER = """
import os, pathlib, signal, sys
from pathlib import Path
left = int(sys.argv[2])
def dying(original):
    def call(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)
    return call
os.fsync = dying(os.fsync)
for name in ("replace", "rename", "unlink"):
    setattr(Path, name, dying(getattr(Path, name)))
from dagster_project.privacy.erasure import forget
from dagster_project.settings import Settings
start = left
forget(Settings(data_dir=Path(sys.argv[1])), ["crm.contacts/C-000001"])
print(start - left)
"""


def start(folder: Path, steps: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WORKER, str(folder), str(steps)],
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


def test_a_killed_erasure_is_finished_by_the_next(company, forgotten, moments, tmp_path):
    """A power cut leaves somebody half erased: gone from the marts and still in a file."""
    for moment in moments:
        copy = type(company)(
            company.settings.model_copy(update={"data_dir": tmp_path / str(moment)}),
            company.registry,
        )
        subprocess.run(
            ["cp", "-R", str(company.settings.data_dir), str(copy.settings.data_dir)], check=True
        )
        died = start(copy.settings.data_dir, moment)
        assert died.returncode == -signal.SIGKILL, (moment, died.stdout, died.stderr)
        begun = [*copy.settings.data_dir.glob("erasures/.pending/[!.]*")]
        if not begun and not [*copy.settings.data_dir.glob("erasures/*.json")]:
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
