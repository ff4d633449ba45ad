"""The images of a target, looked at one by one: what a frame of black hides, and which may not speak for the tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mani_monai.data.pixel_size import PixelSize, scale_for, size_of, unsized
from mani_monai.data.readers.rasters import read_image
from mani_monai.transforms.rescaling import LEAST_SIDE, rescaled
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.transforms.tissue import SUPPORT, tissue_mask
from mani_monai.utils import InputError
from mani_monai.utils.errors import counted

FEWEST = 3
"""Target images that an adaptation needs at least: fewer say nothing of a tissue, and nothing of the result."""
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
BLACK, GREY = 70, 25
"""A pixel without a channel above ``BLACK`` whose channels lie within ``GREY`` is black, as pigment, ink and folds are
and nuclei are not."""
WIDE = 2 * SUPPORT
"""Rows or columns from which on a black border is wide."""
_DARK, _MOST = 90, 0.9  # largest channel, and part of a row or column: what JPEG leaves of black, in whatever colour
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


def is_black(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture is black.

    Args:
        picture: HW3 RGB.

    Returns:
        HW.
    """
    brightest = picture.max(axis=2).astype(np.int16)
    return (brightest < BLACK) & (brightest - picture.min(axis=2) < GREY)


def without_black_frame(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture without the outermost rows and columns that are black from end to end.

    A side that has ``WIDE`` of them or more keeps them: ``tissue_mask`` knows a wide border by itself, and would not
    know what was left of it. Pigment is never as long as the picture is wide.

    Args:
        picture: HW3 RGB, of more than two times ``WIDE`` rows and columns; a smaller one stays as it is.

    Returns:
        a view of it.
    """
    height, width = picture.shape[:2]
    if min(height, width) <= 2 * WIDE:
        return picture
    sides = picture, picture[::-1], picture.swapaxes(0, 1), picture[:, ::-1].swapaxes(0, 1)
    top, bottom, left, right = (_thickness(side[:WIDE]) for side in sides)
    return picture[top : height - bottom, left : width - right]


def _thickness(rows: NDArray[np.uint8]) -> int:
    """How many rows are black, from the first on; 0 where all are."""
    black = (rows.max(axis=2) < _DARK).mean(axis=1) >= _MOST
    return int(black.argmin())
