"""Setting values: what a setting may say, told in a sentence where it does not fit.

Each check gives its value, and raises ValueError that ``settings`` shows with the setting's name.
"""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

# What a row of the widest contract table and DuckDB's own buffers take at least.
LEAST_MEMORY = 100_000_000
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s?([KMGT])(i?)B")
REMOTE_SCHEMES = ("s3", "gs", "abfs", "sftp")


def empty_is_none(value: Any) -> Any:
    """None for an empty variable, as a compose file gives it."""
    return None if value == "" else value


def no_empty_path(value: Any) -> Any:
    """Whether a folder is named at all."""
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty; name a folder, or unset it for the default")
    return value


def known_time_zone(value: str) -> str:
    """``value`` when it is an IANA time zone; else ValueError."""
    try:
        ZoneInfo(value)
    # A folder of zones ("Europe") is an OSError.
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{value!r} is not an IANA time zone such as Europe/London; correct it"
        ) from None
    return value


def known_region(value: str) -> str:
    """``value`` when telephone numbers are known of that country; else ValueError."""
    import phonenumbers

    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(
            f"{value!r} is no country code of ISO 3166 in two capitals that telephone numbers "
            "have, such as GB; correct it"
        )
    return value


def known_cron(value: str) -> str:
    """``value`` when it is a cron expression of five fields that ever ticks; else ValueError."""
    try:
        if len(value.split()) != 5:
            raise ValueError
        next(CronSim(value, datetime(2026, 1, 1)))
    except (CronSimError, StopIteration, ValueError):
        raise ValueError(
            f"{value!r} must be a cron expression such as '0 4 * * 1-5' (minute, hour, day, "
            "month, weekday); correct it"
        ) from None
    return value


def known_currency(value: str | None) -> str | None:
    """``value`` when it is a currency code; else ValueError."""
    # The contract reads the settings.
    from dagster_project.contracts.currencies import CURRENCIES

    if value is not None and value not in CURRENCIES:
        raise ValueError(f"{value!r} is no currency code of ISO 4217 such as EUR; correct it")
    return value


def enough_memory(value: str) -> str:
    """``value`` when it is a size that DuckDB can work with; else ValueError."""
    found = _MEMORY.fullmatch(value)
    if found:
        base = 1024 if found[3] else 1000
        if float(found[1]) * base ** ("KMGT".index(found[2]) + 1) >= LEAST_MEMORY:
            return value
    raise ValueError(
        f"{value!r} must be a size such as 2GB, and at least {LEAST_MEMORY // 10**6}MB; correct it"
    )


def web_address(value: str | None) -> str | None:
    """``value`` when it is a whole http or https address; the message does not repeat it, since
    webhooks carry secrets."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address or re.search(r"\s", value):
        raise ValueError("must be an address that begins with https:// or http://; correct it")
    return value


def remote_address(value: str | None) -> str | None:
    """``value`` when it is the address of a remote folder; else ValueError."""
    if value is not None and not re.fullmatch(
        rf"({'|'.join(REMOTE_SCHEMES)})://[^\s/]+(/\S*)?", value
    ):
        listed = ", ".join(f"{scheme}://" for scheme in REMOTE_SCHEMES)
        raise ValueError(f"must begin with one of {listed} and name a bucket or host; correct it")
    return value


def with_slash(value: str) -> str:
    """``value`` when it ends with a slash; else ValueError."""
    if not value.endswith("/"):
        raise ValueError("must end with a slash, such as http://127.0.0.1:3001/; correct it")
    return value


def listed(value: Any) -> Any:
    """The parts of a text that commas separate."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def words(value: Any) -> Any:
    """The parts of a text that blanks separate."""
    return tuple(value.split()) if isinstance(value, str) else value
