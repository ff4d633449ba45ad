"""The images of an unlabelled folder: which they are, told by names alone, and which may not speak for the tissue."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mani_monai.apps.adapt.black_frame import is_black, without_black_frame
from mani_monai.data.pixel_size import PixelSize, scale_for, size_of, unsized
from mani_monai.data.readers.rasters import IMAGE_ENDINGS, read_image
from mani_monai.data.readers.records import Listing, Record
from mani_monai.transforms.rescaling import LEAST_SIDE, rescaled
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.transforms.tissue import tissue_mask
from mani_monai.utils import InputError
from mani_monai.utils.errors import counted
from mani_monai.utils.folders import check_folder, name_fault, paths_in, shown
from mani_monai.utils.json_files import read_object
from mani_monai.utils.subfolders import remedy_below

FEWEST = 3
"""Target images that an adaptation needs at least: fewer say nothing of a tissue, and nothing of the result."""
RECORD, IMAGES = "dataset.json", "images"
GENERIC = ("images", "image", "tissue images", "tiles", "patches")
WORDS = "masks?|labels?|labelled|instances?|inst|seg|segmentation|gt|ground_?truth|annotations?|annotated"
MASK_NAMES = (
    re.compile(rf"(?P<image>.+)[ _.-]({WORDS})", re.IGNORECASE),
    re.compile(rf"({WORDS})[ _.-](?P<image>.+)", re.IGNORECASE),
)


def list_target_images(folder: str | Path, licence: str = "unknown") -> Listing:
    """Lists the images of one folder as targets without labels; its subfolders are not searched.

    Masks that lie among the images are left out by their names alone: ``a_mask.png`` beside ``a.tif``, and both of two
    files that stand for the same image, since nobody could tell the image from its mask without opening them.

    Args:
        folder: PNG, TIFF, JPEG or BMP, or a data set that ``mani prepare`` wrote.
        licence: for the record.

    Returns:
        a record for every image, none with a mask.

    Raises:
        InputError: no such folder, or no images in it.
    """
    place = images_of(folder)
    found: dict[str, list[Path]] = defaultdict(list)
    problems = []
    for path in paths_in(place):
        if path.suffix.lower() not in IMAGE_ENDINGS:
            continue
        if (fault := name_fault(path.name)) is None:
            found[unicodedata.normalize("NFC", path.stem)].append(path)
        else:
            problems.append(f"{shown(path)}: {fault}")
    if not found and not problems:
        remedy = remedy_below(place, IMAGE_ENDINGS, "name the folder that does", masks=False)
        raise InputError(f"{place}: holds no images ({', '.join(IMAGE_ENDINGS)}); {remedy}.")
    masks = {stem for stem in found if is_mask_name(stem, found)}
    left_out = [f"{path}: is named like a mask of another file and was not opened" for m in masks for path in found[m]]
    for stem, paths in found.items():
        if stem not in masks and len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            problems.append(f"{place / stem}: {names} stand for the same image, so none of them was opened.")
    records = [Record(stem, stem, paths[0]) for stem, paths in found.items() if stem not in masks and len(paths) == 1]
    return Listing("folder", tuple(records), str(licence), left_out=tuple(sorted(left_out)), problems=tuple(problems))


def images_of(folder: str | Path) -> Path:
    """The folder of a target's images: itself, or the images of a prepared data set.

    Raises:
        InputError: no such folder.
    """
    place = check_folder(folder, "the unlabelled images")
    prepared = (place / RECORD).is_file() and (place / IMAGES).is_dir()
    return place / IMAGES if prepared else place


def prepared_mpp(folder: str | Path) -> float | None:
    """Micrometres per pixel that a prepared data set says of its images; None of any other folder."""
    record = images_of(folder).parent / RECORD
    if not record.is_file() or images_of(folder) == Path(str(folder)).expanduser():
        return None
    return read_object(record, "prepare the data set again").get("mpp")


def is_mask_name(stem: str, stems: Container[str]) -> bool:
    """Whether a file's stem is that of another file with a word for masks before or behind it.

    Args:
        stem: without the ending.
        stems: all stems of the folder, anything with ``in``.
    """
    matches = (pattern.fullmatch(stem) for pattern in MASK_NAMES)
    return any(match and match["image"] in stems for match in matches)


def target_name(target: str | Path, source: str) -> str:
    """A data set's name for a folder: its own, or its parent's where it is called "images"."""
    place = Path(str(target)).expanduser().absolute()
    name = place.parent.name if place.name.lower() in GENERIC else place.name
    name = re.sub(r"[^\w.-]+", "_", name).strip("._-") or "target"
    return f"{name}_target" if name == source else name


FIELD = 512
"""Side of the field of an image that statistics and scores are taken from, in pixels of the network."""
LEAST_TISSUE = 0.1
"""Part of an image that is tissue at least, or it says little of any."""
MOST_BLACK = 0.01
"""Part of an image's tissue that is black at most. Of 71 images of CoNSeP and MoNuSeg, one had more: it shows
pigment."""
FAR, FAR_TIMES, LEAST_JUDGED = 15.0, 4.0, 5
"""An image's mean tissue colour is far from the others' where its CIELAB distance to the median is above ``FAR`` and
above ``FAR_TIMES`` that of the median image; not judged of less than ``LEAST_JUDGED`` images."""
_GLASS = 212  # grey value that CIELAB's lightness of 85 has
_STRIDE = 4


@dataclass(frozen=True, eq=False)
class TargetImage:
    """An image that can be used.

    Attributes:
        path: its file.
        tissue: the part of it that is no glass.
        black: the part of its tissue that is black, as a scanner's border and ink are no tissue.
        colour: CIELAB of its tissue, on the mean.
        field: HW3, its part with most tissue, at the network's pixel size; empty where nobody asked for it.
        doubts: why it may not speak for the tissue; none for most.
        um: micrometres per pixel, as a user or the file says; None where nobody does.
        size_doubt: what else the file says of it.
    """

    path: Path
    tissue: float
    black: float
    colour: tuple[float, float, float]
    field: NDArray[np.uint8] = field(repr=False)
    doubts: tuple[str, ...] = ()
    um: float | None = None
    size_doubt: str = ""


def survey(
    paths: Sequence[Path], size: PixelSize | None, mpp: float | None, progress: bool = True, fields: bool = True
) -> tuple[list[TargetImage], list[str]]:
    """Looks at images one by one; bad ones are named, and the rest goes on.

    Args:
        paths: image files.
        size: of all images' pixels; what each file says by default.
        mpp: micrometres per pixel of the network.
        progress: show a bar.
        fields: keep a field of each image; of thousands they would fill the memory.

    Returns:
        the images, and a line for each file that cannot be used.
    """
    images, left_out = [], []
    for path in tqdm(paths, "checking images", unit="image", disable=not progress):
        try:
            images.append(_looked_at(path, size, mpp, fields))
        except InputError as error:
            left_out.append(" ".join(str(error).split()))
    return doubted(images), left_out


def _looked_at(path: Path, size: PixelSize | None, mpp: float | None, fields: bool) -> TargetImage:
    picture = read_image(path).pixels
    size = size_of(path, size)
    scale = scale_for(size, mpp)
    if min(picture.shape[:2]) * scale < LEAST_SIDE:
        height, width = picture.shape[:2]
        raise InputError(f"{path}: is {height}x{width} px, too small for the network; take larger images.")
    within = without_black_frame(picture)
    picture = within if min(within.shape[:2]) * scale >= LEAST_SIDE else picture
    thin = picture[::_STRIDE, ::_STRIDE]
    seen = tissue_mask(picture)[::_STRIDE, ::_STRIDE]
    colours = TissueColours.of([np.moveaxis(thin, -1, 0)])
    field = np.zeros((0, 0, 3), np.uint8)
    if fields:
        part = picture[richest_part(picture, max(LEAST_SIDE, round(FIELD / scale)))]
        field = rescaled(part.copy(), scale)  # a view would keep the whole picture
    um = None if size is None else size.um
    return TargetImage(
        path,
        colours.share,
        _share(is_black(thin), seen),
        colours.mean,
        field,
        um=um,
        size_doubt=size.doubt if size else "",
    )


def _share(mask: NDArray[np.bool_], seen: NDArray[np.bool_]) -> float:
    """The part of what is seen that a mask holds; 0 where nothing is."""
    return float(mask[seen].mean()) if seen.any() else 0.0


def named_sizes(images: Sequence[TargetImage], mpp: float | None) -> list[str]:
    """Sentences where pixel sizes are not known or contradicted: counts are wrong at another magnification.

    Args:
        images: that were looked at.
        mpp: micrometres per pixel of the network.

    Returns:
        a line of each kind that there is.
    """
    lines = []
    if (doubted := [image for image in images if image.size_doubt]) and (first := doubted[0]).um is not None:
        whose = f"{counted(len(doubted), 'image')} with a doubtful pixel size, e.g. {first.path.name}"
        lines.append(f"{whose}: taken as {first.um:.3g} um, {first.size_doubt}.")
    if (names := [image.path.name for image in images if image.um is None]) and mpp is not None:
        lines.append(f"{unsized(len(names), names[0], mpp)}; name it with --mpp.")
    return lines


def shown_pixel_sizes(images: Sequence[TargetImage], mpp: float | None) -> dict[str, str]:
    """Micrometres per pixel of the images and of the network, for a report's settings.

    Args:
        images: that were looked at.
        mpp: of the network; None where nobody says it.
    """
    known = sorted({f"{image.um:.3g}" for image in images if image.um is not None}, key=float)
    without = sum(image.um is None for image in images)
    shown = " to ".join(dict.fromkeys((known[0], known[-1]))) if known else "not known"
    shown += f"; {counted(without, 'image')} without one" if known and without else ""
    network = "not known" if mpp is None else f"{mpp:.3g}"
    return {"micrometres per pixel of the images": shown, "micrometres per pixel of the network": network}


def richest_part(picture: NDArray[np.uint8], side: int) -> tuple[slice, slice]:
    """The square of a picture with most tissue, of equal ones the one nearest to the middle.

    Glass, black, ink and flat grey are no tissue.

    Args:
        picture: HW3.
        side: of the square, in pixels; the picture's own where that is less.
    """
    height, width = (min(side, length) for length in picture.shape[:2])
    rows, columns = (
        np.unique(np.linspace(0, length - part, -(-2 * length // part) - 1).round().astype(int))
        for length, part in zip(picture.shape[:2], (height, width), strict=True)
    )
    thin = picture[::_STRIDE, ::_STRIDE]
    tissue = (thin.mean(axis=2) < _GLASS) & tissue_mask(thin)
    middle = (picture.shape[0] - height) / 2, (picture.shape[1] - width) / 2

    def merit(corner: tuple[int, int]) -> tuple[float, float]:
        top, left = (place // _STRIDE for place in corner)
        part = tissue[top : top + max(1, height // _STRIDE), left : left + max(1, width // _STRIDE)]
        return round(float(part.mean()), 3), -float(np.hypot(corner[0] - middle[0], corner[1] - middle[1]))

    row, column = max(((int(row), int(column)) for row in rows for column in columns), key=merit)
    return slice(row, row + height), slice(column, column + width)


def doubted(images: Sequence[TargetImage]) -> list[TargetImage]:
    """The images with what is doubtful of each: little tissue, much black, or colours far from the others'."""
    distances = _distances(images)
    far = max(FAR, FAR_TIMES * float(np.median(distances))) if len(images) >= LEAST_JUDGED else np.inf
    if (distances > far).sum() > len(images) / 4:
        far = np.inf  # so many are no exceptions: the folder holds more than one kind
    return [
        replace(image, doubts=_doubts(image, distance > far)) for image, distance in zip(images, distances, strict=True)
    ]


def _doubts(image: TargetImage, far: bool) -> tuple[str, ...]:
    found = {
        f"mostly without tissue ({image.tissue:.0%} of it is tissue)": image.tissue < LEAST_TISSUE,
        f"black pigment, ink or folds ({image.black:.0%} of it is black)": image.black > MOST_BLACK,
        "colours far from those of the other images": far,
    }
    return tuple(doubt for doubt, holds in found.items() if holds)


def _distances(images: Sequence[TargetImage]) -> NDArray[np.float64]:
    """CIELAB distance of each image's tissue to the median of all."""
    colours = np.array([image.colour for image in images]).reshape(-1, 3)
    return np.linalg.norm(colours - np.median(colours, axis=0), axis=1) if len(colours) else np.zeros(0)
