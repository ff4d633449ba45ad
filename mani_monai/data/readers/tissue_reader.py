"""The project's decoder as a reader of MONAI's, so that a bundle's own config reads what every command reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monai.config import PathLike
from monai.data import PILReader
from PIL import Image

from .rasters import read_image


class TissueReader(PILReader):
    """Reads images of tissue as 8-bit RGB, or refuses a file in one line that names it.

    It stands where MONAI's own reader does: ``{"_target_": "LoadImaged", "keys": "image", "reader": {"_target_":
    "mani_monai.data.readers.TissueReader"}, "dtype": "uint8"}``. What it takes and refuses is
    :func:`mani_monai.data.readers.rasters.read_image`'s; the rest, the axes among it, is ``PILReader``'s.

    Args:
        reverse_indexing: give W, H, 3 as MONAI reads pictures by default; else H, W, 3.
    """

    def __init__(self, reverse_indexing: bool = True) -> None:
        super().__init__(reverse_indexing=reverse_indexing)

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> Image.Image | list[Image.Image]:
        """Decodes one file or several.

        Args:
            data: paths.
            kwargs: taken for MONAI's sake, and not used.

        Raises:
            InputError: as ``read_image``.
        """
        several = isinstance(data, (list, tuple))
        images = [Image.fromarray(read_image(path).pixels) for path in (data if several else [data])]
        return images if several else images[0]
