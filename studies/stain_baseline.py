"""The row that learned nothing: what the stain alone gives on the test images of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from studies.plan import Method
from studies.rows import Row

FILE = "haematoxylin.csv"
TITLE = "haematoxylin, Otsu"
"""What tables call it; :func:`studies.unseen_tissue.haematoxylin_nuclei` says how its nuclei are found."""
METRICS = ("dice", "aji", "pq", "dq", "sq", "count_error")


def with_stain(rows: Mapping[str, list[Row]], results: str | Path, metric: str) -> dict[str, list[Row]]:
    """A table's rows, and first of each shift what the stain alone gives on the very images that its runs tested.

    Args:
        rows: what ``collect_rows`` gives.
        results: folder of the table's runs; ``haematoxylin.csv`` lies in the folder above, or above that.
        metric: which of the scores.

    Returns:
        the rows; without the first one where an image was not measured, or the metric was not.
    """
    found = _scores(Path(results), metric)
    return {shift: [*_stain_row(shift, of_shift, found), *of_shift] for shift, of_shift in rows.items()}


def _scores(results: Path, metric: str) -> dict[tuple[str, str], float]:
    """By data set and image."""
    path = next((folder / FILE for folder in list(results.parents)[:2] if (folder / FILE).is_file()), None)
    if path is None or metric not in METRICS:
        return {}
    table = pd.read_csv(path)
    return dict(zip(zip(table["data"], table["image"], strict=True), table[metric].astype(float), strict=True))


def _stain_row(shift: str, rows: Sequence[Row], found: Mapping[tuple[str, str], float]) -> list[Row]:
    target = shift.split("__")[-1]
    tested: dict[int, set[str]] = {}
    for row in rows:
        for seed, images in row.scores.get("last", {}).items():
            tested.setdefault(seed, set()).update(images)
    if not tested or any((target, image) not in found for images in tested.values() for image in images):
        return []
    scores = {seed: {image: found[target, image] for image in sorted(images)} for seed, images in tested.items()}
    return [Row(Method("haematoxylin", TITLE), "plain", {"last": scores}, None)]
