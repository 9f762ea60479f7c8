"""The one error type whose message is meant for a person."""


class HourglassError(Exception):
    """Something a person can act on: shown as its message, without a stack trace.

    The message names the file, line and column where there are any, what was expected, what was
    found and what to do. It never contains personal data.

    ``exit_code`` is what the command line returns: 1 the run or check failed, 2 the call or the
    configuration is wrong, 3 somebody else is at work (a run is under way, the warehouse is open).
    ``may_pass``: the same can succeed later although nobody mended anything here.
    """

    def __init__(self, message: str, exit_code: int = 1, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.may_pass = may_pass


class UsageError(HourglassError):
    """The call, a setting or a declaration file is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=2)


class BusyError(HourglassError):
    """Another process holds what this one needs; trying again later can succeed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=3, may_pass=True)
