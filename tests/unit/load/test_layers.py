"""The order of the loader's rooms: each imports only from those that come after it."""

import ast
from pathlib import Path

import dagster_project.load

PACKAGE = Path(dagster_project.load.__file__).parent
PREFIX = "dagster_project.load."


def imported_rooms(path: Path) -> set[str]:
    """The loader's rooms that a module imports from, late imports included."""
    return {
        node.module.removeprefix(PREFIX).split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PREFIX)
    }


def test_rooms_import_only_downwards():
    """A reader of the parser has to know how batches are committed."""
    listed = (dagster_project.load.__doc__ or "").partition("From the top:")[2]
    order = [name.strip() for name in listed.partition(";")[0].replace("\n", " ").split(",")]
    rooms = {
        path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "__init__.py"
    }
    assert set(order) == rooms
    upward = [
        (str(path.relative_to(PACKAGE)), room)
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "__init__.py"
        for room in imported_rooms(path)
        if order.index(room) < order.index(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
    ]
    assert upward == []
