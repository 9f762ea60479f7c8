"""Dagster's own command for engineers, on the clone."""

import json
import os
import subprocess
import sys
from pathlib import Path

from dagster_project.settings import PROJECT_ROOT


def test_dg_loads_and_lists_the_definitions(tmp_path):
    """An engineer's `dg check defs`, `dg list defs` or `dg dev` ends in an error of configuration,
    or notes for somebody outside that it was called.

    Called as CONTRIBUTING.md says, by somebody for whom no Dagster ever ran.
    """
    dg = Path(sys.executable).parent / "dg"
    listed = subprocess.run(
        [str(dg), "list", "defs", "--json"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "HOME": str(tmp_path), "DAGSTER_HOME": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert "telemetry" not in listed.stderr.lower()
    assert not (tmp_path / ".dagster").exists()
    keys = json.dumps(json.loads(listed.stdout))
    for name in ("customers", "gate_record", "published_version", "every_day", "daily"):
        assert f'"{name}"' in keys
