"""Where two configs differ first; a bundle whose ``inference.json`` and ``metadata.json`` differ is refused."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from bundle_files import REPOSITORY
from finished_runs import finished_run
from small_bundles import FEATURES, small_unet, write_unet_bundle

from mani_monai import Model
from mani_monai.apps.export.read_run import read_run
from mani_monai.config_difference import check_same_steps, first_difference
from mani_monai.declaration import Declaration
from mani_monai.inference_config import inference_config
from mani_monai.run.start_run import declare_anew
from mani_monai.transforms.hover_instances import LARGEST_HOLE
from mani_monai.utils import InputError
from mani_monai.utils.archive import write_hashes

CONFIG = {"seed": 0, "loss": {"weight": 1.0, "parts": ["a", {"kind": "mean"}]}, "resume": False, "output_dir": "here"}
STAINS = {"_target_": "scripts.transforms.NormaliseStainsd", "keys": "image"}
REMEDY = "bring it back from the bundle's zip, or move it away."


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({}, None),
        ({"seed": 1, "loss": {}}, "seed"),
        ({"loss": {"weight": 0.1, "parts": CONFIG["loss"]["parts"]}}, "loss::weight"),
        ({"loss": {"weight": 1.0}}, "loss::parts"),
        ({"loss": {**CONFIG["loss"], "further": None}}, "loss::further"),
        ({"loss": {"weight": 1.0, "parts": ["a", {"kind": "max"}]}}, "loss::parts::1::kind"),
        ({"loss": {"weight": 1.0, "parts": ["a"]}}, "loss::parts"),
        ({"loss": "@other"}, "loss"),
    ],
)
def test_the_first_difference_has_a_name(change, key):
    changed = {**CONFIG, **change}
    assert first_difference(CONFIG, changed) == key
    assert first_difference(changed, CONFIG) == key


def _without_hashes(folder: Path) -> Path:
    (write_unet_bundle(folder) / "hashes.json").unlink()
    return folder


def _steps(config: dict, key: str = "postprocessing") -> list[dict]:
    return config[key]["transforms"]


EDITS = {
    "window": (lambda c: c.update(window=128), "its window is 128, and metadata.json declares 64"),
    "features": (lambda c: c.update(features=[8] * 6), "its features::0 is 8, and metadata.json declares 4"),
    "a step more": (lambda c: _steps(c, "preprocessing").insert(2, STAINS), "its preprocessing::transforms is ["),
    "a scale": (lambda c: _steps(c, "preprocessing")[2].update(a_max=1), "transforms::1::a_max is 1, and"),
    "a constant": (lambda c: _steps(c)[1].update(min_size=900), "min_size is 900, and metadata.json declares 48"),
    "a smaller list": (lambda c: _steps(c).pop(0), "its postprocessing::transforms is ["),
    "an overlap": (lambda c: c["inferer"].update(overlap=0.5), "its inferer::overlap is 0.5, and"),
    "other weights": (lambda c: c.update(ckpt="other.pt"), 'its ckpt is "other.pt", and'),
    "no normalisation": (lambda c: c["network_def"].pop("norm"), "its network_def::norm is nothing, and"),
    "a wrapped evaluator": (lambda c: c["evaluator"].update(amp=True), "its evaluator::amp is true, and"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_that_changes_nuclei_is_refused(edit, tmp_path):
    bundle = _without_hashes(tmp_path / "bundle")
    change, said = EDITS[edit]
    path = bundle / "configs" / "inference.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    with pytest.raises(InputError) as refusal:
        Model.open(bundle, "cpu")
    line = str(refusal.value)
    assert line.startswith(f"{bundle}: configs/inference.json: ")
    assert said in line
    assert REMEDY in line
    assert "\n" not in line
    path.unlink()
    Model.open(bundle, "cpu")


@pytest.mark.parametrize(
    "places",
    [{"output_dir": "elsewhere"}, {"outputs": ["csv"]}, {"device": "cpu"}, {"suffixes": [".png"]}, {"image_dir": "x"}],
)
def test_an_edit_of_places_and_files_is_none(places, tmp_path):
    bundle = _without_hashes(tmp_path / "bundle")
    path = bundle / "configs" / "inference.json"
    config = {**json.loads(path.read_text()), **places}
    _steps(config)[-2]["outputs"] = ["csv"]
    path.write_text(json.dumps(config))
    assert Model.open(bundle, "cpu").declaration.window == 64


COME_ALONG = [path.parents[1] for path in sorted(REPOSITORY.glob("*/mani_*/configs/inference.json"))]


@pytest.mark.parametrize("bundle", COME_ALONG, ids=lambda path: "/".join(path.parts[-2:]))
def test_what_comes_along_agrees(bundle, tmp_path):
    """Without its hashes, which would spare it the comparison."""
    shutil.copytree(bundle / "configs", tmp_path / "configs")
    check_same_steps(tmp_path, Declaration.from_metadata(json.loads((tmp_path / "configs/metadata.json").read_text())))


def test_another_versions_export_is_no_edit(tmp_path):
    """Its files agree with its hashes, by which bundles are inspected first."""
    bundle = _without_hashes(tmp_path / "bundle")
    path = bundle / "configs" / "inference.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "inferer": {**config["inferer"], "overlap": 0.5}}))
    with pytest.raises(InputError, match=r"its inferer.* and metadata\.json declares"):
        Model.open(bundle, "cpu")
    write_hashes(bundle)
    assert Model.open(bundle, "cpu").declaration.window == 64


@pytest.mark.parametrize(("hole", "refused"), [(None, False), (LARGEST_HOLE, False), (LARGEST_HOLE + 1, True)])
def test_a_hole_that_an_earlier_version_implied_is_no_difference(hole, refused, tmp_path):
    """The transform fills holes of its default, whether a config says so or not."""
    folder = REPOSITORY / "bundles" / "mani_hovernet" / "configs"
    declaration = Declaration.from_metadata(json.loads((folder / "metadata.json").read_text()))
    config = json.loads((folder / "inference.json").read_text())
    parting = next(step for step in _steps(config) if "largest_hole" in step)
    parting.update(largest_hole=hole)
    if hole is None:
        del parting["largest_hole"]
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "inference.json").write_text(json.dumps(config))
    said = pytest.raises(InputError, match=r"largest_hole is 65, and metadata\.json declares 64")
    with said if refused else contextlib.nullcontext():
        check_same_steps(tmp_path, declaration)


def test_a_calibrated_run_is_opened_and_exported_with_any_weights(tmp_path, toy_dir):
    """Its config is that of the calibrated weights, whichever file is asked for."""
    run = finished_run(tmp_path / "run", small_unet().state_dict(), toy_dir, network={"features": FEATURES})
    own = Declaration.from_metadata(json.loads((run / "configs" / "metadata.json").read_text()))
    declare_anew(run, own.trained(parting={**own.parting, "temperature": 2.0, "bias": -1.0}))
    (run / "models" / "model_average.pt").write_bytes((run / "models" / "model.pt").read_bytes())
    for weights, found in (("model.pt", {"temperature": 2.0, "bias": -1.0}), ("model_average.pt", {})):
        assert Model.open(run, "cpu", weights=weights).declaration.calibration == found
        assert read_run(run, weights).declaration.calibration == found
    (run / "configs" / "inference.json").write_text(json.dumps(inference_config(own, str(run))))
    with pytest.raises(InputError, match=r"::temperature is nothing, and metadata\.json declares 2\.0; bring it back"):
        read_run(run)
