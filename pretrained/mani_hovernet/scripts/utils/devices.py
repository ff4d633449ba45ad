"""The device that a network runs on and its precision there, and in words why it cannot."""

from __future__ import annotations

import re

import torch

from .errors import InputError

PRECISIONS = ("float32", "bfloat16", "auto")
DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """The device that was asked for, or the best that there is.

    Args:
        device: cpu, cuda, cuda:1 or mps; None takes the GPU where there is one, NVIDIA's before Apple's.

    Raises:
        InputError: for another name, and for a device that this machine or this torch lacks.
    """
    if device is None:
        return _best_device()
    name = str(device).lower()
    if not DEVICE.fullmatch(name):
        raise InputError(f"--device {device}: is no device; write cpu, cuda, cuda:1 or mps.")
    if name.startswith("cuda"):
        _check_cuda(name)
    elif name == "mps" and not _has_mps():
        raise InputError("--device mps: is for Apple's processors, and this torch finds none; write cpu.")
    return torch.device(name)


def _best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _check_cuda(name: str) -> None:
    if not torch.backends.cuda.is_built():
        raise InputError(f"--device {name}: this torch has no CUDA; write cpu, or install torch for CUDA.")
    count = torch.cuda.device_count()
    if count == 0:
        raise InputError(f"--device {name}: torch finds no NVIDIA GPU or its driver; write cpu.")
    number = int(name.partition(":")[2] or 0)
    if number >= count:
        last = f"cuda:0 to cuda:{count - 1}" if count > 1 else "cuda:0"
        raise InputError(f"--device {name}: there is no such GPU; there {'are' if count > 1 else 'is'} {last}.")


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16, rather than emulating it slowly."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


def chosen_precision(precision: str, device: torch.device) -> str:
    """ "float32" or "bfloat16"; "auto" is the latter where the device has instructions for it.

    Raises:
        InputError: for anything else.
    """
    if precision not in PRECISIONS:
        raise InputError(f"--precision {precision}: choose from {', '.join(PRECISIONS)}.")
    if precision == "auto":
        return "bfloat16" if computes_bfloat16(device) else "float32"
    return precision
