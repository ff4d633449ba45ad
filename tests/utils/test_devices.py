"""The device by its name, and in words why it cannot be."""

from __future__ import annotations

import pytest
import torch

from mani_monai.utils import InputError
from mani_monai.utils.devices import choose_device


@pytest.fixture
def machine(monkeypatch):
    """Says what torch finds: whether it is built for CUDA, how many GPUs, Apple's or not."""

    def set_up(cuda: bool = True, gpus: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return set_up


@pytest.mark.parametrize(("found", "name"), [({}, "cpu"), ({"gpus": 2}, "cuda"), ({"cuda": False, "mps": True}, "mps")])
def test_by_default_the_gpu_where_there_is_one(machine, found, name):
    machine(**found)
    assert choose_device() == torch.device(name)


@pytest.mark.parametrize("name", ["cpu", "CPU", "cuda", "cuda:1"])
def test_what_is_there_is_taken(machine, name):
    machine(gpus=2)
    assert choose_device(name) == torch.device(name.lower())


@pytest.mark.parametrize(
    ("found", "device", "said"),
    [
        ({}, "gpu", "--device gpu: is no device; write cpu, cuda, cuda:1 or mps."),
        ({"cuda": False}, "cuda", "--device cuda: this torch has no CUDA; write cpu, or install torch for CUDA."),
        ({}, "cuda:0", "--device cuda:0: torch finds no NVIDIA GPU or its driver; write cpu."),
        ({"gpus": 1}, "cuda:1", "--device cuda:1: there is no such GPU; there is cuda:0."),
        ({"gpus": 4}, "cuda:7", "--device cuda:7: there is no such GPU; there are cuda:0 to cuda:3."),
        ({}, "mps", "--device mps: is for Apple's processors, and this torch finds none; write cpu."),
    ],
)
def test_what_is_not_there_is_said_in_words(machine, found, device, said):
    machine(**found)
    with pytest.raises(InputError) as refusal:
        choose_device(device)
    assert str(refusal.value) == said
