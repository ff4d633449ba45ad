"""Two data sets in one folder: what is used, what is left out, and that the target has no labels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from mani_monai.apps.adapt.domains import (
    SPLIT,
    prepare_domains,
    read_domains,
    source_folder,
    target_name,
    write_domains,
)
from mani_monai.data.datalists import load_source_list, load_target_list
from mani_monai.utils import InputError


@pytest.fixture
def slides(tmp_path):
    """Three images of 64x80, one that is too small and one that is none."""
    folder = tmp_path / "kidney" / "images"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.fromarray(np.full((64, 80, 3), 40 * number, np.uint8)).save(folder / f"{number}.png")
    Image.new("RGB", (80, 40)).save(folder / "small.png")
    (folder / "broken.png").write_bytes(b"no image")
    return folder


def test_what_a_training_finds(toy_dir, slides, tmp_path):
    found = prepare_domains(toy_dir / "toy_source", slides, tmp_path / "data", 32, "CC0", progress=False)
    assert (found.source, found.target, found.images, found.crop_size) == ("toy_source", "kidney", 4, 32)
    target = load_target_list(tmp_path / "data", "kidney", SPLIT)
    assert [list(item) for item in target] == [["image"]] * 4
    assert json.loads((tmp_path / "data" / "kidney" / "dataset.json").read_text())["licence"] == "CC0"
    assert not (tmp_path / "data" / "kidney" / "labels").exists()
    for part in ("training", "validation"):
        own = load_source_list(toy_dir, "toy_source", "split_0", part)
        assert load_source_list(tmp_path / "data", "toy_source", SPLIT, part) == own
    (line,) = found.left_out
    assert "broken.png: cannot be decoded" in line


def test_images_smaller_than_the_crop_are_left_out(toy_dir, slides, tmp_path):
    found = prepare_domains(toy_dir / "toy_source", slides, tmp_path / "data", 64, progress=False)
    assert (found.images, found.crop_size, found.largest) == (3, 64, 80)
    assert found.left_out[-1] == "small: is 40x80 (height x width), smaller than the crop of 64 px"
    assert len(load_target_list(tmp_path / "data", "kidney", SPLIT)) == 3


def test_too_few_images_are_refused_with_what_was_wrong(toy_dir, slides, tmp_path):
    (slides / "0.png").unlink()
    with pytest.raises(InputError) as refused:
        prepare_domains(toy_dir / "toy_source", slides, tmp_path / "data", 64, progress=False)
    assert "broken.png: cannot be decoded" in str(refused.value)
    assert str(refused.value).endswith("only 2 images can be used, and an adaptation needs 3; add images.")


def test_suspicious_images_train_nothing_where_others_do(toy_dir, tmp_path):
    folder = tmp_path / "kidney"
    folder.mkdir()
    for number in range(4):
        pixels = np.full((64, 80, 3), (200, 130 + number, 180), np.uint8)
        if number == 3:
            pixels[:32] = np.array((58, 50, 46)) + np.random.default_rng(0).integers(-6, 7, (32, 80, 3))
        Image.fromarray(pixels).save(folder / f"{number}.png")
    found = prepare_domains(toy_dir / "toy_source", folder, tmp_path / "data", 32, progress=False)
    assert found.images == 3
    (line,) = found.left_out
    assert line.startswith(f"{folder / '3.png'}: is suspicious and trained nothing: black pigment")


def test_a_folder_where_nothing_can_be_read(toy_dir, slides, tmp_path):
    for path in slides.glob("*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(InputError, match="no image of it can be used"):
        prepare_domains(toy_dir / "toy_source", slides, tmp_path / "data", 64, progress=False)


def test_what_is_kept_is_read_back(toy_dir, slides, tmp_path):
    found = prepare_domains(toy_dir / "toy_source", slides, tmp_path / "data", 64, progress=False)
    write_domains(found, tmp_path / "data" / "domains.json")
    assert read_domains(tmp_path / "data" / "domains.json") == found


def test_names():
    assert target_name("/x/kidney biopsies/", "breast") == "kidney_biopsies"
    assert target_name("/x/kidney/images", "breast") == "kidney"
    assert target_name("/x/breast", "breast") == "breast_target"
    assert target_name("/x/<b>", "breast") == "b"


def test_a_source_that_is_not_prepared_or_has_no_labels(tmp_path, toy_dir, slides):
    with pytest.raises(InputError, match="is no prepared data set"):
        source_folder(tmp_path)
    (tmp_path / "data" / "breast").mkdir(parents=True)
    (tmp_path / "data" / "breast" / "dataset.json").touch()
    with pytest.raises(InputError, match=f"; name {tmp_path / 'data' / 'breast'}, where there are some"):
        source_folder(tmp_path / "data")
    (slides.parent / "dataset.json").write_text("{}")
    with pytest.raises(InputError, match="has no source lists, since it has no masks"):
        prepare_domains(slides.parent, slides, tmp_path / "data", 64)
