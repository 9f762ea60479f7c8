"""Earlier versions: the headline numbers that each leaves for later reports to compare with."""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from dagster_project.report.context import Kept

# Beside the pages; one object per version, values by metric name.
HEADLINE = "headline.json"


def kept_versions(folders: Iterable[Path]) -> tuple[Kept, ...]:
    """The versions in ``folders`` (``published/versions/<version>``, oldest first), newest first.

    One without headline numbers, from an older release or half removed, is left out.
    """
    found = []
    for folder in reversed(list(folders)):
        try:
            content = json.loads((folder / "report" / HEADLINE).read_text(encoding="utf-8"))
            found.append(
                Kept(
                    content["version"],
                    date.fromisoformat(content["as_of"]),
                    content["published_at"],
                    content["values"],
                )
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(found)
