"""Memory of Spark: the peak of the largest Java process of this machine, while a run works.

In local mode this is driver and executor in one, heap and all that Java needs beside it.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Seconds between two looks; a process is asked for its own peak, which no pause misses.
PAUSE = 2.0


class Peak:
    """Megabytes of resident memory."""

    mb: float = 0.0


@contextmanager
def peak_of_java() -> Iterator[Peak]:
    """The peak, complete at the end of the block. Of Linux, which tells it in /proc."""
    peak, stop = Peak(), threading.Event()

    def watch() -> None:
        while not stop.wait(PAUSE):
            peak.mb = max(peak.mb, *_peaks(), 0.0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _peaks() -> Iterator[float]:
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            # It ended meanwhile.
            continue
        found = re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)
        if text.startswith("Name:\tjava\n") and found:
            yield int(found[1]) / 1000
