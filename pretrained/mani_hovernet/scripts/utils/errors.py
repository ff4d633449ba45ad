"""The one exception for bad input, what other programs say when they fail, and numbers as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

_CUT_OFF = ("PytorchStreamWriter", "unexpected pos")
_RAISED = re.compile(r"[A-Za-z.]*(Error|Exception)\b.*")


class InputError(ValueError):
    """Input that a user can mend: one line that names the file or the option, and the remedy.

    A command prints that line and ends with status 1: :mod:`scripts.utils.one_line`. A library call raises it.

    Args:
        message: which file or option, what is wrong with it, what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)


def input_error_of(error: BaseException) -> InputError | None:
    """The :class:`InputError` that another error was raised from.

    MONAI raises errors of its own from those of a config's expression and of a transform. A worker of a data loader
    hands on no error, only its traceback as text.

    Args:
        error: any error.

    Returns:
        the InputError with its line alone; None where there is none among the causes.
    """
    cause: BaseException | None = error
    while cause is not None:
        if (line := input_line(str(cause))) is not None:
            return InputError(line)
        if isinstance(cause, InputError):
            return cause
        cause = cause.__cause__
    return None


def input_line(text: str) -> str | None:
    """The line of the last :class:`InputError` in a text with a traceback; None where there is none."""
    if "Traceback (most recent call last)" not in text:
        return None
    _, found, line = text.rpartition(f"{InputError.__name__}: ")
    return line.splitlines()[0].strip() if found else None


def is_cut_off(error: BaseException) -> bool:
    """Whether PyTorch says that a file of weights could not be written to its end, which it raises no OSError for."""
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _CUT_OFF)


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


def positive(value: Any) -> float | None:
    """A positive, finite number, with a decimal comma if need be; None where it is none."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and re.fullmatch(r"\d+,\d+(?:[eE][-+]?\d+)?", text):
        text = text.replace(",", ".")
    try:
        number = float(text)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 image", "2 images".

    Args:
        number: how many.
        noun: of one.
        plural: of others; with an s by default.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
