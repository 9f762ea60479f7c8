"""Room on the disk is asked for before a run, and a monitor sees it."""

import re
from types import SimpleNamespace

import pytest

from dagster_project.errors import HourglassError, UsageError
from dagster_project.operations import disk
from dagster_project.operations.disk import require_room, room_for_a_run
from dagster_project.operations.prometheus import write_metrics
from dagster_project.settings import load_settings
from tests.unit.operations.test_alerts import WELL, failed


@pytest.fixture
def settings(tmp_path):
    settings = load_settings(data_dir=tmp_path / "data")
    settings.landing_dir.mkdir(parents=True)
    (settings.landing_dir / "orders.csv").write_bytes(b"x" * 10_000_000)
    return settings


def test_a_run_that_will_not_fit_is_not_begun(settings, monkeypatch):
    """A run works for an hour and then fails for want of a few megabytes."""
    assert room_for_a_run(settings).needed == 60_000_000
    require_room(settings)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    with pytest.raises(HourglassError, match=r"50 MB free, and a run needs about 60 MB"):
        require_room(settings)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=150_000_000))
    require_room(settings)
    assert room_for_a_run(settings).is_low


def test_metrics_are_what_a_collector_reads(tmp_path):
    """The monitor's file is refused as a whole for one line, and every alarm on it is silent."""
    path = tmp_path / "hourglass.prom"
    status = failed("no room") | {"is_well": False}
    write_metrics(path, status)
    text = path.read_text()
    sample = re.compile(r"hourglass_[a-z_]+ -?[0-9.e+]+")
    kinds = re.compile(r"# (HELP hourglass_[a-z_]+ .+|TYPE hourglass_[a-z_]+ gauge)")
    for line in text.splitlines():
        assert sample.fullmatch(line) or kinds.fullmatch(line), line
    values = dict(line.split() for line in text.splitlines() if not line.startswith("#"))
    assert values["hourglass_well"] == "0"
    assert values["hourglass_last_run_success"] == "0"
    assert values["hourglass_version_published_timestamp_seconds"] == "1782882000"
    write_metrics(path, WELL | {"is_well": True})
    assert "hourglass_well 1\n" in path.read_text()
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UsageError, match="cannot be used: there is no folder"):
        write_metrics(tmp_path / "no" / "file.prom", status)
