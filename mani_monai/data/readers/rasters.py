"""Decode the image files and mask files of public data sets, whatever they are stored as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from mani_monai.utils import InputError

from .records import RawImage, RawMask

IMAGE_ENDINGS = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
MASK_ENDINGS = (".png", ".tif", ".tiff", ".bmp")
_BITS_PER_SAMPLE = 258  # the TIFF tag


def decode(path: Path) -> Image.Image:
    """Opens and decodes an image file.

    Of a pyramid the largest level is taken, the first page.

    Raises:
        InputError: missing, truncated, or no image at all; several pages, or pixels that are to be shown turned.
    """
    try:
        with Image.open(path) as image:
            _check_pages(path, image)
            _check_orientation(path, image)
            image.load()
            return image
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist.") from None
    except UnidentifiedImageError:
        remedy = "store it with 8 bits per channel as PNG or TIFF, or copy it again where it is damaged"
        raise InputError(f"{path}: cannot be decoded (damaged, or of an unknown kind); {remedy}.") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be decoded ({error}); copy or download it again.") from error


def _check_pages(path: Path, image: Image.Image) -> None:
    """Refuses a stack, of which one page alone would be read."""
    size, pages = image.size, getattr(image, "n_frames", 1)
    for page in range(1, pages):
        image.seek(page)
        if image.size == size:
            raise InputError(
                f"{path}: is a stack of {pages} pages; store each as an image of its own, its channels as one RGB "
                "image, or its nuclei as one mask of numbers."
            )
    if pages > 1:
        image.seek(0)


def _check_orientation(path: Path, image: Image.Image) -> None:
    """Refuses pixels that viewers show otherwise than they are stored: a mask or an outline would lie elsewhere."""
    turned = image.getexif().get(ExifTags.Base.Orientation, 1)
    if turned not in (0, 1):
        raise InputError(f"{path}: is stored turned or mirrored (EXIF orientation {turned}); save it upright.")


def bits_per_channel(image: Image.Image) -> int:
    """How many bits the file holds per channel: Pillow itself reduces 16-bit colour to 8 bits without a word."""
    if image.mode.startswith("I;16"):
        return 16
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, 8)  # TIFF
    if image.format == "PNG":
        with open(image.filename, "rb") as stream:
            bits = stream.read(25)[24]  # the header's ninth byte
    return max(bits) if isinstance(bits, tuple) else int(bits)


def read_image(path: Path) -> RawImage:
    """Reads an image as 8-bit RGB.

    Alpha is dropped, not blended; grey is repeated; palettes are looked up. Of 16-bit values the high byte is kept
    (value // 256, the same for every image).

    Args:
        path: an image file.

    Returns:
        HW3 uint8 and what was converted.

    Raises:
        InputError: it cannot be decoded, or holds something other than 8 or 16 bits of grey or RGB.
    """
    image = decode(path)
    bits = bits_per_channel(image)
    notes: list[tuple[str, int]] = []
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        notes.append(("alpha dropped", 1))
    if image.mode in ("L", "LA", "1") or image.mode.startswith("I"):
        notes.append(("grey to RGB", 1))
    if image.mode.startswith("I"):  # 16-bit grey; older PNG decoders say 32 bits
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise InputError(f"{path}: holds values beyond 16 bits; store it with 8 bits per channel.")
        pixels = np.repeat((grey // 256).astype(np.uint8)[..., None], 3, axis=2)
        bits = 16
    elif image.mode in ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1"):
        # not convert("RGB") alone: a palette with transparency must keep its colours
        pixels = np.asarray(image.convert("RGBA") if image.mode in ("P", "PA") else image.convert("RGB"))[..., :3]
    else:
        raise InputError(f"{path}: has the colour mode {image.mode}; store it as 8-bit RGB.")
    if bits == 16:
        notes.append(("16 bits to 8 (value // 256)", 1))
        if pixels.max(initial=0) < 16:
            raise InputError(f"{path}: uses a sixteenth of its 16-bit range or less; rescale it to 8 bits yourself.")
    return RawImage(np.ascontiguousarray(pixels), tuple(notes))


def read_mask(path: Path, kind: str = "auto") -> RawMask:
    """Reads a mask that is stored as an image.

    Grey of any depth, 1-bit and palette images (their indices) are taken as they are. Of RGB(A) the one channel
    is taken when all three are equal; colours are refused, since a colour names no nucleus reliably.

    Args:
        path: a mask file; not JPEG, whose compression changes values.
        kind: see :class:`RawMask`.

    Returns:
        HW integers.

    Raises:
        InputError: it cannot be decoded or is no mask.
    """
    image = decode(path)
    if image.format == "JPEG":
        raise InputError(f"{path}: is a JPEG, which changes the values of a mask; store masks as PNG.")
    values = np.asarray(image)
    notes: list[tuple[str, int]] = []
    if values.ndim == 3:
        if bits_per_channel(image) != 8:
            raise InputError(f"{path}: is a 16-bit colour image; store a mask as one 16-bit grey channel.")
        colours = values[..., : 1 if image.mode == "LA" else 3]
        if (colours != colours[..., :1]).any():
            raise InputError(f"{path}: is a mask in colours; store instance ids as one 16-bit grey channel.")
        alpha = values[..., -1]
        if image.mode in ("RGBA", "LA") and not colours.any() and alpha.min() != alpha.max():
            raise InputError(f"{path}: holds its mask in the alpha channel; store it as one grey channel.")
        values = colours[..., 0]
        notes.append(("mask stored as RGB(A)", 1))
    if values.dtype.kind == "f":
        if not np.array_equal(values, np.round(values)):
            raise InputError(f"{path}: holds fractions; store a mask as whole numbers.")
        values = values.astype(np.int64)
    if values.dtype.kind == "i" and values.min(initial=0) < 0:
        raise InputError(f"{path}: holds negative values; a mask has 0 as background and ids above it.")
    return RawMask(values, kind, tuple(notes))


def mask_file(path: Path, kind: str = "auto") -> Callable[[tuple[int, int]], RawMask]:
    """A record's ``read_mask`` for a mask that is stored as an image."""
    return lambda shape: read_mask(path, kind)
