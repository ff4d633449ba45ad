"""A HoVer-Net whose maps are painted in the image, and pictures for it."""

from __future__ import annotations

import numpy as np
import torch
from painted_hovernet import Painted, painted_weights
from skimage.draw import disk

from mani_monai.apps.infer.segmenters import HoVerNetSegmenter
from mani_monai.apps.infer.served_model import ServedModel
from mani_monai.transforms import hover_maps


def round_nuclei(height: int, width: int, nuclei: list[tuple[int, int, int]]) -> np.ndarray:
    """HW ids of round nuclei (row, column, radius)."""
    instances = np.zeros((height, width), np.int32)
    for number, (row, column, radius) in enumerate(nuclei, 1):
        instances[disk((row, column), radius + 0.5, shape=instances.shape)] = number
    return instances


def painted(instances: np.ndarray) -> np.ndarray:
    """HW3 picture that :class:`painted_hovernet.Painted` reads these instances off."""
    maps = np.stack([instances > 0, *((hover_maps(instances) + 1) / 2)], axis=-1)
    return (maps * 255).round().astype(np.uint8)


def painted_model(types: int = 0, um: float | None = None, class_names: tuple[str, ...] | None = None) -> ServedModel:
    """The bundle mani_hovernet with that network."""
    network = Painted(types)
    network.load_state_dict(painted_weights(types))
    segmenter = HoVerNetSegmenter(network, torch.device("cpu"), "float32", 256, 164)
    return ServedModel("mani_hovernet", "1.0.0", "0" * 64, um, class_names, segmenter)
