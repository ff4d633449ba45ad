"""What became of every slide, as the summary says it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mani_monai.utils.atomic import replacing
from mani_monai.utils.json_files import save_json

DONE, BEFORE, INCOMPLETE, UNFINISHED, FAILED = "done", "done before", "incomplete", "unfinished", "failed"
_STATES = (DONE, BEFORE, INCOMPLETE, UNFINISHED, FAILED)


@dataclass(frozen=True)
class SlideResult:
    """What became of a slide.

    Attributes:
        slide: its file's name.
        status: "done", "done before", "incomplete" (parts could not be read), "unfinished" (shards of others are
            missing) or "failed".
        nuclei: how many.
        region_mm2: area in which nuclei counted.
        tissue_mm2: area of the tissue.
        nuclei_per_mm2: in the region.
        mean_area_um2: of a nucleus.
        cut: nuclei that are larger than their tile's windows.
        mpp: micrometres per pixel of the slide.
        ratio: pixels of the slide along one of the network's grid.
        note: why it failed, or what is missing.
    """

    slide: str
    status: str
    nuclei: int | None = None
    region_mm2: float | None = None
    tissue_mm2: float | None = None
    nuclei_per_mm2: float | None = None
    mean_area_um2: float | None = None
    cut: int | None = None
    mpp: float | None = None
    ratio: float | None = None
    note: str = ""


def write_summary(out: Path, results: Sequence[SlideResult]) -> None:
    """Writes ``summary.csv`` and ``summary.json`` over all slides.

    Args:
        out: the folder for outputs.
        results: a line each.

    Raises:
        InputError: when they cannot be written.
    """
    rows = [asdict(result) for result in results]
    with replacing(out / "summary.csv") as partial, open(partial, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [each.name for each in fields(SlideResult)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    save_json(out / "summary.json", {"slides": rows})


def last_line(results: Sequence[SlideResult]) -> str:
    """How many slides ended how, with how many nuclei."""
    counts = {status: sum(result.status == status for result in results) for status in _STATES}
    parts = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    nuclei = sum(result.nuclei or 0 for result in results)
    return f"{len(results)} slides: {parts}; {nuclei:,} nuclei"
