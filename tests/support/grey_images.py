"""Described images of which nothing but one value is known."""

from __future__ import annotations

from studies.shift_images import MEASURES


def greys(*values: float) -> dict[str, dict[str, float]]:
    """Images named by their numbers, each with one value in all of ``MEASURES``."""
    return {str(n): dict.fromkeys(MEASURES, float(value)) for n, value in enumerate(values)}
