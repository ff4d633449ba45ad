"""What inference costs: mani_unet beside its network's bare passes, mani_hovernet beside the model zoo's inference."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import fire
import numpy as np
import torch
from monai.networks.nets import BasicUNet, HoVerNet
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from zoo_inference import BRANCHES, OUTPUT, WINDOW, zoo_evaluator

from mani_monai.apps.infer.image_steps import ImageSteps
from mani_monai.declaration import HOVERNET, UNET, Declaration
from mani_monai.known_components import HOVER_PARTING, PARTING
from mani_monai.model import Model
from mani_monai.transforms import hover_maps
from mani_monai.transforms.save_nuclei import OUTPUTS
from mani_monai.utils.files import load_tensors
from mani_monai.utils.memory import keep_freed_memory
from mani_monai.utils.overlapped import AHEAD, overlapped

WIDTHS = {"paper": ((64, 128, 256, 512, 1024, 64), 512), "small": ((16, 16, 32, 64, 128, 16), -1)}  # and windows


def unet(
    size: int = 1000,
    pairs: int = 5,
    widths: str = "paper",
    precisions: Sequence[str] = ("float32", "bfloat16"),
    window: int | None = None,
) -> None:
    """Prints what mani_unet costs from a decoded picture to a mask, over its network's passes over the same windows.

    On one thread of a CPU, seconds are the processor's, so that other processes count less.

    Args:
        size: edge of the picture in pixels.
        pairs: how many times each is measured, the two in turn; medians count.
        widths: paper (windows of 512 px) or small (the whole picture).
        precisions: of the network.
        window: edge of the windows in pixels; below 1 the whole picture.
    """
    keep_freed_memory()
    features, default = WIDTHS[widths]
    window = default if window is None else window
    torch.manual_seed(0)
    network = BasicUNet(2, 3, 2, features, act="RELU", norm="BATCH")
    picture = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    for precision in [precisions] if isinstance(precisions, str) else precisions:
        model = Model(
            network, Declaration(UNET, unet_def(features), {"_target_": PARTING}, window), device_of_choice(), precision
        )
        windows: list[Tensor] = []
        hook = network.register_forward_pre_hook(lambda _, inputs, windows=windows: windows.append(inputs[0].clone()))
        model.maps(picture)
        hook.remove()
        windows = windows or [model.input.image(picture).unsqueeze(0)]  # what is computed in blocks is never called

        def whole(model: Model = model) -> NDArray[np.bool_]:
            maps = model.maps(picture)
            return maps[1] > maps[0]

        def bare(windows: list[Tensor] = windows, half: bool = precision == "bfloat16") -> None:
            with torch.inference_mode(), torch.autocast(windows[0].device.type, torch.bfloat16, enabled=half):
                for batch in windows:
                    network(batch)

        ours, floor, ratio = in_turn(whole, bare, pairs)
        shapes = ", ".join(sorted({"x".join(map(str, batch.shape)) for batch in windows}))
        print(
            f"mani_unet {widths}, {size}x{size}, {precision}, {torch.get_num_threads()} threads: decoded picture to "
            f"mask {ours:.3f} s, bare passes {floor:.3f} s ({len(windows)} of {shapes}), ratio {ratio:.3f}",
            flush=True,
        )


def hovernet(size: int = 1000, tiles: int = 1, pairs: int = 3, classes: int = 5, weights: str | None = None) -> None:
    """Prints what mani_hovernet costs from files to files, over the zoo's HoVer-Net inference with the same weights.

    The zoo's bundle (pathology_nuclei_segmentation_classification) is not needed: its inference is rebuilt of MONAI's
    own classes with the settings of its inference.json: its sliding window inferer, instance and type post-processing,
    autocast on CUDA alone. Two things differ, both in its favour: maps are saved as PNG (16 bits, so that all ids fit),
    for MONAI 1.6.1 fails to write them as NIfTI, and no loading process is started. Ours writes both instance maps,
    GeoJSON, table and overlay.

    Args:
        size: edge of the tiles in pixels.
        tiles: how many.
        pairs: how many times each is measured, the two in turn; medians count.
        classes: types of nuclei with the background.
        weights: a HoVer-Net's model.pt of so many classes. Without it weights are random, and what the network gives is
            replaced by nuclei that are painted in the tiles, a quarter of their area, so that post-processing is real.
    """
    from post_processing import made_nuclei

    warnings.simplefilter("ignore")
    keep_freed_memory()
    torch.manual_seed(0)
    network = HoVerNet(mode="fast", in_channels=3, out_classes=classes).eval()
    if weights is not None:
        network.load_state_dict(load_tensors(weights))
    paints = weights is None
    with tempfile.TemporaryDirectory() as place:
        paths = [Path(place) / "images" / f"{number}.png" for number in range(tiles)]
        paths[0].parent.mkdir()
        for seed, path in enumerate(paths):
            Image.fromarray(painted(made_nuclei(size, seed=seed))).save(path)
        device = device_of_choice()
        precision = "bfloat16"
        definition = {"_target_": "HoVerNet", "mode": "fast", "in_channels": 3, "out_classes": classes}
        declaration = Declaration(HOVERNET, definition, {"_target_": HOVER_PARTING}, WINDOW)
        model = Model(Concatenated(network, paints), declaration, device, precision)
        steps = ImageSteps(model, Path(place) / "ours", OUTPUTS, None, True)
        zoo = zoo_evaluator(Branches(network, paints).to(device), paths, Path(place) / "zoo", device)

        def ours(ahead: int) -> None:
            results = list(overlapped(paths, steps.read, steps.segment, steps.write, ahead))
            failed = [result.note for result in results if result.status == "failed"]
            if failed:
                raise RuntimeError(failed[0])
            nuclei.append(sum(result.nuclei for result in results))

        nuclei: list[int] = []
        theirs, mine, ratio = in_turn(zoo.run, lambda: ours(AHEAD), pairs)
        print(
            f"mani_hovernet, {tiles} of {size}x{size}, {nuclei[-1]} nuclei, {torch.get_num_threads()} threads: "
            f"the zoo's inference {theirs:.1f} s, ours in {precision} {mine:.1f} s, {ratio:.2f} times faster",
            flush=True,
        )
        if tiles > 1:
            turns, beside, ratio = in_turn(lambda: ours(0), lambda: ours(AHEAD), pairs)
            print(
                f"ours, files in turn {turns:.1f} s, decoded and written beside the network {beside:.1f} s: {ratio:.2f}"
            )


def unet_def(features: Sequence[int]) -> dict[str, Any]:
    """A ``network_def`` of mani_unet."""
    sizes = {"spatial_dims": 2, "in_channels": 3, "out_channels": 2, "features": list(features)}
    return {"_target_": "BasicUNet", **sizes, "act": "RELU", "norm": "BATCH"}


class Branches(nn.Module):
    """HoVer-Net as MONAI has it: a dictionary of its branches; optionally with what is painted in the image."""

    def __init__(self, network: HoVerNet, paints: bool) -> None:
        super().__init__()
        self.network = network
        self.paints = paints

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        found = self.network(images)
        if not self.paints:
            return found
        margin = (WINDOW - OUTPUT) // 2
        red, *distances = images[:, :, margin:-margin, margin:-margin].float().split(1, dim=1)
        maps = torch.cat([0 * red, 20 * red - 10, *(2 * distance - 1 for distance in distances)], dim=1)
        logits = found["type_prediction"].float() * 0
        logits[:, 2] += 1
        maps = torch.cat([maps, logits], dim=1)
        return {str(name): maps[:, BRANCHES[str(name)]] + 0 * branch for name, branch in found.items()}


class Concatenated(Branches):
    """The same in one tensor, as mani_hovernet has it."""

    def forward(self, images: Tensor) -> Tensor:
        found = super().forward(images)
        return torch.cat([found[name] for name in BRANCHES], dim=1)


def painted(instances: NDArray[np.int32]) -> NDArray[np.uint8]:
    """HW3: nuclei in red, horizontal and vertical distances in green and blue."""
    maps = np.stack([instances > 0, *((hover_maps(instances) + 1) / 2)], axis=-1)
    return (maps * 255).round().astype(np.uint8)


def device_of_choice() -> torch.device:
    """The GPU, where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def in_turn(first: Callable[[], object], second: Callable[[], object], pairs: int) -> tuple[float, float, float]:
    """Median seconds of both and of their ratio pair by pair; the first pair warms up, unless it is the only one."""
    times = [(_time(first), _time(second)) for _ in range(pairs + (pairs > 1))][pairs > 1 :]
    return median(a for a, _ in times), median(b for _, b in times), median(a / b for a, b in times)


def _time(run: Callable[[], object]) -> float:
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    clock = time.process_time if alone else time.perf_counter
    start = clock()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


if __name__ == "__main__":
    fire.Fire({"unet": unet, "hovernet": hovernet})
