"""Slides with corrected regions as a data set: per rectangle a picture and its map of nuclei."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from shapely import Polygon

from mani_monai.apps.slides.drawn_regions import OBJECTS, DrawnRegion, drawn_regions
from mani_monai.apps.slides.slide import Slide, open_slide
from mani_monai.apps.slides.slide_files import TRAINING_ENDING
from mani_monai.apps.slides.slide_paths import OUTLINES, files_for, slide_paths, slides_below
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.data.readers.opened_picture import MOST_PIXELS
from mani_monai.data.readers.outline_sizes import OutlinedMask, OutlineSizes
from mani_monai.data.readers.outlines import OutlinedNuclei, rasterised
from mani_monai.data.readers.records import FORTY_TIMES, Listing, RawImage, RawMask, Record
from mani_monai.data.writers.tables import NUCLEUS
from mani_monai.utils import InputError
from mani_monai.utils.folders import check_folder, paths_in, shown
from mani_monai.utils.subfolders import folders_below, left_below

ENDINGS = (*OUTLINES, TRAINING_ENDING)
_GEOJSON = tuple(ending for ending in OUTLINES if "geojson" in ending)  # JSON may be anything
_MOST_CLASSES = 255


def read_corrected_slides(
    slides: str | Path,
    geojson: str | Path,
    mpp: float = FORTY_TIMES,
    slide_mpp: float | None = None,
    classes: Sequence[str] = (),
    objects: str | None = None,
    licence: str = "unknown",
) -> Listing:
    """Reads rectangles of QuPath's classes "Training", "Validation" and "Test" with their nuclei.

    Args:
        slides: a slide or a folder of slides.
        geojson: a folder of GeoJSON, named as the slides.
        mpp: micrometres per pixel of the pictures to make: the network's.
        slide_mpp: of all slides; what each says by default.
        classes: names of the classes in the order of their numbers, from 1; those that occur, sorted, by default.
        objects: which of QuPath's objects are nuclei: "annotations", "detections" or "both".
        licence: for the data set's record.

    Returns:
        a record a rectangle; its group is the slide.

    Raises:
        InputError: for wrong options, and where there are no slides.
    """
    if objects is not None and objects not in OBJECTS:
        raise InputError(f"--objects {objects}: choose among {', '.join(OBJECTS)}.")
    wanted, stated = given_pixel_size(mpp), given_pixel_size(slide_mpp, "--slide_mpp")
    paths, problems = slide_paths(Path(slides))
    folder = check_folder(geojson, "GeoJSON files named as the slides")
    drawn: list[tuple[Slide, Path, float, DrawnRegion, OutlineSizes]] = []
    left_out = [*slides_below(Path(slides), (folder,)), *left_below(folder, _GEOJSON, "GeoJSON file", "--geojson")]
    used: set[Path] = set()
    for path in paths:
        files = files_for(path, folder, ENDINGS)
        used |= set(files)
        problems += [f"{each}: stands for the same slide as {files[0]}; remove one of the two." for each in files[1:]]
        if not files:
            left_out.append(f"{path.name}: no GeoJSON of its name in {folder}")
            continue
        try:
            slide = open_slide(path, stated)
            ratio = slide.ratio(wanted.um if wanted else None)
            regions = drawn_regions(files[0], slide, ratio, objects)
            outlined = _outlined(slide, ratio, regions)
            drawn += [(slide, files[0], ratio, each, outlined) for each in regions]
        except InputError as error:
            problems.append(str(error))
    unknown = [path for path in paths_in(folder) if path.name.lower().endswith(OUTLINES) and path not in used]
    problems += [f"{path}: has no slide of its name in {slides}; rename it, or remove it." for path in unknown]
    if not used and not unknown and (below := folders_below(folder, OUTLINES)):
        raise InputError(f"{folder}: holds no GeoJSON; name {shown(below[0])} with --geojson.")
    names = _names([region for *_, region, _ in drawn], classes)
    parted = any(region.part != "training" for *_, region, _ in drawn)
    records = tuple(_record(*each, names, parted) for each in drawn)
    sizes = {round(slide.size.um * ratio, 4) for slide, _, ratio, *_ in drawn}
    made = sizes.pop() if len(sizes) == 1 else mpp
    return Listing("qupath", records, str(licence), "slide", tuple(left_out), tuple(problems), names, made)


def _outlined(slide: Slide, ratio: float, regions: Sequence[DrawnRegion]) -> OutlineSizes:
    """Sizes of all nuclei of a file, and where its rectangles lie."""
    outlines = {id(each): each for region in regions for each in region.nuclei}.values()
    areas = [sum(Polygon(rings[0], rings[1:]).area for rings in outline.polygons) for outline in outlines]
    far = (max(region.window.bottom for region in regions), max(region.window.right for region in regions))
    reach = [edge * ratio / side for edge, side in zip(far, slide.shape, strict=True)]
    return OutlineSizes(np.array(areas) * ratio**2, (reach[0], reach[1]), slide.size.um)


def _names(regions: Sequence[DrawnRegion], classes: Sequence[str]) -> tuple[str, ...]:
    """Names of the nuclei's classes, without that of nuclei of no class."""
    kinds = {nucleus.kind for region in regions for nucleus in region.nuclei}
    found = {kind for kind in kinds if kind is not None and _is_class(kind)}
    unknown = sorted(name for name in found if name not in classes) if classes else []
    if unknown:
        raise InputError(f"--classes {','.join(classes)}: lacks {unknown[0]}, which nuclei have; name it, too.")
    names = tuple(classes) or tuple(sorted(name for name in found if name))
    if len(names) > _MOST_CLASSES:
        raise InputError(f"--classes: nuclei have {len(names)} classes, more than {_MOST_CLASSES}; join some of them.")
    return names


def _is_class(name: str | None) -> bool:
    return name is not None and name.lower() != NUCLEUS


def _record(
    slide: Slide,
    file: Path,
    ratio: float,
    region: DrawnRegion,
    sizes: OutlineSizes,
    names: tuple[str, ...],
    parted: bool,
) -> Record:
    window = region.window
    place = f"x{round(window.left * ratio)}_y{round(window.top * ratio)}"

    def read_image() -> RawImage:
        height, width = window.shape
        if height * width > MOST_PIXELS:
            raise InputError(f"{file}: a rectangle has {height}x{width} pixels (height x width); draw smaller ones.")
        return RawImage(slide.read(window, ratio), (("regions rescaled", 1),) if ratio != 1 else ())

    def read_mask(size: tuple[int, int]) -> RawMask:
        nuclei = rasterised(file, region.nuclei, size)
        types = _types(nuclei, names) if names else None
        return OutlinedMask(nuclei.ids, "ids", (*region.notes, *nuclei.notes), types, sizes=sizes)

    part = region.part if parted else None
    return Record(f"{slide.path.stem}_{place}", slide.path.stem, slide.path, read_mask, read_image, part=part)


def _types(nuclei: OutlinedNuclei, names: tuple[str, ...]) -> np.ndarray:
    """HW numbers of classes, from 1."""
    numbers, places = np.unique(nuclei.ids, return_inverse=True)
    kinds = [nuclei.kinds.get(int(number), NUCLEUS) for number in numbers]
    values = np.array([names.index(kind) + 1 if kind in names else 0 for kind in kinds], np.uint8)
    return values[places].reshape(nuclei.ids.shape)
