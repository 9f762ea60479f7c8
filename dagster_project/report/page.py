"""The page: header, sections, one template, one style sheet, one small script, all in one file."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from importlib import resources
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dagster_project.errors import HourglassError
from dagster_project.report import formats
from dagster_project.report.context import Context
from dagster_project.report.sections import SECTIONS, checks


def render(
    con: duckdb.DuckDBPyConnection,
    *,
    quality: Mapping[str, Any],
    manifest: Mapping[str, Any],
    ledger: Mapping[str, Any],
) -> str:
    """The report of one version as a self-contained HTML document (UTF-8).

    ``con`` reads the version's marts.duckdb; ``quality`` is the gate's record, ``manifest`` the
    version's, ``ledger`` the counts of the load. Holds no direct identifiers, because the marts
    hold none and no record of the quarantine is given. Raises HourglassError when a mart or the
    manifest's ``as_of`` is missing.
    """
    as_of = _as_of(manifest)
    settings = manifest.get("settings") or {}
    # The settings name a currency only where several are present; the build knows the one it used.
    currency = manifest.get("currency") or settings.get("currency")
    context = Context(con, as_of, formats.Money(currency), quality, manifest, ledger)
    style, script = _asset("style.css"), _asset("script.js")
    environment = Environment(
        loader=PackageLoader("dagster_project.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        sections=[build(context) for build in SECTIONS],
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        as_of=formats.day(as_of),
        as_of_iso=as_of.isoformat(),
        version=formats.clean(manifest.get("version")),
        build_id=formats.clean(manifest.get("build_id")),
        published=formats.moment(manifest.get("published_at")),
        time_zone=formats.clean(manifest.get("time_zone") or settings.get("time_zone") or "UTC"),
        currency=formats.clean(currency) if currency else "not named by the extracts",
        verdict=checks.verdict(quality.get("results", [])),
    )


def _as_of(manifest: Mapping[str, Any]) -> date:
    value = manifest.get("as_of")
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise HourglassError(
            "The manifest of this version names no as_of date, so the report cannot tell which "
            "months are complete. Run the daily job again."
        ) from None


def _asset(name: str) -> str:
    folder = resources.files("dagster_project.report") / "templates"
    return (folder / name).read_text(encoding="utf-8")
