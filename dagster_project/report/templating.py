"""Templates of HTML pages: Jinja with every value escaped, and the files beside the templates."""

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined


def template_environment() -> Environment:
    """Jinja over ``report/templates``. A value that a template lacks is an error, not a blank."""
    return Environment(
        loader=PackageLoader("dagster_project.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(name: str) -> str:
    """The text of a style sheet or script in ``report/templates``."""
    folder = resources.files("dagster_project.report") / "templates"
    return (folder / name).read_text(encoding="utf-8")
