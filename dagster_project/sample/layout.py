"""The columns of every file that the simulator writes, in order, and how they are written out."""

import gzip
import io
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dagster_project.contracts import load_contract
from dagster_project.sample.columns import number

# Columns that the simulated company does not deliver, of tables that it does.
NOT_DELIVERED: dict[str, frozenset[str]] = {
    "crm/contacts": frozenset({"full_name"}),
    "shop/order_lines": frozenset({"line_amount", "kind"}),
}


def _landing() -> dict[str, str]:
    """Columns of each table of the source contract, in its order, without what is not delivered."""
    return {
        f"{system.system}/{table.name}": " ".join(
            name
            for name in table.column_names
            if name not in NOT_DELIVERED.get(f"{system.system}/{table.name}", ())
        )
        for system in load_contract().values()
        for table in system.tables.values()
    }


# A table that nothing is written to has no file: the simulated company lacks that source.
LANDING: dict[str, str] = _landing()

TRUTH: dict[str, str] = {
    "persons": "person_id script gender first_name last_name birth_date family_id "
    "shares_family_phone is_twin has_namesake_relative company_id uses_company_mailbox "
    "changed_email changed_phone changed_surname has_account has_card is_buyer "
    "purchase_rate_per_week dropout_probability is_alive_at_end first_purchase_date purchases "
    "mean_order_value satisfaction",
    "records": "source_system source_table source_id person_id",
    "visitors": "visitor_id person_id is_shared",
    "order_touches": "order_id person_id cause_channel touch_kind touch_source_id touched_at",
    "channel_effects": "channel incremental_probability effective_touches caused_orders "
    "realised_probability caused_first_orders sessions",
    "parameters": "name value unit meaning",
    "season": "day multiplier",
    "experiments": "experiment_id subject_kind variant_control variant_treatment outcome "
    "true_relative_effect is_valid",
    "error_rates": "name rate applies_to meaning",
}

# Columns whose text can hold a comma, a quote or a line break.
QUOTED = frozenset(
    [
        "first_name",
        "middle_name",
        "last_name",
        "street_address",
        "company",
        "comment",
        "body",
        "transcript",
        "name",
        "subject",
        "reason",
        "email",
        "phone",
        "meaning",
        "applies_to",
        "outcome",
    ]
)

Column = pa.Array | np.ndarray | str | None


def to_csv(header: list[str], columns: Mapping[str, Column], rows: int) -> bytes:
    """CSV records (UTF-8, LF, no header); a column that is absent or None is empty.

    int64 arrays are written as integers, a str is a constant. Raises KeyError for a column that
    the header does not have.
    """
    unknown = sorted(set(columns) - set(header))
    if unknown:
        raise KeyError(f"not columns of this file: {', '.join(unknown)}")
    if not rows:
        return b""
    parts: list[pa.Array | str] = []
    for at, name in enumerate(header):
        column = columns.get(name)
        if column is None:
            column = ""
        elif isinstance(column, np.ndarray):
            column = number(column)
        if name in QUOTED and isinstance(column, pa.Array):
            column = _quoted(column)
        parts += [column, pa.repeat("\n", rows) if at == len(header) - 1 else ","]
    lines = pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int32)
    first, last = offsets[lines.offset], offsets[lines.offset + len(lines)]
    return lines.buffers()[2][int(first) : int(last)].to_pybytes()


def _quoted(column: pa.Array) -> pa.Array:
    special = pc.match_substring_regex(column, '[",\n\r]')
    if not pc.any(special).as_py():
        return column
    wrapped = pc.binary_join_element_wise('"', pc.replace_substring(column, '"', '""'), '"', "")
    return pc.if_else(special, wrapped, column)


class Files:
    """The gz files of one company, opened by their first records and appended to chunk by chunk.

    The gzip headers carry neither time nor name, so that the same text gives the same bytes
    wherever the compression library is the same.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._open: dict[str, tuple[io.BufferedIOBase, gzip.GzipFile]] = {}
        self.rows: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for raw, stream in self._open.values():
            stream.close()
            raw.close()

    def write(self, table: str, columns: Mapping[str, Column], rows: int | None = None) -> None:
        """Append records to a table; ``rows`` is needed only when no column is an array."""
        header = (LANDING.get(table) or TRUTH[table]).split()
        if rows is None:
            rows = len(next(c for c in columns.values() if isinstance(c, pa.Array | np.ndarray)))
        if table not in self._open:
            self._start(table, header)
        self._open[table][1].write(to_csv(header, columns, rows))
        self.rows[table] += rows

    def _start(self, table: str, header: list[str]) -> None:
        folder = "landing" if table in LANDING else "truth"
        path = self._out / folder / f"{table}.csv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = path.open("wb")
        stream = gzip.GzipFile("", "wb", compresslevel=4, fileobj=raw, mtime=0)
        stream.write((",".join(header) + "\n").encode())
        self._open[table] = (raw, stream)
        self.rows[table] = 0
