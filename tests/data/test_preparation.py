import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mani_monai.data import preparation
from mani_monai.data.preparation import prepare
from mani_monai.data.readers import Listing, RawMask, Record, read_folder
from mani_monai.data.windows import WindowGrid
from mani_monai.utils import InputError

HEIGHT, WIDTH = 24, 40
TISSUE, NUCLEUS = (230, 170, 200), (90, 60, 150)


def tile(index):
    """An image with two nuclei at places of its own, and its binary mask; neither square nor symmetric."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[2 + index : 8 + index, 3:8] = 255
    mask[4:9, 20 + index : 30 + index] = 255
    return np.where(mask[..., None] > 0, NUCLEUS, TISSUE).astype(np.uint8), mask


@pytest.fixture
def raw(tmp_path):
    """Six images with masks."""
    for part in ("images", "masks"):
        (tmp_path / "raw" / part).mkdir(parents=True)
    for index in range(6):
        image, mask = tile(index)
        Image.fromarray(image).save(tmp_path / "raw" / "images" / f"i{index}.png")
        Image.fromarray(mask).save(tmp_path / "raw" / "masks" / f"i{index}.png")
    return tmp_path / "raw"


def listing(raw, masks=True):
    return read_folder(raw / "images", raw / "masks" if masks else None)


def build(raw, **options):
    options = {"out": raw.parent / "data", "name": "mine", "progress": False} | options
    return prepare(listing(raw), **options)


def read(path):
    return json.loads(Path(path).read_text())


def hidden(folder):
    return [path.name for path in folder.glob(".*")] if folder.exists() else []


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


def test_full_disk_is_one_line(raw, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preparation, "write_lists", full)
    with pytest.raises(InputError, match=r"mine: cannot be written .*No space left.*free some space"):
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
    assert "i0.png: the mask's 2 values lie in" in build(raw).failures[0]


def test_groups_reach_the_folds(tmp_path):
    image = tmp_path / "a.png"
    Image.fromarray(tile(0)[0]).save(image)
    records = tuple(
        Record(f"{patient}{k}", patient, image, lambda shape: RawMask(np.ones(shape, int)))
        for patient in "abc"
        for k in "12"
    )
    prepare(Listing("made", records, "none", "patient"), tmp_path / "data", "grouped", progress=False)
    folder = tmp_path / "data" / "grouped"
    assert len(list(folder.glob("source_fold_*.json"))) == 3
    for path in folder.glob("source_fold_*.json"):
        assert len({entry["image"][7] for entry in read(path)["test"]}) == 1  # the patient's letter
        assert len(read(path)["test"]) == 2


def test_windows_are_divided_with_their_image(raw):
    whole, cut = (build(raw, name=name, windows=grid) for name, grid in (("whole", None), ("cut", WindowGrid(16, 8))))
    assert (len(whole.images), len(whole.originals)) == (6, 6)
    assert (len(cut.images), len(cut.originals)) == (6 * 15, 6)
    assert {image.group for image in cut.images} == {f"i{k}" for k in range(6)}
    for images, windows in zip(whole.splits + whole.folds, cut.splits + cut.folds, strict=True):
        for part in ("training", "validation", "test"):
            assert len(getattr(windows, part)) == 15 * len(getattr(images, part))
            assert tuple(dict.fromkeys(name[:2] for name in getattr(windows, part))) == getattr(images, part)
    folder = raw.parent / "data" / "cut"
    assert len(list((folder / "images").iterdir())) == len(list((folder / "labels").iterdir())) == 90
    assert read(folder / "source_split_0.json")["test"][0]["label"].endswith("_r00_c00.png")
    summary = read(folder / "dataset.json")
    assert summary["groups"]["i3_r02_c04"] == "i3"
    assert summary["windows"]["of_images"] == 6
    assert summary["converted"] == {"binary mask to connected components": 6}


def made(tmp_path, parts, types=None):
    """A listing of drawn images that belong to parts of a partition."""
    image, ids = tmp_path / "a.png", np.eye(20, dtype=int)
    Image.fromarray(np.full((20, 20, 3), 200, np.uint8)).save(image)
    records = tuple(
        Record(
            name, name, image, lambda shape, part=part: RawMask(ids * (part != "empty"), "ids", (), types), part=part
        )
        for name, part in parts.items()
    )
    return Listing("made", records, "none", types=() if types is None else ("round",))


def test_own_partition_and_types(tmp_path):
    parts = {f"i{k:02d}": "test" if k < 5 else "training" for k in range(25)}
    listing = made(tmp_path, parts, types=np.ones((20, 20), np.uint8))
    found = prepare(listing, tmp_path / "data", "mine", progress=False, seed=4)
    folder = tmp_path / "data" / "mine"
    target = read(folder / "target_native.json")
    assert [len(target[part]) for part in ("training", "validation", "test")] == [18, 2, 5]
    assert [entry["image"] for entry in target["test"]] == [f"images/i{k:02d}.png" for k in range(5)]
    assert found.native.validation != prepare(listing, tmp_path, "other", progress=False, seed=5).native.validation
    assert np.asarray(Image.open(folder / "types" / "i00.png")).tolist() == np.eye(20, dtype=int).tolist()
    assert found.converted["cell types outside of nuclei dropped"] == 25


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"a": "empty", "b": "empty"}, r"mine: no mask holds a nucleus; a source needs nuclei: check the masks"),
        ({"a": "training", "b": "empty"}, r"mine: no mask of its empty part holds a nucleus"),
    ],
)
def test_masks_without_any_nucleus(tmp_path, parts, fault):
    with pytest.raises(InputError, match=fault) as error:
        prepare(made(tmp_path, parts), tmp_path / "data", "mine", progress=False)
    assert "\n" not in str(error.value)
    assert list((tmp_path / "data").iterdir()) == []


def test_some_empty_masks_are_no_fault(raw):
    for k in range(5):
        Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(raw / "masks" / f"i{k}.png")
    assert build(raw).written
