"""The command line ``hourglass``: what a person types, and what the screen answers.

``app`` lists the commands, ``run`` runs the daily job with its progress and summary, the other
modules hold one group of commands each. The work itself stands in the packages that they call.
"""

from dagster_project.cli.app import main

__all__ = ["main"]
