"""What became of every slide, as the summary says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from mani_monai.utils.errors import counted
from mani_monai.utils.json_files import save_json, write_csv

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
        blurred_share: of the tissue, in tiles that are out of focus.
        pen_share: of the tiles, under green, blue or black ink.
        fold_share: of the tissue.
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
    blurred_share: float | None = None
    pen_share: float | None = None
    fold_share: float | None = None
    mpp: float | None = None
    ratio: float | None = None
    note: str = ""


def write_summary(out: Path, results: Sequence[SlideResult]) -> None:
    """Writes ``summary.csv`` and ``summary.json`` over all slides: the same bytes, whenever a slide was done.

    Args:
        out: the folder for outputs.
        results: a line each.

    Raises:
        InputError: when they cannot be written.
    """
    rows = [asdict(replace(each, status=DONE) if each.status == BEFORE else each) for each in results]
    write_csv(out / "summary.csv", rows, [each.name for each in fields(SlideResult)])
    save_json(out / "summary.json", {"slides": rows})


def last_line(results: Sequence[SlideResult]) -> str:
    """How many slides ended how, with how many nuclei."""
    counts = {status: sum(result.status == status for result in results) for status in _STATES}
    parts = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    nuclei = sum(result.nuclei or 0 for result in results)
    return f"{counted(len(results), 'slide')}: {parts}; {counted(nuclei, 'nucleus', 'nuclei')}"


def reason_of(error: Exception) -> str:
    """The last line of what a job raised, which may be a whole traceback."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()[:200]
