"""Predictions that an evaluator's scores are of, as files."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from ignite.engine import Engine
from PIL import Image

from mani_monai.evaluation import PredictionWriter

ITEMS = [{"image": "/data/images/a.png"}, {"image": "b.tile.tif"}]
PLANES = torch.tensor([[[0, 1, 0], [0, 0, 2]], [[3, 0, 0], [0, 0, 0]]])


def evaluator(predictions):
    """An engine whose output is, like MONAI's, a list of one dictionary."""
    return Engine(lambda engine, batch: [{"pred": batch}]), list(predictions)


@pytest.fixture
def one_hot():
    masks = (PLANES > 0).float()
    return torch.stack([1 - masks, masks], dim=1)


def test_masks(one_hot, tmp_path):
    engine, batches = evaluator(one_hot)
    with PredictionWriter(tmp_path, ITEMS).writing(engine):
        engine.run(batches)
    for name, plane in zip(["a", "b.tile"], PLANES, strict=True):
        expected = np.where(plane, 255, 0)
        mask = Image.open(tmp_path / f"{name}_mask.png")
        assert mask.mode == "L"
        np.testing.assert_array_equal(np.asarray(mask), expected)


def test_instances(tmp_path):
    engine, batches = evaluator(PLANES[:, None])
    with PredictionWriter(tmp_path, ITEMS).writing(engine):
        engine.run(batches)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_instances.tif", "b.tile_instances.tif"]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a_instances.tif"), PLANES[0])


def test_nothing_is_written_after_the_block(one_hot, tmp_path):
    engine, batches = evaluator(one_hot)
    with PredictionWriter(tmp_path / "files", ITEMS).writing(engine):
        pass
    engine.run(batches)
    assert not (tmp_path / "files").exists()
