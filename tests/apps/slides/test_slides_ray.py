"""Addresses of Ray clusters, before Ray itself is asked."""

from __future__ import annotations

import re
import socket
import sys
import time
from types import ModuleType

import pytest

from mani_monai.apps.slides.slides_ray import address_of, check_answers, run_parts
from mani_monai.utils import InputError


@pytest.fixture
def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    return port


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_nothing_at_an_address_is_said_at_once(free_port, scheme):
    start = time.monotonic()
    with pytest.raises(InputError, match=rf"nothing answers at {scheme}127.0.0.1:{free_port} \(Connection refused\)"):
        check_answers(f"{scheme}127.0.0.1:{free_port}")
    assert time.monotonic() - start < 5


def test_a_cluster_that_listens_is_left_to_ray():
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_answers(f"127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize("address", ["", "auto", "local"])
def test_words_are_left_to_ray(address):
    check_answers(address)


@pytest.mark.parametrize("address", ["127.0.0.1:port", "127.0.0.1:70000", "[::1:6379"])
def test_an_address_that_is_none(address):
    with pytest.raises(InputError, match=rf"the address {re.escape(address)} is none .*write host:port in --clus"):
        check_answers(address)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ("head:1", "RAY_ADDRESS")),
        ({"address": None}, ("head:1", "RAY_ADDRESS")),
        ({"address": "auto"}, ("head:1", "RAY_ADDRESS")),
        ({"address": "local"}, ("local", "--cluster_options")),
        ({"address": "other:2"}, ("other:2", "--cluster_options")),
    ],
)
def test_the_environment_names_the_address_where_nothing_else_does(monkeypatch, parameters, expected):
    monkeypatch.setenv("RAY_ADDRESS", "head:1")
    assert address_of(parameters) == expected
    monkeypatch.delenv("RAY_ADDRESS")
    assert address_of(parameters) == (parameters.get("address") or "", "--cluster_options")


def test_nothing_at_the_environments_address_is_said_before_ray_is_asked(monkeypatch, free_port):
    library = ModuleType("ray.util")
    library.ActorPool = None
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setitem(sys.modules, "ray.util", library)
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_port}")
    with pytest.raises(InputError, match=rf"answers at 127.0.0.1:{free_port} .*correct the address in RAY_ADDRESS\."):
        run_parts({}, ["1/1"], None)
