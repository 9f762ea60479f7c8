"""Cases about files, types, keys and accounting."""

from tests.cases import LoadedCase, case  # noqa: F401
