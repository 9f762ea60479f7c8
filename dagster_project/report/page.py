"""The page: header, sections, one template, one style sheet, one small script, all in one file."""

import base64
import hashlib
from collections.abc import Mapping
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
    hold none and no record of the quarantine is given. Raises HourglassError when a mart, or
    the row of ``build``, is missing.
    """
    build = _build(con)
    as_of = build["as_of"]
    context = context_of(con, quality=quality, manifest=manifest, ledger=ledger)
    style, script = _asset("style.css"), _asset("script.js")
    environment = Environment(
        loader=PackageLoader("dagster_project.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        sections=[section.build(context) for section in SECTIONS],
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        as_of=formats.day(as_of),
        as_of_iso=as_of.isoformat(),
        version=formats.clean(manifest.get("version")),
        build_id=formats.clean(manifest.get("build_id")),
        published=formats.moment(manifest.get("published_at")),
        time_zone=formats.clean(build["time_zone"]),
        currency=formats.clean(build["currency"] or "not named by the extracts"),
        verdict=checks.verdict(quality.get("results", [])),
    )


def context_of(
    con: duckdb.DuckDBPyConnection,
    *,
    quality: Mapping[str, Any],
    manifest: Mapping[str, Any],
    ledger: Mapping[str, Any],
) -> Context:
    """What every section is given, see ``render``."""
    build = _build(con)
    return Context(
        con,
        build["as_of"],
        formats.Money(build["currency"]),
        frozenset(filter(None, (build["sources"] or "").split(", "))),
        quality,
        manifest,
        ledger,
    )


def _build(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The one row of the mart ``build``: what the whole version has in common."""
    names = ("as_of", "time_zone", "currency", "sources")
    try:
        row = con.execute(f"select {', '.join(names)} from build").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        row = None
    if row is None or row[0] is None:
        raise HourglassError(
            "The mart build does not say on which day this version stands, so the report cannot "
            "tell which months are complete. Run the daily job again."
        )
    return dict(zip(names, row, strict=True))


def _asset(name: str) -> str:
    folder = resources.files("dagster_project.report") / "templates"
    return (folder / name).read_text(encoding="utf-8")
