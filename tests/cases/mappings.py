"""Cases about vendors' exports and what their mappings make of them."""

from tests.cases import LoadedCase, case  # noqa: F401
