"""Mean vectors of a source's nuclei and background: what stays of the source where its images do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from mani_monai.data.datalists import load_source_list
from mani_monai.data.readers.rasters import read_image
from mani_monai.evaluation.label_free_scorer import evenly_taken
from mani_monai.model import Model
from mani_monai.networks.layers import masked_mean
from mani_monai.provenance import PROTOTYPES, TRAINING, training_of
from mani_monai.run.run_folder import metadata_file, read_train_config
from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object, save_json

HEAD = "final_conv"
"""The layer whose input they are means of."""
IMAGES = 32
"""Source images, at most: vectors of 32 with 16 channels take 14 kilobytes."""
SIDE = 512
"""Side of the part of an image that is read, from its middle, in pixels."""


def note_prototypes(run: str | Path) -> dict[str, Any]:
    """Measures the vectors on a run's source training images, and notes them in its ``metadata.json``.

    Exports of the run carry them. No label of a target is read.

    Args:
        run: the run's folder.

    Returns:
        the vectors, as they were noted.

    Raises:
        InputError: when the folder holds no finished training, its data are gone, or the network is none of mani_unet.
    """
    folder = Path(run).absolute()
    config = read_train_config(folder)
    dataset_dir, source, split = (config[name] for name in ("dataset_dir", "source", "split"))
    found = source_prototypes(Model.open(folder), load_source_list(dataset_dir, source, split, "training"))
    metadata = read_object(metadata_file(folder), "train anew")
    training = training_of(metadata, metadata_file(folder), "train anew")
    save_json(metadata_file(folder), {**metadata, TRAINING: {**training, PROTOTYPES: found}})
    return found


def source_prototypes(model: Model, items: Sequence[Mapping[str, str]], progress: bool = True) -> dict[str, Any]:
    """A vector of nuclei and one of background of each labelled image.

    Args:
        model: of mani_unet, which sees rows first.
        items: "image" and "label"; at most ``IMAGES`` of them are read, evenly taken.
        progress: show a bar.

    Returns:
        "nuclei" and "background", lists of vectors rounded to four digits.

    Raises:
        InputError: when the network has no such layer, or no image has both classes.
    """
    layer = dict(model.network.named_modules()).get(HEAD)
    if layer is None:
        raise InputError(f"{model.name}: has no layer {HEAD}; prototypes are of mani_unet alone.")
    found: dict[str, list[list[float]]] = {"nuclei": [], "background": []}
    for item in tqdm(evenly_taken(items, IMAGES), "source's vectors", unit="image", disable=not progress):
        whole, nuclei = read_image(item["image"]).pixels, _middle(np.asarray(Image.open(item["label"])) > 0)
        if not nuclei.any() or nuclei.all():
            continue
        features = _features(model, layer, whole)
        mask = torch.from_numpy(nuclei)[None].to(features)
        for name, part in (("nuclei", mask), ("background", 1 - mask)):
            vector = masked_mean(features, part)[0]
            found[name].append([float(f"{value:.4g}") for value in vector.tolist()])
    if not found["nuclei"]:
        folder = Path(items[0]["image"]).parent if items else model.name
        raise InputError(f"{folder}: holds no image with both nuclei and background; name another run.")
    return found


def _features(model: Model, layer: torch.nn.Module, whole: np.ndarray) -> Tensor:
    """1KHW of what enters the layer for a picture's middle, in the whole picture's stains, as in training."""
    picture = _middle(whole)
    seen = whole if picture.shape != whole.shape else None
    kept: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0]))
    try:
        with torch.inference_mode():
            model.network(model.input.image(picture, seen).unsqueeze(0))
    finally:
        hook.remove()
    return kept[0].float()


def _middle(array: np.ndarray) -> np.ndarray:
    """The middle of an image, of sides that the network halves four times."""
    sides = [min(SIDE, length) // 16 * 16 for length in array.shape[:2]]
    rows, columns = (
        slice((n - side) // 2, (n - side) // 2 + side) for n, side in zip(array.shape, sides, strict=False)
    )
    return array[rows, columns]
