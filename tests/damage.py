"""Damage that happens to files on their way: each makes other bytes of them."""

from collections.abc import Callable
from random import Random


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def _changed(data: bytes, random: Random) -> bytes:
    found = bytearray(data)
    for _ in range(random.randint(1, 3)):
        found[random.randrange(len(found))] = random.randrange(256)
    return bytes(found)


def _zeroed(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    size = random.randint(1, 512)
    return data[:start] + b"\0" * len(data[start : start + size]) + data[start + size :]


def _doubled(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start // 2 : start] + data[start:]


def _lost(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start + random.randint(1, 64) :]


def _as_text(data: bytes, random: Random) -> bytes:
    """As a transfer in text mode makes them."""
    return data.replace(b"\n", b"\r\n")


# What was done, by name.
DAMAGES: dict[str, Callable[[bytes, Random], bytes]] = {
    "cut": _cut,
    "changed": _changed,
    "zeroed": _zeroed,
    "doubled": _doubled,
    "lost": _lost,
    "as text": _as_text,
}
