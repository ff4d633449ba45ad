"""Models whose maps are painted in the image, and pictures for them."""

from __future__ import annotations

import numpy as np
import torch
from painted_hovernet import Painted, painted_weights
from painted_nuclei import as_colours
from skimage.draw import disk

from mani_monai.declaration import HOVERNET, UNET, Declaration
from mani_monai.known_components import HOVER_PARTING, PARTING
from mani_monai.model import Model
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
    return as_colours(maps)


def painted_model(types: int = 0, mpp: float | None = None, class_names: tuple[str, ...] | None = None) -> Model:
    """The bundle mani_hovernet with that network."""
    network = Painted(types)
    network.load_state_dict(painted_weights(types))
    definition = {"_target_": "HoVerNet", "mode": "fast", "in_channels": 3, "out_classes": types}
    parting = {"_target_": HOVER_PARTING}
    declaration = Declaration(HOVERNET, definition, parting, 256, mpp=mpp, class_names=class_names)
    return Model(network, declaration, "cpu", "float32", "0" * 64, "1.0.0")


class Red(torch.nn.Module):
    """Logits of nuclei are the red channel around a half; notes the sizes that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, images):
        self.sizes.append(tuple(images.shape))
        red = images[:, :1]
        return torch.cat([torch.zeros_like(red), red - 0.5], dim=1)


def red_model(window: int = 64, precision: str = "float32", **declared) -> Model:
    """The bundle mani_unet with a network that finds what is red."""
    definition = {"_target_": "BasicUNet", "spatial_dims": 2, "in_channels": 3, "features": [4] * 6, "norm": "BATCH"}
    declared = {"parting": {"_target_": PARTING}, "window": window, **declared}
    return Model(Red(), Declaration(UNET, definition, **declared), "cpu", precision, "0" * 64, "1.0.0")
