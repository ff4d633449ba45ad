"""Slides through a model, and a summary; a bad slide is named, and the rest is done."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from mani_monai.apps.slides.dicom_annotations import check_packages
from mani_monai.apps.slides.slide_files import DEFAULT, DICOM, OUTPUTS
from mani_monai.apps.slides.slide_paths import slide_paths
from mani_monai.apps.slides.slide_result import FAILED, SlideResult, write_summary
from mani_monai.apps.slides.slide_work import SlideWork
from mani_monai.apps.slides.tile_grid import CORE
from mani_monai.apps.slides.window_reach import total_reach
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.model import Model
from mani_monai.utils import InputError
from mani_monai.utils.archive import check_outside
from mani_monai.utils.folders import make_folder

MOST_REGIONS = 1000
NO_SHARD = "none"
"""No part of the work: files and summary of what is done."""


def run_slides(
    bundle: str | Path | Model,
    slides: str | Path,
    out: str | Path,
    mpp: float | None = None,
    tissue: str | None = None,
    roi: str | None = None,
    outputs: Sequence[str] | None = None,
    annotate: int = 0,
    shard: str | None = None,
    device: str | None = None,
    precision: str = "auto",
    core: int = CORE,
    progress: bool = True,
) -> list[SlideResult]:
    """Finds the nuclei of slides and writes them, then a summary.

    Args:
        bundle: a run's folder, an exported folder or zip, or a model.
        slides: a slide or a folder of slides.
        out: the folder for outputs; it is made.
        mpp: micrometres per pixel of all slides; what each says by default.
        tissue: GeoJSON or PNG, or a folder of these named as the slides; it is found by default.
        roi: likewise, of regions in which nuclei count.
        outputs: among ``OUTPUTS``; parquet and geojson by default.
        annotate: how many regions of each slide to write for correction in QuPath.
        shard: "i/n": this process's part of the work, from 0/n to n-1/n, or "none"; all of it by default.
        device: where the network runs.
        precision: "float32", "bfloat16" or "auto".
        core: edge of a tile's core in pixels of the network's grid.
        progress: whether to show a bar.

    Returns:
        what became of each slide, by name.

    Raises:
        InputError: for wrong options, a bundle that is refused, and where there are no slides.
    """
    size, share, chosen = given_pixel_size(mpp), _share(shard), _outputs(outputs)
    regions = _regions(annotate)
    paths, twins = slide_paths(Path(slides))
    out = Path(out)
    if out.is_file() or out.resolve() == Path(slides).resolve():
        raise InputError(f"{out}: holds the slides, or is a file; name another folder with --out.")
    check_outside(out)
    model = bundle if isinstance(bundle, Model) else Model.open(bundle, device, precision)
    make_folder(out)
    reach = total_reach(model)
    run = SlideWork(model, reach, out, size, tissue, roi, chosen, regions, share, core, progress)
    results = [SlideResult(Path(line.partition(": ")[0]).name, FAILED, note=line) for line in twins]
    results += [run.slide(path) for path in tqdm(paths, desc="slides", unit="slide", disable=not progress)]
    _summarise(out, results)
    while ended := [path for path, store in run.waiting.items() if not store.open_shards]:
        for path in ended:  # others were still at work, and may have written their summary before this one
            del run.waiting[path]
            results = [each for each in results if each.slide != path.name] + [replace(run, share=None).slide(path)]
        _summarise(out, results)
    return results


def _summarise(out: Path, results: list[SlideResult]) -> None:
    """Sorts results, and writes their summary."""
    results.sort(key=lambda result: result.slide)
    try:
        write_summary(out, results)
    except InputError:  # of a full disk, say: what failed is said all the same
        for result in results:
            if result.status == FAILED:
                print(f"{result.slide}: {result.status}: {result.note}", file=sys.stderr)
        raise


def _share(shard: str | None) -> tuple[int, int] | None:
    if shard == NO_SHARD:
        return None
    if shard is None:
        return 0, 1
    match = re.fullmatch(r"(\d+)/(\d+)", str(shard))
    part, parts = map(int, match.groups()) if match else (0, 0)
    if part >= parts:
        raise InputError(f"--shard {shard}: write i/n, from 0/n to n-1/n, e.g. 0/4, or {NO_SHARD}.")
    return part, parts


def _regions(annotate: int) -> int:
    if isinstance(annotate, bool) or not isinstance(annotate, int) or not 0 <= annotate <= MOST_REGIONS:
        raise InputError(f"--annotate {annotate}: write how many regions a slide, 0 to {MOST_REGIONS}.")
    return annotate


def _outputs(outputs: Sequence[str] | None) -> tuple[str, ...]:
    if outputs is None:
        return DEFAULT
    unknown = [name for name in outputs if name not in OUTPUTS]
    if unknown or not outputs:
        raise InputError(f"--outputs {unknown[0] if unknown else '(none)'}: choose among {', '.join(OUTPUTS)}.")
    if DICOM in outputs:
        check_packages()
    return tuple(name for name in OUTPUTS if name in outputs)
