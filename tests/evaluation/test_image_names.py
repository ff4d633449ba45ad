"""No image of an evaluation takes the place of another of the same name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from PIL import Image
from table_evaluators import TableEvaluator
from torch import nn

from mani_monai.evaluation import PredictionWriter, evaluate_selections, tissues_of
from mani_monai.evaluation.image_names import image_names
from mani_monai.utils import InputError
from mani_monai.utils.files import save_atomically

TWO_SETS = [
    {"image": "/data/one/images/1.png", "domain": "one", "tissue": "Colon"},
    {"image": "/data/two/images/1.png", "domain": "two", "tissue": "Breast"},
]


def test_a_name_alone_stays_as_it_is():
    assert image_names([{"image": "/data/images/a.png"}, {"image": "b.tile.png", "domain": "one"}]) == ["a", "b.tile"]


def test_every_image_of_two_data_sets_has_its_score_and_tissue(tmp_path):
    network = nn.Linear(1, 1, bias=False)
    for name in ("model.pt", "model_source_val.pt"):
        save_atomically({"weight": torch.ones(1, 1)}, tmp_path / "run" / "models" / name)
    test, out = TableEvaluator(network, {1: [0.5, 0.75]}), tmp_path / "evaluation"
    result = evaluate_selections(network, test, None, TWO_SETS, str(tmp_path / "run"), str(out), {"split": "split_0"})
    assert result["selections"]["last"]["dice"] == {"one_1": 0.5, "two_1": 0.75}
    assert tissues_of(TWO_SETS) == {"one_1": "Colon", "two_1": "Breast"}


def test_every_image_of_two_data_sets_has_its_prediction(tmp_path):
    engine = Engine(lambda engine, batch: [{"pred": batch}])
    with PredictionWriter(tmp_path, TWO_SETS).writing(engine):
        engine.run([torch.tensor([[[1.0]], [[0.0]]]), torch.tensor([[[0.0]], [[1.0]]])])
    masks = {name: np.asarray(Image.open(tmp_path / f"{name}_mask.png")).item() for name in ("one_1", "two_1")}
    assert masks == {"one_1": 0, "two_1": 255}


def test_names_that_stay_alike_are_refused():
    with pytest.raises(InputError, match="1: is the name of 2 images of one list"):
        image_names([{"image": "a/1.png"}, {"image": "a/1.tif"}])


def test_names_that_differ_in_case_alone_have_their_sets_before_them_or_are_refused():
    items = [{"image": "/one/A.png", "domain": "one"}, {"image": "/two/a.png", "domain": "two"}]
    assert image_names(items) == ["one_A", "two_a"]
    with pytest.raises(InputError, match="a: is the name of 2 images of one list"):
        image_names([{"image": "/one/A.png"}, {"image": "/one/a.png"}])
