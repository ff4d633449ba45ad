"""The project's decoder as a transform of MONAI's, so that a bundle's own config reads what every command reads."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import DtypeLike, KeysCollection, PathLike
from monai.data import ImageReader, PILReader
from monai.transforms import LoadImaged, MapTransform
from monai.utils import convert_to_dst_type, ensure_tuple
from numpy.typing import NDArray
from PIL import Image

from scripts.transforms.tissue import shown_as_glass, tissue_mask

from .rasters import read_image


class TissueReader(PILReader):
    """Reads images of tissue as 8-bit RGB, or refuses a file in one line that names it.

    What it takes and refuses is :func:`scripts.data.readers.rasters.read_image`'s; the rest, the axes among it, is
    ``PILReader``'s. MONAI's ``LoadImaged`` tries its other readers where this one refuses: :class:`LoadTissued` does
    not.

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
        images = [Image.fromarray(read_image(path).pixels) for path in ensure_tuple(data)]
        return images if len(images) > 1 else images[0]

    def get_data(self, img: Any) -> tuple[np.ndarray, dict]:
        """``PILReader``'s pixels and metadata; the pixels may be written to, since torch warns of others."""
        pixels, metadata = super().get_data(img)
        return np.require(pixels, requirements="W"), metadata


class LoadTissued(LoadImaged):
    """MONAI's ``LoadImaged`` with the project's decoder alone: ``{"_target_": "scripts.data.readers.LoadTissued"}``.

    What is no tissue becomes glass of one shade, as :func:`scripts.transforms.tissue.shown_as_glass` shows it.

    Args:
        keys: of paths; MetaTensors take their places.
        dtype: of the pixels.
        reverse_indexing: give W, H, 3 as MONAI reads pictures by default; else H, W, 3.
        allow_missing_keys: pass over keys that are not there.
        tissue_key: receives 1HW uint8, as the image lies: nought where that is no tissue; None keeps none.
    """

    def __init__(
        self,
        keys: KeysCollection,
        dtype: DtypeLike = np.uint8,
        reverse_indexing: bool = True,
        allow_missing_keys: bool = False,
        tissue_key: str | None = None,
    ) -> None:
        super().__init__(keys, dtype=dtype, allow_missing_keys=allow_missing_keys)
        self.tissue_key = tissue_key
        self.reader = TissueReader(reverse_indexing)

    def __call__(self, data: Mapping[Hashable, Any], reader: ImageReader | None = None) -> dict[Hashable, Any]:
        """Loads every key.

        Args:
            data: paths by key.
            reader: another reader; this transform's own by default, whose refusal is no reason to try another.

        Raises:
            InputError: as ``read_image``.
        """
        item = super().__call__(data, self.reader if reader is None else reader)
        for key in self.key_iterator(item):
            picture = np.asarray(item[key], np.uint8)
            tissue = tissue_mask(picture)
            if (shown := shown_as_glass(picture, tissue)) is not picture:
                item[key] = convert_to_dst_type(shown, item[key])[0]
            if self.tissue_key is not None:
                item[self.tissue_key] = _plane(tissue)
        return item


class MarkTissued(MapTransform):
    """Adds where the files of images may show tissue, as ``LoadTissued`` does, and leaves their paths.

    It comes before the transforms that decode. A mask that an item has already stays; a tissue's name gives way.

    Args:
        keys: one key of paths.
        tissue_key: receives 1HW uint8, rows first: nought where there is no tissue.
        allow_missing_keys: leave an item without the key as it is.
    """

    def __init__(
        self, keys: KeysCollection = "image", tissue_key: str = "tissue", allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.tissue_key = tissue_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: an item.

        Returns:
            the item with the mask.

        Raises:
            InputError: as ``read_image``.
        """
        item = dict(data)
        if isinstance(item.get(self.tissue_key), torch.Tensor):
            return item
        for key in self.key_iterator(item):
            item[self.tissue_key] = _plane(tissue_mask(read_image(item[key]).pixels))
        return item


def _plane(tissue: NDArray[np.bool_]) -> torch.Tensor:
    return torch.from_numpy(tissue[None].astype(np.uint8))
