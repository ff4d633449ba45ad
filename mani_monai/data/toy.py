"""Two toy data sets in the layout of prepared data, toy_source and toy_target: for first runs, tests, demonstrations."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mani_monai.data.toy_histology import make_tile
from mani_monai.data.toy_styles import SOURCE_TISSUE, TARGET_TISSUE, TissueStyle

__all__ = ["TOY_TISSUES", "ensure_toy_data", "make_toy_data"]

TOY_TISSUES: dict[str, TissueStyle] = {"toy_source": SOURCE_TISSUE, "toy_target": TARGET_TISSUE}
PARTITIONS = 5


def make_toy_data(
    dataset_dir: str | os.PathLike[str],
    images: int = 40,
    size: tuple[int, int] = (256, 256),
    seed: int = 0,
    overwrite: bool = False,
) -> list[Path]:
    """Write the data sets ``toy_source`` and ``toy_target``.

    Args:
        dataset_dir: the folder that gets one folder a data set.
        images: how many images a data set, at least 10.
        size: height and width of an image in pixels.
        seed: the data are a function of images, size and seed alone.
        overwrite: replace data sets that are there; otherwise they are left alone.

    Returns:
        The folders written, none where both were there.

    Raises:
        ValueError: fewer than 10 images, or a size too small to draw.
    """
    if images < 2 * PARTITIONS:
        raise ValueError(f"images must be at least {2 * PARTITIONS}, got {images}.")
    root = Path(dataset_dir)
    names = [name for name in TOY_TISSUES if overwrite or not (root / name).exists()]
    for name in names:
        _write_data_set(root / name, images, size, seed)
    return [root / name for name in names]


def ensure_toy_data(dataset_dir: str | os.PathLike[str], names: Sequence[str]) -> None:
    """Make the toy data if a toy data set is asked for that is not there, and say so in one line.

    Args:
        dataset_dir: the folder that holds one folder a data set.
        names: the data sets that a run is about to read, toy or not.
    """
    if any(name in TOY_TISSUES and not (Path(dataset_dir) / name).exists() for name in names):
        made = make_toy_data(dataset_dir)
        print(f"No prepared data yet: made the toy data {' and '.join(str(folder) for folder in made)}.")


def _write_data_set(folder: Path, images: int, size: tuple[int, int], seed: int) -> None:
    """Write a data set beside its place, then move it there: no run ever sees half of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        identifiers = [f"{folder.name}_{index:03d}" for index in range(images)]
        for part in ("images", "labels"):
            (partial / part).mkdir()
        for index, identifier in enumerate(identifiers):
            tile_seed = np.random.SeedSequence([seed, list(TOY_TISSUES).index(folder.name), index])
            tile = make_tile(TOY_TISSUES[folder.name], size, int(tile_seed.generate_state(1)[0]))
            Image.fromarray(tile.image).save(partial / "images" / f"{identifier}.png")
            Image.fromarray(tile.instances).save(partial / "labels" / f"{identifier}.png")
        _write_lists(partial, identifiers, seed)
        partial.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_lists(folder: Path, identifiers: list[str], seed: int) -> None:
    """Write five random 80/10/10 splits and five folds, for either role."""
    entries = [{"image": f"images/{name}.png", "label": f"labels/{name}.png"} for name in identifiers]
    unlabelled = {entry["image"]: {"image": entry["image"]} for entry in entries}
    tenth, fifth = len(entries) // 10, -(-len(entries) // PARTITIONS)
    for index in range(PARTITIONS):
        order = [entries[i] for i in np.random.default_rng([seed, index]).permutation(len(entries))]
        folded = entries[fifth * index :] + entries[: fifth * index]
        for kind, items, held_out in (("split", order, tenth), ("fold", folded, fifth)):
            parts = {
                "training": items[2 * held_out :],
                "validation": items[held_out : 2 * held_out],
                "test": items[:held_out],
            }
            _write_json(folder / f"source_{kind}_{index}.json", parts)
            parts = parts | {"training": [unlabelled[entry["image"]] for entry in parts["training"]]}
            _write_json(folder / f"target_{kind}_{index}.json", parts)
    _write_json(folder / "dataset.json", {"name": folder.name, "images": len(entries), "entries": entries})


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")
