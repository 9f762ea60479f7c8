"""The file ``.env`` of the working directory: settings of an installation, for the command line.

Dagster reads the same file by itself, so that both mean the same installation.
"""

from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from dagster_project.errors import UsageError, unusable
from dagster_project.settings import PREFIX


def settings_in(folder: Path) -> dict[str, str]:
    """Name to value of the settings in ``folder``'s file; none where there is no file.

    Other programs' variables are passed over, as are their lines that cannot be read. Raises
    UsageError for a line that names a setting and gives it no value that can be read.
    """
    path = folder / ".env"
    if not path.is_file():
        return {}
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise unusable(path, error) from None
    if "\x00" in text:
        raise UsageError(f"{path} is not UTF-8 (UTF-16, as some editors save?). Save it as UTF-8.")
    readable = []
    for binding in parse_stream(StringIO(text)):
        string, number = binding.original
        # Blank lines are the beginning of the statement after them.
        number += string[: len(string) - len(string.lstrip())].count("\n")
        line = f"{path}, line {number}"
        # Its value is not said: it may be a secret.
        if PREFIX in string.partition("#")[0]:
            if binding.error or binding.value is None:
                raise UsageError(f"{line}: no setting. Expected: {PREFIX}NAME=value.")
            if not _is_text(binding.value):
                raise UsageError(f"{line}: {binding.key} is not UTF-8. Save the file as UTF-8.")
        if not binding.error:
            readable.append(string)
    found = dotenv_values(stream=StringIO("".join(readable)))
    return {
        name: value
        for name, value in found.items()
        if name.startswith(PREFIX) and value is not None
    }


def _is_text(value: str) -> bool:
    """Whether every byte of the value was UTF-8."""
    return not any("\udc80" <= character <= "\udcff" for character in value)
