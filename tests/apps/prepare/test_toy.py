"""The toy data: exact masks, two tissues that differ as told, the layout of prepared data."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label

from mani_monai.apps.prepare.toy import ensure_toy_data, make_toy_data
from mani_monai.apps.prepare.toy_histology import make_tile
from mani_monai.apps.prepare.toy_styles import SOURCE_TISSUE, TARGET_TISSUE

TISSUES = pytest.mark.parametrize("style", [SOURCE_TISSUE, TARGET_TISSUE], ids=["source", "target"])
SIZE = (160, 208)


def haematoxylin_of(image: np.ndarray, style) -> np.ndarray:
    """Amount of haematoxylin, HW, by least squares on the optical density."""
    density = -np.log(np.clip(image, 1, None) / 246)
    return (density @ np.linalg.pinv([style.haematoxylin, style.eosin]))[..., 0]


@pytest.fixture(scope="module")
def tiles():
    return {
        style: [make_tile(style, (256, 256), seed) for seed in range(3)] for style in (SOURCE_TISSUE, TARGET_TISSUE)
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return folder, make_toy_data(folder, images=5, size=(48, 64), seed=3)


@TISSUES
def test_a_tile_is_a_function_of_its_seed(style):
    one, same, other = (make_tile(style, SIZE, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.image, same.image)
    np.testing.assert_array_equal(one.instances, same.instances)
    assert (one.image != other.image).any()
    assert (one.instances != other.instances).any()


@TISSUES
def test_a_tile_has_the_size_asked_for(style):
    tile = make_tile(style, SIZE, 0)
    assert (tile.image.shape, tile.image.dtype) == ((*SIZE, 3), np.uint8)
    assert (tile.instances.shape, tile.instances.dtype) == (SIZE, np.uint16)


@TISSUES
def test_every_instance_is_one_connected_piece(style):
    instances = make_tile(style, SIZE, 1).instances
    assert set(np.unique(instances)) == set(range(instances.max() + 1))
    assert instances.max() > 20
    for nucleus in range(1, instances.max() + 1):
        assert label(instances == nucleus)[1] == 1


@TISSUES
def test_the_mask_lies_on_the_nuclei(style, tiles):
    tile = tiles[style][0]
    amount, nuclei = haematoxylin_of(tile.image, style), tile.instances > 0
    assert np.median(amount[nuclei]) > 1.3 * np.median(amount[~nuclei])
    shifted = np.roll(nuclei, (3, 3), (0, 1))
    assert amount[nuclei].mean() - amount[~nuclei].mean() > 1.3 * (amount[shifted].mean() - amount[~shifted].mean())


def test_without_blur_and_noise_an_eosin_free_nucleus_obeys_beer_and_lambert():
    plain = {"chromatin": 0, "rim": 0, "nucleoli": 0, "haematoxylin_spread": 0, "eosin": 0, "haematoxylin": 0.8}
    style = replace(SOURCE_TISSUE, nuclei=replace(SOURCE_TISSUE.nuclei, **plain), blur=0, noise=0, stain_spread=0)
    tile = make_tile(style, (96, 96), 0)
    colours, counts = np.unique(tile.image[tile.instances > 0], axis=0, return_counts=True)
    np.testing.assert_array_equal(
        colours[counts.argmax()], np.rint(246 * np.exp(-0.8 * np.asarray(style.haematoxylin)))
    )


def test_gaps_are_white_and_hold_no_haematoxylin():
    style = replace(SOURCE_TISSUE, gaps=1.0, noise=0)
    tile = make_tile(style, (64, 64), 0)
    assert tile.instances.max() == 0
    assert tile.image.min() > 150


def test_the_tissues_differ_in_size_density_and_colour(tiles):
    def measure(style):
        areas = np.concatenate([np.bincount(tile.instances.ravel())[1:] for tile in tiles[style]])
        backgrounds = np.concatenate([tile.image[tile.instances == 0] for tile in tiles[style]])
        covered = np.mean([np.mean(tile.instances > 0) for tile in tiles[style]])
        return np.median(areas), covered, np.median(backgrounds, axis=0)

    (source_area, source_cover, source_colour), (target_area, target_cover, target_colour) = map(
        measure, (SOURCE_TISSUE, TARGET_TISSUE)
    )
    assert source_area > 1.5 * target_area
    assert source_cover > 1.2 * target_cover
    assert np.abs(source_colour - target_colour).max() > 20


def test_a_tile_too_small_to_draw_is_refused():
    with pytest.raises(ValueError, match="at least 32x32, got"):
        make_tile(SOURCE_TISSUE, (31, 64), 0)


def test_data_sets_are_written_in_the_prepared_layout(prepared):
    folder, made = prepared
    assert made == [folder / "toy_source", folder / "toy_target"]
    lists = {f"{role}_{kind}_{k}.json" for role in ("source", "target") for kind in ("split", "fold") for k in range(5)}
    for data_set in made:
        assert {path.name for path in data_set.iterdir()} == lists | {"images", "labels", "dataset.json"}
        for name in lists:
            content = json.loads((data_set / name).read_text())
            parts = [content[part] for part in ("training", "validation", "test")]
            assert all(parts)
            assert len({entry["image"] for part in parts for entry in part}) == 5
            for part, entries in zip(("training", "validation", "test"), parts, strict=True):
                keys = {"image"} if (name[:6], part) == ("target", "training") else {"image", "label"}
                for entry in entries:
                    assert set(entry) == keys
                    assert all((data_set / path).is_file() for path in entry.values())


def test_files_hold_what_was_drawn(prepared):
    for data_set in prepared[1]:
        for path in (data_set / "images").iterdir():
            with Image.open(path) as image, Image.open(data_set / "labels" / path.name) as mask:
                assert (image.mode, image.size) == ("RGB", (64, 48))
                assert mask.mode.startswith("I;16")
                assert mask.size == (64, 48)
                assert np.asarray(mask).max() > 0


def test_the_same_seed_writes_the_same_files(prepared, tmp_path):
    make_toy_data(tmp_path, images=5, size=(48, 64), seed=3)
    for path in (path for path in prepared[0].rglob("*") if path.is_file()):
        assert (tmp_path / path.relative_to(prepared[0])).read_bytes() == path.read_bytes(), path.name


def test_data_that_are_there_stay_unless_overwritten(prepared):
    folder, made = prepared
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert make_toy_data(folder, images=6, size=(48, 64)) == []
    ensure_toy_data(folder, ["toy_source", "toy_target", "tnbc"])
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert make_toy_data(folder, images=5, size=(48, 64), seed=3, overwrite=True) == made


def test_ensure_makes_toy_data_only_where_asked_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "mani_monai.apps.prepare.toy.make_tile", lambda style, size, seed: make_tile(style, (32, 40), seed)
    )
    ensure_toy_data(tmp_path, ["tnbc", "kirc"])
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""
    ensure_toy_data(tmp_path, ["toy_source", "kirc"])
    assert {path.name for path in tmp_path.iterdir()} == {"toy_source", "toy_target"}
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert str(tmp_path / "toy_source") in said


def test_too_few_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 5, got 4"):
        make_toy_data(tmp_path, images=4)
