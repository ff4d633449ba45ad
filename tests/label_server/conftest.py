"""One real server with both exported bundles, a hostile one beside them, and a folder of images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import REPOSITORY, picture
from finished_runs import finished_run
from label_server import LabelServer, label_server
from monai.bundle import create_workflow
from painted_nuclei import painted, reading_hovernet
from PIL import Image
from small_bundles import FEATURES, small_unet, write_unet_bundle

from mani_monai.declaration import Declaration
from mani_monai.inference_config import inference_config
from mani_monai.utils.archive import write_hashes

SIZES = {"a": (150, 190), "b": (130, 170), "c": (128, 160), "d": (160, 128)}
"""Height and width of the images."""
NUCLEI = [
    *((40, 50, 12), (40, 73, 12), (60, 62, 11)),  # these touch
    *((75, 110, 4), (30, 120, 14), (100, 40, 13), (120, 150, 15), (70, 140, 10), (85, 132, 9)),
]
"""Row, column and radius of what is painted in a further image."""


class Evil:
    """Its unpickling writes a file."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return Path.touch, (self.witness,)


def export(bundle: str, trained: torch.nn.Module, data: Path, place: Path, **declared: Any) -> None:
    run = finished_run(place / f"run_{bundle}", trained.state_dict(), data, bundle, **declared)
    script = str(REPOSITORY / "scripts" / "export_bundle.py")
    command = [sys.executable, script, "--run", str(run), "--out", str(place / "dist"), "--version", "1.2.3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def dist(place, toy_dir) -> Path:
    """Both bundles as their folders and zips, and one with pickled weights.

    Exporting takes minutes; MANI_BUNDLES names a folder of exports that are taken instead.
    """
    if exports := os.environ.get("MANI_BUNDLES"):
        shutil.copytree(exports, place / "dist")
    else:
        export("mani_unet", small_unet(), toy_dir, place, network={"features": FEATURES}, window=-1)
        export("mani_hovernet", reading_hovernet(), toy_dir, place)
    evil = write_unet_bundle(place / "dist" / "evil", "6.6.6")
    torch.save({"model": Evil(place / "code_ran")}, evil / "models" / "model.pt")
    write_hashes(evil)
    return place / "dist"


@pytest.fixture(scope="session")
def images(place) -> Path:
    """The datastore: images without labels, one of painted nuclei and one that was cut off among them."""
    folder = place / "images"
    folder.mkdir()
    for seed, (name, size) in enumerate(SIZES.items()):
        Image.fromarray(picture(*size, seed)).save(folder / f"{name}.png")
    Image.fromarray(painted(150, 190, NUCLEI)).save(folder / "nuclei.png")
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:3000])
    return folder


@pytest.fixture(scope="session")
def server(dist, images, place) -> Iterator[LabelServer]:
    with label_server(dist, images, place / "server.log") as running:
        yield running


class OwnInference:
    """What ``inference.json`` of a bundle, run by MONAI, finds in a picture."""

    def __init__(self, dist: Path, place: Path) -> None:
        self.dist = dist
        self.place = place

    def __call__(
        self, bundle: str, pixels: np.ndarray, weights: Path | None = None, declared: Path | None = None
    ) -> np.ndarray:
        """HW: nuclei of mani_unet, ids of mani_hovernet; as a file declares them where one is given."""
        folder, place = self.dist / bundle, self.place / f"own_{len(list(self.place.glob('own_*')))}"
        (place / "images").mkdir(parents=True)
        Image.fromarray(pixels).save(place / "images" / "x.png")
        config = folder / "configs" / "inference.json"
        if declared is not None:
            config = place / "inference.json"
            declaration = Declaration.from_metadata(json.loads(declared.read_text()))
            config.write_text(json.dumps(inference_config(declaration, str(folder))))
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(folder))  # each bundle has modules of its own, under one name
            for module in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
                patch.delitem(sys.modules, module)
            workflow = create_workflow(
                workflow_type="infer",
                config_file=str(config),
                meta_file=str(folder / "configs" / "metadata.json"),
                logging_file=False,
                image_dir=str(place / "images"),
                output_dir=str(place / "out"),
                ckpt=str(weights or folder / "models" / "model.pt"),
            )
            workflow.run()
            workflow.finalize()
        if bundle == "mani_unet":
            return np.asarray(Image.open(place / "out" / "x_mask.png")) > 0
        return np.asarray(Image.open(place / "out" / "x_instances.tif"))


@pytest.fixture(scope="session")
def own(dist, place) -> OwnInference:
    torch.set_num_threads(1)  # as the server's: sums are in another order on more threads
    return OwnInference(dist, place)
