"""Figures that are costly to make, kept beside what they were made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mani_monai.utils.folders import replacing


def kept_figures(path: Path, made_of: Mapping[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The figures in a file where they were made of the same; else made, and kept there.

    Args:
        path: the JSON file.
        made_of: all that the figures depend on, as JSON would give it back.
        make: makes them.
    """
    if path.exists() and (kept := json.loads(path.read_text()))["made_of"] == made_of:
        return kept["figures"]
    figures = make()
    with replacing(path) as partial:
        partial.write_text(json.dumps({"made_of": made_of, "figures": figures}, indent=1) + "\n")
    return figures
