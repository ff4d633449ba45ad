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


@pytest.mark.parametrize("content", [b"", b"nonsense", b"MATLAB 7.3 MAT-file" + b" " * 105 + b"\0\2IM" + b"\0" * 400])
def test_broken_mat(tmp_path, content):
    write(tmp_path, "Train", "train_1", inst_map=IDS)
    (tmp_path / "Train" / "Labels" / "train_1.mat").write_bytes(content)
    with pytest.raises(InputError, match=r"train_1\.mat: cannot be read as \.mat") as error:
        read_consep(tmp_path).records[0].read_mask((2, 3))
    assert "\n" not in str(error.value)


def test_missing_pieces(tmp_path):
    with pytest.raises(InputError, match="neither Train nor Test"):
        read_consep(tmp_path)
    write(tmp_path, "Train", "train_1", inst_map=IDS)
    (tmp_path / "Train" / "Labels" / "train_1.mat").unlink()
    assert "train_1.png: has no mask" in read_consep(tmp_path).problems[0]


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no CoNSeP at {DATA}")
def test_real_listing():
    listing = read_consep(DATA)
    assert len(listing.records) == 41
    assert sum(r.id.startswith("train_") for r in listing.records) == 27
    assert listing.problems == ()
