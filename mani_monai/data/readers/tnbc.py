"""TNBC (Naylor et al. 2019): 50 breast images of 11 patients."""

from __future__ import annotations

import re
from pathlib import Path

from mani_monai.utils import InputError

from .rasters import mask_file
from .records import Listing, Record, check_folder, files_by_stem, pair

_FIRST_BRAIN_SLIDE = 12


def read_tnbc(root: str | Path, instances: str | Path | None = None) -> Listing:
    """Reads ``Slide_XX/XX_Y.png`` and ``GT_XX/XX_Y.png``.

    The masks are binary (0/255 in v1.0; any value above 0 counts, which also takes in the cell types of the extended
    release): nuclei are connected components. Slides from 12 on, the brain images of the extended release, are left
    out. A group is a patient, which is a slide.

    Args:
        root: ``TNBC_NucleiSegmentation``, or the folder that holds it.
        instances: a folder of 16-bit PNGs ``XX_Y_label.png`` (or ``XX_Y.png``) of instance ids to use in place of GT.

    Returns:
        A record for every image.

    Raises:
        InputError: no such folder, or no slides in it.
    """
    root = check_folder(root, "TNBC_NucleiSegmentation")
    slides = _parts(root, "Slide")
    if not slides and (root / "TNBC_NucleiSegmentation").is_dir():
        root = root / "TNBC_NucleiSegmentation"
        slides = _parts(root, "Slide")
    if not slides:
        raise InputError(
            f"{root}: holds no folder Slide_01, Slide_02, ...; name TNBC_NucleiSegmentation or its parent."
        )

    problems: list[str] = []
    brain = sorted(number for number in slides if number >= _FIRST_BRAIN_SLIDE)
    left_out = [
        f"{slides[number].name}: {len(files_by_stem(slides[number], ('.png',), problems))} images of brain, not breast"
        for number in brain
    ]
    images: dict[str, Path] = {}
    masks: dict[str, Path] = {}
    for number in sorted(set(slides) - set(brain)):
        images |= files_by_stem(slides[number], (".png",), problems)
    if instances is None:
        for number, folder in sorted(_parts(root, "GT").items()):
            if number < _FIRST_BRAIN_SLIDE:
                masks |= files_by_stem(folder, (".png",), problems)
    else:
        folder = check_folder(instances, "the instance masks XX_Y_label.png")
        masks = {
            stem.removesuffix("_label"): path
            for stem, path in files_by_stem(folder, (".png",), problems).items()
            if int(re.match(r"\d*", stem)[0] or 0) < _FIRST_BRAIN_SLIDE
        }
    kind = "binary" if instances is None else "ids"
    records = [
        Record(name, f"patient_{name.split('_')[0]}", images[name], mask_file(masks[name], kind))
        for name in pair(images, masks, problems)
    ]
    return Listing("tnbc", tuple(records), "CC BY 4.0", "patient", tuple(left_out), tuple(problems))


def _parts(root: Path, prefix: str) -> dict[int, Path]:
    matches = [(re.fullmatch(rf"{prefix}_(\d+)", path.name), path) for path in root.iterdir() if path.is_dir()]
    return {int(match[1]): path for match, path in matches if match}
