"""What is said before a label server starts, of which a stand-in takes the place."""

from __future__ import annotations

import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
from bundle_files import REPOSITORY

from mani_monai.apps.label.label_command import QUPATH, label
from mani_monai.utils import InputError


@pytest.fixture
def started(monkeypatch):
    """Command lines that MONAI Label was started with."""
    lines = []
    module = ModuleType("monailabel.main")
    module.Main = lambda: SimpleNamespace(run=lambda: lines.append(sys.argv[1:]))
    monkeypatch.setitem(sys.modules, "monailabel", ModuleType("monailabel"))
    monkeypatch.setitem(sys.modules, "monailabel.main", module)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["mani"])
    return lines


def test_the_server_says_which_versions_of_qupath_can_ask_it(started, tmp_path, capsys):
    label(str(tmp_path), str(tmp_path), port=8123)
    assert capsys.readouterr().out.splitlines() == [QUPATH]
    (words,) = started
    assert words[0] == "start_server"
    assert words[words.index("--port") + 1] == "8123"
    assert words[words.index("--conf") + 1 :][:2] == ["bundles", str(tmp_path)]


def test_the_weights_that_come_along_are_found_from_any_folder(started, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    label("pretrained/mani_unet", str(tmp_path))
    (words,) = started
    assert words[words.index("--conf") + 1 :][:2] == ["bundles", str(REPOSITORY / "pretrained" / "mani_unet")]


def test_a_place_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"--bundles .*none: no such file"):
        label(str(tmp_path / "none"), str(tmp_path))
    with pytest.raises(InputError, match=r"--images .*none: no such folder"):
        label(str(tmp_path), str(tmp_path / "none"))


def test_images_that_lie_in_a_folder_below_are_found_for_the_user(started, tmp_path, capsys):
    """What the server itself wrote is nobody's image."""
    for name in ("labels/final/a.png", "trained/mani_unet/a.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    label(str(tmp_path), str(tmp_path))
    assert len(started) == 1
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").touch()
    with pytest.raises(InputError, match=f"--images {tmp_path}: holds no images; name {tmp_path / 'images'}, where"):
        label(str(tmp_path), str(tmp_path))
    (tmp_path / "b.png").touch()
    label(str(tmp_path), str(tmp_path))
    assert "left out: 1 image in images (1): subfolders are not searched; name one with --images.\n" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("place", ["README.md", "docs/index.md", "docs/monai_label.md", "docs/qupath.md"])
def test_pages_that_lead_qupath_to_the_server_name_the_version_and_geojson(place):
    text = (REPOSITORY / place).read_text()
    assert re.search(r"MONAI Label", text)
    assert "0.4.3" in text
    assert "GeoJSON" in text
