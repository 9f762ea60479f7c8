"""Report: the pages beside every published version, what the marts say and how far to trust it.

``pages`` says what stands on which page, ``sections`` ask the marts, ``cubes`` are what a page can
be filtered by, ``charts`` and ``flows`` turn series into geometry, ``blocks`` are what a section is
made of, ``language`` and ``formats`` write it in English and Russian. Nothing here reads a raw or
restricted table, and nothing here knows about orchestration.
"""

from dagster_project.report.earlier_versions import kept_versions
from dagster_project.report.page import render

__all__ = ["kept_versions", "render"]
