"""What a client may ask of a training."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mani_monai.config_index import find_config
from mani_monai.data.image_checks import MIN_SIZE
from mani_monai.utils import InputError

RANGES: dict[str, tuple[type, float, float]] = {
    "iterations": (int, 1, 10**7),
    "batch_size": (int, 1, 1024),
    "crop_size": (int, MIN_SIZE, 8192),
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
