"""Shared fixtures: a tiny prepared data set, and bundles that run in this process on tiny networks."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mani_monai.config_index import find_config

if TYPE_CHECKING:
    from monai.bundle import ConfigWorkflow

REPOSITORY = Path(__file__).parents[1]

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # tests in the background, whose children would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)

TINY = {
    "mani_unet": {"features": [4, 4, 4, 4, 4, 4], "crop_size": 32, "window": -1},
    "mani_hovernet": {
        "network_def": {
            "_target_": "tiny_hovernet.TinyHoVerNet",
            "out_classes": "@out_classes",
            "freeze_encoder": "@freeze_encoder",
        },
        "freeze_encoder": False,  # there are no weights to freeze
        "window": 48,
        "output_size": 32,
        "patch_size": 64,
        "epoch_length": 1,
    },
}
SHORT = {
    "iterations": 4,
    "warmup": 1,
    "batch_size": 2,
    "num_workers": 0,
    "val_interval": 2,
    "device": "$torch.device('cpu')",
    "precision": "float32",
}


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end: no search for garbage goes through it again."""
    gc.freeze()


def checkout_files() -> set[Path]:
    """What tests could leave in the checkout: all files of the bundles and exports, and whatever lies beside them."""
    files = {path for path in REPOSITORY.iterdir() if not path.name.startswith(".")}
    for name in ("bundles", "pretrained"):
        for folder, _, names in os.walk(REPOSITORY / name):
            files.update(Path(folder, name) for name in names if not name.endswith(".pyc"))
    return files


@pytest.fixture(scope="module", autouse=True)
def checkout_unchanged() -> Iterator[None]:
    """A test writes into temporary folders alone."""
    before = checkout_files()
    yield
    added = [str(path.relative_to(REPOSITORY)) for path in sorted(checkout_files() - before)]
    assert not added, f"came into the checkout while these tests ran: {', '.join(added)}; write into tmp_path."


@pytest.fixture(scope="session")
def toy_dir(tmp_path_factory) -> Path:
    """toy_source and toy_target of six images each, 64x64: four for training, one for validation, one for the test."""
    from mani_monai.apps.prepare.toy import make_toy_data  # MONAI, which xdist's own process never needs

    folder = tmp_path_factory.mktemp("data")
    make_toy_data(folder, images=6, size=(64, 64))
    return folder


@pytest.fixture(scope="session")
def tiny(toy_dir) -> dict[str, object]:
    """Overrides that make the training of the U-Net bundle a matter of a second."""
    return {**SHORT, **TINY["mani_unet"], "dataset_dir": str(toy_dir)}


@pytest.fixture(scope="session")
def tiny_hovernet(toy_dir) -> dict[str, object]:
    """The same for the HoVer-Net bundle, on a network of its form; all its layers train."""
    return {**SHORT, **TINY["mani_hovernet"], "dataset_dir": str(toy_dir)}


@pytest.fixture(scope="session")
def make_workflow(toy_dir) -> Iterator[Callable[..., ConfigWorkflow]]:
    """Makes and initialises a tiny workflow of a bundle's train.json and overlays:
    ``make_workflow(output_dir, *overlays, bundle=..., **overrides)``."""
    import torch
    from monai.bundle import ConfigWorkflow
    from monai.bundle.config_item import ComponentLocator

    torch.set_num_threads(1)  # as in the commands' environment: sums are in another order on more threads

    def make(output_dir: Path, *overlays: str, bundle: str = "mani_unet", **overrides: object) -> ConfigWorkflow:
        folder = REPOSITORY / "bundles" / bundle
        workflow = ConfigWorkflow(
            config_file=[str(find_config(folder, name)) for name in ("train", *overlays)],
            logging_file=False,
            **{**SHORT, **TINY[bundle], "dataset_dir": str(toy_dir), "output_dir": str(output_dir), **overrides},
        )
        workflow.initialize()
        return workflow

    search, tables = ComponentLocator._find_classes_or_functions, {}

    def remembered(locator: ComponentLocator, modules: list[str]) -> dict[str, list]:
        """Looks through MONAI's modules once for all parsers, a fifteenth of a tiny training's time."""
        key = tuple(modules)
        if key not in tables:
            tables[key] = search(locator, modules)
        return tables[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ComponentLocator, "_find_classes_or_functions", remembered)
        yield make


@pytest.fixture
def command_environment() -> dict[str, str]:
    """Environment of a child process that runs a command: one thread, and the project importable from any folder."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
