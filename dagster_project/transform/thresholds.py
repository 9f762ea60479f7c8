"""Thresholds of the definitions: the seconds, days, scores and shares that figures are defined by.

They stand as variables in ``dbt/dbt_project.yml``, where models read them; the report and the tests
read the same lines here. What may differ between two builds is a setting and not among them.
"""

from functools import cache
from typing import Any

import yaml

from dagster_project.settings import PROJECT_ROOT

PROJECT_FILE = PROJECT_ROOT / "dbt" / "dbt_project.yml"


@cache
def thresholds() -> dict[str, Any]:
    """Name to number, as dbt's ``var()`` gives it."""
    return dict(yaml.safe_load(PROJECT_FILE.read_text(encoding="utf-8"))["vars"])


def threshold(name: str) -> Any:
    """One number. Raises KeyError for a name that no model could read either."""
    return thresholds()[name]
