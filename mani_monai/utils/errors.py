"""The one exception for bad input, and what other programs say when they fail."""

from __future__ import annotations

import re
from collections.abc import Sequence

_RAISED = re.compile(r"[A-Za-z.]*(Error|Exception)\b.*")


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


def failure_reason(lines: Sequence[str]) -> str:
    """The line of a program's output that says why it failed.

    Args:
        lines: its output.

    Returns:
        the first error that was raised: of errors raised from one another, as MONAI's are, it says what happened; else
        the last line with anything in it; "no output" where there is none.
    """
    said = [line.strip() for line in lines if line.strip()]
    return next((line for line in said if _RAISED.fullmatch(line)), said[-1] if said else "no output")
