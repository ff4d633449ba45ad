"""A network's weights in forms that others open, TorchScript and ONNX, held against PyTorch."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mani_monai.utils import InputError
from mani_monai.utils.printing import phase

EXPORT = ("-m", "monai.bundle", "ckpt_export", "--net_id", "network_def", "--filepath", "models/model.ts")
FILES = ("--ckpt_file", "models/model.pt", "--meta_file", "configs/metadata.json")
CONFIG = ("--config_file", "configs/inference.json")
TOLERANCE = 1e-4  # how far TorchScript and ONNX may lie from PyTorch
REFERENCE_IMAGES = 2


def write_further_forms(folder: Path, network: nn.Module, example: Tensor, multiple: int | None) -> dict[str, float]:
    """Writes TorchScript and ONNX beside ``models/model.pt``, and holds both against PyTorch.

    Args:
        folder: the bundle's, with its configs.
        network: the network, with the bundle's weights.
        example: BCHW input, with B >= 2.
        multiple: as of :func:`write_onnx`.

    Returns:
        how far each lies from PyTorch, by its file's name, as of :func:`largest_difference`.

    Raises:
        InputError: when MONAI cannot export the network, or a form differs by more than ``TOLERANCE``.
    """
    with phase("writing TorchScript"):
        write_torchscript(folder)
    with phase("writing ONNX"):
        write_onnx(network, example, multiple, folder / "models" / "model.onnx")
    with phase("comparing both with PyTorch"):
        difference = largest_difference(network, folder, example.split(1)[:REFERENCE_IMAGES])
    for name, value in difference.items():
        if not value <= TOLERANCE:
            raise InputError(f"{name}: differs from PyTorch by {value:.1e}, over {TOLERANCE:.0e}; it is not exported.")
    return difference


def write_torchscript(bundle: Path) -> Path:
    """Writes ``models/model.ts`` of a bundle from its ``models/model.pt``, as MONAI's ``ckpt_export`` does.

    It runs in a process of its own, whose hashes of texts are not salted: TorchScript numbers a network's types by what
    its process compiled before, and writes their constants in the order of a set. What it notes of the sources that it
    read, their paths on this machine, is left out.

    Args:
        bundle: the bundle's folder.

    Returns:
        the file.

    Raises:
        InputError: when MONAI cannot export it.
    """
    command = [sys.executable, *EXPORT, *FILES, *CONFIG]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=bundle, env=environment, capture_output=True, text=True, check=False)
    path = bundle / "models" / "model.ts"
    if done.returncode or not path.is_file():
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise InputError(f"{bundle}: cannot be made a TorchScript ({reason}).")
    reader = torch._C.PyTorchFileReader(str(path))
    records = {name: reader.get_record(name) for name in reader.get_all_records()}
    del reader
    writer = torch._C.PyTorchFileWriter(str(path))
    for name, content in records.items():
        if not name.endswith(".debug_pkl") and name not in ("version", ".data/serialization_id"):  # writes these itself
            writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    return path


def write_onnx(network: nn.Module, example: Tensor, multiple: int | None, path: Path) -> None:
    """Writes a network as ONNX, input ``image``, output ``pred``, any batch size.

    Args:
        network: one tensor in, one out; it is left in evaluation mode.
        example: BCHW, with B >= 2.
        multiple: of which height and width have to be multiples; None fixes them to those of the example.
        path: the file.
    """
    import onnx

    sides = {}
    if multiple is not None:
        sides = {2 + i: multiple * torch.export.Dim(side, min=2, max=4096) for i, side in enumerate("hw")}
    dimensions = ({0: torch.export.Dim("batch"), **sides},)
    options = {"input_names": ["image"], "output_names": ["pred"], "dynamic_shapes": dimensions}
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    registration.addFilter(_is_no_lack_of_torchvision)
    try:
        with warnings.catch_warnings():  # of the exporter's own insides
            warnings.filterwarnings("ignore", category=FutureWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            program = torch.onnx.export(network.eval().cpu(), (example,), dynamo=True, verbose=False, **options)
    finally:
        registration.removeFilter(_is_no_lack_of_torchvision)
    assert program is not None  # as dynamo=True promises
    model = program.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]  # among them the stack that led to a node, with paths on this machine
    path.write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(str(path))


def _is_no_lack_of_torchvision(record: logging.LogRecord) -> bool:
    """No network here uses an operator of torchvision, whose absence the exporter tells of four times."""
    return "torchvision is not installed" not in record.getMessage()


def largest_difference(network: nn.Module, bundle: Path, images: Sequence[Tensor]) -> dict[str, float]:
    """How far the outputs of a bundle's TorchScript and ONNX lie from PyTorch's.

    Args:
        network: the network, with the bundle's weights.
        bundle: the bundle's folder.
        images: BCHW inputs of the network.

    Returns:
        the largest difference of each file, by its name: absolute where outputs are below 1, else as a part of the
        image's largest output; infinite where an output is no number.
    """
    import onnxruntime

    script = torch.jit.load(bundle / "models" / "model.ts").eval()
    session = onnxruntime.InferenceSession(bundle / "models" / "model.onnx", providers=["CPUExecutionProvider"])
    difference = {"model.ts": 0.0, "model.onnx": 0.0}
    with torch.inference_mode():
        for image in images:
            expected = network.eval()(image).numpy()
            scale = max(1.0, float(np.abs(expected).max()))
            onnx = session.run(["pred"], {"image": image.numpy()})[0]
            for name, output in (("model.ts", script(image).numpy()), ("model.onnx", onnx)):
                found = float(np.abs(output - expected).max()) / scale
                difference[name] = max(difference[name], found if math.isfinite(found) else math.inf)
    return difference
