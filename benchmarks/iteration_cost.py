"""What one MaNi iteration costs, beside the forward-backward passes that it cannot do without."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import fire
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from torch import Tensor, nn

from mani_monai.handlers import AdaptationHandler
from mani_monai.inferers import AutocastInferer
from mani_monai.losses import MutualInformationLoss
from mani_monai.utils.memory import keep_freed_memory

PAPER = (64, 128, 256, 512, 1024, 64)


class Bench:
    """One network, one batch of both domains and two ways to spend an iteration on them."""

    def __init__(self, features: tuple[int, ...], size: int, batch: int, precision: str, device: torch.device) -> None:
        torch.manual_seed(0)
        self.device = device
        self.network = BasicUNet(2, 3, 2, features=features, act="RELU", norm="BATCH").to(device).train()
        self.loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, smooth_nr=1, smooth_dr=1)
        self.inferer = AutocastInferer(precision, channels_last=True)
        adaptation = nn.ModuleDict({"mutual_information": MutualInformationLoss(features[-1])}).to(device)
        self.optimizer = torch.optim.Adam([*self.network.parameters(), *adaptation.parameters()], 1e-3)
        label = (torch.rand(batch, 1, size, size) > 0.7).float()
        self.batch: dict[str, Tensor] = {"image": torch.rand(batch, 3, size, size), "label": label}
        self.batch["target_image"] = torch.rand(batch, 3, size, size)
        self.batch = {name: images.to(device) for name, images in self.batch.items()}
        self.trainer = SupervisedTrainer(
            device=device,
            max_epochs=1,
            train_data_loader=[self.batch],
            network=self.network,
            optimizer=self.optimizer,
            loss_function=self.loss,
            inferer=self.inferer,
            train_handlers=[AdaptationHandler(adaptation, "final_conv")],
            optim_set_to_none=True,
            decollate=False,
        )
        self.trainer.add_event_handler(Events.ITERATION_STARTED, self._start)
        self.trainer.add_event_handler(Events.ITERATION_COMPLETED, self._stop)
        self.seconds = 0.0

    def adapted(self) -> float:
        """Seconds of one iteration of the stock trainer with the adaptation handler, optimiser step included."""
        self.trainer.run()
        return self.seconds

    def plain(self) -> float:
        """Seconds of a forward-backward pass of the source and one of the target batch, and one optimiser step."""
        start = self._now()
        self.optimizer.zero_grad()
        for key in ("image", "target_image"):
            self.loss(self.inferer(self.batch[key], self.network), self.batch["label"]).backward()
        self.optimizer.step()
        return self._now() - start

    def _start(self) -> None:
        self.seconds = -self._now()

    def _stop(self) -> None:
        self.seconds += self._now()

    def _now(self) -> float:
        """The time at which all that was asked of the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def main(
    size: int = 128, batch: int = 4, pairs: int = 5, features: tuple[int, ...] = PAPER, device: str = "cpu"
) -> None:
    """Prints the cost of a MaNi iteration over two plain passes, and of float32 over bfloat16.

    Args:
        size: edge of the images in pixels.
        batch: images of a domain.
        pairs: how many times each pair is measured, the two in turn; medians count.
        features: widths of the U-Net; the paper's by default.
        device: cpu, or cuda for the GPU.
    """
    keep_freed_memory()  # as train.json does
    where = torch.device(device)
    benches = {name: Bench(tuple(features), size, batch, name, where) for name in ("float32", "bfloat16")}
    machine = f"{torch.get_num_threads()} threads" if where.type == "cpu" else torch.cuda.get_device_name(where)
    print(f"U-Net {tuple(features)}, {batch} images of {size} px from each domain, {machine}")
    for precision, bench in benches.items():
        adapted, plain, ratio = _in_turn(bench.adapted, bench.plain, pairs)
        print(
            f"{precision:<9} MaNi iteration {adapted:.4f} s, two plain passes {plain:.4f} s, ratio {ratio:.3f}",
            flush=True,
        )
    full, half, ratio = _in_turn(benches["float32"].adapted, benches["bfloat16"].adapted, pairs)
    print(f"MaNi iteration float32 {full:.4f} s, bfloat16 {half:.4f} s, ratio {ratio:.2f}")


def _in_turn(first: Callable[[], float], second: Callable[[], float], pairs: int) -> tuple[float, float, float]:
    """Medians of both and of their ratio pair by pair; the first pair warms up."""
    times = [(first(), second()) for _ in range(pairs + 1)][1:]
    return median(a for a, _ in times), median(b for _, b in times), median(a / b for a, b in times)


if __name__ == "__main__":
    fire.Fire(main)
