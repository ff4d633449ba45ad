"""Hostile bundles are refused in one line before anything of them is read, unpacked or run."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from mani_monai.apps.inspect.inspect_command import inspect
from mani_monai.bundle_files import bundle_within, opened_bundle
from mani_monai.utils import InputError
from mani_monai.utils.archive import files_of, write_archive, write_hashes


class Evil:
    """Its unpickling writes a file."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return Path.touch, (self.witness,)


def refusal_of(path: Path) -> str:
    with pytest.raises(InputError) as refusal, opened_bundle(path):
        raise AssertionError("it was opened")
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith(f"{path}: ")
    return str(refusal.value)


def test_a_clean_bundle_is_opened(exported):
    with opened_bundle(exported.folder) as folder:
        assert folder == exported.folder
    with opened_bundle(exported.archive) as folder:
        names = {name: path.read_bytes() for name, path in files_of(folder).items()}
    assert names == {name: path.read_bytes() for name, path in files_of(exported.folder).items()}
    assert not folder.exists(), "the temporary folder is left"


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize(
    ("attack", "danger"),
    [("pickle", "not tensors only"), ("legacy", "not tensors only"), ("hash", "was changed"), ("config", "eval")],
)
def test_hostile_bundles(exported, tmp_path, attack, danger, form):
    folder, witness = tmp_path / "mani_unet", tmp_path / "code_ran"
    shutil.copytree(exported.folder, folder)
    weights, config = folder / "models" / "model.pt", folder / "configs" / "inference.json"
    if attack == "pickle":
        torch.save({"x": Evil(witness)}, weights)
    elif attack == "legacy":
        weights.write_bytes(pickle.dumps(Evil(witness)))
    elif attack == "hash":
        torch.save({"x": torch.zeros(1)}, weights)
    else:
        config.write_text(json.dumps({**json.loads(config.read_text()), "x": "$eval('1')"}))
    if attack != "hash":
        write_hashes(folder)
    path = folder
    if form == "zip":
        path = tmp_path / "bundle.zip"
        write_archive(folder, path)
    refusal = refusal_of(path)
    assert "is refused: " in refusal
    assert danger in refusal
    assert not witness.exists()


def test_an_archive_that_leaves_its_folder(tmp_path):
    path = tmp_path / "in" / "bundle.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mani_unet/configs/metadata.json", "{}")
        archive.writestr("../../outside.txt", "x")
    assert "leaves its folder" in refusal_of(path)
    assert [found.name for found in tmp_path.rglob("*")] == ["in", "bundle.zip"]


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_errors_of_the_block_name_the_bundle(exported, form):
    path = getattr(exported, form)
    for message, said in (
        ("{}/configs/x.json: is odd.", f"{path}: configs/x.json: is odd."),
        ("its window is odd.", f"{path}: its window is odd."),
        (f"{path}: is odd.", f"{path}: is odd."),
        ("--device x: is odd.", "--device x: is odd."),
    ):
        with pytest.raises(InputError) as refusal, opened_bundle(path) as folder:
            raise InputError(message.replace("{}", str(folder)))
        assert str(refusal.value) == said


@pytest.mark.parametrize("found", [["mani infer"], [], "adapted model", 3])
def test_a_report_whose_next_command_is_no_object(tmp_path, found):
    bundle = tmp_path / "adapted" / "mani_unet"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "configs" / "metadata.json").write_text("{}")
    (tmp_path / "report.json").write_text(json.dumps({"next": found}))
    with pytest.raises(InputError) as refusal:
        bundle_within(tmp_path)
    kind = type(found).__name__
    assert str(refusal.value).startswith(f"{tmp_path / 'report.json'}: its key 'next' holds no object but {kind}; ")
    (tmp_path / "report.json").write_text(json.dumps({"next": {"adapted model": "mani infer"}}))
    assert bundle_within(tmp_path) == bundle


def test_what_is_no_bundle(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK but no zip")
    assert "is no zip" in refusal_of(tmp_path / "a.zip")
    assert "no such file or folder" in refusal_of(tmp_path / "nothing")


def test_a_zip_that_macos_packed_is_opened(exported, tmp_path):
    path = tmp_path / "a.zip"
    shutil.copy(exported.archive, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/mani_unet/configs/._metadata.json", b"\0\5\x16\7")
        archive.writestr("mani_unet/.DS_Store", b"\0")
    with opened_bundle(path) as folder:
        assert folder.name == "mani_unet"


def test_a_zip_of_several_bundles_is_named_and_not_where_it_was_unpacked(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "ab":
            archive.writestr(f"{name}/configs/metadata.json", "{}")
    assert refusal_of(path) == f"{path}: holds bundles and is none (a, b); name a."


def test_an_adaptations_folder_is_inspected_as_its_bundle(exported, tmp_path, capsys):
    shutil.copytree(exported.folder, tmp_path / "adapted" / "mani_unet")
    (tmp_path / "report.json").write_text(json.dumps({"next": {"adapted model": "mani infer"}}))
    assert inspect(str(tmp_path)) == inspect(str(exported.folder)) == 0
    first, second = capsys.readouterr().out.split("Nothing dangerous found.")[1:]
    assert first == second
