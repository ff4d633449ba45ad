"""TIFFs that a slide library shows otherwise than they are meant."""

from __future__ import annotations

from pathlib import Path

from tifffile import EXTRASAMPLE, SAMPLEFORMAT, TiffFile, TiffPage

from mani_monai.data.readers.opened_picture import MOST_PIXELS
from mani_monai.data.readers.pages import tiff_pages
from mani_monai.utils import InputError

_ALPHA = {EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA}
_ORIENTATION = 274  # TIFF tag
_REDUCED, _MASK = 1, 4  # NewSubfileType: a smaller copy, a transparency mask


def is_odd_tiff(path: Path, several: bool) -> bool:
    """Whether a TIFF is to be decoded as a picture, which reads it right or refuses it.

    OpenSlide turns each tile of a turned picture by itself. It shows signed numbers and dark 16 bits as they come. Of
    several pictures it takes the first.

    Args:
        path: the file.
        several: whether a second picture in it counts, too.

    Raises:
        InputError: when it is to be decoded, and is too large for that; when its pages have no end.
    """
    try:
        with TiffFile(path) as tiff:
            pages = tiff_pages(path, tiff)
            largest = max(pages, key=_pixels)
            odd = _oddity(largest)
            if not odd and several:
                odd = _stack(pages, largest)
            too_large = _pixels(largest) > MOST_PIXELS
    except InputError:
        raise
    except Exception:  # what tifffile cannot read, others may
        return False
    if odd and too_large:
        raise InputError(f"{path}: {odd}; store the slide upright, as one picture of 8-bit RGB.")
    return bool(odd)


def check_values(path: Path) -> None:
    """Refuses a scanner's TIFF of other values than 8-bit ones, which OpenSlide shows dark or wrapped.

    Raises:
        InputError: when its first page holds such values.
    """
    try:
        with TiffFile(path) as tiff:
            page = tiff.pages.first
            values = _values(page) if isinstance(page, TiffPage) else ""
    except Exception:  # no TIFF, or one that tifffile cannot read
        return
    if values:
        raise InputError(f"{path}: {values}; store the slide as 8-bit RGB.")


def _values(page: TiffPage) -> str:
    bits = max(page.bitspersample) if isinstance(page.bitspersample, tuple) else page.bitspersample
    return f"holds {page.dtype} values" if page.sampleformat != SAMPLEFORMAT.UINT or bits > 8 else ""


def _oddity(page: TiffPage) -> str:
    turned = page.tags.valueof(_ORIENTATION, 1)
    if turned not in (0, 1):
        return f"is stored turned or mirrored (orientation {turned})"
    channels = page.samplesperpixel
    further = channels == 2 or channels > 4 or (channels == 4 and not _ALPHA.intersection(page.extrasamples))
    return _values(page) or (f"holds {channels} channels" if further else "")


def _stack(pages: list[TiffPage], largest: TiffPage) -> str:
    """What is said of pictures beside the largest one; of a large slide only those of its own size count."""
    others = [page for page in pages if page is not largest and not page.subfiletype & (_REDUCED | _MASK)]
    if _pixels(largest) > MOST_PIXELS:
        others = [page for page in others if page.shape[:2] == largest.shape[:2]]
    return f"holds {len(others) + 1} pictures" if others else ""


def _pixels(page: TiffPage) -> int:
    return page.imagewidth * page.imagelength
