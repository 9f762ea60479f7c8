"""The command line ``hourglass``: what a person types, and what the screen answers.

``entry`` begins and ends a call, ``app`` lists the commands, ``run`` runs the daily job with its
progress and summary, the other modules hold one group of commands each. The work itself stands in
the packages that they call.
"""

from dagster_project.cli.entry import main

__all__ = ["main"]
