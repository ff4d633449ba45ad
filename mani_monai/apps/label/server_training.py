"""A training of mani_unet on a datastore's images, by the bundle's own configs, and what a client may ask of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mani_monai.apps.adapt.given_model import bound_by
from mani_monai.apps.adapt.start import head_of, start_settings
from mani_monai.apps.label.labelled_domains import SPLIT, Labelled, prepare_domains
from mani_monai.apps.prepare.domain_pair import Domains
from mani_monai.config_index import BUNDLES, find_config
from mani_monai.model import Model
from mani_monai.run.start_run import move_run
from mani_monai.transforms.rescaling import LEAST_SIDE
from mani_monai.utils import InputError, failure_reason
from mani_monai.utils.built_folder import building, move_to
from mani_monai.utils.files import save_atomically
from mani_monai.utils.json_files import save_json

RANGES: dict[str, tuple[type, float, float]] = {
    "iterations": (int, 1, 10**7),
    "batch_size": (int, 1, 1024),
    "crop_size": (int, LEAST_SIDE, 8192),
    "learning_rate": (float, 1e-8, 1),
    "seed": (int, 0, 2**31 - 1),
}
"""Kind, least and highest value of each number."""
START = "pretrained"
WARMUP = "warmup"
DEVICE = re.compile(r"cpu|cuda(:\d+)?")


def default_options(bundle: Path) -> dict[str, Any]:
    """What clients are shown: the numbers of ``train.json`` with ``small.json`` on top, and a start from the model."""
    values: dict[str, Any] = {}
    for name in ("train", "small"):
        values |= json.loads(find_config(bundle, name).read_text(encoding="utf-8"))
    return {START: True, **{name: values[name] for name in (*RANGES, WARMUP)}}


def read_options(request: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a request; what is no option of ours is left aside, as clients send much else.

    Args:
        request: values by name, numbers or their text.
        defaults: of :func:`default_options`; a warm-up that is not given is as long a part of the training as theirs.

    Returns:
        all of ``defaults``' names, and "device" where one was given.

    Raises:
        InputError: for a value of the wrong kind or out of range.
    """
    options = {name: _number(name, request.get(name, defaults[name]), *RANGES[name]) for name in RANGES}
    iterations = options["iterations"]
    share = defaults[WARMUP] / defaults["iterations"]
    options[WARMUP] = _number(WARMUP, request.get(WARMUP, round(iterations * share)), int, 0, iterations)
    start = str(request.get(START, defaults[START])).lower()
    if start not in ("true", "false"):
        raise InputError(f"{START} {request[START]!r}: write true or false.")
    options[START] = start == "true"
    if request.get("device"):
        device = request["device"]
        device = str(device[0] if isinstance(device, list) else device).lower()
        if not DEVICE.fullmatch(device):  # it becomes part of a config's expression
            raise InputError(f"device {device!r}: write cpu, cuda or cuda:0.")
        if device != "cpu" and int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
            raise InputError(f"device {device!r}: is not there; write cpu, or leave it out.")
        options["device"] = device
    return options


def _number(name: str, value: Any, kind: type, least: float, highest: float) -> Any:
    try:
        number = kind(str(value))
    except ValueError:
        number = None
    if number is None or not least <= number <= highest:
        what = "a whole number" if kind is int else "a number"
        raise InputError(f"{name} {value!r}: write {what} from {least:g} to {highest:g}.")
    return number


BUNDLE = BUNDLES / "mani_unet"
WEIGHTS = "models/model.pt"
ADAPT, SUPERVISED = "stain_adabn", "source_only"
LEFT_OVERS = ("start.pt", "snapshots", "checkpoint.pt", "models/model_source_val.pt", "tensorboard")
TAIL = 200  # lines of the output, for the reason of a failure


def train(
    model: Model,
    labelled: Sequence[Labelled],
    unlabelled: Sequence[Path] | None,
    options: Mapping[str, Any],
    out: Path,
) -> Path:
    """Trains on labelled images alone, or adapts to unlabelled ones as well.

    Images are brought to the model's pixel size, which the trained one then has.
    It is built beside its place and moved there at the end: a training that fails leaves the last one as it was.

    Args:
        model: what the training starts from, or, with "pretrained" false, whose widths and window it has.
        labelled: images with labels.
        unlabelled: images to adapt to, by ``stain_adabn.json``; None for none, by ``source_only.json`` and the model's
            own preprocessing, without which it would unlearn it.
        options: as :func:`mani_monai.apps.label.server_training.read_options` gives them.
        out: the run's folder, with its configs and ``models/model.pt``, the last weights, which are what is served.

    Returns:
        the weights.

    Raises:
        InputError: when images are missing or cannot be used, or the training fails, with its own last line.
    """
    if unlabelled is not None and not unlabelled:
        raise InputError("every image of the datastore has a label; add images without one to adapt to.")
    try:
        with building(out) as new:
            new.mkdir(parents=True)
            data = new / "data"
            domains = prepare_domains(labelled, unlabelled or [], data, options["crop_size"], mpp=model.mpp)
            for line in domains.left_out:
                print(f"left out: {line}", flush=True)
            if options[START]:
                save_atomically(model.state, new / "start.pt")
            method = SUPERVISED if unlabelled is None else ADAPT
            overlay = new / "label.json"
            save_json(overlay, _settings(model, domains, options, new))
            head = head_of(model.declaration)
            configs = [*(find_config(BUNDLE, name) for name in ("train", "small", method, *head)), overlay]
            _run(configs)
            move_run(new, out)
            # images and labels, and what only the training needed
            for copies in (*(new / name for name in LEFT_OVERS), *(new / "data").glob("*/[il]*")):
                shutil.rmtree(copies) if copies.is_dir() else copies.unlink(missing_ok=True)
            move_to(out, new)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error}); free some space, or mend its permissions.") from error
    return out / WEIGHTS


def _settings(model: Model, domains: Domains, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The overlay of this training."""
    settings: dict[str, Any] = {
        "dataset_dir": str(folder / "data"),
        "output_dir": str(folder),
        "source": domains.source,
        "target": domains.target,
        "split": SPLIT,
        "features": list(model.declaration.network["features"]),
        **{name: value for name, value in options.items() if name not in (START, "device")},
        "crop_size": domains.crop_size,
        "window": model.declaration.window,
    }
    if domains.source == domains.target:  # nothing to average, and no labels that were held out
        settings["val_interval"] = options["iterations"]
        settings["preprocessing"] = [dict(step) for step in model.declaration.preprocessing]
    if "device" in options:
        settings["device"] = f"$torch.device('{options['device']}')"
    if options[START]:
        settings |= start_settings(folder / "start.pt", bound_by(model, model.name))
    return settings


def _run(configs: Sequence[Path]) -> None:
    """Runs the training; its output is passed on line by line."""
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", repr([str(path) for path in configs])]
    tail: deque[str] = deque(maxlen=TAIL)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            tail.append(line.strip())
    if process.returncode:
        raise InputError(f"the training failed with status {process.returncode}: {failure_reason(tail)}")
