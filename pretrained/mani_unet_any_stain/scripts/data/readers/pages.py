"""The pages of a file: those of a TIFF, each once, what they hide, and whether one shows what the largest one shows."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile
from tifffile import COMPRESSION, TiffFile, TiffPage

from scripts.utils.errors import InputError

_ALIKE = 0.8  # correlation from which a page shows what the largest one shows; of other places it is about 0
_SHADES = 1.0  # product of standard deviations below which one of two pages is of one shade
_SHADE = 4.0  # grey values by which two shades differ
_MASK, _MACRO = 4, 9  # NewSubfileType: a transparency mask; Aperio's picture of the whole slide
_PLANES = 33629  # a tag of MetaMorph's, which counts one for each plane
_FEW = 8  # grey values up to which a page is a mask
_COLOURS = 3
_ENTRIES = 0xB002  # MPO's tag of what is said of each picture
_PREVIEW = "Large Thumbnail"  # Pillow's name of a preview's kind
_UNSAID = ("Undefined", "Unknown")
_START = b"\xff\xd8"  # of a JPEG
_ADDITION = re.compile(rb"hdrgm:|hdrgainmap|auxiliaryimagetype|iso:ts:21496|/depthdata/", re.IGNORECASE)
"""What phones write into a gain map (Adobe, Apple, ISO 21496-1), a map of depth, or a matte."""


def tiff_pages(path: Path, tiff: TiffFile) -> list[TiffPage]:
    """All pages of a file.

    A page names the place of the next one. In a damaged file that may be an earlier page, so that there is no end.

    Args:
        path: the file, for the message.
        tiff: the same, open.

    Raises:
        InputError: when a page follows itself.
    """
    pages: list[TiffPage] = []
    places: set[int] = set()
    for page in tiff.pages:
        if not isinstance(page, TiffPage):
            continue
        if page.offset in places:
            raise InputError(f"{path}: is damaged (page {len(pages)} leads back to an earlier one); copy it again.")
        places.add(page.offset)
        pages.append(page)
    return pages


def check_hidden_stack(path: Path, page: TiffPage, pages: Sequence[TiffPage]) -> None:
    """Refuses what pages hold of a stack: planes, images of ImageJ or MetaMorph behind the first, and inner pages.

    Args:
        path: the file, for the message.
        page: its largest page.
        pages: all of them.

    Raises:
        InputError: when it is one.
    """
    within = [each for outer in pages for each in outer.pages or () if isinstance(each, TiffPage)]
    if any(each.imagewidth * each.imagelength >= page.imagewidth * page.imagelength for each in within):
        raise InputError(f"{path}: holds its picture within a page (SubIFD); save it as a TIFF of one page.")
    images = 1
    if page.is_imagej and len(pages) == 1:
        found = [line for line in str(page.description).splitlines() if line.startswith("images=")]
        images = int(found[0].partition("=")[2]) if found and found[0].partition("=")[2].strip().isdigit() else 1
    elif page.is_shaped and len(pages) == 1 and page.compression == COMPRESSION.NONE:  # tifffile may write one page
        facts = next(iter(page.parent.shaped_metadata or ()), {})
        planes = math.prod(facts.get("shape", ())) // math.prod(page.shape)
        there = page.dataoffsets[0] + planes * page.nbytes <= page.parent.filehandle.size  # or the text is of another
        images = planes if there else 1
    metamorph = page.tags.get(_PLANES)
    if (planes := max(images, page.imagedepth, metamorph.count if metamorph else 1)) > 1:
        raise InputError(f"{path}: is a stack of {planes} planes; store each as an image of its own.")


def is_aside(page: TiffPage) -> bool:
    """Whether a page is no tissue by its tags: transparency, Aperio's label and macro picture."""
    text = str(page.description)[:200].lower()
    return bool(page.subfiletype & _MASK) or page.subfiletype == _MACRO or "\nlabel " in text or "\nmacro " in text


def rare_layout(page: TiffPage, remedy: str) -> str:
    """What a page holds that Pillow cannot open, and what to do; the end of a line.

    Args:
        page: of a TIFF.
        remedy: where it is a matter of bits and channels.
    """
    if page.dtype != "uint8" or page.samplesperpixel != _COLOURS:
        return f"holds {page.samplesperpixel} x {page.dtype or 'unknown'} a pixel; {remedy}"
    order = "big-endian" if page.parent.byteorder == ">" else "little-endian"  # the remedy would be what it is
    layout = " ".join([*(str(getattr(part, "name", part)) for part in (page.photometric, page.compression)), order])
    return f"is a TIFF of a rare layout ({layout}); save it as PNG"


def additions_of(image: Image.Image) -> frozenset[int]:
    """Numbers of the pictures in a phone's or a camera's JPEG (MPO) that only add to the first one.

    These are previews, gain maps, maps of depth and mattes, by what is said of each, and pictures that are not there:
    programs that edit a JPEG leave its list of them as it was. Views of a stereo camera or a panorama are none.

    Args:
        image: any image; it stays as it is.

    Raises:
        ValueError: when its file is closed.
    """
    if not isinstance(image, MpoImageFile) or image.mpinfo is None:
        return frozenset()
    kinds = dict(enumerate(entry["Attribute"]["MPType"] for entry in image.mpinfo[_ENTRIES]))
    previews = {number for number, kind in kinds.items() if number and kind.startswith(_PREVIEW)}
    unsaid = {number for number, kind in kinds.items() if number and kind in _UNSAID}
    return frozenset(previews | {number for number in unsaid if _is_addition(image, number)})


def _is_addition(image: MpoImageFile, number: int) -> bool:
    stream: Any = image._fp  # Pillow's, which outlives the first picture's decoding
    place = stream.tell()
    try:
        other = MpoImageFile(stream)  # Pillow's own stays between two pictures where one is not there
        try:
            other.seek(number)
        except Exception:  # it raises whatever it finds in place of a picture
            stream.seek(other.offset)
            return stream.read(len(_START)) != _START
        return any(segment in ("APP1", "APP2") and _ADDITION.search(words) for segment, words in other.applist)
    finally:
        stream.seek(place)


def hides_gain_map(image: Image.Image | None) -> bool:
    """Whether an image is a JPEG with Adobe's gain map, of which Pillow shows the picture alone."""
    return image is not None and image.format == "JPEG" and b"hdrgm:" in image.info.get("xmp", b"")


def move_to_largest(image: Image.Image) -> frozenset[int]:
    """Moves an image of several pictures to the largest one, and returns the numbers of :func:`additions_of` it."""
    additions, sizes = additions_of(image), []
    for number in range(getattr(image, "n_frames", 1)):
        if number not in additions:
            image.seek(number)
        sizes.append((0, 0) if number in additions else image.size)
    if len(sizes) > 1:
        image.seek(largest_of(sizes))
    return additions


def bits_of(page: TiffPage) -> int:
    """The most bits that a channel of a page has."""
    return max(page.bitspersample) if isinstance(page.bitspersample, tuple) else int(page.bitspersample)


def largest_of(sizes: Sequence[tuple[int, int]]) -> int:
    """The number of the largest page, by width and height of each."""
    return max(range(len(sizes)), key=lambda number: sizes[number][0] * sizes[number][1])


def shows(large: Image.Image, small: Image.Image) -> bool:
    """Whether a smaller page is the largest one reduced.

    Args:
        large: the largest page.
        small: the other one.
    """
    small = _grey(small)
    reduced = _grey(large).resize(small.size, Image.Resampling.BOX)
    first, second = (np.asarray(image, np.float64) for image in (reduced, small))
    if (most := max(first.max(), second.max())) < _FEW:  # a mask of 0 and 1 is no picture of one shade
        first, second = (values * 255 / max(most, 1) for values in (first, second))
    spread = first.std() * second.std()
    if spread < _SHADES:  # one of them is of one shade
        return bool(abs(first - second).mean() < _SHADE)
    return bool(((first - first.mean()) * (second - second.mean())).mean() / spread > _ALIKE)


def _grey(image: Image.Image) -> Image.Image:
    """A picture in one channel; of more than 8 bits as they are, where Pillow would cut them off at 255."""
    deep = image.mode.startswith(("I", "F"))
    return Image.fromarray(np.asarray(image, np.float32)) if deep else image.convert("L").convert("F")
