"""What licences of images allow that weights trained on them are used for."""

from __future__ import annotations

import re

ALLOWED = "The licences of the images allow commercial use."
_NON_COMMERCIAL = re.compile(r"non[ -]?commercial|[ -]nc\b", re.I)
_OPEN = re.compile(
    r"(cc0|cc[ -]by([ -]sa)?|apache|mit|bsd|public domain)([ -](licen[cs]e|version|universal|clause|v?[\d.]+)|,)*"
    r"|none: drawn .*",
    re.I,
)


def allows_commercial_use(licence: str) -> bool | None:
    """Whether a licence allows commercial use; None where that is not known: only what is recognised allows it.

    Args:
        licence: its name and version, as preparation recorded it; or several with "; " between, all of which bind. The
            terms of an exported bundle are one of them where they end in ``ALLOWED``.
    """
    if _NON_COMMERCIAL.search(licence):
        return False
    parts = licence.split("; ")
    return True if all(_OPEN.fullmatch(part) or part.endswith(ALLOWED) for part in parts) else None
