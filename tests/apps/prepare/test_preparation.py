"""What a preparation writes: images, labels, lists and the summary."""

from __future__ import annotations

import numpy as np
from PIL import Image
from raw_images import HEIGHT, WIDTH, build, hidden, listing, read, tile

from mani_monai.apps.prepare.preparation import prepare


def test_layout(raw):
    found = build(raw)
    folder = raw.parent / "data" / "mine"
    assert found.written
    assert found.folder == folder
    names = {path.name for path in folder.iterdir()}
    lists = {f"{r}_{kind}_{k}.json" for r in ("source", "target") for kind in ("split", "fold") for k in range(5)}
    assert names == lists | {"images", "labels", "dataset.json"}
    assert hidden(folder.parent) == []
    for index in range(6):
        image, mask = tile(index)
        written = Image.open(folder / "images" / f"i{index}.png")
        label = Image.open(folder / "labels" / f"i{index}.png")
        assert (written.mode, label.mode) == ("RGB", "I;16")
        np.testing.assert_array_equal(np.asarray(written), image)  # not transposed
        np.testing.assert_array_equal(np.asarray(label) > 0, mask > 0)
        assert np.unique(np.asarray(label)).tolist() == [0, 1, 2]


def test_lists(raw):
    build(raw)
    folder = raw.parent / "data" / "mine"
    tested = []
    for kind in ("split", "fold"):
        for k in range(5):
            source, target = (read(folder / f"{role}_{kind}_{k}.json") for role in ("source", "target"))
            assert list(source) == list(target) == ["name", "training", "validation", "test"]
            assert source["name"] == "mine"
            assert all(set(entry) == {"image"} for entry in target["training"])
            assert [e["image"] for e in target["training"]] == [e["image"] for e in source["training"]]
            assert (source["validation"], source["test"]) == (target["validation"], target["test"])
            entries = source["training"] + source["validation"] + source["test"]
            assert sorted(e["image"] for e in entries) == [f"images/i{i}.png" for i in range(6)]
            assert all(e["label"] == e["image"].replace("images", "labels") for e in entries)
            tested += [e["image"] for e in source["test"]] if kind == "fold" else []
    assert sorted(tested) == [f"images/i{i}.png" for i in range(6)]


def test_summary(raw):
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(raw / "masks" / "i5.png")
    build(raw, seed=7)
    summary = read(raw.parent / "data" / "mine" / "dataset.json")
    assert summary["counts"] == {"images": 6, "nuclei": 10, "groups": 6, "empty_masks": 1}
    assert summary["sizes"] == [{"height": HEIGHT, "width": WIDTH, "images": 6}]
    assert summary["converted"] == {"binary mask to connected components": 5}
    assert summary["groups"] == {f"i{k}": f"i{k}" for k in range(6)}
    assert (summary["name"], summary["reader"], summary["seed"]) == ("mine", "folder", 7)
    assert summary["median_haematoxylin_contrast"] > 0.3


def test_without_masks_there_is_no_source(raw):
    found = prepare(listing(raw, masks=False), raw.parent / "data", "bare", progress=False)
    folder = raw.parent / "data" / "bare"
    assert not found.labelled
    assert not (folder / "labels").exists()
    assert not list(folder.glob("source_*"))
    target = read(folder / "target_split_0.json")
    assert [len(target[part]) for part in ("training", "validation", "test")] == [4, 1, 1]
    assert all(set(e) == {"image"} for part in ("training", "validation", "test") for e in target[part])
    assert read(folder / "dataset.json")["counts"]["nuclei"] is None


def test_some_empty_masks_are_no_fault(raw):
    for k in range(5):
        Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(raw / "masks" / f"i{k}.png")
    assert build(raw).written
