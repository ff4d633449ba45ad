"""A large picture is measured by windows, as a slide is, whoever asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exports import picture
from small_bundles import write_unet_bundle

from mani_monai import Model
from mani_monai.apps.slides.picture_answer import picture_answer

STAINS = [{"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}]
PICTURE = np.concatenate([picture(96, 112, 0), 255 - (255 - picture(96, 112, 1)) // 3])


@pytest.mark.parametrize(("most", "is_whole"), [(PICTURE.shape[0] * PICTURE.shape[1], True), (1000, False)])
def test_windows_stand_for_a_large_picture(tmp_path, monkeypatch, most, is_whole):
    monkeypatch.setattr("mani_monai.apps.slides.slide_stains.MOST_WHOLE", most)
    monkeypatch.setattr("mani_monai.apps.slides.slide_stains.EDGE", 32)
    model = Model.open(write_unet_bundle(tmp_path / "bundle", mpp=0.25, preprocessing=STAINS), "cpu", "float32")
    maps, _ = picture_answer(model, PICTURE, 1.0, Path("a.png"))
    assert np.array_equal(maps, model.maps(PICTURE)) == is_whole
