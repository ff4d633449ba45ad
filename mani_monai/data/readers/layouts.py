"""Layouts of pixels that Pillow decodes otherwise than they are meant, without a word."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, PLANARCONFIG, SAMPLEFORMAT, TIFF, TiffPage

from mani_monai.utils.errors import InputError

from .opened_picture import OpenedPicture

_BYTE = 255
_QUARTER = 64  # of the high byte: 14 bits in 16 stay below it
_HALF = 128  # of the high byte: the brightest pixels of a picture that uses its 16 bits are beyond it
_BITS, _PHOTOMETRIC = 258, 262  # TIFF tags
_FAX = {each for each in COMPRESSION if "CCITT" in each.name}  # of one bit
_BRIGHTEST = 99.0  # percentile: hot pixels and pale letters do not speak for the picture
_TORN = 256  # of zeros from which they are asked about
_BLACK_BESIDE = 0.1  # share of the pixels beside a torn row and before it that may be black, too
_ABOVE, _NEAR, _EDGE = 64, 16, 1.5  # rows and columns in which a panel's edge is the sharpest, by this factor
_NARROW = 32  # columns of a tile from which a loss can be told from an edge
_FRAMED = 8  # black pixels in a row at a picture's edge that are no loss, as of a picture that was turned or shifted


def check_layout(opened: OpenedPicture, image: Image.Image) -> None:
    """Refuses pixels that would be shown otherwise than they are meant.

    Signed numbers, planes of 16 bits, a second channel, one value of few or many bits as transparent, luminance and
    colour differences without JPEG, a fourth channel of which nothing says that it is what is transparent, and rows
    of pixels that are not packed and that were lost.

    Args:
        opened: the file.
        image: its picture, decoded.
    """
    check_channels(opened)
    page = opened.page
    if page and page.photometric == PHOTOMETRIC.YCBCR and not opened.is_jpeg:  # whose range Pillow passes over
        raise InputError(f"{opened.path}: holds YCbCr that is no JPEG; store it as 8-bit RGB.")
    if page and image.mode == "RGBA" and not page.extrasamples:
        alpha = np.asarray(image.getchannel("A"))
        if alpha.min() != alpha.max():
            raise InputError(f"{opened.path}: does not say what its fourth channel is; store it as 8-bit RGB.")
    if image.mode != "P" and "transparency" in image.info and opened.bits not in (1, 8):
        bits = f"{opened.bits} bits"
        raise InputError(f"{opened.path}: names one value of {bits} as transparent; save it as 8-bit RGB.")
    if page and page.sampleformat == SAMPLEFORMAT.INT:
        raise InputError(f"{opened.path}: holds signed numbers; store it as 8-bit RGB.")
    if page and page.planarconfig == PLANARCONFIG.SEPARATE and page.samplesperpixel > 1 and opened.bits > 8:
        raise InputError(f"{opened.path}: holds its channels as planes of {opened.bits} bits; store it as 8-bit RGB.")
    if lost := max(_lost_bytes(opened, image), default=0):
        remedy = "copy it again, or save it as PNG where it is whole"
        raise InputError(f"{opened.path}: is damaged ({lost:,} bytes of its pixels are zeros); {remedy}.")


def _lost_bytes(opened: OpenedPicture, image: Image.Image) -> Iterator[int]:
    """How many bytes are lost of pixels that the file holds unpacked, part by part as they follow each other there.

    None of a tile where the picture's edge is black elsewhere: it was turned or moved, and its own edge may look so.
    Nor of narrow tiles.
    """
    page = opened.page
    if image.mode not in ("L", "RGB", "RGBX"):
        return
    if page is None:
        if image.format in ("BMP", "DIB", "PPM"):
            values = np.asarray(image)
            yield torn_bytes(values)
            if image.format != "PPM":  # which mostly begins with the last row
                yield torn_bytes(values[::-1])
        return
    if page.compression != COMPRESSION.NONE or page.photometric == PHOTOMETRIC.MINISWHITE:
        return
    values = np.asarray(image)
    planes = [values[..., channel] for channel in range(3)] if page.planarconfig == PLANARCONFIG.SEPARATE else [values]
    if not page.is_tiled:
        yield from map(torn_bytes, planes)
        return
    corners = product(range(0, values.shape[0], page.tilelength), range(0, values.shape[1], page.tilewidth))
    for (top, left), plane in product(corners, planes):
        tile = np.s_[top : top + page.tilelength, left : left + page.tilewidth]
        if plane[tile].shape[1] >= _NARROW and (lost := torn_bytes(plane[tile])):
            others = _black(plane)
            others[tile] = False
            yield 0 if _is_framed(others) else lost


def check_channels(opened: OpenedPicture) -> None:
    """Refuses two channels of which the second is no alpha, and a TIFF that does not say how it is to be read.

    One of the channels would be lost. Without its tag a pixel has one bit, and Pillow takes zero for white.
    """
    page = opened.page
    if page is not None and (missing := _missing(page)):
        raise InputError(f"{opened.path}: does not say {missing}; save it anew, as PNG.")
    alpha = {EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA}
    if page is not None and page.samplesperpixel == 2 and not alpha.intersection(page.extrasamples):
        raise InputError(f"{opened.path}: holds two channels; store an image as 8-bit RGB, a mask as one grey channel.")


def _missing(page: TiffPage) -> str:
    """What the tags of a TIFF's page do not say, though its pixels need it."""
    if _PHOTOMETRIC not in page.tags:
        return "whether 0 is black or white"
    if page.photometric == PHOTOMETRIC.RGB and page.samplesperpixel < 3:
        return "how many channels it has"
    if _BITS in page.tags or page.compression in _FAX:
        return ""
    return "" if _holds_bits(page) else "how many bits a pixel has"


def _holds_bits(page: TiffPage) -> bool:
    """Whether the first part of a page has as few bytes as pixels of one bit need."""
    rows, columns = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    needed = min(rows, page.imagelength) * -(-columns * page.samplesperpixel // 8)
    page.parent.filehandle.seek(page.dataoffsets[0])
    part = page.parent.filehandle.read(page.databytecounts[0])
    try:
        unpacked = TIFF.DECOMPRESSORS[page.compression](part) if page.compression != COMPRESSION.NONE else part
    except Exception:  # each library has its own
        return False
    return len(unpacked) < 2 * needed


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


def imagej_colours(opened: OpenedPicture) -> NDArray[np.uint8] | None:
    """The colours in which ImageJ shows grey, 256 x RGB, as its own tag holds them; None where they are the grey.

    Raises:
        InputError: of more than 8 bits, which ImageJ shows in a range of its own.
    """
    page = opened.page
    if page is None or not page.is_imagej or page.samplesperpixel > 1 or page.photometric != PHOTOMETRIC.MINISBLACK:
        return None
    colours = np.asarray((page.parent.imagej_metadata or {}).get("LUTs", ())).T  # one table, or one a channel
    if colours.shape != (256, 3) or (colours == np.arange(256)[:, None]).all():
        return None
    if opened.bits != 8:
        raise InputError(f"{opened.path}: is shown in colours by ImageJ (LUT); save it as RGB, or with the LUT Grays.")
    return colours


def check_depth(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Refuses 10, 12 or 14 bits in 16: by their brightness alone nobody can tell them from a dark picture."""
    seen = pixels if np.mean(pixels == 255) > 0.1 else pixels[pixels < 255]  # glass, or a scale bar
    if seen.size and np.percentile(seen, _BRIGHTEST) < _HALF:
        _refuse_depth(path, int(seen.max()))


def check_inverted_depth(path: Path, stored: NDArray[Any]) -> None:
    """Refuses 14 bits or fewer in 16 where zero is white: the picture would be pale all over.

    Args:
        path: of the image, for the message.
        stored: its high bytes as they are stored, any shape.

    Raises:
        InputError: when none is in the upper three quarters of the scale.
    """
    if stored.size and stored.max() < _QUARTER:
        _refuse_depth(path, int(stored.max()))


def _refuse_depth(path: Path, highest: int) -> NoReturn:
    raise InputError(
        f"{path}: its values stay below {(highest + 1) * 256} of 65536, as those of cameras of fewer bits do; save it "
        "with 8 bits per channel, scaled as all images of the set."
    )


def torn_bytes(values: NDArray[np.uint8]) -> int:
    """How many bytes of a picture are a stretch of zeros as no picture has it; 0 where there is none.

    Files store rows one behind the other. So a stretch of lost bytes begins within a row, and goes on in the next
    one. Black that belongs to a picture has an edge that is alike in neighbouring rows. Black within one row may be
    a line that somebody drew. A picture that was turned a little to fit another one has such stretches, too: it has
    black at other places of its edge. So has a black band with letters on its first row: it is black before them, too.
    So has a montage whose last panel is a row shorter: its panel's edge goes up from where the black begins.

    Args:
        values: HW or HWC, 8 bits, its rows in the order of the file.
    """
    black = _black(values)
    least = -(-_TORN // (1 if values.ndim == 2 else values.shape[2]))
    if black.size < least or not black.any():
        return 0
    height, width = black.shape[0], black.shape[1]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], black.ravel(), [False]]).view(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    chosen = (ends - starts >= least) & (starts >= width) & (starts % width > 0)
    longest, rest = 0, black.ravel().copy()
    for start, end in zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True):
        (top, left), (bottom, right) = divmod(start, width), divmod(end, width)
        torn = black[top - 1, left:].mean() <= _BLACK_BESIDE and black[top, :left].mean() <= _BLACK_BESIDE
        if torn and end == black.size and bottom == top + 1:
            torn = not _is_panels_edge(values[max(top - _ABOVE, 0) : top], left)
        if end < black.size:  # else it is the last bytes of all
            torn = torn and bottom > top and right > 0 and bottom + 1 < height
            torn = torn and black[bottom + 1, :right].mean() <= _BLACK_BESIDE
        if torn:
            longest, rest[start:end] = max(longest, end - start), False
    if longest and _is_framed(rest.reshape(height, width)):
        return 0
    return longest * (1 if values.ndim == 2 else values.shape[2])


def _black(values: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(values == 0 if values.ndim == 2 else ~values.any(axis=2))


def _is_panels_edge(above: NDArray[np.uint8], column: int) -> bool:
    """Whether a column is black, or differs more from the one before it than any other near."""
    if not above[:, column].any():
        return True
    near = above[:, max(column - _NEAR, 0) : column + _NEAR].astype(np.int16)
    steps = abs(np.diff(near, axis=1)).mean(axis=0 if above.ndim == 2 else (0, 2))
    at = min(column, _NEAR) - 1
    return bool(steps[at] > _EDGE * np.delete(steps, at).max(initial=0))


def _is_framed(black: NDArray[np.bool_]) -> bool:
    edges = (black[0], black[-1], black[:, 0], black[:, -1])
    return any(np.convolve(edge, np.ones(_FRAMED), "valid").max() == _FRAMED for edge in edges if len(edge) >= _FRAMED)
