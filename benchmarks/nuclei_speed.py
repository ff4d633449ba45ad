"""What nuclei cost: from a decoded picture to instances, table and outlines, over the network's bare passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import fire
import numpy as np
import torch
from numpy.typing import NDArray
from post_processing import made_nuclei
from slides import BUNDLE, made_tissue
from torch import Tensor, nn

from mani_monai.declaration import HOVERNET, UNET, Declaration
from mani_monai.known_components import HOVER_PARTING, PARTING
from mani_monai.model import Model
from mani_monai.transforms import hover_maps
from mani_monai.utils.memory import keep_freed_memory

SMALL, LONG = (16, 16, 32, 64, 128, 16), (32, 32, 64, 128, 256, 32)
SHIPPED = {"shipped": BUNDLE, "shipped_hovernet": BUNDLE.with_name("mani_hovernet")}
NETWORKS = (*SHIPPED, "narrow", "long", "light_hovernet")
WINDOW, OUTPUT = 256, 208  # of the light HoVer-Net
NUCLEUS, STROMA, MIDDLES, RANGE = 170, 230, (110, 170), 25  # red of both; green and blue tell offsets by their middles
PITCH = 45.0  # pixels from nucleus to nucleus: 484 in 1000x1000, as many as in MoNuSeg's median tile


def main(
    size: int = 1000,
    pairs: int = 5,
    networks: str | Sequence[str] = NETWORKS,
    precisions: str | Sequence[str] = ("float32", "bfloat16"),
) -> None:
    """Prints the cost of whole results over bare passes over the same windows.

    The weights that come along see tissue, with all their steps. Of the other networks weights are random, and what
    they give is replaced by nuclei that are painted in the picture in colours of tissue. Seconds are the processor's,
    on one thread, so that other processes count less.

    Args:
        size: edge of the picture in pixels.
        pairs: how many times each is measured, in turn; the fastest counts.
        networks: shipped, shipped_hovernet (the weights that come along), narrow (their width), long (the U-Net of
            budgets/long.json), light_hovernet.
        precisions: of the network.
    """
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    paint, tissue = painted(made_nuclei(size, PITCH)), made_tissue(size)
    for name in [networks] if isinstance(networks, str) else networks:
        for precision in [precisions] if isinstance(precisions, str) else precisions:
            _measure(name, precision, tissue if name in SHIPPED else paint, pairs)


def painted(instances: NDArray[np.int32]) -> NDArray[np.uint8]:
    """HW3 in colours of tissue: red tells nuclei, green and blue their horizontal and vertical offsets."""
    red = np.where(instances > 0, NUCLEUS, STROMA)
    offsets = [middle + RANGE * plane for middle, plane in zip(MIDDLES, hover_maps(instances), strict=True)]
    return np.stack([red, *offsets], axis=-1).round().astype(np.uint8)


class Answering(nn.Module):
    """A network that takes its own time and answers what is painted in the picture.

    Args:
        network: whose answer has two channels, or HoVer-Net's four.
        margin: pixels of the window around its answer.
    """

    def __init__(self, network: nn.Module, margin: int = 0) -> None:
        super().__init__()
        self.network = network
        self.margin = margin

    def forward(self, images: Tensor) -> Tensor:
        """
        Args:
            images: B3HW in 0..1.
        """
        answer = self.network(images)
        rows, columns = (slice(self.margin, side - self.margin) for side in images.shape[2:])
        red, *offsets = (images[:, :, rows, columns].float() * 255).split(1, dim=1)
        nuclei = ((NUCLEUS + STROMA) / 2 - red) / 3
        offsets = [(plane - middle) / RANGE for plane, middle in zip(offsets, MIDDLES, strict=True)]
        return torch.cat([0 * red, nuclei, *offsets], dim=1)[:, : answer.shape[1]] + 0 * answer


def _model(name: str, precision: str) -> Model:
    if name == "light_hovernet":
        definition = {"_target_": "mani_monai.networks.nets.LightHoVerNet", "features": list(LONG), "output": OUTPUT}
        declaration = Declaration(HOVERNET, definition, {"_target_": HOVER_PARTING}, WINDOW)
    else:
        sizes = {"spatial_dims": 2, "in_channels": 3, "out_channels": 2, "act": "RELU", "norm": "BATCH"}
        features = {"narrow": SMALL, "long": LONG}[name]
        definition = {"_target_": "BasicUNet", **sizes, "features": list(features)}
        declaration = Declaration(UNET, definition, {"_target_": PARTING}, -1)
    margin = 0 if declaration.output is None else (declaration.window - declaration.output) // 2
    return Model(Answering(declaration.build_network(), margin), declaration, "cpu", precision)


def _asked(model: Model, picture: NDArray[np.uint8]) -> tuple[nn.Module, list[Tensor]]:
    """A model's network, and what it is asked for a picture."""
    network = model.network.network if isinstance(model.network, Answering) else model.network
    windows: list[Tensor] = []
    hook = network.register_forward_pre_hook(lambda _, inputs: windows.append(inputs[0].clone()))
    model(picture)
    hook.remove()
    return network, windows or [model.input.image(picture).unsqueeze(0)]  # what is computed in blocks is never called


def _measure(name: str, precision: str, picture: NDArray[np.uint8], pairs: int) -> None:
    model = Model.open(SHIPPED[name], "cpu", precision) if name in SHIPPED else _model(name, precision)
    inner, windows = _asked(model, picture)
    count = len(model(picture))

    def bare() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            for batch in windows:
                inner(batch)

    ours, floor = _least([lambda: model(picture).polygons, bare], pairs)
    print(
        f"{name}, {precision}, {count} nuclei: instances, table and outlines {ours:.3f} s, bare passes {floor:.3f} s "
        f"({len(windows)} of {tuple(windows[0].shape)}), ratio {ours / floor:.2f}",
        flush=True,
    )


def _least(runs: Sequence[Callable[[], object]], pairs: int) -> list[float]:
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(pairs):
        for run, taken in zip(runs, seconds, strict=True):
            start = time.process_time()
            run()
            taken.append(time.process_time() - start)
    return [min(taken) for taken in seconds]


if __name__ == "__main__":
    fire.Fire(main)
