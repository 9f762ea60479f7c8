"""``python -m dagster_project.contracts.generate``: write what follows from the contract."""

import sys

from dagster_project.contracts.generate import write
from dagster_project.errors import HourglassError


def main() -> int:
    """Name each file that changed; 2 where a contract file is wrong."""
    try:
        done = write()
    except HourglassError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("".join(f"{line}\n" for line in done) or "Nothing to write.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
