from __future__ import annotations

import pytest

from mani_monai.apps.label.server_training import BUNDLE, default_options, read_options
from mani_monai.utils import InputError


@pytest.fixture(scope="module")
def defaults():
    return default_options(BUNDLE)


def test_what_nobody_asks_for_is_small_jsons(defaults):
    assert (defaults["iterations"], defaults["warmup"], defaults["crop_size"]) == (1500, 400, 160)
    assert read_options({}, defaults) == defaults


def test_numbers_as_text_and_what_clients_send_beside(defaults):
    request = {
        "iterations": "30",
        "learning_rate": "1e-4",
        "seed": 3,
        "pretrained": "False",
        "max_epochs": 50,
        "model": "x",
    }
    options = read_options(request, defaults)
    assert (options["iterations"], options["learning_rate"], options["seed"]) == (30, 1e-4, 3)
    assert options["pretrained"] is False
    assert options.keys() == defaults.keys()


def test_the_warm_up_stays_as_long_a_part(defaults):
    assert read_options({"iterations": 150}, defaults)["warmup"] == 40
    assert read_options({"iterations": 150, "warmup": 0}, defaults)["warmup"] == 0


@pytest.mark.parametrize(("given", "taken"), [("cpu", "cpu"), (["cuda:1", "cpu"], "cuda:1"), ("CUDA", "cuda")])
def test_devices(defaults, monkeypatch, given, taken):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert read_options({"device": given}, defaults)["device"] == taken


@pytest.mark.parametrize(
    "request_",
    [
        {"iterations": 0},
        {"iterations": "many"},
        {"iterations": True},
        {"iterations": 2.5},
        {"learning_rate": "nan"},
        {"learning_rate": 2},
        {"crop_size": 8},
        {"batch_size": None},
        {"warmup": 31, "iterations": 30},
        {"pretrained": "perhaps"},
        {"device": "cuda:99"},
    ],
)
def test_what_is_refused(defaults, request_):
    with pytest.raises(InputError, match=next(iter(request_))):
        read_options(request_, defaults)


def test_a_device_becomes_no_expression(defaults, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)  # so that the form alone refuses it
    for device in ("cpu') or __import__('os').system('x", "cuda:0') or ('", "xcpu", "cuda:"):
        with pytest.raises(InputError, match="write cpu, cuda or cuda:0"):
            read_options({"device": device}, defaults)
