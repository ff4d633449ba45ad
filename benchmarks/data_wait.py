"""How long the trainer waits for data, and how much memory a data set of 486 images of 400x400 takes."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from pathlib import Path

import fire
import numpy as np
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from PIL import Image

from mani_monai.config_index import BUNDLES, find_config

BUNDLE = BUNDLES / "mani_unet"


def main(images: int = 486, size: int = 400, iterations: int = 4, networks: str = "small,paper") -> None:
    """Trains MaNi for a few iterations on made images and prints the share of time spent waiting for a batch.

    Args:
        images: images of each domain.
        size: their edge in pixels.
        iterations: iterations that count; two more go before.
        networks: "paper" (train.json, float32), "small" (with small.json, the fastest settings).
    """
    with tempfile.TemporaryDirectory() as folder:
        _write_data(Path(folder), images, size)
        for network in networks if isinstance(networks, tuple) else networks.split(","):
            configs = [find_config(BUNDLE, name) for name in ("train", *(["small"] if network == "small" else []))]
            waiting, working = _train(configs, folder, iterations * (10 if network == "small" else 1))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            share = waiting / (waiting + working)
            print(
                f"{network}: {waiting + working:.3f} s an iteration, {100 * share:.1f} % of it waiting for data; peak "
                f"memory of the trainer {memory:.2f} GiB with {images} images of {size}x{size} in each domain",
                flush=True,
            )


def _train(configs: list[Path], folder: str, iterations: int) -> tuple[float, float]:
    """Mean seconds an iteration spent waiting for its batch, and spent on it."""
    workflow = ConfigWorkflow(
        config_file=[str(path) for path in configs],
        workflow_type="train",
        logging_file=False,
        dataset_dir=folder,
        source="made",
        target="made",
        output_dir=f"{folder}/run",
        iterations=iterations + 2,
        warmup=0,
        val_interval=10 * iterations,
    )
    workflow.initialize()
    marks: list[tuple[float, float]] = []
    clock = {}
    trainer = workflow.trainer
    trainer.add_event_handler(Events.GET_BATCH_STARTED, lambda: clock.update(asked=time.perf_counter()))
    trainer.add_event_handler(Events.GET_BATCH_COMPLETED, lambda: clock.update(got=time.perf_counter()))
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED,
        lambda: marks.append((clock["got"] - clock["asked"], time.perf_counter() - clock["got"])),
    )
    workflow.run()
    waiting, working = np.mean(marks[2:], axis=0)
    return float(waiting), float(working)


def _write_data(folder: Path, images: int, size: int) -> None:
    made = folder / "made"
    for kind in ("images", "labels"):
        (made / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    items = []
    for number in range(images):
        item = {"image": f"images/{number}.png", "label": f"labels/{number}.png"}
        Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).save(made / item["image"], compress_level=1)
        mask = np.kron(rng.integers(0, 2, (size // 20, size // 20)), np.ones((20, 20))).astype(np.uint16)
        Image.fromarray(mask).save(made / item["label"])
        items.append(item)
    lists = {"training": items, "validation": items[:1], "test": items[:1]}
    (made / "source_split_0.json").write_text(json.dumps(lists))
    lists["training"] = [{"image": item["image"]} for item in items]
    (made / "target_split_0.json").write_text(json.dumps(lists))
    (made / "dataset.json").write_text(json.dumps({"name": "made"}))


if __name__ == "__main__":
    fire.Fire(main)
