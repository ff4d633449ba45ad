"""What a preparation refuses, what it leaves out, and what stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from raw_images import HEIGHT, WIDTH, build, hidden, listing_of_parts, read, tile

from mani_monai.apps.prepare import preparation
from mani_monai.apps.prepare.preparation import prepare
from mani_monai.data.readers import Listing
from mani_monai.utils import InputError


def spoil(raw):
    """Four different faults; i0 and i5 stay good."""
    (raw / "masks" / "i1.png").unlink()
    (raw / "images" / "i2.png").write_bytes((raw / "images" / "i2.png").read_bytes()[:80])
    Image.fromarray(tile(3)[1].T).save(raw / "masks" / "i3.png")
    (raw / "images" / "i4.png").unlink()


def test_all_faults_are_collected_and_nothing_is_written(raw):
    spoil(raw)
    found = build(raw)
    assert not found.written
    assert len(found.failures) == 4
    text = "\n".join(found.failures)
    assert "images/i1.png: has no mask" in text
    assert "images/i2.png: cannot be decoded" in text
    assert "images/i3.png: is 24x40 (height x width) but its mask 40x24" in text
    assert "masks/i4.png: is a mask without its image" in text
    assert not (raw.parent / "data" / "mine").exists()
    assert hidden(raw.parent / "data") == []


def test_skip_bad_writes_the_rest(raw):
    spoil(raw)
    found = build(raw, skip_bad=True)
    folder = raw.parent / "data" / "mine"
    assert found.written
    assert len(found.failures) == 4
    assert sorted(path.stem for path in (folder / "images").iterdir()) == ["i0", "i5"]
    assert sorted(path.stem for path in (folder / "labels").iterdir()) == ["i0", "i5"]
    assert len(read(folder / "dataset.json")["left_out"]) == 4
    split = read(folder / "source_split_0.json")
    assert sorted(e["image"] for part in ("training", "test") for e in split[part]) == [
        "images/i0.png",
        "images/i5.png",
    ]
    assert not list(folder.glob("*_fold_*"))


def test_nothing_left_is_never_written(raw):
    for path in (raw / "images").iterdir():
        path.write_bytes(b"")
    found = build(raw, skip_bad=True)
    assert not found.written
    assert len(found.failures) == 6
    with pytest.raises(InputError, match="no image is left to prepare"):
        prepare(Listing("x", (), "y"), raw.parent / "data", "mine")


def test_existing_data_set_is_kept_unless_overwritten(raw):
    build(raw)
    label = raw.parent / "data" / "mine" / "labels" / "i0.png"
    before = label.read_bytes()
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(raw / "masks" / "i0.png")
    with pytest.raises(InputError, match=r"mine: is there already; pass --overwrite"):
        build(raw)
    assert label.read_bytes() == before
    build(raw, overwrite=True)
    assert label.read_bytes() != before


def test_failed_overwrite_keeps_the_old_one(raw):
    build(raw)
    label = raw.parent / "data" / "mine" / "labels" / "i0.png"
    before = label.read_bytes()
    spoil(raw)
    assert not build(raw, overwrite=True).written
    assert label.read_bytes() == before


def test_interrupted_preparation_leaves_nothing(raw, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "write_lists", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(raw)
    assert list((raw.parent / "data").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "words", "remedy"),
    [(28, "No space left on device", "free some space"), (13, "Permission denied", "mend its permissions")],
)
def test_a_folder_that_cannot_be_written_is_one_line(raw, monkeypatch, number, words, remedy):
    def refuse(*_):
        raise OSError(number, words)

    monkeypatch.setattr(preparation, "write_lists", refuse)
    with pytest.raises(InputError, match=rf"mine: cannot be written \({words}\); {remedy}, or choose another --out"):
        build(raw)
    assert list((raw.parent / "data").iterdir()) == []


def test_a_folder_of_something_else_is_never_replaced(raw):
    folder = raw.parent / "data" / "mine"
    folder.mkdir(parents=True)
    (folder / "thesis.txt").touch()
    with pytest.raises(InputError, match="not prepared here"):
        build(raw, overwrite=True)
    assert (folder / "thesis.txt").exists()


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a b"])
def test_name_must_be_a_plain_folder_name(raw, name):
    with pytest.raises(InputError, match="--name"):
        build(raw, name=name)


def test_mask_of_types_names_the_image(raw):
    types = np.zeros((HEIGHT, WIDTH), np.uint8)
    types[::2, ::2] = 1
    types[::2, ::4] = 2
    Image.fromarray(types).save(raw / "masks" / "i0.png")
    assert "i0.png: the mask is doubtful: its 2 ids lie in" in build(raw).failures[0]


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"a": "empty", "b": "empty"}, r"mine: no mask holds a nucleus; a source needs nuclei: check the masks"),
        ({"a": "training", "b": "empty"}, r"mine: no mask of its empty part holds a nucleus"),
    ],
)
def test_masks_without_any_nucleus(tmp_path, parts, fault):
    with pytest.raises(InputError, match=fault) as error:
        prepare(listing_of_parts(tmp_path, parts), tmp_path / "data", "mine", progress=False)
    assert "\n" not in str(error.value)
    assert list((tmp_path / "data").iterdir()) == []
