"""The parts of an adaptation, numbered as a person reads them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count


def phases(say: Callable[[str], None], number: int) -> Callable[[str], None]:
    """What tells a person each part as it begins: "1/4 checking the images", then "2/4 ...".

    Args:
        say: tells a line.
        number: how many parts there will be.
    """
    places = count(1)
    return lambda line: say(f"{next(places)}/{number} {line}")
