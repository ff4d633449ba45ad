"""The pages of a TIFF, each once."""

from __future__ import annotations

from pathlib import Path

from tifffile import TiffFile, TiffPage

from scripts.utils.errors import InputError


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
