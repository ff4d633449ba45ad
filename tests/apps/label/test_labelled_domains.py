from __future__ import annotations

import nibabel
import numpy as np
import pytest
from PIL import Image
from raw_images import tile

from mani_monai.apps.label.labelled_domains import SPLIT, Labelled, prepare_domains
from mani_monai.data.datalists import load_source_list, load_target_list
from mani_monai.run.trained_domains import read_domains
from mani_monai.transforms.rescaling import rescaled
from mani_monai.utils import InputError


@pytest.fixture
def images(tmp_path):
    """Three images of 24 x 40 with masks, in files."""
    pairs = []
    for index in range(3):
        pixels, mask = tile(index)
        paths = [tmp_path / f"{kind} {index}.png" for kind in ("image", "mask")]
        Image.fromarray(pixels).save(paths[0])
        Image.fromarray(mask).save(paths[1])
        pairs.append(Labelled(*paths))
    return pairs


def test_labelled_images_are_the_source_and_the_others_the_target(images, tmp_path):
    found = prepare_domains(images[:2], [images[2].image], tmp_path / "data", 32)
    source = load_source_list(tmp_path / "data", found.source, SPLIT)
    target = load_target_list(tmp_path / "data", found.target, SPLIT)
    assert (len(source), len(target)) == (2, 1)
    np.testing.assert_array_equal(np.asarray(Image.open(target[0]["image"])), tile(2)[0])
    for index, item in enumerate(source):
        np.testing.assert_array_equal(np.asarray(Image.open(item["label"])) > 0, tile(index)[1] > 0)
    assert load_source_list(tmp_path / "data", found.source, SPLIT, "validation") == source[:1]
    assert found.crop_size == 16  # 24 px would not halve four times
    assert found.left_out == ()


def test_one_pair_is_enough_and_stands_for_the_target_where_there_is_none(images, tmp_path):
    found = prepare_domains(images[:1], [], tmp_path / "data", 16)
    (source,) = load_source_list(tmp_path / "data", found.source, SPLIT)
    (target,) = load_target_list(tmp_path / "data", found.target, SPLIT)
    assert target == {"image": source["image"]}


def test_annotations_of_a_viewer_are_labels(images, tmp_path):
    points = "".join(f'<Coordinate X="{x}" Y="{y}" />' for x, y in ((3, 2), (8, 2), (8, 8), (3, 8)))
    label = tmp_path / "a.xml"
    label.write_text(
        f"<ASAP_Annotations><Annotation><Coordinates>{points}</Coordinates></Annotation></ASAP_Annotations>"
    )
    found = prepare_domains([Labelled(images[0].image, label)], [], tmp_path / "data", 16)
    (item,) = load_source_list(tmp_path / "data", found.source, SPLIT)
    expected = np.zeros((24, 40))
    expected[2:8, 3:8] = 1
    np.testing.assert_array_equal(np.asarray(Image.open(item["label"])), expected)


def test_a_volume_of_one_slice_is_a_label(images, tmp_path):
    mask = tile(0)[1]
    label = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(mask.T.astype(np.int16), np.eye(4)), label)
    other = tmp_path / "b.nii.gz"
    nibabel.save(nibabel.Nifti1Image(mask.astype(np.int16), np.eye(4)), other)  # turned: of another size
    pairs = [Labelled(images[0].image, label), Labelled(images[1].image, other)]
    found = prepare_domains(pairs, [], tmp_path / "data", 16)
    (item,) = load_source_list(tmp_path / "data", found.source, SPLIT)
    np.testing.assert_array_equal(np.asarray(Image.open(item["label"])) > 0, mask > 0)
    assert len(found.left_out) == 1


def test_what_cannot_be_used_is_left_out_and_said(images, tmp_path):
    images[0].image.write_bytes(images[0].image.read_bytes()[:60])
    images[1].label.unlink()
    found = prepare_domains(images, [images[0].image, images[1].image], tmp_path / "data", 16)
    assert len(load_source_list(tmp_path / "data", found.source, SPLIT)) == 1
    assert len(load_target_list(tmp_path / "data", found.target, SPLIT)) == 1
    assert len(found.left_out) == 2
    assert "image 0.png: cannot be decoded" in found.left_out[0]
    assert "mask 1.png: does not exist" in found.left_out[1]


def test_no_label_at_all(images, tmp_path):
    with pytest.raises(InputError, match="no image of the datastore has a final label"):
        prepare_domains([], [images[0].image], tmp_path / "data", 16)


def test_no_image_that_can_be_used(images, tmp_path):
    images[0].image.write_bytes(b"no image")
    with pytest.raises(InputError, match="no labelled image of the datastore can be used"):
        prepare_domains(images[:1], [images[1].image], tmp_path / "data", 16)


def test_an_image_too_small_for_the_others_crops_is_left_out(images, tmp_path):
    Image.new("RGB", (10, 10)).save(tmp_path / "tiny.png")
    unlabelled = [pair.image for pair in images] + [tmp_path / "tiny.png"]
    found = prepare_domains(images[:1], unlabelled, tmp_path / "data", 16)
    assert len(load_target_list(tmp_path / "data", found.target, SPLIT)) == 3
    assert found.crop_size == 16
    (line,) = found.left_out
    assert "tiny: is 10x10 (height x width), smaller than the crop of 16 px" in line


def _sized(image, um):
    """The image as a TIFF that says its pixel size."""
    path = image.with_suffix(".tif")
    Image.open(image).save(path, dpi=(25400 / um, 25400 / um))
    return path


def test_images_are_brought_to_the_networks_pixel_size_with_their_labels(images, tmp_path):
    halves = [Labelled(_sized(pair.image, um), pair.label) for pair, um in zip(images, (0.5, 0.25), strict=False)]
    found = prepare_domains(halves, [_sized(images[2].image, 0.5)], tmp_path / "data", 16, mpp=0.25)
    source = load_source_list(tmp_path / "data", found.source, SPLIT)
    target = load_target_list(tmp_path / "data", found.target, SPLIT)
    sizes = [Image.open(item["image"]).size for item in (*source, *target)]
    assert sizes == [(80, 48), (40, 24), (80, 48)]
    np.testing.assert_array_equal(np.asarray(Image.open(source[0]["image"])), rescaled(tile(0)[0], 2.0))
    labels = [np.asarray(Image.open(item["label"])) > 0 for item in source]
    np.testing.assert_array_equal(labels[0], (tile(0)[1] > 0).repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(labels[1], tile(1)[1] > 0)
    assert {domain["mpp"] for domain in read_domains(tmp_path / "data", "source", found.source)} == {0.25}


def test_images_of_another_magnification_are_left_out(images, tmp_path):
    far = Labelled(_sized(images[0].image, 4.0), images[0].label)
    found = prepare_domains([far, images[1]], [], tmp_path / "data", 16, mpp=0.25)
    assert len(load_source_list(tmp_path / "data", found.source, SPLIT)) == 1
    assert found.left_out[0].startswith(f"{far.image}: its pixels are 4 um")
    assert "more than 4 times apart" in found.left_out[0]


def test_a_label_of_another_size_is_left_out_though_it_would_be_rescaled(images, tmp_path):
    volume = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((10, 10, 1), np.uint8), np.eye(4)), volume)
    found = prepare_domains(
        [Labelled(_sized(images[0].image, 0.5), volume), images[1]], [], tmp_path / "d", 16, mpp=0.25
    )
    assert "its label is 10x10 and not 24x40 (height x width)" in found.left_out[0]


def test_nothing_is_rescaled_where_the_network_has_no_pixel_size(images, tmp_path):
    found = prepare_domains([Labelled(_sized(images[0].image, 0.5), images[0].label)], [], tmp_path / "data", 16)
    (source,) = load_source_list(tmp_path / "data", found.source, SPLIT)
    assert Image.open(source["image"]).size == (40, 24)
