"""Two toy data sets in the layout of prepared data, toy_source and toy_target: for first runs and demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from mani_monai.apps.prepare.preparation import prepare
from mani_monai.apps.prepare.toy_histology import make_tile
from mani_monai.apps.prepare.toy_styles import SOURCE_TISSUE, TARGET_TISSUE, TissueStyle
from mani_monai.data.datalists import data_set_names
from mani_monai.data.readers.records import Listing, RawMask, Record
from mani_monai.utils.folders import replacing

__all__ = ["TOY_TISSUES", "ensure_toy_data", "make_toy_data"]

TOY_TISSUES: dict[str, TissueStyle] = {"toy_source": SOURCE_TISSUE, "toy_target": TARGET_TISSUE}
MIN_IMAGES = 5


def make_toy_data(
    dataset_dir: str | Path,
    images: int = 40,
    size: tuple[int, int] = (256, 256),
    seed: int = 0,
    overwrite: bool = False,
) -> list[Path]:
    """Draw and prepare the data sets ``toy_source`` and ``toy_target``, labels, splits and folds included.

    Args:
        dataset_dir: the folder of all prepared data sets.
        images: how many images a data set, at least 5: one to test in each fold.
        size: height and width of an image in pixels.
        seed: the data are a function of images, size and seed alone.
        overwrite: replace data sets that are there; otherwise they are left alone.

    Returns:
        The folders written, none where both were there.

    Raises:
        ValueError: fewer than 5 images, or a size too small to draw.
    """
    if images < MIN_IMAGES:
        raise ValueError(f"images must be at least {MIN_IMAGES}, got {images}.")
    names = [name for name in TOY_TISSUES if overwrite or not (Path(dataset_dir) / name).exists()]
    return [_make_data_set(dataset_dir, name, images, size, seed) for name in names]


def ensure_toy_data(dataset_dir: str | Path, names: Sequence[str]) -> None:
    """Make the toy data if a toy data set is asked for that is not there, and say so in one line.

    Args:
        dataset_dir: the folder of all prepared data sets.
        names: the data sets that a run is about to read, toy or not; several with commas count each.
    """
    each = [part for name in names for part in data_set_names(name)]
    if any(name in TOY_TISSUES and not (Path(dataset_dir) / name).exists() for name in each):
        made = make_toy_data(dataset_dir)
        print(f"Made the toy data {' and '.join(map(str, made))}, since nothing else was prepared.")


def _make_data_set(dataset_dir: str | Path, name: str, images: int, size: tuple[int, int], seed: int) -> Path:
    """Draw the tiles of one tissue, then prepare them as any other data set: images are read back, lists written."""
    domain = list(TOY_TISSUES).index(name)
    with TemporaryDirectory(prefix="toy-") as drawn:
        records = []
        for index in range(images):
            tile_seed = np.random.SeedSequence([seed, domain, index]).generate_state(1)[0]
            tile = make_tile(TOY_TISSUES[name], size, int(tile_seed))
            path = Path(drawn) / f"{name}_{index:03d}.png"
            with replacing(path) as drawing:
                Image.fromarray(tile.image).save(drawing, compress_level=1)
            records.append(Record(path.stem, path.stem, path, partial(_mask, tile.instances)))
        listing = Listing("toy", tuple(records), "none: drawn by this project")
        return prepare(listing, dataset_dir, name, overwrite=True, seed=seed, progress=False).folder


def _mask(instances: np.ndarray, size: tuple[int, int]) -> RawMask:
    return RawMask(instances, "ids")
