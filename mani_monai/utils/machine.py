"""What a run was made on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def usable_cores() -> int:
    """Cores that this process may use: fewer than the machine's where a scheduler allots them."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def cores_of_a_job(jobs: int) -> int:
    """Threads of each of several runs side by side, which share out this machine's cores."""
    return max(1, usable_cores() // jobs)


def visible_gpus() -> list[str]:
    """GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none where there is none."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    return [str(number) for number in range(len(_gpu_names()))]


def device_name(gpu: str | None = None) -> str:
    """The GPU that a run sees, or the processor and the widest instructions that torch finds on it.

    Processors of one name may differ twofold in the time of a training: a cloud's name no generation.

    Args:
        gpu: as CUDA_VISIBLE_DEVICES names it; the first visible one where None.
    """
    gpus = visible_gpus() if gpu is None else [gpu]
    names = _gpu_names()
    if gpus and names:
        number = int(gpus[0]) if gpus[0].isdigit() else 0
        return names[number] if number < len(names) else names[0]
    return _processor_name()


def versions() -> dict[str, str]:
    """Versions of torch and MONAI."""
    return {name: version(name) for name in ("torch", "monai")}


def machine_of(result: Mapping[str, Any]) -> str:
    """Device and version of torch that a run's JSON records; the oldest runs recorded neither."""
    if "device" not in result:
        return "not recorded"
    return f"{result['device']} with torch {result['versions']['torch']}"


def made_on(results: Iterable[Mapping[str, Any]]) -> str:
    """A line on where some runs were made, the most frequent machine first; empty where there is none."""
    counts = Counter(map(machine_of, results)).most_common()
    return "Runs by machine: " + "; ".join(f"{name}: {count}" for name, count in counts) + "." if counts else ""


def _gpu_names() -> list[str]:
    """Names by number, without a CUDA context of this process's own."""
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


def _processor_name() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model} ({torch.backends.cpu.get_cpu_capability()})"
