"""How a step's failure is told, and whether the sensor may try the run again."""

import errno

import dagster as dg
import pytest

from dagster_project.defs.resources import RETRIES, told_plainly
from dagster_project.defs.retries import MAY_PASS_TAG
from dagster_project.errors import BusyError, HourglassError, UsageError
from dagster_project.operations.disk import require_room
from dagster_project.settings import load_settings


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (BusyError("The warehouse is open."), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.ECONNRESET, "Connection reset"), True),
        (HourglassError("A network was away.", may_pass=True), True),
        (HourglassError("A check failed."), False),
        (UsageError("A setting is wrong."), False),
        (ValueError("A fault of our own."), False),
    ],
)
def test_only_what_may_pass_is_marked_for_the_sensor(tmp_path, monkeypatch, error, may_pass):
    """A night's full disk is left to a person, or a wrong file is tried again and again."""
    monkeypatch.setattr("dagster_project.defs.resources.RETRY_SECONDS", 0)
    settings = load_settings(data_dir=tmp_path)
    tries = []

    @dg.op(required_resource_keys={"settings"})
    def step(context: dg.OpExecutionContext) -> None:
        with told_plainly(context):
            tries.append(1)
            raise error

    @dg.job(resource_defs={"settings": dg.ResourceDefinition.hardcoded_resource(settings)})
    def job() -> None:
        step()

    with dg.instance_for_test() as instance:
        result = job.execute_in_process(raise_on_error=False, instance=instance)
        run = instance.get_run_by_id(result.run_id)
    assert not result.success
    assert (MAY_PASS_TAG in run.tags) == may_pass
    assert len(tries) in (1, RETRIES + 1)


def test_too_little_room_may_pass(tmp_path, monkeypatch):
    """Room was made in the meantime, and no run starts until somebody looks."""
    monkeypatch.setattr("dagster_project.operations.disk.LEAST_BYTES", 1 << 62)
    with pytest.raises(HourglassError) as caught:
        require_room(load_settings(data_dir=tmp_path))
    assert caught.value.may_pass
