"""Row rules: rows of a file that are no records, whatever the source, as SQL.

A header that is repeated inside a file, a line of totals, and a row of empty cells are left out
by the rule's name and counted. What a mapping leaves out by its own rules stands in the mapping.
"""

from collections.abc import Sequence

from dagster_project.load.validation.casting import BLANKS
from dagster_project.warehouse import quoted

ROW_RULES = {
    "empty_row": "Every cell is empty.",
    "repeated_header": "The header stands here again.",
    "total_row": "A line of totals: a word for it, and beside it nothing but numbers.",
}

_TOTAL = (
    r"(?i)(grand |sub)?-?totals?|sum|summe|gesamt(summe)?|insgesamt|totale|somme|suma|razem|"
    r"итого( по .*)?|всего|общий итог|результат"
)
_NUMBERS = r"[\s\d.,:+\-−()%$€£¥₽]*"


def row_rule(header: Sequence[str]) -> str:
    """SQL: the name of the rule by which a staged record is none; NULL for a record.

    ``header`` are the file's columns, staged as ``c0``, ``c1`` ...
    """
    cells = [f"c{position}" for position in range(len(header))]
    first = f"coalesce({', '.join(cells)})"
    text = f"concat({', '.join(cells)})"
    # Few rows get beyond the look at their first cell, and at its first letter.
    is_blank = (
        f"(c0 IS NULL OR c0 < '!' OR c0 >= chr(127)) AND "
        f"({first} IS NULL OR (ascii({first}) IN (9, 10, 13, 32, 160, 65279) "
        f"AND trim({text}, {BLANKS}) = ''))"
    )
    rules = [f"WHEN {is_blank} THEN 'empty_row'"]
    # SQL text cannot hold the character NUL.
    named = [
        (cell, name.strip())
        for cell, name in zip(cells, header, strict=True)
        if name.strip() and "\x00" not in name
    ]
    if len(named) > 1:
        same = " AND ".join(f"trim({cell}) = {quoted(name)}" for cell, name in named)
        # To look for the first name costs a third of trimming.
        cell, name = named[0]
        rules.append(f"WHEN contains({cell}, {quoted(name)}) AND {same} THEN 'repeated_header'")
        label = f"trim({first}, {BLANKS})"
        pattern = quoted(f"({_TOTAL})({_NUMBERS})")
        rest = f"substr({text}, length({first}) + 1)"
        is_total = (
            f"(c0 IS NULL OR regexp_matches(c0, {quoted(_TOTAL_LETTERS)})) "
            f"AND regexp_matches({first}, {quoted(_TOTAL_STARTS)}) "
            f"AND regexp_full_match({label}, {pattern}) "
            f"AND regexp_full_match({rest}, {quoted(_NUMBERS)})"
        )
        rules.append(f"WHEN {is_total} THEN 'total_row'")
    return f"CASE {' '.join(rules)} END"


# How a cell with a word for a total begins: its first sign, which is quick to tell, and its start.
_BLANK_SIGNS = " \\t\\n\\r\\x{A0}\\x{FEFF}"
_TOTAL_LETTERS = f"^[{_BLANK_SIGNS}GISTRgistrВИОРвиор]"
_TOTAL_STARTS = f"(?i)^[{_BLANK_SIGNS}]*(gra|sub|tot|sum|ges|ins|som|raz|ито|все|общ|рез)"
