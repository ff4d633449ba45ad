"""An image through a model: what the network sees, what it answers, and nuclei on the image's own grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from exports import picture as stained_picture
from painted_model import painted, painted_model, red_model, round_nuclei
from PIL import Image

from mani_monai import declaration as declarations
from mani_monai import known_components
from mani_monai.declaration import COLUMNS
from mani_monai.known_components import PARTING
from mani_monai.transforms import NormaliseStainsd, tissue_mask
from mani_monai.utils import InputError

STAINS = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}
EOSIN, HAEMATOXYLIN = np.array([220, 130, 190], np.uint8), np.array([90, 60, 140], np.uint8)
DISCS = [(20, 20, 9), (20, 35, 9), (50, 70, 6)]


def noise(*size: int) -> np.ndarray:
    return stained_picture(*size, seed=0)


def answer(mask) -> np.ndarray:
    return np.stack([np.zeros(mask.shape), np.where(mask, 2, -2)]).astype(np.float32)


def reddened(mask) -> np.ndarray:
    return np.where(mask[..., None], EOSIN, HAEMATOXYLIN)


# the network's answer


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("size", [(40, 70), (16, 16), (3, 5)])
def test_rows_come_first(size, precision):
    picture, model = noise(*size), red_model(-1, precision)
    maps = model.maps(picture)
    assert (maps.shape, maps.dtype) == ((2, *size), np.float32)
    margin = maps[1] - maps[0]
    np.testing.assert_allclose(margin, picture[..., 0] / 255 - 0.5, atol=1e-6 if precision == "float32" else 3e-3)
    assert model.network.sizes == [(1, 3, *(max(side, 16) for side in size))]


def test_older_weights_see_columns_first_and_answer_rows_first():
    picture, model = noise(40, 70), red_model(-1, axes=COLUMNS)
    np.testing.assert_array_equal(model.maps(picture), red_model(-1).maps(picture))
    assert model.network.sizes == [(1, 3, 70, 40)]


def test_very_large_images_are_not_taken_whole(monkeypatch):
    picture, model = noise(64, 65), red_model(-1)
    whole = model.maps(picture)
    monkeypatch.setattr("mani_monai.transforms.rescaling.MOST_WHOLE", 64 * 64)
    monkeypatch.setattr("mani_monai.inferers.whole_image_inferer.CORE", 32)
    model.network.sizes.clear()
    np.testing.assert_array_equal(model.maps(picture), whole)
    assert max(shape[2:] for shape in model.network.sizes) == (48, 49)


def test_a_part_of_a_picture_has_the_stains_of_the_whole():
    random = np.random.default_rng(0)
    whole = (random.integers(0, 100, (40, 70, 3)) + np.linspace(0, 120, 70)[:, None]).astype(np.uint8)
    part = np.ascontiguousarray(whole[10:30, 40:64])
    for steps in ([STAINS], [{"_target_": "GaussianSmoothd", "keys": "image", "sigma": 0.01}, STAINS]):
        normalising = red_model(-1, preprocessing=steps)
        found = normalising.maps(part, whole)
        np.testing.assert_allclose(found, normalising.maps(whole)[:, 10:30, 40:64], atol=1.01 / 255)
        assert np.abs(found - normalising.maps(part)).max() > 0.01
    plain = red_model(-1)
    np.testing.assert_array_equal(plain.maps(part, whole), plain.maps(part))


@pytest.mark.parametrize("steps", [[], [STAINS]])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (15, 25, 120), (205, 205, 205), (200, 20, 30)])
def test_a_painted_quarter_changes_nothing_beside_it_and_holds_no_nuclei(colour, steps):
    """The network answers for each pixel by itself; the stains' statistics are of the whole picture."""
    random = np.random.default_rng(0)
    picture = np.where(random.random((60, 80, 1)) < 0.4, HAEMATOXYLIN, EOSIN) + random.integers(0, 9, (60, 80, 3))
    picture = picture.astype(np.uint8)
    model = red_model(-1, preprocessing=steps)
    part = model.maps(picture[:, :60])
    picture[:, 60:] = colour
    maps = model.maps(picture)
    np.testing.assert_allclose(maps[:, :, :60], part, atol=1e-5)
    assert (maps[0, :, 60:] > maps[1, :, 60:] + 20).all()


@pytest.mark.parametrize("axes", ["rows_columns", COLUMNS])
def test_the_mask_of_tissue_that_stains_are_measured_by_is_that_of_the_picture_shown(monkeypatch, axes):
    masks = []
    normalise = NormaliseStainsd.__call__
    monkeypatch.setattr(
        NormaliseStainsd, "__call__", lambda step, item: masks.append(dict(item)) or normalise(step, item)
    )
    picture = noise(300, 310).copy()
    picture[20:60, 10:50], picture[:, 280:] = (15, 25, 120), 0
    model = red_model(-1, axes=axes, preprocessing=[STAINS])
    model.maps(picture)
    image, mask = (masks[0][key] for key in ("image", "mask_of_image"))
    np.testing.assert_array_equal(mask, tissue_mask(image.permute(1, 2, 0).numpy()))
    assert 0.5 < mask.mean() < 1
    smoothed = red_model(-1, preprocessing=[{"_target_": "GaussianSmoothd", "keys": "image", "sigma": 1.0}, STAINS])
    smoothed.maps(picture)
    model.maps(picture[:100], picture)
    assert ["mask_of_image" in item for item in masks] == [True, False, False, False], "of the part, and of its whole"


def test_a_step_that_is_declared_is_taken(monkeypatch):
    monkeypatch.setattr(known_components, "STEPS", {*known_components.STEPS, "AdjustContrastd", "SpatialPadd"})
    picture = noise(20, 30)
    darker = red_model(preprocessing=[{"_target_": "AdjustContrastd", "keys": "image", "gamma": 3.0}]).maps(picture)
    red = picture[..., 0].astype(np.float32)
    low, high = picture.min(), picture.max()
    expected = ((red - low) / (high - low)) ** 3 * (high - low) + low
    np.testing.assert_allclose(darker[1], expected / 255 - 0.5, atol=1e-4)
    padding = {"_target_": "SpatialPadd", "keys": "image", "spatial_size": [64, 64]}
    with pytest.raises(InputError, match="no step may change the shape"):
        red_model(preprocessing=[padding]).maps(picture)


# nuclei


def test_touching_nuclei_are_parted_and_the_mask_stays_the_mask():
    mask = round_nuclei(64, 90, DISCS) > 0
    found = red_model().nuclei(answer(mask), mask.shape)
    np.testing.assert_array_equal(found.mask, mask)
    assert len(found) == len(found.table["id"]) == 3
    np.testing.assert_array_equal(found.instances > 0, mask)
    np.testing.assert_allclose(found.table["mean_probability"], 1 / (1 + np.exp(-2)), rtol=1e-4)
    np.testing.assert_allclose(found.probability[mask], 1 / (1 + np.exp(-2)), rtol=1e-4)
    assert (found.probability.shape, found.probability.dtype) == (mask.shape, np.float32)


def test_the_smallest_nucleus_follows_the_pixel_size():
    mask = np.zeros((40, 40), bool)
    mask[4:9, 4:9] = True  # 25 px
    found = {mpp: red_model(mpp=mpp).nuclei(answer(mask), mask.shape) for mpp in (None, 0.25, 0.5)}
    assert {mpp: len(nuclei) for mpp, nuclei in found.items()} == {None: 0, 0.25: 0, 0.5: 1}
    assert all(nuclei.mask.sum() == 25 for nuclei in found.values())
    own = red_model(mpp=0.25, parting={"_target_": PARTING, "min_size": 25})
    assert len(own.nuclei(answer(mask), mask.shape)) == 1


def test_nuclei_go_back_to_the_images_size():
    mask = round_nuclei(64, 90, DISCS) > 0
    small = red_model().nuclei(answer(mask), (64, 90))
    large = red_model().nuclei(answer(mask), (128, 180), scale=0.5)
    for name in ("mask", "instances"):
        np.testing.assert_array_equal(getattr(large, name), getattr(small, name).repeat(2, axis=0).repeat(2, axis=1))
    assert large.table["area"].tolist() == [4 * area for area in small.table["area"]]


def test_an_empty_mask():
    found = red_model().nuclei(answer(np.zeros((5, 4), bool)), (5, 4))
    assert found.instances.max() == 0
    assert len(found) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_not_finite(value):
    maps = answer(np.ones((20, 20), bool))
    maps[0, 3, 4] = value
    with pytest.raises(InputError, match="not finite"):
        red_model().nuclei(maps, (20, 20))
    with pytest.raises(InputError, match="not finite"):
        painted_model().nuclei(maps.repeat(2, axis=0), (20, 20))


def test_touching_nuclei_of_a_hovernet_stay_apart():
    instances = round_nuclei(60, 90, [(30, 30, 12), (30, 55, 12), (10, 80, 6)])
    found = painted_model()(painted(instances))
    assert len(found) == 3
    assert found.mask is None
    np.testing.assert_array_equal(found.instances > 0, instances > 0)


def test_instances_and_types_go_back_to_the_images_size():
    instances = round_nuclei(60, 90, [(30, 30, 12), (30, 56, 12)])
    model = painted_model(types=3)
    maps = model.maps(painted(instances))
    small, large = model.nuclei(maps, (60, 90)), model.nuclei(maps, (120, 180), scale=0.5)
    np.testing.assert_array_equal(large.instances, small.instances.repeat(2, axis=0).repeat(2, axis=1))
    assert large.table["area"].tolist() == [4 * area for area in small.table["area"]]
    assert large.table["type"].tolist() == small.table["type"].tolist() == [2, 2]


# images


def test_a_file_a_pil_image_and_an_array_are_alike(tmp_path):
    picture, model = reddened(round_nuclei(64, 90, DISCS) > 0), red_model()
    Image.fromarray(picture).save(tmp_path / "a.png")
    alpha = Image.fromarray(np.dstack([picture, np.full(picture.shape[:2], 7, np.uint8)]))
    blue_first = np.ascontiguousarray(picture[..., ::-1])
    images = (picture, blue_first[..., ::-1], Image.fromarray(picture), alpha, tmp_path / "a.png")
    for image in (*images, str(tmp_path / "a.png")):
        found = model(image)
        assert len(found) == 3
        np.testing.assert_array_equal(found.picture, picture)
        assert "area_um2" not in found.table
    np.testing.assert_array_equal(model.maps(blue_first[..., ::-1]), model.maps(picture))


def test_an_image_is_rescaled_to_the_networks_pixel_size():
    picture, model = reddened(round_nuclei(64, 90, DISCS) > 0), red_model(-1, mpp=0.5)
    found = model(picture, mpp=1.0)
    assert model.network.sizes[-1][2:] == (128, 180)
    assert found.instances.shape == (64, 90)
    np.testing.assert_allclose(found.table["area_um2"], found.table["area"])
    assert model(picture, mpp=0.52).table["area_um2"].sum() == pytest.approx(
        found.table["area"].sum() * 0.52**2, rel=0.1
    )
    assert model.network.sizes[-1][2:] == (64, 90)


@pytest.mark.parametrize(
    ("image", "mpp", "message"),
    [
        (np.zeros((5, 5), np.uint8), None, "image: is uint8 of shape"),
        (np.zeros((5, 5, 4), np.uint8), None, "give HW3 uint8"),
        (np.zeros((5, 5, 3)), None, "image: is float64"),
        (np.zeros((0, 5, 3), np.uint8), None, "give HW3 uint8"),
        (Image.new("I;16", (5, 5)), None, "has the colour mode I;16"),
        ("nothing.png", None, "nothing.png: does not exist"),
        (noise(20, 20), 353, "mpp 353: write micrometres per pixel"),
        (noise(20, 20), 5.0, "more than 4 times apart"),
    ],
)
def test_images_that_cannot_be_taken(image, mpp, message):
    with pytest.raises(InputError, match=message) as refusal:
        red_model(mpp=0.25)(image, mpp)
    assert "\n" not in str(refusal.value)


# weights that go on training


def test_the_mirrored_weights_of_older_exports_answer_the_same():
    from small_bundles import FEATURES, small_unet

    definition = {"_target_": "BasicUNet", "spatial_dims": 2, "in_channels": 3, "features": FEATURES, "act": "RELU"}
    declared = declarations.Declaration(
        "mani_unet", {**definition, "norm": "BATCH"}, {"_target_": PARTING}, -1, axes=COLUMNS
    )
    from mani_monai.model import Model

    older = Model(small_unet(), declared, "cpu", "float32")
    rows = declared.trained(axes=declarations.ROWS)
    network = rows.build_network()
    network.load_state_dict(older.state)
    picture = noise(37, 52)
    np.testing.assert_allclose(Model(network, rows, "cpu", "float32").maps(picture), older.maps(picture), atol=1e-4)
    assert not torch.equal(
        older.state["conv_0.conv_0.conv.weight"], small_unet().state_dict()["conv_0.conv_0.conv.weight"]
    )
