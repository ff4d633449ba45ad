from __future__ import annotations

import json
import shutil

import pytest
import torch
from finished_runs import finished_run
from hostile import Evil
from small_bundles import FEATURES, small_unet, write_older_bundle, write_unet_bundle

from mani_monai.apps.label.served_bundles import serve_bundles
from mani_monai.utils import InputError
from mani_monai.utils.archive import write_archive, write_hashes


@pytest.fixture
def dist(tmp_path):
    """A folder as exports leave it: a bundle, and the same as a zip."""
    write_unet_bundle(tmp_path / "dist" / "mani_unet")
    write_archive(tmp_path / "dist" / "mani_unet", tmp_path / "dist" / "mani_unet_v1.0.0.zip")
    return tmp_path / "dist"


def test_a_folder_beside_its_own_zip_is_one_model(dist):
    found = serve_bundles([dist])
    assert (list(found.models), found.refused) == (["mani_unet"], [])
    assert found.models["mani_unet"].precision == "float32"
    assert found.models["mani_unet"].declaration.window == 64


def test_a_zip_alone_and_a_bundle_alone(dist):
    for place in (dist / "mani_unet_v1.0.0.zip", dist / "mani_unet"):
        assert list(serve_bundles([place]).models) == ["mani_unet"]


def test_a_runs_folder_alone(tmp_path, toy_dir):
    run = finished_run(tmp_path / "run", small_unet().state_dict(), toy_dir, network={"features": FEATURES})
    found = serve_bundles([run])
    assert (list(found.models), found.refused) == (["mani_unet"], [])
    assert list(found.models["mani_unet"].declaration.network["features"]) == list(FEATURES)


def test_another_version_has_its_version_in_its_name(dist):
    write_unet_bundle(dist / "newer", "2.0.0", seed=1)
    found = serve_bundles([dist])
    assert {name: model.version for name, model in found.models.items()} == {
        "mani_unet": "1.0.0",
        "mani_unet_v2.0.0": "2.0.0",
    }
    assert found.refused == []


def test_other_weights_of_a_version_that_is_there_are_not_mixed_up(dist):
    write_unet_bundle(dist / "second", "2.0.0", seed=1)
    write_unet_bundle(dist / "third", "2.0.0", seed=2)
    found = serve_bundles([dist])
    assert list(found.models) == ["mani_unet", "mani_unet_v2.0.0"]
    assert len(found.refused) == 1
    assert "raise --version" in found.refused[0]


def test_a_changed_file_is_refused_and_the_others_served(dist):
    shutil.copytree(dist / "mani_unet", dist / "changed")
    with open(dist / "changed" / "configs" / "metadata.json", "a") as stream:
        stream.write(" ")
    found = serve_bundles([dist])
    assert list(found.models) == ["mani_unet"]
    (line,) = found.refused
    assert "changed" in line.split(":")[0]
    assert "configs/metadata.json: was changed" in line


def test_pickled_weights_are_refused_and_never_loaded(tmp_path):
    bundle = write_unet_bundle(tmp_path / "evil")
    torch.save({"model": Evil(tmp_path / "ran")}, bundle / "models" / "model.pt")
    write_hashes(bundle)
    found = serve_bundles([bundle])
    assert found.models == {}
    (line,) = found.refused
    assert "models/model.pt: not tensors only" in line
    assert "\n" not in line
    assert not (tmp_path / "ran").exists()


def test_a_config_that_would_do_something_else_is_refused(tmp_path):
    """Harmless on its face, so that the inspection passes; not what is served."""
    bundle = write_older_bundle(tmp_path / "other")
    path = bundle / "configs" / "inference.json"
    config = json.loads(path.read_text())
    config["inferer"]["overlap"] = 0.5
    path.write_text(json.dumps(config))
    write_hashes(bundle)
    found = serve_bundles([bundle])
    assert found.models == {}
    assert "its inferer is not that of mani_unet" in found.refused[0]
    assert str(bundle) in found.refused[0]


def test_what_is_no_bundle_is_passed_over_or_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    found = serve_bundles([tmp_path])
    assert found.models == {}
    assert len(found.refused) == 1
    assert "broken.zip" in found.refused[0]


def test_a_place_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        serve_bundles([tmp_path / "none"])
