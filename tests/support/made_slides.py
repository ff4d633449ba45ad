"""Made slides: dark, touching blobs on pink tissue amid glass, and a network that finds what is dark around a pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
import torch
from skimage.draw import disk

from mani_monai.declaration import UNET, Declaration
from mani_monai.known_components import PARTING
from mani_monai.model import Model

GLASS, TISSUE, NUCLEUS = (244, 243, 245), (222, 160, 200), (90, 50, 140)


def made_picture(height: int, width: int, nuclei: int = 120, seed: int = 0, glass: int = 40) -> np.ndarray:
    """HW3: tissue within a rim of glass, with round nuclei of 6 to 14 pixels, many of which touch."""
    random = np.random.default_rng(seed)
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = GLASS
    inner = picture[glass : height - glass, glass : width - glass]
    inner[:] = np.clip(np.array(TISSUE) + random.integers(-9, 10, (*inner.shape[:2], 1)), 0, 255)
    for _ in range(nuclei):
        row, column = random.integers(0, inner.shape[0]), random.integers(0, inner.shape[1])
        inner[disk((row, column), random.integers(6, 15), shape=inner.shape[:2])] = NUCLEUS
    return picture


def write_slide(path: Path, picture: np.ndarray, mpp: float | None = 0.25, levels: int = 1) -> Path:
    """A tiled TIFF as Aperio writes it, without loss; further levels are every second pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = "Aperio Image Library v11.2.1\r\nmade|AppMag = 40" + ("" if mpp is None else f"|MPP = {mpp}")
    with tifffile.TiffWriter(path) as writer:
        for level in range(levels):
            pixels = np.ascontiguousarray(picture[:: 2**level, :: 2**level])
            writer.write(
                pixels,
                tile=(128, 128),
                photometric="rgb",
                compression="jpeg",
                compressionargs={"level": 95},
                subfiletype=int(level > 0),
                description=words,
                metadata=None,
            )
    return path


class Dark(torch.nn.Module):
    """Logits of nuclei are how dark the green of a square is, in whole numbers, so that sums are exact."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.nn.AvgPool2d(5, 1, 2, count_include_pad=False)

    def forward(self, images):
        dark = self.mean(0.45 - images[:, 1:2])
        dark = dark + (torch.round(dark * 256) / 64 - dark).detach()  # the reach is measured by the gradient
        return torch.cat([torch.zeros_like(dark), dark], dim=1)


def dark_model(mpp: float | None = 0.25, window: int = 64, **declared) -> Model:
    """The bundle mani_unet with that network."""
    definition = {"_target_": "BasicUNet", "spatial_dims": 2, "in_channels": 3, "features": [4] * 6, "norm": "BATCH"}
    declaration = Declaration(UNET, definition, {"_target_": PARTING}, window, mpp=mpp, **declared)
    return Model(Dark(), declaration, "cpu", "float32", "0" * 64, "1.0.0")
