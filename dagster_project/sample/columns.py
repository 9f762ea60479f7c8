"""Columns of text, built a whole column at a time with pyarrow.

Text columns are ``pa.StringArray`` with nulls for what is missing; numbers, times (seconds since
1970, UTC) and days (since 1970) are int64 numpy arrays, with ``NONE`` for what is missing.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NONE = -(2**62)

Text = pa.Array
TextOrScalar = pa.Array | pa.Scalar | str


def pick(values: Sequence[str | None] | Text, index: np.ndarray) -> Text:
    """The value at each index; an index below 0 gives null."""
    source = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    index = np.asarray(index)
    if len(source) == 0:
        return pa.nulls(len(index), pa.string())
    taken = source.take(pa.array(np.maximum(index, 0)))
    return taken if not len(index) or index.min() >= 0 else blank(taken, index < 0)


def take(column: Text | np.ndarray, index: np.ndarray) -> Text | np.ndarray:
    """Rows of a column by position."""
    return column[index] if isinstance(column, np.ndarray) else column.take(pa.array(index))


def at_rows(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``values`` at the given rows, NONE for a row below 0 (and so where there are no values)."""
    if not len(values):
        return np.full(len(rows), NONE)
    return np.where(rows >= 0, values[np.maximum(rows, 0)], NONE)


def cat(*parts: TextOrScalar) -> Text:
    """Texts joined without a separator; null where any part is null."""
    return pc.binary_join_element_wise(*parts, "")


def blank(column: Text, mask: np.ndarray) -> Text:
    """The column with nulls where the mask is true."""
    return pc.if_else(pa.array(mask), pa.scalar(None, pa.string()), column)


def where(mask: np.ndarray, yes: TextOrScalar, no: TextOrScalar) -> Text:
    """Element by element the first or the second text."""
    return pc.if_else(pa.array(mask), yes, no)


def number(values: np.ndarray, width: int = 0) -> Text:
    """Integers as text, padded with zeros; NONE gives null."""
    values = np.asarray(values, dtype=np.int64)
    text = pa.array(values, mask=values == NONE).cast(pa.string())
    return pc.utf8_lpad(text, width, "0") if width else text


def key(prefix: str, values: np.ndarray, width: int = 6) -> Text:
    """Keys such as C-000042; NONE gives null."""
    return cat(prefix, number(values, width))


def money(pence: np.ndarray) -> Text:
    """Pence as pounds with two decimals; NONE gives null."""
    pence = np.asarray(pence, dtype=np.int64)
    sign = pick(["", "-"], ((pence < 0) & (pence != NONE)).astype(np.int64))
    size = np.where(pence == NONE, NONE, np.abs(pence) // 100)
    return cat(sign, number(size), ".", number(np.abs(pence) % 100, 2))


def fixed(values: np.ndarray, decimals: int) -> Text:
    """Non-negative floats with a fixed number of decimals."""
    scaled = np.round(np.asarray(values, dtype=np.float64) * 10**decimals).astype(np.int64)
    return cat(number(scaled // 10**decimals), ".", number(scaled % 10**decimals, decimals))


def stamp(seconds: np.ndarray) -> Text:
    """Times as 2025-12-31 23:59:59; NONE gives null."""
    seconds = np.asarray(seconds, dtype=np.int64)
    return pa.array(seconds, mask=seconds == NONE).cast(pa.timestamp("s")).cast(pa.string())


def day(days: np.ndarray) -> Text:
    """Days since 1970 as 2025-12-31; NONE gives null."""
    days = np.asarray(days, dtype=np.int64)
    safe = np.where(days == NONE, 0, days).astype(np.int32)
    return pa.array(safe, mask=days == NONE).cast(pa.date32()).cast(pa.string())


def flag(values: np.ndarray) -> Text:
    """Booleans as true and false."""
    return pick(["false", "true"], np.asarray(values).astype(np.int64))


def edit(column: Text, mask: np.ndarray, change: Callable[[int, str], str]) -> Text:
    """The column with ``change(row, value)`` applied where the mask is true and a value is there.

    For the few rows that carry an error: the rest never becomes a Python object.
    """
    rows = np.flatnonzero(mask & np.asarray(column.is_valid()))
    if not len(rows):
        return column
    old = take(column, rows).to_pylist()
    new = pa.array([change(int(row), value) for row, value in zip(rows, old, strict=True)])
    return pc.replace_with_mask(column, pa.array(_only(rows, len(column))), new.cast(pa.string()))


def _only(rows: np.ndarray, size: int) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[rows] = True
    return mask


def occurrence(labels: np.ndarray) -> np.ndarray:
    """How many earlier rows bear the same label: 0 for the first, 1 for the second, ..."""
    order = np.argsort(labels, kind="stable")
    ranked = labels[order]
    start = np.r_[True, ranked[1:] != ranked[:-1]] if len(ranked) else np.zeros(0, bool)
    position = np.arange(len(ranked))
    first = np.maximum.accumulate(np.where(start, position, 0)) if len(ranked) else position
    out = np.empty(len(labels), dtype=np.int64)
    out[order] = position - first
    return out


def expand(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For rows repeated ``counts`` times: the row of each copy and its position in the row."""
    owner = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - starts[owner]
