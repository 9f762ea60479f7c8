"""The stages of a resolution hand tables over; none is left behind for another file to find."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import dagster_project.identity
from dagster_project.identity.frames import FRAMES, make, make_empty

PACKAGE = Path(dagster_project.identity.__file__).parent
# A table of one file begins with this, a frame's with the other: only frames.py may write that.
OWN, FRAME = re.compile(r"(?<![\w.{])id_\w+"), re.compile(r"(?<![\w.])frame_\w+")
MADE = re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?TEMP(?:ORARY)?\s+(?:TABLE|VIEW)\s+(\S*)")
# Handed to DuckDB and taken back within one statement; the name of a table of identity.*.
NO_TABLES = {"id_incoming", "id_changes"}


def _texts(tree: ast.AST) -> Iterator[str]:
    """All strings but docstrings; what stands in braces of an f-string is left out."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docs | inside
        ):
            yield node.value


def temporary_tables(source: str) -> tuple[set[str], set[str], list[str]]:
    """(made, named, oddly made): temporary tables in the SQL of a file."""
    tree = ast.parse(source)
    made, named, odd = set(), set(), []
    for text in _texts(tree):
        for name in MADE.findall(text):
            if OWN.fullmatch(name):
                made.add(name)
            elif not name.startswith(("{}", "id_out_{}", "frame_{}", "{")):
                odd.append(name)
        named.update(OWN.findall(text))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "create_table":
            name = node.args[1]
            if isinstance(name, ast.Constant):
                made.add(name.value)
    return made, named, odd


def _files() -> dict[str, str]:
    return {
        str(path.relative_to(PACKAGE)): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))
    }


def test_no_temporary_table_is_shared_between_files():
    """A stage reads what another happened to leave behind, and a wrong order is nobody's error."""
    makers, foreign = defaultdict(set), []
    for name, source in _files().items():
        made, named, odd = temporary_tables(source)
        assert not odd, f"{name} makes temporary tables whose name does not begin with id_: {odd}"
        for table in made:
            makers[table].add(name)
        foreign += [(name, table) for table in named - made - NO_TABLES]
    assert foreign == [], "read, but made in another file: hand it over as a frame"
    shared = {table: files for table, files in makers.items() if len(files) > 1}
    assert shared == {}, "made in several files"
    assert len(makers) > 20


def test_frames_are_named_nowhere_but_where_they_are_declared():
    """Somebody reads a frame by its name, and no signature says that it must be there."""
    named = {
        name: found
        for name, source in _files().items()
        if name != "frames.py"
        and (found := {n for text in _texts(ast.parse(source)) for n in FRAME.findall(text)})
    }
    assert named == {}


def test_every_frame_is_made_by_a_stage():
    """A declaration that nothing stands behind tells a reader of a table that is not there."""
    made = set(
        re.findall(
            r'(?:make|make_from|make_empty)\(\s*con,\s*"(\w+)"', "\n".join(_files().values())
        )
    )
    made |= set(re.findall(r'frame="(\w+)"', "\n".join(_files().values())))
    assert made == set(FRAMES)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('con.execute("CREATE OR REPLACE TEMP TABLE id_a AS FROM id_b")', {"id_b"}),
        (
            'con.execute(f"CREATE TEMP VIEW id_a AS SELECT {x}.id_c FROM identity.id_changes")',
            set(),
        ),
        ('"""Reads ``id_b``."""\ncreate_table(con, "id_a", {})\ncon.execute("FROM id_a")', set()),
        ('con.execute(f"SELECT n.id_x FROM {nodes} JOIN id_b USING ({key})")', {"id_b"}),
    ],
)
def test_the_test_finds_what_a_file_reads(source, expected):
    """The three tests above pass on anything."""
    made, named, _ = temporary_tables(source)
    assert named - made == expected


def test_a_frame_has_the_columns_that_are_declared():
    """A stage hands over other columns than the next one reads, and it shows far from there."""
    con = duckdb.connect()
    assert make_empty(con, "decided").columns == ("a", "b")
    with pytest.raises(ValueError, match="frame decided has columns"):
        make(con, "decided", "SELECT 1 AS a, 2 AS c")
