"""What a run was made on."""

from __future__ import annotations

import os
import subprocess

import pytest

from mani_monai.utils import machine
from mani_monai.utils.machine import cores_of_a_job, device_name, made_on, usable_cores, versions, visible_gpus


@pytest.fixture
def two_gpus(monkeypatch):
    def listed(command, **_):
        assert command[0] == "nvidia-smi"
        return subprocess.CompletedProcess(command, 0, stdout="Card A\nCard B\n")

    monkeypatch.setattr(machine.subprocess, "run", listed)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def no_gpu(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError("nvidia-smi")

    monkeypatch.setattr(machine.subprocess, "run", missing)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_gpus_by_number_or_as_allotted(two_gpus, monkeypatch):
    assert visible_gpus() == ["0", "1"]
    assert device_name() == "Card A"
    assert device_name("1") == "Card B"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert visible_gpus() == ["1"]
    assert device_name() == "Card B"


def test_without_a_gpu_it_is_the_processor(no_gpu, two_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # there are two, none may be seen
    assert visible_gpus() == []
    assert device_name() == machine._processor_name() != ""


def test_processors_of_one_name_are_told_apart(no_gpu, monkeypatch):
    """Two generations of one name: a training took twice the time on the one without AVX-512."""
    monkeypatch.setattr(machine.torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    wide = device_name()
    monkeypatch.setattr(machine.torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert wide.endswith(" (AVX512)")
    assert device_name() == wide.replace("AVX512", "AVX2")


def test_no_driver_is_no_gpu(no_gpu):
    assert visible_gpus() == []
    assert device_name() == machine._processor_name()


@pytest.mark.parametrize(("jobs", "threads"), [(1, 8), (3, 2), (4, 2), (20, 1)])
def test_cores_are_shared_out(jobs, threads, monkeypatch):
    monkeypatch.setattr(machine, "usable_cores", lambda: 8)
    assert cores_of_a_job(jobs) == threads


def test_usable_cores_are_no_more_than_the_machines():
    assert 1 <= usable_cores() <= os.cpu_count()


def test_versions():
    import monai
    import torch

    assert versions() == {"torch": torch.__version__, "monai": monai.__version__}


def test_a_table_says_where_its_runs_were_made():
    made = {"device": "GPU", "versions": {"torch": "2.0", "monai": "1"}}
    assert made_on([{}, made, made]) == "Runs by machine: GPU with torch 2.0: 2; not recorded: 1."
    assert made_on([]) == ""
