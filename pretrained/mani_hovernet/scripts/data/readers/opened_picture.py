"""Open an image file and find the one picture in it, whatever else the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError
from tifffile import COMPRESSION, PHOTOMETRIC, TiffFile, TiffFileError, TiffPage

from scripts.utils.errors import InputError

from .damage import MOST_PIXELS, TOO_LARGE, check_damage, failures_named
from .pages import (
    bits_of,
    check_hidden_stack,
    hides_gain_map,
    is_aside,
    largest_of,
    move_to_largest,
    rare_layout,
    shows,
    tiff_pages,
)

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "GIF", "WEBP", "JPEG2000", "PPM")
"""What is decoded, whatever a file is called. Of others Pillow runs a program: Ghostscript for PostScript."""
_LOSSY = {each for each in COMPRESSION if any(kind in each.name for kind in ("JPEG", "JP2000", "WEBP"))}
_STORE = "store it with 8 bits per channel as RGB, in PNG or TIFF"
_BYTE = 255
_J2K_SIZES, _J2K_HEADER = b"\xff\x4f\xff\x51", 1 << 16  # start of a codestream, and bytes within which it stands
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class OpenedPicture:
    """An image file that is open.

    Attributes:
        path: the file.
        image: Pillow's, at the page that holds the picture; not decoded yet. None where Pillow cannot, of a TIFF alone.
        page: tifffile's view of that page; None where the file is no TIFF.
        pages: how many pages the file has.
        number: of that page, from 0.
        description: what a TIFF says of that page in words; where its first page speaks for all, as in OME, that.
        aside: numbers of the pages that are no picture of their own by what is said of them: transparency, Aperio's
            label and macro picture, a phone's gain map or preview.
        bits: per channel, as the file holds them: Pillow itself reduces 16-bit colour to 8 bits without a word.
    """

    path: Path
    image: Image.Image | None
    page: TiffPage | None = None
    pages: int = 1
    bits: int = 8
    number: int = 0
    description: str = ""
    aside: frozenset[int] = frozenset()

    def decoded(self, remedy: str = _STORE) -> Image.Image:
        """The picture, decoded, once it is clear that the file holds no other and is shown as it is stored.

        Args:
            remedy: where its pixels are of a kind that Pillow has not.

        Raises:
            InputError: several pictures, pixels that are to be shown turned, a damaged file.
        """
        if self.turned:
            turned = f"EXIF orientation {self.turned}"
            raise InputError(f"{self.path}: is stored turned or mirrored ({turned}); save it upright.")
        image = self._unopened(remedy) if self.image is None else self.image
        with failures_named(self.path):
            image.load()
            check_damage(self.path, image, self.page)
            if self.pages == 1:
                return image
            picture = image.copy()  # without the file's facts: the largest page stays the file's own
            picture.format = image.format
            self._check_others(image, picture)
            return picture

    def _unopened(self, remedy: str) -> Image.Image:
        """A page of a TIFF that Pillow has no mode for: of grey of 16 bits, it lacks big-endian where zero is white."""
        page = self.tiff
        known = page.dtype == "uint16" and page.samplesperpixel == 1 and page.photometric == PHOTOMETRIC.MINISWHITE
        if not known or self.pages > 1:
            raise InputError(f"{self.path}: {rare_layout(page, remedy)}.")
        return Image.fromarray(self.stored())

    def stored(self) -> NDArray:
        """The values of a TIFF's page as they are stored, HW or HWC.

        Raises:
            InputError: a damaged file.
        """
        with failures_named(self.path):
            values = self.tiff.asarray()
        return np.moveaxis(values, 0, -1) if self.tiff.axes.startswith("S") else values

    @property
    def tiff(self) -> TiffPage:
        """The page of a TIFF, which another file has not."""
        assert self.page is not None
        return self.page

    @property
    def turned(self) -> int:
        """The EXIF orientation where it is another than upright, else 0."""
        with failures_named(self.path):  # of a PNG, all is decoded to get there
            exif = self.image.getexif() if self.page is None and self.image is not None else {}
            turned = exif.get(ExifTags.Base.Orientation, 1) if self.page is None else self.page.tags.valueof(274, 1)
        return 0 if turned in (0, 1) else int(turned)

    @property
    def is_jpeg(self) -> bool:
        """Whether its compression changes values, as those of JPEG's kind do."""
        inner = self.page is not None and self.page.compression in _LOSSY
        return inner or (self.image is not None and self.image.format in ("JPEG", "MPO", "JPEG2000", "WEBP"))

    @property
    def notes(self) -> tuple[tuple[str, int], ...]:
        """Which of several pages was taken."""
        if self.pages > 1:
            return ((f"the largest of {self.pages} {self._parts}", 1),)
        return (("the picture without its gain map", 1),) if hides_gain_map(self.image) else ()

    @property
    def _parts(self) -> str:
        return "pictures" if self.image is not None and self.image.format == "MPO" else "pages"

    def _check_others(self, image: Image.Image, picture: Image.Image) -> None:
        own = image.tell()
        for number in range(self.pages):
            if number == own or number in self.aside:
                continue
            try:
                image.seek(number)
                same = image.size != picture.size and shows(picture, image)
            except Exception:  # a page that cannot be decoded is not known to show the same
                same = False
            if not same:
                raise InputError(
                    f"{self.path}: is a stack of {self.pages} {self._parts}; store each picture as an image of its "
                    "own, its channels as one RGB image, or its nuclei as one mask of numbers."
                )


@contextmanager
def opened_picture(path: str | Path) -> Iterator[OpenedPicture]:
    """Opens an image file at its largest page.

    Raises:
        InputError: missing, unreadable, no image, a pointer of Git LFS, or too large.
    """
    path = Path(path)
    with ExitStack() as stack:
        with failures_named(path):
            opened = _opened(path, stack)
        yield opened


def _opened(path: Path, stack: ExitStack) -> OpenedPicture:
    if path.exists() and not path.is_file() and not path.is_dir():  # whose opening may wait for ever
        raise InputError(f"{path}: is a pipe or a device; name an image.")
    stream = stack.enter_context(path.open("rb"))
    header = stream.read(25)
    stream.seek(0)
    if header[:4] in _SIGNATURES:
        return _opened_tiff(path, stream, stack)
    image = stack.enter_context(Image.open(stream, formats=FORMATS))
    aside = move_to_largest(image)
    _check_size(path, image.size)
    pages = getattr(image, "n_frames", 1)
    return OpenedPicture(path, image, None, pages, _bits_of(path, image, stream, header), aside=aside)


def _bits_of(path: Path, image: ImageFile.ImageFile, stream: BinaryIO, header: bytes) -> int:
    """Bits per channel of a file that is no TIFF."""
    if image.format == "PNG":
        return header[24]
    if image.format == "PPM":
        args = image.tile[0][3]
        return 16 if image.mode == "I" or (isinstance(args, tuple) and args[1] > _BYTE) else 8
    if image.format == "JPEG2000":
        stream.seek(0)
        _, _, sizes = stream.read(_J2K_HEADER).partition(_J2K_SIZES)
        depths = {*sizes[38 : 38 + 3 * int.from_bytes(sizes[36:38], "big") : 3]}  # bits less one, and 128 of a sign
        if depths != {7}:
            raise InputError(f"{path}: is a JPEG 2000 of other than 8 bits; {_STORE}.")
    return 8


def _opened_tiff(path: Path, stream: BinaryIO, stack: ExitStack) -> OpenedPicture:
    tiff = stack.enter_context(TiffFile(stream))
    pages = tiff_pages(path, tiff)
    if not pages:
        raise TiffFileError("no page")
    largest = largest_of([(page.imagewidth, page.imagelength) for page in pages])
    page = pages[largest]
    _check_size(path, (page.imagewidth, page.imagelength))
    check_hidden_stack(path, page, pages)
    stream.seek(0)
    try:
        image = stack.enter_context(Image.open(stream, formats=FORMATS))
        if largest:
            image.seek(largest)
    except UnidentifiedImageError:
        image = None
    aside = frozenset(number for number, page in enumerate(pages) if is_aside(page))
    words = [str(each.description).strip("\0\ufeff \r\n") for each in (pages[0], page)]
    description = words[0] if "<OME" in words[0] or ":OME" in words[0] else words[1]
    return OpenedPicture(path, image, page, len(pages), bits_of(page), largest, description, aside)


def _check_size(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MOST_PIXELS:
        raise InputError(f"{path}: is {size[1]}x{size[0]} (height x width), {TOO_LARGE}")
