"""Layouts of pixels that Pillow decodes otherwise than they are meant, without a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tifffile import EXTRASAMPLE, PLANARCONFIG, SAMPLEFORMAT

from scripts.utils.errors import InputError

from .opened_picture import OpenedPicture

_BYTE = 255
_HALF = 128  # of the high byte: the brightest pixels of a picture that uses its 16 bits are beyond it
_BRIGHTEST = 99.0  # percentile: hot pixels and pale letters do not speak for the picture


def check_layout(opened: OpenedPicture) -> None:
    """Refuses signed numbers, planes of 16 bits, a second channel, and one value of few or many bits as transparent."""
    check_channels(opened)
    page, image = opened.page, opened.image
    if image is not None and image.mode != "P" and "transparency" in image.info and opened.bits not in (1, 8):
        bits = f"{opened.bits} bits"
        raise InputError(f"{opened.path}: names one value of {bits} as transparent; save it as 8-bit RGB.")
    if page and page.sampleformat == SAMPLEFORMAT.INT:
        raise InputError(f"{opened.path}: holds signed numbers; store it as 8-bit RGB.")
    if page and page.planarconfig == PLANARCONFIG.SEPARATE and page.samplesperpixel > 1 and opened.bits > 8:
        raise InputError(f"{opened.path}: holds its channels as planes of {opened.bits} bits; store it as 8-bit RGB.")


def check_channels(opened: OpenedPicture) -> None:
    """Refuses two channels of which the second is no alpha: one of them would be lost."""
    page = opened.page
    alpha = {EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA}
    if page is not None and page.samplesperpixel == 2 and not alpha.intersection(page.extrasamples):
        raise InputError(f"{opened.path}: holds two channels; store an image as 8-bit RGB, a mask as one grey channel.")


def beyond_colours(opened: OpenedPicture) -> int:
    """How many channels of a TIFF are neither colours nor their alpha; Pillow leaves them out."""
    extra = opened.page.extrasamples if opened.page is not None else ()
    return sum(each == EXTRASAMPLE.UNSPECIFIED for each in extra)


def mend_palette(opened: OpenedPicture, image: Image.Image) -> None:
    """Gives a TIFF the palette that its writer meant, and refuses values that a palette has no colour for.

    A TIFF's colours have 16 bits. Some writers give 8, which Pillow shows as black.

    Raises:
        InputError: when the picture has values beyond its palette.
    """
    if image.mode != "P":
        return
    colours = opened.page.colormap if opened.page is not None else None
    if colours is not None and colours.max() <= _BYTE:
        image.putpalette(colours.T.astype(np.uint8).tobytes())
    elif (highest := np.asarray(image).max(initial=0)) >= len(image.getpalette() or ()) // 3:
        raise InputError(f"{opened.path}: has value {highest}, which its palette has no colour for; save it as RGB.")


def check_depth(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Refuses 10, 12 or 14 bits in 16: by their brightness alone nobody can tell them from a dark picture."""
    seen = pixels if np.mean(pixels == 255) > 0.1 else pixels[pixels < 255]  # glass, or a scale bar
    if seen.size and np.percentile(seen, _BRIGHTEST) < _HALF:
        brightest = (int(seen.max()) + 1) * 256
        raise InputError(
            f"{path}: its values stay below {brightest} of 65536, as those of cameras of fewer bits do; save it with 8 "
            "bits per channel, scaled as all images of the set."
        )
