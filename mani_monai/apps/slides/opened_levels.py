"""Open a slide with the library that reads it best."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from tifffile import TiffFile, TiffPage

from mani_monai.apps.slides.dicom_series import DICOM_ENDING, check_places
from mani_monai.apps.slides.jpeg_tiles import JpegTiles, WholeLevels
from mani_monai.apps.slides.level_pictures import check_levels
from mani_monai.apps.slides.plain_tiffs import check_values, is_odd_tiff
from mani_monai.apps.slides.slide_levels import (
    PICTURES,
    TIFFS,
    Levels,
    OpenSlideLevels,
    PictureLevels,
    TiffSlideLevels,
    short_reason,
)
from mani_monai.apps.slides.tiff_pictures import picture_notes
from mani_monai.data.readers.opened_picture import MOST_PIXELS
from mani_monai.utils import InputError

INSTALL = 'needs the packages for slides: pip install "mani-monai[slides]"'
_MIRAX_INDEX = "Slidedat.ini"
_UNORDERED = (
    "its levels do not run from fine to coarse; save its finest level as a slide of its own, with a new pyramid"
)


def open_levels(path: Path) -> Levels:
    """Opens a slide with what reads it best, and sees to it that its levels show one picture.

    Args:
        path: SVS, NDPI, MRXS, SCN, BIF, CZI, DICOM, OME-TIFF, another TIFF, or a plain picture.

    Raises:
        InputError: when it is missing, damaged, no slide or several pictures, its levels do not run from fine to
            coarse, or a package is missing.
    """
    levels = _opened(path)
    if isinstance(levels, PictureLevels):
        return levels
    if any(coarse < fine for fine, coarse in pairwise(levels.steps)):
        levels.close()
        raise InputError(f"{path}: {_UNORDERED}.")
    tiles = JpegTiles.of(path, levels.sizes)
    whole = levels if tiles is None else WholeLevels(path, levels, tiles)
    try:
        check_levels(path, whole)
    except BaseException:
        whole.close()
        raise
    return whole


def _opened(path: Path) -> OpenSlideLevels | TiffSlideLevels | PictureLevels:
    if not path.is_file():
        raise InputError(f"{path}: is not there; name a slide or a folder of slides with --slides.")
    ending = path.suffix.lower()
    if ending in PICTURES:
        return PictureLevels.read(path)
    if ending == ".mrxs" and not (path.with_suffix("") / _MIRAX_INDEX).is_file():
        raise InputError(f"{path}: its folder {path.stem} with {_MIRAX_INDEX} is not beside it; copy both.")
    try:
        import openslide
    except ImportError as error:
        raise InputError(f"{path}: {INSTALL}.") from error
    if ending == DICOM_ENDING:
        check_places(path)
    try:
        levels = OpenSlideLevels(path)
    except openslide.OpenSlideUnsupportedFormatError as error:
        if ending not in TIFFS:
            if _is_unordered(path):
                raise InputError(f"{path}: {_UNORDERED}.") from error
            raise InputError(f"{path}: is damaged or no slide of a known format; copy the slide again.") from error
        levels = None
    except (openslide.OpenSlideError, ValueError) as error:
        raise InputError(f"{path}: cannot be opened ({short_reason(error)}); copy the slide again.") from error
    if ending in TIFFS:
        single = levels is None or len(levels.sizes) == 1
        pyramid = _pyramid(path, large=levels is None) if single else None
        if (levels is None or levels.is_plain) and is_odd_tiff(path, several=single and pyramid is None):
            return PictureLevels.read(path)
        found = pyramid or levels
        if found is None:
            return PictureLevels.read(path)
        if isinstance(found, TiffSlideLevels) or found.is_plain:
            found.notes = picture_notes(path, found)
        return found
    assert levels is not None
    check_values(path)
    return levels


def _is_unordered(path: Path) -> bool:
    """Whether a TIFF has a level, in tiles, that is larger than the one before it: OpenSlide takes it for no slide."""
    try:
        with TiffFile(path) as tiff:
            widths = [page.imagewidth for page in tiff.pages if isinstance(page, TiffPage) and page.is_tiled]
    except Exception:  # no TIFF, or one that tifffile cannot read
        return False
    return any(after > before for before, after in pairwise(widths))


def _pyramid(path: Path, large: bool) -> TiffSlideLevels | None:
    """tiffslide's view where it sees several levels, or a picture that is too large to be decoded at once."""
    try:
        levels = TiffSlideLevels(path)
    except Exception:  # its ways to say that this is not its format are many
        return None
    height, width = levels.sizes[0]
    return levels if len(levels.sizes) > 1 or (large and height * width > MOST_PIXELS) else None
