"""Instance maps as the image files that other programs read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from scripts.utils import InputError
from scripts.utils.folders import replacing

MOST_16_BIT = np.iinfo(np.uint16).max
LONGEST_NIFTI = np.iinfo(np.int16).max


def write_instance_map(path: str | Path, instances: NDArray[np.integer]) -> None:
    """Writes an instance map in the format that the file's ending names.

    ===========================  ======================================================================
    ``.tif``, ``.tiff``          16 bits where the ids fit, else 32; zlib-compressed
    ``.png``                     16 bits, at most 65,535 ids
    ``.nii``, ``.nii.gz``        32 bits, axes x, y, unit spacing: as MONAI reads the image's own file
                                 and as the model zoo's HoVer-Net bundle saves its instance maps
    ===========================  ======================================================================

    Args:
        path: the file; its folder is made.
        instances: HW ids, 0 background.

    Raises:
        InputError: when the format cannot hold the map, or the file cannot be written.
        ValueError: when instances is no map of ids, or the ending is none of these.
    """
    path = Path(path)
    instances = checked(instances)
    write = _writer(path)
    with replacing(path) as partial:
        write(partial, instances, path)


def write_mask(path: str | Path, mask: NDArray) -> None:
    """Writes a mask as a PNG of 8 bits: 255 where it is above 0, else 0.

    Args:
        path: the file; its folder is made.
        mask: HW.

    Raises:
        InputError: when the file cannot be written.
    """
    with replacing(path) as partial:
        Image.fromarray(np.where(mask > 0, np.uint8(255), np.uint8(0))).save(partial, format="PNG")


def checked(instances: NDArray[np.integer]) -> NDArray[np.integer]:
    """The map itself, once it is known to be HW ids >= 0.

    Raises:
        ValueError: when it is not.
    """
    instances = np.asarray(instances)
    if instances.ndim != 2 or instances.dtype.kind not in "iu" or instances.min(initial=0) < 0:
        raise ValueError(f"instances must be HW integers >= 0, got {instances.dtype} of {instances.shape}.")
    return instances


def _writer(path: Path) -> Callable[[Path, NDArray[np.integer], Path], None]:
    for ending, write in _WRITERS.items():
        if path.name.lower().endswith(ending):
            return write
    raise ValueError(f"path must end in one of {', '.join(_WRITERS)}, got {path.name!r}.")


def _write_tiff(partial: Path, instances: NDArray[np.integer], path: Path) -> None:
    fits = instances.max(initial=0) <= MOST_16_BIT
    ids = instances.astype(np.uint16 if fits else np.uint32)
    tifffile.imwrite(partial, ids, photometric="minisblack", compression="zlib")


def _write_png(partial: Path, instances: NDArray[np.integer], path: Path) -> None:
    most = instances.max(initial=0)
    if most > MOST_16_BIT:
        raise InputError(f"{path}: PNG holds ids up to {MOST_16_BIT}, not {most}; write this map as TIFF.")
    Image.fromarray(instances.astype(np.uint16)).save(partial)


def _write_nifti(partial: Path, instances: NDArray[np.integer], path: Path) -> None:
    if max(instances.shape) > LONGEST_NIFTI:
        size = "x".join(map(str, instances.shape))
        raise InputError(f"{path}: NIfTI holds up to {LONGEST_NIFTI} px a side, not {size}; write this map as TIFF.")
    image = nibabel.Nifti1Image(instances.T.astype(np.uint32), np.eye(4))
    image.set_qform(np.eye(4), code=1)  # scanner coordinates, what MONAI's writer marks
    image.set_sform(np.eye(4), code=1)
    nibabel.save(image, partial)


_WRITERS = {
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
    ".png": _write_png,
    ".nii": _write_nifti,
    ".nii.gz": _write_nifti,
}
