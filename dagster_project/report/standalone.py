"""Standalone page: one HTML file in the report's style, without its contents, filters or script.

For what is made on request and holds personal data, which the report never does.
"""

from typing import Any

from markupsafe import Markup

from dagster_project.report.templating import asset, template_environment


def standalone_page(template: str, *, title: str, **values: Any) -> str:
    """A complete HTML document from a template that extends ``standalone.html.j2``."""
    return (
        template_environment()
        .get_template(template)
        .render(title=title, style=Markup(asset("style.css")), **values)
    )
