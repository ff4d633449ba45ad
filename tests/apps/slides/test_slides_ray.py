"""Addresses of Ray clusters, before Ray itself is asked."""

from __future__ import annotations

import socket
import time

import pytest

from mani_monai.apps.slides.slides_ray import check_answers
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


def test_a_port_that_is_none():
    with pytest.raises(InputError, match=r"the address 127\.0\.0\.1:port is none"):
        check_answers("127.0.0.1:port")
