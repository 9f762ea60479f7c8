"""Superset check: asks the query of every imported chart, as a dashboard does, and counts rows.

    superset-venv/bin/python bi/superset/check_dashboards.py --rounds 20

Run with the environment that Superset itself runs in, also while versions are published: the exit
code is 1 when a query failed or gave no row, or no dashboard was imported.
"""

import argparse
import json
import sys
import time

from flask import g


def main() -> int:
    """Ask every chart ``--rounds`` times; one line per round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between rounds")
    options = parser.parse_args()
    from superset.app import create_app

    app = create_app()
    failures = 0
    with app.app_context():
        from superset import security_manager

        g.user = security_manager.find_user("admin")
        for number in range(options.rounds):
            failures += _round(number)
            time.sleep(options.pause)
    return 1 if failures else 0


def _round(number: int) -> int:
    from superset import db
    from superset.charts.schemas import ChartDataQueryContextSchema
    from superset.commands.chart.data.get_data_command import ChartDataCommand
    from superset.models.dashboard import Dashboard

    asked = failed = rows = 0
    dashboards = db.session.query(Dashboard).filter(Dashboard.slug.like("hourglass-%")).all()
    for chart in {slice_ for dashboard in dashboards for slice_ in dashboard.slices}:
        asked += 1
        try:
            context = ChartDataQueryContextSchema().load(json.loads(chart.query_context))
            (answer,) = ChartDataCommand(context).run()["queries"]
        except Exception as error:  # noqa: BLE001 - a check tells of whatever went wrong
            failed += 1
            print(f"{chart.slice_name}: {type(error).__name__}: {error}")
            continue
        if answer.get("error") or not answer["rowcount"]:
            failed += 1
            print(f"{chart.slice_name}: {answer.get('error') or 'no rows'}")
        rows += answer["rowcount"] or 0
    print(f"round {number + 1}: {asked} charts, {failed} failed, {rows} rows", flush=True)
    return failed + (not asked)


if __name__ == "__main__":
    sys.exit(main())
