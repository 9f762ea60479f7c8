"""Hourglass: from a company's extracts to trusted customer analytics.

Reading the package from top to bottom is the path of the data: ``contracts`` say what may
arrive, ``load`` reads it, ``identity`` resolves it to people, ``predict`` adds what is
estimated, ``quality`` checks the marts that dbt built, ``publish`` puts them in force and
``report`` shows them. Only ``definitions`` and ``defs`` know about Dagster.
"""
