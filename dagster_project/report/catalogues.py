"""Message catalogues: what has to be translated, and the files that hold the translations.

Run as a module (``make texts``) it adds new messages to ``locale/<language>/LC_MESSAGES/*.po`` and
drops those that no longer occur; what is untranslated stays empty and is shown in English.
``report`` holds the texts of the pages, ``definitions`` those of marts, metrics and checks.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from dagster_project.activation.mart_schemas import DESCRIPTIONS
from dagster_project.contracts.generate.exposures import published_models
from dagster_project.metrics import load_metrics
from dagster_project.report.language import DEFAULT, LANGUAGES
from dagster_project.report.vocabulary import WORDS
from dagster_project.settings import PROJECT_ROOT
from dagster_project.transform.thresholds import threshold

HERE = Path(__file__).parent
LOCALES = HERE / "locale"
_KEYWORDS = {"t": None, "noted": None, "nt": (1, 2)}
_METHODS = [("**.py", "python"), ("**.j2", "jinja2.ext:babel_extract")]
_OPTIONS = {"**.j2": {"trim_blocks": "true", "lstrip_blocks": "true"}}
# Fields of a header that change with the day and the tool.
_PASSING = ('"POT-', '"PO-', '"Last-', '"Generated', '"Project', '"Report', '"Language-Team')
# A number of a definition, as dbt writes it into the mart's comment.
_THRESHOLD = re.compile(r"\{\{\s*var\('(\w+)'\)\s*\}\}")
# Layers whose models a reader meets.
_LAYERS = ("core", "marts")


def page_messages() -> set[str | tuple[str, str]]:
    """Every text of the pages, with the words of the marts' codes and the names of metrics."""
    found = {
        message
        for _, _, message, _, _ in extract_from_dir(
            str(HERE), _METHODS, _OPTIONS, keywords=_KEYWORDS
        )
    }
    found |= {metric.label for metric in load_metrics().metrics.values()}
    return found | set(WORDS)


def definition_messages() -> set[str]:
    """Every definition that a reader meets: of marts, of metrics, and why a check exists."""
    found = {metric.description for metric in load_metrics().metrics.values()}
    published, _ = published_models(PROJECT_ROOT)
    for layer in _LAYERS:
        for path in (PROJECT_ROOT / "dbt" / "models" / layer).rglob("*.yml"):
            for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", ()):
                if model["name"] in published:
                    text = " ".join((model.get("description") or "").split())
                    found.add(_THRESHOLD.sub(lambda m: str(threshold(m[1])), text))
    # Built in Python, from the marts.
    found |= {of[None] for of in DESCRIPTIONS.values()}
    for path in (PROJECT_ROOT / "expectations").rglob("*.yml"):
        found |= set(_whys(yaml.safe_load(path.read_text(encoding="utf-8"))))
    return found - {""}


def _whys(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            if key in ("why", "description", "notes") and isinstance(value, str):
                yield " ".join(value.split())
            else:
                yield from _whys(value)
    elif isinstance(content, list):
        for value in content:
            yield from _whys(value)


def update(domain: str, messages: set) -> None:
    """Bring the files of a domain up to the messages; translations that fit are kept."""
    for code in LANGUAGES:
        if code == DEFAULT:
            continue
        path = LOCALES / code / "LC_MESSAGES" / f"{domain}.po"
        known = read_po(io.BytesIO(path.read_bytes()), locale=code) if path.exists() else Catalog()
        fresh = Catalog(locale=code, charset="utf-8")
        for message in sorted(messages, key=str):
            old = known.get(message[0] if isinstance(message, tuple) else message)
            fresh.add(message, old.string if old and old.string else None)
        write(path, fresh)


def write(path: Path, catalogue: Catalog) -> None:
    """Write a catalogue so that it changes only where a message does: without dates and tools."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=100, sort_output=True)
    lines = buffer.getvalue().decode("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("#", *_PASSING))]
    path.write_text("".join(kept), encoding="utf-8")


if __name__ == "__main__":
    update("report", page_messages())
    update("definitions", definition_messages())
