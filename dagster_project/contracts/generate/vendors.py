"""The page of vendors' exports that are understood, from the shipped mappings and examples."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from dagster_project.contracts.mapping import Mapping, canonical_table

PATH = "docs/vendors.md"
# What became of the examples in each vendor's documented format; a test holds it to the loader.
EXAMPLES = "tests/vendor_exports"
_HEAD = """\
<!-- Written by make contracts from the shipped mappings and tests/vendor_exports/. -->
# Vendors' exports

A file in `landing/<mapping>/` is read through that mapping. What a mapping may say stands in
[mappings.md](mappings.md); `hourglass mappings` lists what this installation knows, one's own
included, and `hourglass mappings test MAPPING FILE` shows the rows that a file gives.

Of each mapping stands here which columns of the export it reads, which of the vendor's documented
columns it does not (those of the example in `tests/vendor_exports/`), what they give, and what of
the tables it does not fill. A column that is not read is kept beside the rows and reported, and
reaches no table.

| mapping | feeds | files |
| --- | --- | --- |
"""


def columns_not_read(root: Path) -> dict[str, list[str]]:
    """By mapping, the columns of its examples that no table takes, as the loader told them."""
    found = {}
    for path in sorted((root / EXAMPLES).glob("*/outcome.yml")):
        found[path.parent.name] = yaml.safe_load(path.read_text(encoding="utf-8"))["not_read"]
    return found


def vendors_file(mappings: dict[str, Mapping], not_read: dict[str, list[str]]) -> dict[str, str]:
    """The text of the page by its path."""
    rows = "".join(
        f"| [`{name}`](#{name}) | {_code(mapping.tables)} | {_code(mapping.files)} |\n"
        for name, mapping in mappings.items()
    )
    sections = "".join(
        "".join(f"{line}\n" for line in _section(mapping, not_read.get(name, [])))
        for name, mapping in mappings.items()
    )
    return {PATH: f"{_HEAD}{rows}{sections}"}


def _section(mapping: Mapping, not_read: list[str]) -> Iterator[str]:
    yield ""
    yield f"## {mapping.mapping}"
    yield ""
    yield f"{' '.join(mapping.description.split())} Format: <{mapping.reference}>."
    yield ""
    yield f"Reads {_code(mapping.columns)}."
    yield ""
    yield f"Does not read {_code(not_read)}." if not_read else "Leaves no column of it unread."
    needed = {name: column.needed for name, column in mapping.columns.items() if column.needed}
    for name, sentence in needed.items():
        yield ""
        yield f"Without the column `{name}` a file is refused. {sentence}"
    yield ""
    yield "| table | given | not given |"
    yield "| --- | --- | --- |"
    for table, ways in mapping.tables.items():
        contract = canonical_table(table)
        assert contract is not None
        given = {column for way in ways for column in way.columns}
        names = contract.column_names
        yield (
            f"| `{table}` | {', '.join(name for name in names if name in given)} "
            f"| {', '.join(name for name in names if name not in given)} |"
        )
    if mapping.leave_out:
        yield ""
        yield "Left out, and counted under the rule's name:"
        yield ""
        for name, rule in mapping.leave_out.items():
            yield f"- `{name}`: {' '.join(rule.description.split())}"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
