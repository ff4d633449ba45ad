"""Writes the fields that a report names for labelling as images of their own, which a viewer opens as they are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import tifffile

from mani_monai.apps.adapt.shown_fields import UnsureField
from mani_monai.data.pixel_size import PixelSize, read_pixel_size
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError
from mani_monai.utils.folders import replacing

LEAST_CERTAIN = "least_certain"
"""Their folder in that of the adaptation."""
_UM_A_CM = 1e4


def field_name(path: Path, field: UnsureField) -> str:
    """Name of a field's file: its image's, and the row and column of its upper left pixel.

    Args:
        path: the image's file.
        field: a part of it.
    """
    return f"{path.stem}_row{field.row}_column{field.column}.tif"


def write_fields(
    folder: Path, paths: Sequence[Path], fields: Sequence[UnsureField], size: PixelSize | None = None
) -> None:
    """Writes fields as TIFFs of RGB with their pixel size, where that is known. A file that went away has none.

    Args:
        folder: receives them; it is made.
        paths: the images that fields are parts of, by their number.
        fields: as of :func:`mani_monai.apps.adapt.write_report.unsure_fields`.
        size: of all images' pixels; what each file says by default.

    Raises:
        InputError: when a file cannot be written.
    """
    for field in fields:
        path = paths[field.image]
        pixels = None
        with suppress(InputError):  # it was there when it was measured
            pixels = read_image(path).pixels[field.part]
        if pixels is None:
            continue
        known = size or read_pixel_size(path)
        resolution = {} if known is None else {"resolution": (_UM_A_CM / known.um,) * 2, "resolutionunit": "CENTIMETER"}
        with replacing(folder / field_name(path, field)) as partial:
            tifffile.imwrite(partial, pixels, photometric="rgb", compression="zlib", **resolution)
