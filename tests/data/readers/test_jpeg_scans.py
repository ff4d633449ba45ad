"""Zeros in scans of means: blocks of one mean in a whole picture, and damage among means that differ."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mani_monai.data.readers.jpeg_damage import jpeg_fault
from mani_monai.data.readers.jpeg_scans import segments_of

TILED = np.tile(np.random.default_rng(2).integers(60, 190, (8, 8, 3), np.uint8), (160, 160, 1))
"""Blocks that all show the same, so that their mean costs a progressive JPEG a bit or two each."""
RAMP = np.tile(np.arange(640, dtype=np.uint8)[:, None] // 4, (1, 1280))
"""Means that are many, and all even by their steps, where the quality is 100."""


def jpeg(picture: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", progressive=True, **options)
    return stream.getvalue()


def has_zeros(content: bytes) -> bool:
    return any(bytes(256) in content[scan.start : scan.end] for scan in segments_of(content))


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("restarts", [{}, {"restart_marker_rows": 120}])
@pytest.mark.parametrize("quality", [8, 50, 95])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_blocks_of_one_mean_may_be_zeros(grey, restarts, quality, subsampling):
    picture = TILED[..., 0] if grey else TILED
    content = jpeg(picture, quality=quality, subsampling=subsampling, **restarts)
    assert has_zeros(content)
    assert jpeg_fault(content) == ""


def test_a_ramp_may_have_even_means():
    content = jpeg(RAMP, quality=100)
    assert has_zeros(content)
    assert jpeg_fault(content) == ""


@pytest.mark.parametrize("last", [1, 16])
def test_zeros_among_means_that_differ_are_refused(last):
    """In the scan of the means without their last bit, and in that of their last bits."""
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 120, (150, 150, 3), np.uint8))
    content = jpeg(np.asarray(noise.resize((900, 900))), quality=80)
    (scan,) = (each for each in segments_of(content) if each.words[-3:] == bytes([0, 0, last]))
    middle = (scan.start + scan.end) // 2
    assert jpeg_fault(content) == ""
    assert jpeg_fault(content[:middle] + bytes(300) + content[middle + 300 :]) == "300 of its bytes are zeros"
