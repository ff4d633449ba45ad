"""The picture of the best, the median and the worst image."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mani_monai.utils import InputError
from studies.instance_picture import TITLE, draw_instances, extremes
from studies.picture import GAP


def test_extremes_by_score():
    scores = {"a": 0.5, "b": 0.1, "c": None, "d": 0.9, "e": 0.4}
    assert extremes(scores) == {"best": "d", "median": "e", "worst": "b"}
    assert extremes({"a": 0.5}) == {"best": "a", "median": "a", "worst": "a"}
    with pytest.raises(ValueError, match="no image has a score"):
        extremes({"c": None})


@pytest.fixture
def files(tmp_path):
    """A grey image of 20x30 with a nucleus on the left, predicted on the right."""
    ids = np.zeros((20, 30), np.uint16)
    ids[5:15, 5:15] = 3
    Image.new("RGB", (30, 20), (100, 100, 100)).save(tmp_path / "a.png")
    Image.fromarray(ids).save(tmp_path / "label.png")
    Image.fromarray(np.fliplr(ids)).save(tmp_path / "a_instances.png")
    return {"a": {"image": str(tmp_path / "a.png"), "label": str(tmp_path / "label.png")}}, tmp_path


def test_truth_and_prediction_are_outlined_in_panels_of_their_own(files):
    items, folder = files
    draw_instances({"best": "a", "worst": "a"}, items, folder, folder / "out.png", crop=18)
    picture = np.asarray(Image.open(folder / "out.png"))
    assert picture.shape == (2 * (18 + TITLE + GAP), 3 * (18 + GAP), 3)
    image, truth, prediction = (picture[TITLE : TITLE + 18, i * (18 + GAP) : i * (18 + GAP) + 18] for i in range(3))
    assert (image == 100).all()
    # the middle 18 columns begin at 6: the nucleus of columns 5 to 14 ends at 8 there, the mirrored one begins at 9
    drawn = [np.flatnonzero((panel != 100).any(axis=(0, 2))) for panel in (truth, prediction)]
    assert drawn[0].max() == 8
    assert drawn[1].min() == 9


def test_a_missing_or_turned_map_is_named(files):
    items, folder = files
    with pytest.raises(InputError, match=r"nowhere/a_instances\.png: no such map"):
        draw_instances({"best": "a"}, items, folder / "nowhere", folder / "out.png", crop=18)
    path = folder / "a_instances.png"
    Image.open(path).transpose(Image.Transpose.TRANSPOSE).save(path)
    with pytest.raises(InputError, match=r"a_instances\.png: is \(30, 20\), its image \(20, 30\)"):
        draw_instances({"best": "a"}, items, folder, folder / "out.png", crop=18)
