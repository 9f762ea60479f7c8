"""HTML pages: the report of one version as a small site of self-contained files, per language.

One template, one style sheet, one script, all inside each page: it opens from disk and asks
nothing of any network.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment
from markupsafe import Markup

from dagster_project.errors import HourglassError
from dagster_project.report import dbt_docs, formats, headline, language, texts
from dagster_project.report.blocks import Section
from dagster_project.report.context import Context, Kept
from dagster_project.report.cubes import safe_json
from dagster_project.report.earlier_versions import HEADLINE
from dagster_project.report.language import DEFAULT, LANGUAGES, speaking, t
from dagster_project.report.pages import PAGES
from dagster_project.report.sections import checks
from dagster_project.report.templating import asset, template_environment


def render(
    con: duckdb.DuckDBPyConnection,
    *,
    quality: Mapping[str, Any],
    manifest: Mapping[str, Any],
    ledger: Mapping[str, Any],
    first_language: str = DEFAULT,
    languages: Sequence[str] = tuple(LANGUAGES),
    kept: Sequence[Kept] = (),
    dbt_manifest: Path | None = None,
) -> dict[str, str]:
    """The report of one version: UTF-8 content by path below ``report/``.

    Beside the pages lies ``headline.json``, which later versions are compared with.
    Pages of ``first_language`` lie at the top, ``index.html`` first; those of the others in a
    folder per language. ``con`` reads the version's marts.duckdb; ``quality`` is the gate's record,
    ``manifest`` the version's, ``ledger`` the counts of the load; ``kept`` are versions to compare
    with. With ``dbt_manifest``, dbt's manifest.json, dbt's documentation lies beside the pages, and
    each links to it. Holds no direct identifiers, because the marts hold none and no record of the
    quarantine is given. Raises HourglassError when a mart, or the row of ``build``, is missing.
    """
    context = context_of(con, quality=quality, manifest=manifest, ledger=ledger, kept=kept)
    environment = _environment()
    files: dict[str, str] = {}
    for code in languages:
        with speaking(code):
            written = [
                _Written(page.slug, t(page.title), _sections(context, page)) for page in PAGES
            ]
            folder = "" if code == first_language else f"{code}/"
            for page in written:
                files[f"{folder}{page.slug}.html"] = _write(
                    environment, context, page, written, first_language, dbt_manifest is not None
                )
    if dbt_manifest is not None:
        files[dbt_docs.PATH] = dbt_docs.render_docs(con, dbt_manifest)
    files[HEADLINE] = json.dumps(
        {
            "version": manifest.get("version"),
            "as_of": context.as_of.isoformat(),
            "published_at": manifest.get("published_at"),
            "values": headline.compared(context),
        },
        indent=2,
        default=str,
    )
    return files


def context_of(
    con: duckdb.DuckDBPyConnection,
    *,
    quality: Mapping[str, Any],
    manifest: Mapping[str, Any],
    ledger: Mapping[str, Any],
    kept: Sequence[Kept] = (),
) -> Context:
    """What every section is given, see ``render``."""
    build = _build(con)
    return Context(
        con,
        build["as_of"],
        formats.Money(build["currency"]),
        frozenset(filter(None, (build["sources"] or "").split(", "))),
        build["time_zone"],
        quality,
        manifest,
        ledger,
        tuple(kept),
    )


@dataclass(frozen=True)
class _Written:
    """A page in the language that is spoken, before it is HTML."""

    slug: str
    title: str
    sections: list[Section]


def _sections(context: Context, page: Any) -> list[Section]:
    return [section.build(context) for section in page.sections]


@cache
def _environment() -> Environment:
    environment = template_environment()
    script = asset("script.js")
    environment.globals |= {
        "t": t,
        "nt": language.nt,
        "is_translated": language.is_translated,
        "count": formats.count,
        "style": Markup(asset("style.css")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return environment


def _write(
    environment: Environment,
    context: Context,
    page: _Written,
    pages: Sequence[_Written],
    first_language: str,
    has_docs: bool,
) -> str:
    spoken = language.language()
    here = "" if spoken.code == first_language else "../"
    cubes = {cube.id: cube for section in page.sections for cube in section.cubes}
    manifest = context.manifest
    return environment.get_template("page.html.j2").render(
        page=page,
        pages=[
            {
                "title": other.title,
                "href": f"{other.slug}.html",
                "current": other.slug == page.slug,
                "is_absent": all(section.absent for section in other.sections),
            }
            for other in pages
        ],
        language=spoken,
        languages=[
            {
                "name": other.name,
                "tag": other.tag,
                "current": other.code == spoken.code,
                "href": f"{here}{'' if other.code == first_language else other.code + '/'}"
                f"{page.slug}.html",
            }
            for other in LANGUAGES.values()
        ],
        cubes=list(cubes.values()),
        texts=safe_json(texts.for_script(context)),
        checks_href="quality.html#checks",
        docs_href=f"{here}{dbt_docs.PATH}" if has_docs else None,
        as_of=formats.day(context.as_of),
        version=formats.clean(manifest.get("version")),
        build_id=formats.clean(manifest.get("build_id")),
        published=formats.moment(manifest.get("published_at")),
        time_zone=formats.clean(context.time_zone),
        currency=formats.clean(context.money.code or t("not named by the extracts")),
        verdict=checks.verdict(context.quality.get("results", [])),
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
