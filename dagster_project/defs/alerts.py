"""Alerts from the daemon: a sensor that looks at the status, also when no run is at work."""

import json

import dagster as dg

from dagster_project.defs.run_history import close_dead_runs, told_runs
from dagster_project.operations.alerts import send_alerts
from dagster_project.operations.status import ledger_now, status_of
from dagster_project.settings import Settings

SENSOR_SECONDS = 60
LOOKED_AT = 5
# A run that has not ended yet; the warehouse is then its own.
AT_WORK = frozenset({"starting", "started", "canceling"})


def build_alert_sensor(settings: Settings) -> dg.SensorDefinition:
    """Tells what is wrong, once per cause; on where HOURGLASS_ALERT_URLS names somebody."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=(
            dg.DefaultSensorStatus.RUNNING
            if settings.alert_urls
            else dg.DefaultSensorStatus.STOPPED
        ),
        description="Tells the addresses of HOURGLASS_ALERT_URLS of a run that failed or died, a "
        "late source, an odd volume, a warning of the gate, an old version, a disk that runs low.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        close_dead_runs(context.instance, settings)
        runs = told_runs(context.instance, LOOKED_AT)
        state = json.loads(context.cursor or "{}")
        newest = f"{runs[0]['run_id']} {runs[0]['status']}" if runs else ""
        if any(run["status"] in AT_WORK for run in runs):
            return dg.SkipReason("A run is at work.")
        if newest != state.get("run"):
            # Opened once per run: whoever starts the next one finds the warehouse free.
            state = {"run": newest, "ledger": ledger_now(settings)}
            context.update_cursor(json.dumps(state, default=str))
        refused = send_alerts(settings, status_of(settings, runs, ledger=state["ledger"]))
        for sentence in refused:
            context.log.warning(sentence)
        return dg.SkipReason(" ".join(refused) or "Everything that is wrong was told.")

    return alerts
