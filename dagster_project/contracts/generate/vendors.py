"""The page of vendors' exports that are understood, from the shipped mappings."""

from collections.abc import Iterable, Iterator

from dagster_project.contracts.mapping import Mapping, canonical_table

PATH = "docs/vendors.md"
_HEAD = """\
<!-- Written by make contracts from dagster_project/contracts/mappings/. -->
# Vendors' exports

A file in `landing/<mapping>/` is read through that mapping. What a mapping may say stands in
[mappings.md](mappings.md); `hourglass mappings` lists what this installation knows, one's own
included, and `hourglass mappings test MAPPING FILE` shows the rows that a file gives.

Of each mapping stands here which columns of the export it reads, what they give, and what of the
tables it does not fill. Every other column of a file is kept beside the rows and reported, and
reaches no table.

| mapping | feeds | files |
| --- | --- | --- |
"""


def vendors_file(mappings: dict[str, Mapping]) -> dict[str, str]:
    """The text of the page by its path."""
    rows = "".join(
        f"| [`{name}`](#{name}) | {_code(mapping.tables)} | {_code(mapping.files)} |\n"
        for name, mapping in mappings.items()
    )
    sections = "".join(
        "".join(f"{line}\n" for line in _section(mapping)) for mapping in mappings.values()
    )
    return {PATH: f"{_HEAD}{rows}{sections}"}


def _section(mapping: Mapping) -> Iterator[str]:
    yield ""
    yield f"## {mapping.mapping}"
    yield ""
    yield f"{' '.join(mapping.description.split())} Format: <{mapping.reference}>."
    yield ""
    yield f"Reads {_code(mapping.columns)}."
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
