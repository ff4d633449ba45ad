"""The last step of inference: an image's nuclei into files."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import ImageMetaKey

from scripts.utils.errors import InputError
from scripts.utils.folders import file_hash

MASK = "mask"
ENDINGS = {
    MASK: "_mask.png",
    "tiff": "_instances.tif",
    "png": "_instances.png",
    "nifti": "_instances.nii.gz",
    "geojson": ".geojson",
    "csv": "_nuclei.csv",
    "overlay": "_overlay.png",
}
OUTPUTS = ("tiff", "png", "geojson", "csv", "overlay")


class SaveNucleid(MapTransform):
    """Writes an image's nuclei to ``output_dir``, each file named after the image's file.

    ========  ==========================  ================================================
    output    file                        content
    ========  ==========================  ================================================
    mask      ``<stem>_mask.png``         8 bits, 0 and 255
    tiff      ``<stem>_instances.tif``    instance map, 16 bits, or 32 where ids need them
    png       ``<stem>_instances.png``    instance map, 16 bits
    nifti     ``<stem>_instances.nii.gz`` instance map, axes x, y
    geojson   ``<stem>.geojson``          detections for QuPath
    csv       ``<stem>_nuclei.csv``       a line a nucleus
    overlay   ``<stem>_overlay.png``      the image with its nuclei outlined
    ========  ==========================  ================================================

    The overlay shows the image's file, whatever the steps before made of it. Ids in GeoJSON are those of that file.

    Args:
        keys: the instance map, 1HW ids, 0 background.
        output_dir: the folder; it is made.
        outputs: which of them; all but mask and nifti by default.
        table_key: the table of nuclei, columns by name.
        image_key: the image, 3HW in [0, 1], whose metadata name its file; shown where no picture of the map's size can
            be read there.
        class_names: the types' names, that of type 0 (background) first.
        mask_key: the mask, 1HW, not 0 in nuclei; by default the pixels of the instances.

    Raises:
        ValueError: when an output is unknown.
    """

    def __init__(
        self,
        keys: KeysCollection,
        output_dir: str | Path,
        outputs: Sequence[str] = OUTPUTS,
        table_key: str = "nuclei",
        image_key: str = "image",
        class_names: Sequence[str] | None = None,
        mask_key: str | None = None,
    ) -> None:
        super().__init__(keys)
        unknown = [output for output in outputs if output not in ENDINGS]
        if unknown:
            raise ValueError(f"outputs must be among {', '.join(ENDINGS)}, got {unknown[0]!r}.")
        self.output_dir = Path(output_dir)
        self.outputs = sorted(outputs, key="png".__eq__)  # last: it alone cannot hold every map
        self.table_key = table_key
        self.image_key = image_key
        self.class_names = class_names
        self.mask_key = mask_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: holds the instance map, the table and the image.

        Returns:
            the same entries.

        Raises:
            InputError: when a file cannot be written, or a format cannot hold the map.
        """
        image = data[self.image_key]
        file = Path(image.meta[ImageMetaKey.FILENAME_OR_OBJ])
        picture = picture_of(file, image) if "overlay" in self.outputs else np.empty(0)
        source = file_hash(file) if "geojson" in self.outputs and file.is_file() else None
        mask = None if self.mask_key is None else torch.as_tensor(data[self.mask_key])[0].cpu().numpy()
        for key in self.key_iterator(data):
            instances = torch.as_tensor(data[key])[0].cpu().numpy()
            for output in self.outputs:
                path = self.output_dir / (file.stem + ENDINGS[output])
                write_output(output, path, picture, instances, data[self.table_key], self.class_names, mask, source)
        return dict(data)


def write_output(
    output: str,
    path: Path,
    picture: np.ndarray,
    instances: np.ndarray,
    table: Mapping[str, np.ndarray],
    class_names: Sequence[str] | None = None,
    mask: np.ndarray | None = None,
    source: str | None = None,
) -> None:
    """Writes one of the outputs of :class:`SaveNucleid`.

    Args:
        output: its name.
        path: the file.
        picture: HW3 uint8, the image.
        instances: HW ids, 0 background.
        table: the table of nuclei, columns by name.
        class_names: the types' names, that of type 0 (background) first.
        mask: HW, not 0 in nuclei; the pixels of the instances by default.
        source: what ids in GeoJSON tell the image by; the file's name by default.

    Raises:
        InputError: when the file cannot be written, or the format cannot hold the map.
    """
    from scripts.data import writers  # when a file is wanted

    if output == "geojson":
        writers.write_geojson(path, instances, table, class_names, source)
    elif output == "csv":
        writers.write_nuclei_csv(path, table, class_names)
    elif output == "overlay":
        writers.write_overlay(path, picture, instances, table)
    elif output == MASK:
        writers.write_mask(path, instances if mask is None else mask)
    else:
        writers.write_instance_map(path, instances)


def picture_of(file: Path, image: torch.Tensor) -> np.ndarray:
    """The picture in an image's file, HW3 uint8; what was made of it where no picture of that size can be read there.

    Args:
        file: the image's.
        image: 3HW in [0, 1], as steps have left it.
    """
    from scripts.data.readers.rasters import read_image  # when a picture is wanted

    with suppress(InputError):  # another reader may know its format
        pixels = read_image(file).pixels
        if pixels.shape[:2] == tuple(image.shape[1:]):
            return pixels
    return as_picture(image)


def as_picture(image: torch.Tensor) -> np.ndarray:
    """HW3 in 0..255 from 3HW in [0, 1]."""
    return (torch.as_tensor(image) * 255).round().clip(0, 255).byte().permute(1, 2, 0).cpu().numpy()
