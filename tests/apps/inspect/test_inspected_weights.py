"""Inspection of weights: pickled code, programs and pointers are told from tensors, and none is executed."""

from __future__ import annotations

import pickle
import shutil
import zipfile

import numpy as np
import pytest
import torch
from hostile import Evil, dangers

from mani_monai.apps.inspect.inspection import inspect_bundle
from mani_monai.utils import InputError
from mani_monai.utils.archive import write_hashes


@pytest.mark.filterwarnings("error::UserWarning")
def test_pickled_code_in_weights(bundle, witness):
    torch.save({"weight": torch.zeros(2), "x": Evil(witness)}, bundle / "models" / "model.pt")
    (bundle / "models" / "legacy.pth").write_bytes(pickle.dumps(Evil(witness)))
    (bundle / "models" / "state.pkl").write_bytes(pickle.dumps(Evil(witness)))
    np.save(bundle / "models" / "array.npy", np.array([Evil(witness)], object), allow_pickle=True)
    write_hashes(bundle)
    places = [text.split(":")[0] for text in dangers(bundle)]
    assert places == ["models/array.npy", "models/legacy.pth", "models/model.pt", "models/state.pkl"]


@pytest.mark.parametrize("name", ["model.pt", "model.ts", "model.onnx"])
def test_a_pointer_of_git_lfs_is_to_be_fetched(bundle, name):
    path = bundle / "models" / name
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    assert any(f"models/{name}" in line and "fetch it with git lfs pull" in line for line in dangers(bundle))


def test_names_in_a_zip_that_are_not_what_they_say(bundle, tmp_path):
    path = bundle / "models" / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("\u00e4/data.pkl", b"")  # flagged as UTF-8
    path.write_bytes(path.read_bytes().replace("\u00e4".encode(), b"\xff\xfe"))
    assert any("models/model.pt" in line for line in dangers(bundle))
    packed = shutil.copy(path, tmp_path / "packed.zip")
    with pytest.raises(InputError, match="is no zip"):
        inspect_bundle(packed)


def test_weights_that_are_cut_short_are_called_damaged(bundle):
    path = bundle / "models" / "model.pt"
    torch.save({"x": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])
    assert any("models/model.pt" in line and "it is damaged, or" in line for line in dangers(bundle))


def test_a_zip_of_an_unknown_version_is_no_traceback(bundle, tmp_path):
    path = bundle / "models" / "model.pt"
    torch.save({"x": torch.zeros(10)}, path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 139  # 13.9, in the directory's first entry
    path.write_bytes(content)
    assert any("models/model.pt" in line for line in dangers(bundle))  # whose hash is another, too
    with pytest.raises(InputError, match=r"is no zip \(zip file version 13\.9\)"):
        inspect_bundle(shutil.copy(path, tmp_path / "packed.zip"))


def test_torchscript_is_code_and_not_weights(bundle):
    torch.jit.script(torch.nn.Linear(2, 1)).save(bundle / "models" / "model.ts")
    shutil.copy(bundle / "models" / "model.ts", bundle / "models" / "model.pt")
    write_hashes(bundle)
    assert [text.split(":")[0] for text in dangers(bundle)] == ["models/model.pt"]
    assert any(f.place == "models/model.ts" and "a program" in f.what for f in inspect_bundle(bundle))


@pytest.mark.parametrize(
    ("location", "danger"), [("weights.bin", False), ("../../secret", True), ("/etc/passwd", True)]
)
def test_onnx_that_reads_files(bundle, location, danger):
    from onnx import TensorProto, helper

    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    graph = helper.make_graph([], "g", [], [], initializer=[tensor])
    (bundle / "models" / "model.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    write_hashes(bundle)
    assert any(f"reads {location}" in finding.what for finding in inspect_bundle(bundle))
    assert bool(dangers(bundle)) == danger
