"""How large a pixel is on the slide, as an image's file says it, and how an image is to be scaled for a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mani_monai.utils import InputError
from mani_monai.utils.errors import counted, positive

if TYPE_CHECKING:  # the readers import MONAI, which a declaration of a pixel size needs not
    from .readers.opened_picture import OpenedPicture

SMALLEST, LARGEST = 0.05, 5.0  # um: what microscopes give; print's 72 to 600 dpi are 353 to 42 um
TOLERATED = 1.1  # ratio of pixel sizes up to which they count as equal
MOST = 4.0  # ratio beyond which an image holds too little, or too much, to be brought to the network's pixel size
_SQUARE = 1.02


@dataclass(frozen=True)
class PixelSize:
    """The side of a square pixel.

    Attributes:
        um: in micrometres.
        origin: who says so.
        doubt: what else the file says of it, where that is another size; empty where it does not.
    """

    um: float
    origin: str
    doubt: str = ""


def given_pixel_size(mpp: Any, option: str = "--mpp") -> PixelSize | None:
    """A pixel size that a user gave; None where none was.

    Raises:
        InputError: when it is no number, or none that a microscope gives.
    """
    if mpp is None:
        return None
    number = None if isinstance(mpp, bool) else positive(mpp)
    if number is None or not SMALLEST <= number <= LARGEST:
        raise InputError(f"{option} {mpp}: write micrometres per pixel, {SMALLEST} to {LARGEST}; 40x is about 0.25.")
    return PixelSize(number, option)


def read_pixel_size(path: str | Path) -> PixelSize | None:
    """Reads a pixel size from an image's file.

    Descriptions come first: OME-XML, Aperio's "MPP =", Philips' spacing, ImageJ's unit, the calibrations of Ventana
    and MetaMorph. The resolution of a TIFF and the density of another image follow. Sizes that no microscope gives are
    passed over: 72 dpi is nothing that anybody measured.

    Args:
        path: an image file; one that cannot be decoded says nothing.

    Returns:
        the size; None where the file says none.

    Raises:
        InputError: when pixels are not square, or a description says two sizes.
    """
    from .readers.opened_picture import opened_picture

    try:
        with opened_picture(path) as opened:
            stated = _plausible(opened)
    except InputError:
        return None
    return _size(path, stated)


def size_of(path: str | Path, given: PixelSize | None) -> PixelSize | None:
    """The pixel size that a user gave, else the file's; its doubt is what else the file says.

    Args:
        path: an image file.
        given: by the user; None where nothing was.

    Raises:
        InputError: as :func:`read_pixel_size`, where nothing was given.
    """
    if given is None:
        return read_pixel_size(path)
    return with_doubt(path, given, lambda: read_pixel_size(path))


def with_doubt(path: str | Path, given: PixelSize, read: Callable[[], PixelSize | None]) -> PixelSize:
    """A pixel size that a user gave; its doubt is what the file says, where that is another size or none to be had.

    Args:
        path: the file.
        given: by the user.
        read: gives the file's own, or raises ``InputError``.
    """
    try:
        said = read()
    except InputError as error:
        return replace(given, doubt=str(error).removeprefix(f"{path}: "))
    if said is None or alike(said.um, given.um):
        return given
    return replace(given, doubt=f"its file says {said.um:.3g} um ({said.origin})")


def _plausible(opened: OpenedPicture) -> list[tuple[float, float, str]]:
    """Width and height in um with their origin, the most trustworthy first."""
    from .readers.stated_sizes import stated_sizes

    stated = []
    try:
        for size in stated_sizes(opened):
            stated.append(size)
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError):
        pass  # tags of other kinds say nothing, and take nothing from what was said before
    return [
        (size.x or size.y or 0.0, size.y or size.x or 0.0, size.origin)
        for size in stated
        if any(side is not None and SMALLEST <= side <= LARGEST for side in (size.x, size.y))
    ]


def _size(path: str | Path, stated: list[tuple[float, float, str]]) -> PixelSize | None:
    if not stated:
        return None
    x, y, origin = stated[0]
    if not 1 / _SQUARE <= x / y <= _SQUARE:
        raise InputError(f"{path}: its pixels are not square ({x:.3g} x {y:.3g} um by its {origin}); resample it.")
    again = [width for width, _, other in stated[1:] if other == origin and not alike(width, x)]
    if again:
        raise InputError(
            f"{path}: its {origin} says both {x:.3g} and {again[0]:.3g} um; name the right one with --mpp."
        )
    others = [f"its {other} says {width:.3g} um" for width, _, other in stated[1:] if not alike(width, x)]
    return PixelSize(x, origin, ", ".join(others))


def alike(first: float, second: float) -> bool:
    """Whether two pixel sizes in micrometres count as equal."""
    return max(first / second, second / first) <= TOLERATED


def unsized(images: int, first: str, mpp: float) -> str:
    """That images have no pixel size, and what they were taken as.

    Args:
        images: how many.
        first: the name of one.
        mpp: micrometres per pixel of the network.
    """
    many = images > 1
    whose = f"{counted(images, 'image')} {'have' if many else 'has'} no pixel size"
    example = f"e.g. {first}" if many else first
    return f"{whose}, {example}: taken as the network's {mpp:.3g} um"


def scale_for(image: PixelSize | None, network_um: float | None) -> float:
    """By what an image's sides are multiplied so that its pixels are of the size that a network was trained on.

    Args:
        image: the image's; None where it is not known.
        network_um: the network's; None likewise.

    Returns:
        1 where the sizes differ by up to a tenth, or one of them is not known; else the inverse of whole 64ths, so that
        windows of an image have the pixels of the whole.

    Raises:
        InputError: when they differ by more than four times.
    """
    if image is None or network_um is None:
        return 1.0
    ratio = image.um / network_um
    if max(ratio, 1 / ratio) > MOST:
        raise InputError(
            f"its pixels are {image.um:.3g} um ({image.origin}), the network's {network_um:.3g} um: more than "
            f"{MOST:.0f} times apart; take images of another magnification, or name the right size with --mpp."
        )
    if alike(image.um, network_um):
        return 1.0
    from mani_monai.transforms.rescaling import ratio_of  # with MONAI, which a declared pixel size does not need

    return float(1 / ratio_of(ratio))
