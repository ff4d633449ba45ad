"""TNBC (Naylor et al. 2019): 50 breast images of 11 patients."""

from __future__ import annotations

import re
from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.folders import check_folder, files_by_stem
from mani_monai.utils.subfolders import remedy_below

from .rasters import mask_file
from .records import FORTY_TIMES, Listing, Record, pair

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
        otherwise = "name TNBC_NucleiSegmentation or its parent"
        remedy = remedy_below(root, lambda name: re.fullmatch(r"Slide_\d+", name) is not None, otherwise)
        raise InputError(f"{root}: holds no folders Slide_XX; {remedy}.")

    problems: list[str] = []
    brain = [slides.pop(number) for number in sorted(slides) if number >= _FIRST_BRAIN_SLIDE]
    left_out = [f"{slide.name}: {len(list(slide.glob('*.png')))} images of brain, not breast" for slide in brain]
    images = files_by_stem(list(slides.values()), (".png",), problems)
    if instances is None:
        truths = [folder for number, folder in _parts(root, "GT").items() if number < _FIRST_BRAIN_SLIDE]
        masks = files_by_stem(truths, (".png",), problems)
    else:
        folder = check_folder(instances, "the instance masks XX_Y_label.png")
        masks = files_by_stem([folder], (".png",), problems, _breast_image)
    kind = "binary" if instances is None else "ids"
    records = [
        Record(name, images[name].parent.name.replace("Slide", "patient"), images[name], mask_file(masks[name], kind))
        for name in pair(images, masks, problems)
    ]
    found = (tuple(left_out), tuple(problems))
    return Listing("tnbc", tuple(records), "CC BY 4.0", "patient", *found, mpp=FORTY_TIMES)


def _parts(root: Path, prefix: str) -> dict[int, Path]:
    """The folders ``prefix_XX`` by number, in order."""
    matches = [(re.fullmatch(rf"{prefix}_(\d+)", path.name), path) for path in root.iterdir() if path.is_dir()]
    return dict(sorted((int(match[1]), path) for match, path in matches if match))


def _breast_image(stem: str) -> str | None:
    slide = re.match(r"\d+", stem)
    return None if slide and int(slide[0]) >= _FIRST_BRAIN_SLIDE else stem.removesuffix("_label")
