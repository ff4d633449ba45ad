import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mani_monai.data.readers import read_consep
from mani_monai.utils import InputError

DATA = Path(os.environ.get("MANI_DATA", Path(__file__).parents[4] / "shared" / "data")) / "CoNSeP"
IDS = np.array([[0, 3, 3], [9, 0, 0]])


def write(root, part, name, **content):
    for folder in ("Images", "Labels"):
        (root / part / folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((2, 3, 3), 200, np.uint8)).save(root / part / "Images" / f"{name}.png")
    savemat(root / part / "Labels" / f"{name}.mat", content)


@pytest.mark.parametrize("dtype", ["int32", "uint16", "float64"])
def test_native_layout(tmp_path, dtype):
    write(tmp_path / "CoNSeP", "Train", "train_1", inst_map=IDS.astype(dtype), type_map=IDS)
    write(tmp_path / "CoNSeP", "Test", "test_1", inst_map=IDS)
    listing = read_consep(tmp_path)
    assert [(r.id, r.group) for r in listing.records] == [("train_1", "train_1"), ("test_1", "test_1")]
    mask = listing.records[0].read_mask((2, 3))
    np.testing.assert_array_equal(mask.values, IDS)
    assert mask.kind == "ids"


def test_mat_without_inst_map_is_refused(tmp_path):
    write(tmp_path, "Train", "train_1", type_map=IDS)
    record = read_consep(tmp_path).records[0]
    with pytest.raises(InputError, match=r"train_1\.mat: has no inst_map \(it holds type_map\)"):
        record.read_mask((2, 3))


@pytest.mark.parametrize("values", [np.array([[0.5, 1]]), np.array([[-1, 1]]), np.zeros((2, 2, 2)), np.array(["a"])])
def test_inst_map_of_something_else_is_refused(tmp_path, values):
    write(tmp_path, "Train", "train_1", inst_map=values)
    with pytest.raises(InputError, match="not a map of whole ids"):
        read_consep(tmp_path).records[0].read_mask((2, 3))


MATLAB_7_3 = b"MATLAB 7.3 MAT-file" + b" " * 105 + b"\0\2IM" + b"\0" * 400
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [(MATLAB_7_3, "is of MATLAB's version 7.3; save it again with -v7"), (POINTER, "is a Git LFS pointer")],
)
def test_mat_that_is_whole_but_of_another_kind(tmp_path, content, line):
    write(tmp_path, "Train", "train_1", inst_map=IDS)
    (tmp_path / "Train" / "Labels" / "train_1.mat").write_bytes(content)
    with pytest.raises(InputError, match=rf"train_1\.mat: {line}"):
        read_consep(tmp_path).records[0].read_mask((2, 3))


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_broken_mat(tmp_path, content):
    write(tmp_path, "Train", "train_1", inst_map=IDS)
    (tmp_path / "Train" / "Labels" / "train_1.mat").write_bytes(content)
    with pytest.raises(InputError, match=r"train_1\.mat: cannot be read as \.mat") as error:
        read_consep(tmp_path).records[0].read_mask((2, 3))
    assert "\n" not in str(error.value)


def test_missing_pieces(tmp_path):
    with pytest.raises(InputError, match="neither Train nor Test"):
        read_consep(tmp_path)
    write(tmp_path / "taken" / "CoNSeP", "Train", "train_1", inst_map=IDS)
    with pytest.raises(InputError, match=f"; name {tmp_path / 'taken' / 'CoNSeP'}, where there are some"):
        read_consep(tmp_path)
    write(tmp_path, "Train", "train_1", inst_map=IDS)
    (tmp_path / "Train" / "Labels" / "train_1.mat").unlink()
    assert "train_1.png: has no mask" in read_consep(tmp_path).problems[0]


SEVEN = np.array([[0, 3, 4], [5, 0, 2]])


def test_seven_types_and_their_merge(tmp_path):
    write(tmp_path, "Train", "train_1", inst_map=IDS, type_map=SEVEN.astype(float))
    write(tmp_path, "Test", "test_1", inst_map=IDS, type_map=np.minimum(SEVEN, 2))  # alone it could be either
    listing = read_consep(tmp_path)
    assert [r.part for r in listing.records] == ["training", "test"]
    assert listing.types == (
        *("other", "inflammatory", "healthy epithelial", "malignant epithelial"),
        *("fibroblast", "muscle", "endothelial"),
    )
    mask = listing.records[0].read_mask((2, 3))
    np.testing.assert_array_equal(mask.types, SEVEN)
    assert mask.types.dtype == np.uint8
    merged = read_consep(tmp_path, merge_types=True)
    assert merged.types == ("other", "inflammatory", "epithelial", "spindle-shaped")
    np.testing.assert_array_equal(merged.records[0].read_mask((2, 3)).types, [[0, 3, 3], [4, 0, 2]])


def test_types_that_are_merged_already(tmp_path):
    write(tmp_path, "Train", "train_1", inst_map=IDS, type_map=np.minimum(SEVEN, 4))
    assert read_consep(tmp_path).types == ("other", "inflammatory", "epithelial", "spindle-shaped")
    with pytest.raises(InputError, match=r"holds no cell type above 4, so they are merged already; leave --merge"):
        read_consep(tmp_path, merge_types=True)


def test_other_types_keep_their_numbers_and_are_not_merged(tmp_path):
    write(tmp_path, "Train", "train_1", inst_map=IDS, type_map=SEVEN * 2)
    assert read_consep(tmp_path).types == tuple(f"type {value}" for value in range(1, 11))
    with pytest.raises(InputError, match="holds 10 cell types, not CoNSeP's seven"):
        read_consep(tmp_path, merge_types=True)


def test_without_types_in_every_file_there_are_none(tmp_path):
    write(tmp_path, "Train", "train_1", inst_map=IDS)
    listing = read_consep(tmp_path)
    assert (listing.types, listing.left_out) == ((), ())
    with pytest.raises(InputError, match="holds no cell types"):
        read_consep(tmp_path, merge_types=True)
    write(tmp_path, "Train", "train_2", inst_map=IDS, type_map=SEVEN)
    listing = read_consep(tmp_path)
    assert listing.types == ()
    assert listing.left_out == ("cell types: train_1.mat has no type_map (1 such)",)
    assert listing.records[1].read_mask((2, 3)).types is None


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (SEVEN.T, r"type_map of 3x2 holds values up to 5, where 2x3 and up to 255 were expected"),
        (SEVEN * 60, r"type_map of 2x3 holds values up to 300"),
        (SEVEN / 2, r"type_map is float64 of \(2, 3\), not a map of whole cell types"),
        (np.array(["a"]), r"type_map is .*not a map of whole cell types"),
    ],
)
def test_bad_type_map(tmp_path, values, fault):
    write(tmp_path, "Train", "train_1", inst_map=IDS, type_map=values)
    write(tmp_path, "Train", "train_2", inst_map=IDS, type_map=SEVEN)
    bad, good = read_consep(tmp_path).records
    with pytest.raises(InputError, match=rf"train_1\.mat: {fault}"):
        bad.read_mask((2, 3))
    np.testing.assert_array_equal(good.read_mask((2, 3)).types, SEVEN)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no CoNSeP at {DATA}")
def test_real_listing():
    listing = read_consep(DATA)
    assert len(listing.records) == 41
    assert sum(r.id.startswith("train_") for r in listing.records) == 27
    assert listing.problems == ()
    assert sum(r.part == "test" for r in listing.records) == 14
    assert len(listing.types) == 4
    with pytest.raises(InputError, match="merged already"):
        read_consep(DATA, merge_types=True)
