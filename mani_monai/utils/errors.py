"""The one exception for bad input."""

from __future__ import annotations


class InputError(ValueError, SystemExit):
    """Input that a user can mend: one line that names the file and the remedy.

    A library caller catches it as ``ValueError``. Uncaught it ends the process as ``SystemExit`` does: the line on
    standard error, exit status 1 and no traceback, also under ``python -m monai.bundle run``, where no code of the
    project stands around the run.

    Args:
        message: which file or option, what is wrong with it, what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message

    def __str__(self) -> str:
        return self.code
