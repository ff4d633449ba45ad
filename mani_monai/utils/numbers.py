"""Numbers as files and people write them."""

from __future__ import annotations

import math
import re
from typing import Any


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
