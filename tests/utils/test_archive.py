"""Folders for outputs: none within a bundle, and none within what is exported."""

import pytest

from mani_monai.__main__ import main
from mani_monai.utils import InputError
from mani_monai.utils.archive import check_outside, write_hashes


@pytest.fixture
def bundle(tmp_path):
    (tmp_path / "bundle" / "configs").mkdir(parents=True)
    (tmp_path / "bundle" / "configs" / "metadata.json").write_text("{}")
    write_hashes(tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.mark.parametrize("inner", ["", "predictions", "models/x/y", "../bundle/x"])
def test_outputs_within_a_bundle_are_refused(bundle, inner):
    with pytest.raises(InputError, match=r"bundle.*: lies within .*bundle; name another folder with --out"):
        check_outside(bundle / inner)


def test_outputs_beside_a_bundle_and_names_that_cannot_be_are_left_to_others(bundle, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "link")
    for place in ("", "other", "bundle2", "link/x", "x" * 300, "a\0b"):
        check_outside(tmp_path / place)
    (bundle / "hashes.json").unlink()
    check_outside(bundle / "x")


def test_outputs_within_what_is_exported_are_refused(tmp_path):
    run = tmp_path / "run"
    (run / "models").mkdir(parents=True)
    for place in (run, run / "models", run / "new"):
        with pytest.raises(InputError, match=r"run.*: lies within .*run; name another folder with --out"):
            check_outside(place, run)
    for place in (tmp_path, tmp_path / "run2"):
        check_outside(place, run)
    check_outside(tmp_path, tmp_path / "no_folder.zip")


@pytest.mark.parametrize(
    "command",
    [
        ["export", "--run", "bundle"],
        ["export", "--bundle", "bundle", "--format", "qupath"],
        ["infer", "--bundle", "bundle", "--images", "images"],
        ["slides", "--bundle", "bundle", "--slides", "images"],
        ["adapt", "--model", "bundle", "--target", "images"],
    ],
    ids=" ".join,
)
def test_every_command_that_writes_refuses_it(bundle, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"")
    before = sorted(bundle.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        main([*command, "--out", "bundle/x"])
    assert str(stop.value).startswith("bundle/x: lies within ")
    assert sorted(bundle.rglob("*")) == before
