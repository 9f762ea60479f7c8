"""The page that lies beside every published version: what the marts say, and how far to trust it.

``page`` puts it together, ``sections`` ask the marts, ``charts`` turn series into geometry,
``blocks`` are what a section is made of, ``formats`` writes numbers. Nothing here reads a raw or
restricted table, and nothing here knows about orchestration.
"""

from dagster_project.report.page import render

__all__ = ["render"]
