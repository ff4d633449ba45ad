"""The one exception for bad input."""

from __future__ import annotations


class InputError(SystemExit):
    """Input that a user can mend: one line that names the file and the remedy.

    It derives from ``SystemExit``, not from ``Exception``: MONAI wraps an exception of a config's expression in
    others of its own, and this one has to come out of ``python -m monai.bundle run``, where no code of the project
    stands around the run, as that line on standard error with exit status 1 and no traceback.

    Args:
        message: which file or option, what is wrong with it, what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
