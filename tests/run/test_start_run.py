"""What a training's folder says before anything is trained, and what it refuses."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from bundle_files import REPOSITORY
from monai.bundle import ConfigWorkflow
from refusals import refusing
from trainings import equal, run, run_until

from mani_monai import Model
from mani_monai.declaration import Declaration
from mani_monai.run.start_run import declare_anew, move_run
from mani_monai.run.trained_domains import common_pixel_size, domains_of, read_domains, smallest_nucleus, united
from mani_monai.utils.files import load_tensors


def said(folder, name="metadata"):
    return json.loads((folder / "configs" / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def whole(make_workflow, tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run(make_workflow(folder))
    return folder


@pytest.fixture
def finished(whole, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "finished"))


def test_all_of_it_is_there_before_any_weights(make_workflow, toy_dir, tmp_path):
    make_workflow(tmp_path / "run", "stain_normalisation", seed=3)
    files = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert files == {f"configs/{name}" for name in ("train.json", "inference.json", "metadata.json", "logging.conf")}
    config, metadata = said(tmp_path / "run", "train"), said(tmp_path / "run")
    assert (config["seed"], config["dataset_dir"], config["output_dir"]) == (3, str(toy_dir), str(tmp_path / "run"))
    declaration = Declaration.from_metadata(metadata)
    assert declaration.network["features"] == [4, 4, 4, 4, 4, 4]
    assert [step["_target_"] for step in declaration.preprocessing] == ["mani_monai.transforms.NormaliseStainsd"]
    inference = said(tmp_path / "run", "inference")
    assert inference["bundle_root"] == f"$folder_of_run({str(tmp_path / 'run')!r})"
    assert inference["features"] == [4, 4, 4, 4, 4, 4]
    training = metadata["training"]
    assert (training["source"], training["target"], training["seed"]) == ("toy_source", "toy_target", 3)
    assert [(one["name"], one["role"]) for one in training["domains"]] == [
        ("toy_source", "source"),
        ("toy_target", "target"),
    ]
    assert all("drawn" in one["licence"] for one in training["domains"])


def test_the_config_trains_the_same_by_itself(whole, make_workflow, tmp_path):
    alone = ConfigWorkflow(
        config_file=str(whole / "configs" / "train.json"), logging_file=False, output_dir=str(tmp_path / "again")
    )
    alone.initialize()
    again, first = said(tmp_path / "again", "train"), said(whole, "train")
    assert {name for name in first if first[name] != again[name]} == {"output_dir"}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"seed": 5}, "seed"),
        ({"crop_size": 16}, "crop_size"),
        ({"source": "toy_target", "target": "toy_source"}, "source"),
        ({"learning_rate": 0.5}, "learning_rate"),
    ],
)
def test_a_resume_of_something_else_is_refused(make_workflow, finished, change, key):
    before = said(finished, "train")
    with refusing(f"holds a training whose {key} is not what is asked for now") as lines:
        make_workflow(finished, resume=True, **change)
    assert "\n" not in lines[0]
    assert said(finished, "train") == before


def test_a_longer_training_goes_on(make_workflow, finished):
    run(make_workflow(finished, resume=True, iterations=6))
    assert said(finished)["training"]["iterations"] == 6
    assert (finished / "snapshots" / "iteration_000006.pt").exists()


def temperatures(folder):
    config = [step.get("temperature") for step in said(folder, "inference")["postprocessing"]["transforms"]]
    return said(folder)["model"]["parting"].get("temperature"), next((one for one in config if one), None)


@pytest.fixture
def calibrated(finished):
    declaration = Declaration.from_metadata(said(finished))
    declare_anew(finished, declaration.trained(parting={**declaration.parting, "temperature": 1.25}))
    assert temperatures(finished) == (1.25, 1.25)
    return finished


def test_a_resume_that_trains_nothing_keeps_the_temperature(make_workflow, calibrated):
    weights = load_tensors(calibrated / "models" / "model.pt")
    run(make_workflow(calibrated, resume=True))
    assert equal(dict(weights), dict(load_tensors(calibrated / "models" / "model.pt")))
    assert temperatures(calibrated) == (1.25, 1.25)
    (calibrated / "checkpoint.pt").unlink()
    make_workflow(calibrated, resume=True)
    assert temperatures(calibrated) == (None, None), "without a checkpoint it is trained anew"


@pytest.mark.parametrize("change", [{"resume": True, "iterations": 6}, {"overwrite": True}])
def test_weights_that_are_trained_have_no_earlier_temperature(make_workflow, calibrated, change):
    make_workflow(calibrated, **change)
    assert temperatures(calibrated) == (None, None)


@pytest.mark.parametrize("replaced", [0, 1])
def test_a_kill_between_both_files_leaves_a_run_that_opens(calibrated, monkeypatch, replaced):
    """MONAI's own inference has no config then. Never do two files say two things, which would be refused."""
    before = said(calibrated)
    anew = Declaration.from_metadata(before).trained(parting={**before["model"]["parting"], "temperature": 2.5})
    replace, names = os.replace, []

    def killed(partial, path):
        if len(names) == replaced:
            raise KeyboardInterrupt
        names.append(Path(path).name)
        replace(partial, path)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        declare_anew(calibrated, anew)
    monkeypatch.undo()
    assert names == ["metadata.json"][:replaced]
    assert not (calibrated / "configs" / "inference.json").exists()
    assert Model.open(calibrated, "cpu").declaration.parting.get("temperature") == (2.5 if replaced else 1.25)
    declare_anew(calibrated, anew)
    assert temperatures(calibrated) == (2.5, 2.5)


def test_a_full_disk_leaves_both_files_as_they_were(calibrated, monkeypatch):
    before, write = said(calibrated), Path.write_text

    def full(path, text, **options):
        if path.name.endswith(".metadata.json"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with refusing(r"metadata\.json: cannot be written \(No space left on device\)"):
        declare_anew(calibrated, Declaration.from_metadata(before).uncalibrated())
    assert temperatures(calibrated) == (1.25, 1.25)


def test_a_finished_run_is_replaced_when_asked_for(make_workflow, finished):
    (finished / "evaluation").mkdir()
    with refusing(r"holds a finished training: .* --overwrite\."):
        make_workflow(finished)
    assert (finished / "models" / "model.pt").exists()
    make_workflow(finished, overwrite=True, seed=7)
    assert said(finished, "train")["seed"] == 7
    assert not any((finished / name).exists() for name in ("models/model.pt", "checkpoint.pt", "evaluation"))


def test_an_unfinished_run_keeps_its_config(make_workflow, tmp_path):
    run_until(make_workflow(tmp_path), 3)
    with refusing(r"holds an unfinished training: go on with --resume,"):
        make_workflow(tmp_path, seed=5)
    assert said(tmp_path, "train")["seed"] == 0
    make_workflow(tmp_path, resume=True)


def test_a_checkpoint_without_a_config_is_refused(make_workflow, finished):
    (finished / "configs" / "train.json").unlink()
    with refusing("does not say what it was trained on"):
        make_workflow(finished, resume=True)


def test_a_folder_of_the_version_before(make_workflow, tmp_path):
    for name in ("training.json", "model.pt", "checkpoint.pt"):
        (tmp_path / name).touch()
    with refusing("was trained by an earlier version"):
        make_workflow(tmp_path, resume=True)


def test_earlier_licences_stay(make_workflow, tmp_path):
    earlier = [{"name": "breast", "role": "source", "licence": "CC BY-NC 4.0", "mpp": None, "types": {}}]
    run_until(make_workflow(tmp_path, earlier_domains=earlier), 3)
    metadata = said(tmp_path)
    metadata["training"]["domains"][1]["licence"] = "CC BY-NC-SA 4.0"  # prepared anew since then, under another one
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps(metadata))
    make_workflow(tmp_path, earlier_domains=earlier, resume=True)
    licences = [one["licence"] for one in domains_of(tmp_path)]
    assert licences[:2] == ["CC BY-NC 4.0", "CC BY-NC-SA 4.0"]
    assert len(licences) == 4


def test_a_moved_run(finished, tmp_path):
    move_run(finished, tmp_path / "elsewhere")
    assert said(finished, "train")["output_dir"] == str(tmp_path / "elsewhere")
    assert said(finished, "inference")["bundle_root"] == f"$folder_of_run({str(tmp_path / 'elsewhere')!r})"


def _root(config: Path, **options) -> str:
    """What ``bundle_root`` comes to where MONAI runs a config."""
    workflow = ConfigWorkflow(str(config), logging_file=False, workflow_type="infer", run=["$@bundle_root"], **options)
    workflow.initialize()
    return workflow.run()[0]


def test_a_run_that_a_person_moved_has_its_own_weights(finished, whole, tmp_path, monkeypatch):
    """Another run may lie where it was made: those weights are not its own."""
    config = finished / "configs" / "inference.json"
    made = {**said(finished, "inference"), "bundle_root": f"$folder_of_run({str(whole)!r})", "initialize": []}
    config.write_text(json.dumps(made))
    assert _root(config) == str(finished)
    assert _root(config, bundle_root="given") == "given"
    monkeypatch.chdir(finished / "configs")
    assert Path(_root(Path("inference.json"))).resolve() == finished.resolve()
    copied = Path(shutil.copy(config, tmp_path))
    assert _root(copied) == str(whole), "a copy of the config alone is of the run that wrote it"


def test_a_place_with_a_sign_of_a_reference(finished, tmp_path):
    move_run(finished, place := tmp_path / "me@home")
    copied = Path(shutil.copy(finished / "configs" / "inference.json", tmp_path))
    config = json.loads(copied.read_text())
    copied.write_text(json.dumps({**config, "initialize": []}))
    assert _root(copied) == str(place)


def test_records_are_united_and_sizes_compared():
    one, other = {"name": "a", "role": "source", "licence": "x", "mpp": 0.25}, {"name": "b", "role": "target"}
    assert united([one], [other, one]) == [one, other]
    assert common_pixel_size([one, other]) == 0.25
    assert common_pixel_size([one, {"mpp": 0.5}]) is None
    assert common_pixel_size([other]) is None


def test_a_validation_counts_nuclei_as_the_runs_inference_will(tmp_path):
    configs = REPOSITORY / "bundles" / "mani_hovernet" / "configs"
    declared = Declaration.from_metadata(json.loads((configs / "metadata.json").read_text()))
    for name, mpp in (("a", 0.5), ("b", 0.52), ("c", 0.25), ("d", None)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dataset.json").write_text(json.dumps({"mpp": mpp}))
    for source, target, pixels in (("a,b", "d", 12), ("a", "c", 48), ("d", "d", 48), ("c", "none", 48)):
        assert smallest_nucleus(tmp_path, source, target) == pixels
        mpp = common_pixel_size([*read_domains(tmp_path, "source", source), *read_domains(tmp_path, "target", target)])
        assert declared.trained(mpp=mpp).settled_parting()["min_size"] == pixels
