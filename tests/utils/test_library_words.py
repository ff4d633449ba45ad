"""The libraries that decode images print nothing of a damaged file, which is named in one line of ours."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
import tifffile
from painted_model import red_model
from PIL import Image
from warm_python import run_python

from mani_monai.utils import InputError
from mani_monai.utils.library_words import QuietDecoders

READ = """
import sys
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils.command_line import run_command
def read(path: str) -> None:
    print(read_image(path).pixels.shape)
run_command(read)
"""
IMPORT = """
import logging, warnings
before = [*warnings.filters], [[*logging.getLogger(name).handlers] for name in ("PIL", "tifffile")]
import mani_monai.data.readers, mani_monai.model
added = [entry for entry in warnings.filters if entry not in before[0] and "PIL" in str(entry)]
assert (added, [logging.getLogger(name).handlers for name in ("PIL", "tifffile")]) == ([], before[1])
"""
PIXELS = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)


@pytest.fixture
def damaged(tmp_path):
    """A TIFF whose strips libtiff cannot unpack."""
    path = tmp_path / "damaged.tif"
    Image.fromarray(PIXELS).save(path, compression="tiff_adobe_deflate")
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    return path


@pytest.fixture
def odd(tmp_path):
    """A TIFF with a resolution of five numbers, of which Pillow warns."""
    path = tmp_path / "tags.tif"
    Image.fromarray(PIXELS).save(path, dpi=(300, 300))
    content = path.read_bytes()
    entry = content.index(bytes([0x1A, 0x01, 0x05, 0x00]))  # XResolution, a ratio
    path.write_bytes(content[: entry + 4] + bytes([5, 0, 0, 0]) + content[entry + 8 :])
    return path


@pytest.fixture
def model():
    return red_model(window=-1, precision="float32")


def words_of(path, capfd, caplog):
    """What a user's own reading of a file makes Pillow warn of, libtiff print and tifffile log."""
    capfd.readouterr()
    caplog.clear()
    with warnings.catch_warnings(record=True) as warned, suppress(OSError), Image.open(path) as image:
        image.load()
    tifffile.logger().warning("of tifffile")
    return [str(each.message) for each in warned], capfd.readouterr().err, caplog.messages


def state():
    return [*warnings.filters], [[*logging.getLogger(name).handlers] for name in ("PIL", "tifffile")]


@pytest.mark.skipif(sys.platform == "win32", reason="Pillow hides its libtiff there")
def test_libtiff_prints_nothing(damaged, capfd, model):
    with pytest.raises(InputError, match=r"damaged\.tif: cannot be decoded"):
        model(damaged)
    assert capfd.readouterr() == ("", "")


def test_pillow_prints_nothing(odd, tmp_path, command_environment):
    """Neither its warnings of tags and of size nor what it logs, in a command; a warning that is an error is none."""
    for more in ({}, {"PYTHONWARNINGS": "error::UserWarning:PIL.TiffImagePlugin"}):
        done = run_python(["-c", READ, str(odd)], tmp_path, command_environment | more)
        assert (done.stdout, done.stderr) == ("(96, 96, 3)\n", "")


def test_an_import_silences_nothing(tmp_path, command_environment):
    done = run_python(["-c", IMPORT], tmp_path, command_environment)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Pillow hides its libtiff there")
def test_a_users_own_words_are_as_before(damaged, odd, model, capfd, caplog):
    before = [words_of(path, capfd, caplog) for path in (damaged, odd)]
    assert before[0][1]  # libtiff's
    assert "had too many entries" in before[1][0][0]
    assert before[1][2] == ["of tifffile"]
    filters = state()
    with warnings.catch_warnings(record=True) as warned:
        model(odd)
        with pytest.raises(InputError):
            model(damaged)
    assert [str(each.message) for each in warned if "PIL" in each.filename] == []
    assert state() == filters
    assert [words_of(path, capfd, caplog) for path in (damaged, odd)] == before


def test_blocks_of_several_threads_end_with_the_last_one():
    before, quiet = state(), QuietDecoders()
    barrier = threading.Barrier(8, timeout=60)

    def work(number):
        barrier.wait()
        for _ in range(50):
            with quiet, quiet:
                assert any("PIL" in str(entry) for entry in warnings.filters)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert state() == before
