"""A model as the folder that QuPath's InstanSeg extension loads."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mani_monai.apps.export.documents import terms_of_use
from mani_monai.apps.export.qupath_network import PERCENTILES, QuPathNetwork, qupath_network, write_qupath_network
from mani_monai.apps.export.trained_run import Domain
from mani_monai.bundle_files import LICENCE
from mani_monai.data.pixel_size import alike, given_pixel_size, read_pixel_size, scale_for
from mani_monai.data.readers.rasters import read_image
from mani_monai.model import Model
from mani_monai.transforms.rescaling import rescaled
from mani_monai.utils import InputError
from mani_monai.utils.built_folder import building, move_to
from mani_monai.utils.files import raise_unwritten
from mani_monai.utils.folders import file_hash
from mani_monai.utils.places import place_of
from mani_monai.utils.printing import phase

NETWORK, DESCRIPTION = "instanseg.pt", "rdf.yaml"
TEST_EDGE = 256
"""Pixels of the test image's side."""
CARD = """# {name}

Nuclei of H&E images, {mpp:g} micrometres per pixel. {terms}

1. Install the InstanSeg extension in QuPath.
2. *Extensions > InstanSeg > Run InstanSeg*. Choose a directory for models. Copy this folder into its folder `local`.
3. Draw an annotation and select it. Choose *{name}* and run it.

- QuPath scales each channel by its percentiles in the annotation. Draw it around tissue, and much of it.
- Pen, black borders and folds are not left out here.
- Nuclei near the seams of tiles may differ: choose the largest padding that is offered.

This is research software and no medical device.
"""


def write_qupath_folder(model: Model, out: str | Path, mpp: float | None = None) -> Path:
    """Writes ``<out>/<bundle>_qupath``: ``instanseg.pt``, ``rdf.yaml`` (bioimage.io, format 0.4), a card, a test image.

    Args:
        model: a U-Net without preprocessing.
        out: the folder for exports; what an earlier call wrote there is replaced.
        mpp: micrometres per pixel, where the model does not say so.

    Returns:
        the folder.

    Raises:
        InputError: when the model cannot be brought into that form, its pixel size is not known or is another one, or
            ``out`` cannot be written.
    """
    network, size = qupath_network(model), _pixel_size(model, mpp)
    folder = Path(out) / f"{model.name}_qupath"
    if folder.exists() and not (folder / DESCRIPTION).is_file():
        raise InputError(f"{folder}: holds something that was not exported here; choose another --out.")
    try:
        with building(folder) as new:
            new.mkdir(parents=True)
            with phase("writing the network for QuPath"):
                _write(new, network, model, size)
            move_to(folder, new)
    except Exception as error:
        raise_unwritten(error, folder)
        raise
    return folder


def _write(folder: Path, network: QuPathNetwork, model: Model, mpp: float) -> None:
    script = write_qupath_network(network, folder / NETWORK)
    image = _test_image(mpp)
    with torch.inference_mode():
        labels = script(torch.from_numpy(scaled_as_qupath(image))).numpy()
    np.save(folder / "test-input.npy", image)
    np.save(folder / "test-output.npy", labels)
    domains = [Domain(str(one["name"]), str(one["role"]), str(one["licence"])) for one in model.domains]
    terms = terms_of_use(domains) if domains else f"Its terms are in {Path(LICENCE).name}."
    card = CARD.format(name=model.name, mpp=mpp, terms=terms)
    (folder / f"{model.name}_README.md").write_text(card, encoding="utf-8")
    if model.licence:
        (folder / Path(LICENCE).name).write_text(model.licence, encoding="utf-8")
    description = _description(model, mpp, file_hash(folder / NETWORK))
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")  # which is YAML


def scaled_as_qupath(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture with each channel's ``PERCENTILES`` at 0 and 1, cut at -0.5 and 1.5.

    Args:
        image: ...HW, any scale.
    """
    low, high = np.percentile(image, PERCENTILES, axis=(-2, -1), keepdims=True)
    return ((image - low) / (high - low + 1e-6)).clip(-0.5, 1.5).astype(np.float32)


def _pixel_size(model: Model, mpp: float | None) -> float:
    size = given_pixel_size(mpp)
    if model.mpp is None and size is None:
        raise InputError(f"{model.name}: does not say its pixel size, which QuPath needs; name it with --mpp.")
    if size is not None and model.mpp is not None and not alike(size.um, model.mpp):
        raise InputError(f"--mpp {mpp:g}: the model was trained at {model.mpp:g} micrometres per pixel; leave it out.")
    return float(model.mpp or (size.um if size else 0))


def _test_image(mpp: float) -> NDArray[np.float32]:
    """13HW in 0..255: the middle of the sample, as QuPath reads it."""
    path = place_of("pretrained") / "sample" / "skin.tif"
    picture = rescaled(read_image(path).pixels, scale_for(read_pixel_size(path), mpp))
    top, left = ((side - TEST_EDGE) // 2 for side in picture.shape[:2])
    part = picture[top : top + TEST_EDGE, left : left + TEST_EDGE]
    return np.moveaxis(part, -1, 0)[None].astype(np.float32)


def _description(model: Model, mpp: float, sha256: str) -> dict[str, Any]:
    """``rdf.yaml`` by bioimage.io's format 0.4, which every version of the extension reads."""
    low, high = PERCENTILES
    kwargs = {"mode": "per_sample", "axes": "xy", "min_percentile": low, "max_percentile": high}
    axes = [{"role": role, "step": mpp, "unit": "um"} for role in "xy"]
    return {
        "format_version": "0.4.10",
        "type": "model",
        "name": model.name,
        "version": model.version,
        "description": "Nuclei of H&E images, parted; made by mani-monai",
        "authors": [{"name": "MaNi-MONAI contributors"}],
        "cite": [{"text": "Ronneberger et al.: U-Net, MICCAI 2015", "doi": "10.1007/978-3-319-24574-4_28"}],
        "license": "Apache-2.0",
        "documentation": f"{model.name}_README.md",
        "tags": ["nuclei", "instance-segmentation", "histology", "qupath", "instanseg"],
        "timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"),
        "inputs": [
            {
                "name": "raw",
                "axes": "bcyx",
                "data_type": "float32",
                "shape": {"min": [1, 3, 128, 128], "step": [0, 0, 16, 16]},
                "preprocessing": [{"name": "scale_range", "kwargs": kwargs}],
            }
        ],
        "outputs": [
            {
                "name": "instance_segmentation",
                "axes": "bcyx",
                "data_type": "float32",
                "shape": {"reference_tensor": "raw", "scale": [1, 0, 1, 1], "offset": [0, 0.5, 0, 0]},
            }
        ],
        "test_inputs": ["test-input.npy"],
        "test_outputs": ["test-output.npy"],
        "weights": {"torchscript": {"source": NETWORK, "sha256": sha256, "pytorch_version": torch.__version__}},
        "config": {"qupath": {"axes": axes}},
    }
