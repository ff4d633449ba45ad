"""A whole adaptation on toy data, its trainings in this process: what it leaves, resumes, and never reads."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from adapted import InProcessLauncher, Raising
from PIL import Image

from mani_monai.apps.adapt import adaptation
from mani_monai.apps.adapt.adaptation import Adaptation, adapt
from mani_monai.apps.adapt.methods import DEFAULT_METHOD, METHODS, Plan
from mani_monai.bundle_files import bundle_within
from mani_monai.utils import InputError, devices

RECOMMENDED = "runs/toy_source__kidney__mean_teacher_stain_augmentation__seed0"
SOURCE_ONLY = "runs/toy_source__kidney__source_only__seed0"


@pytest.fixture(scope="module")
def finished(job, kidney, tmp_path_factory):
    out = tmp_path_factory.mktemp("adapted") / "out"
    launcher = InProcessLauncher()
    return out, adapt(job(kidney, out, launcher)), launcher


@pytest.fixture
def again(finished, tmp_path):
    """A copy of the finished adaptation's folder."""
    shutil.copytree(finished[0], tmp_path / "again")
    return tmp_path / "again"


def test_the_default_is_one(tmp_path):
    assert DEFAULT_METHOD in METHODS
    assert Adaptation("source", "target", tmp_path, tmp_path).method == DEFAULT_METHOD


def files(folder):
    """Contents by name, without the report's next command, which names its own folder."""
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return {name: re.sub(rb"mani infer --bundle [^\n<]*", b"", content) for name, content in found.items()}


def test_what_is_trained_and_left(finished, quick_exports):
    out, done, launcher = finished
    assert [command["files"] for command in launcher.commands] == [
        ["train.json", "quick.json", "source_only.json"],
        ["train.json", "quick.json", "mean_teacher_stain_augmentation.json"],
    ]
    assert {command["crop_size"] for command in launcher.commands} == {"32"}
    record = json.loads((out / "report.json").read_text())
    assert (record["source"], record["target"]) == ("toy_source", "kidney")
    assert record["verdict"]["line"] == done.verdict.line
    assert record["nuclei"]["before"]["images"] == record["nuclei"]["after"]["images"] == 6
    assert record["notes"] == ["What the weights may be used for is not known: nobody named the licence of kidney."]
    assert done.report == out / "report.html"
    assert done.adapted.folder == out / "adapted" / "mani_unet"
    assert done.source_model.folder == out / "source_model" / "mani_unet"
    adapted, before = quick_exports[:2]
    assert adapted.weights == out / RECOMMENDED / "models" / "model.pt"
    assert before.weights == out / SOURCE_ONLY / "models" / "model.pt"
    assert adapted.facts["method"] == "mean teacher with stain augmentation"
    assert (adapted.facts["source"], adapted.facts["target"]) == ("toy_source", "kidney")


def test_the_same_command_trains_nothing_and_reports_the_same(again, job, kidney):
    before, launcher = files(again), InProcessLauncher()
    made = (again / "data" / "kidney" / "dataset.json").stat().st_mtime_ns
    adapt(job(kidney, again, launcher))
    assert launcher.commands == []
    assert files(again) == before
    assert (again / "data" / "kidney" / "dataset.json").stat().st_mtime_ns == made, "nothing is prepared anew"


def test_what_is_exported_is_what_the_report_names(again, job, kidney, quick_exports):
    """The models are measured first: one that nobody judged lies nowhere."""
    exports, said = len(quick_exports), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptation, "measure_training", Raising(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            adapt(job(kidney, again))
    assert len(quick_exports) == exports
    done = adapt(job(kidney, again, say=said.append))
    assert [line[:3] for line in said] == ["1/4", "2/4", "3/4", "4/4"]
    assert len(quick_exports) == exports + 2
    named = {"adapted model": done.adapted.folder, "source model": done.source_model.folder}
    assert done.commands
    for name, line in done.commands.items():
        assert bundle_within(Path(shlex.split(line)[3])) == named[name]


def test_every_phase_runs_on_the_device(job, kidney, tmp_path, monkeypatch):
    """Whatever forgets it would ask for a GPU, which this machine would lack."""
    launcher = InProcessLauncher()
    with monkeypatch.context() as patch:
        patch.setattr(devices, "_best_device", Raising(AssertionError("no device was named")))
        adapt(job(kidney, tmp_path / "out", launcher, method="adabn", device="cpu"))
        assert {command["device"] for command in launcher.commands} == {"$torch.device('cpu')"}
        with pytest.raises(AssertionError, match="no device was named"):
            adapt(job(kidney, tmp_path / "out", launcher, method="adabn"))
    with pytest.raises(InputError, match="--device gpu: is no device; write cpu, cuda, cuda:1 or mps"):
        adapt(job(kidney, tmp_path / "other", launcher, device="gpu"))
    assert not (tmp_path / "other").exists()


def test_another_adaptation_in_the_folder_is_refused(again, job, kidney):
    for change, name in (({"method": "mani"}, "method"), ({"seed": 1}, "seed"), ({"licence": "CC0"}, "licence")):
        with pytest.raises(InputError, match=f"holds an adaptation of another {name}; choose another --out"):
            adapt(job(kidney, again, **change))


def test_a_training_that_was_cut_off_goes_on(finished, job, kidney, tmp_path):
    """The source-only training is kept, and weights and report are those of an adaptation that was not cut off."""
    launcher = InProcessLauncher()
    launcher.failing = "mean_teacher_stain_augmentation"
    with pytest.raises(InputError, match=r"train\.log: the training failed: Out of luck\."):
        adapt(job(kidney, tmp_path / "out", launcher))
    assert not (tmp_path / "out" / "report.html").exists()
    launcher.failing = ""
    adapt(job(kidney, tmp_path / "out", launcher))
    assert [command["files"][-1] for command in launcher.commands] == [
        *("source_only.json", "mean_teacher_stain_augmentation.json", "mean_teacher_stain_augmentation.json"),
    ]
    assert files(tmp_path / "out") == files(finished[0])


def test_masks_beside_the_target_change_nothing(finished, job, kidney, toy_dir, tmp_path):
    """Beside the folder, below it and among the images, labels that would change everything if they were read."""
    target = tmp_path / "kidney" / "images"
    shutil.copytree(kidney, target)
    for folder in (tmp_path / "kidney" / "labels", tmp_path / "kidney" / "masks", target / "masks"):
        shutil.copytree(toy_dir / "toy_target" / "labels", folder)
    for label in (toy_dir / "toy_target" / "labels").iterdir():
        shutil.copy(label, target / f"{label.stem}_mask.png")
    adapt(job(target, tmp_path / "out"))
    for run in (RECOMMENDED, SOURCE_ONLY):
        places = [out / run / "models" / "model.pt" for out in (finished[0], tmp_path / "out")]
        states = [torch.load(place, weights_only=True) for place in places]
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    reports = [json.loads((out / "report.json").read_text()) for out in (finished[0], tmp_path / "out")]
    left_out = [report.pop("left_out") for report in reports]
    commands = [list(report.pop("next")) for report in reports]
    assert commands[0] == commands[1]
    assert reports[0] == reports[1]
    assert (len(left_out[0]), len(left_out[1])) == (0, 6)
    pages = [
        re.sub("<pre>.*</pre>", "", (out / "report.html").read_text()).partition("<h2>Left out</h2>")[0]
        for out in (finished[0], tmp_path / "out")
    ]
    assert pages[0] == pages[1]
    assert not list((tmp_path / "out").rglob("labels"))


def test_adabn_trains_no_weight_anew(finished, job, kidney, tmp_path, monkeypatch):
    """It goes on from the source-only training, to what a training of its own comes to."""
    launcher = InProcessLauncher()
    adapt(job(kidney, tmp_path / "out", launcher, method="adabn"))
    runs = [tmp_path / "out" / SOURCE_ONLY, tmp_path / "out" / "runs/toy_source__kidney__adabn__seed0"]
    assert [command["files"][2:] for command in launcher.commands] == [
        ["source_only.json"],
        ["source_only.json", "adabn_at_end.json"],
    ]
    assert not (runs[1] / "snapshots").exists(), "no iteration was made"
    source, adapted = (torch.load(run / "models" / "model.pt", weights_only=True) for run in runs)
    changed = {name.rpartition(".")[2] for name in source if not torch.equal(source[name], adapted[name])}
    assert changed == {"running_mean", "running_var", "num_batches_tracked"}

    monkeypatch.setattr(Plan, "continued", {})
    adapt(job(kidney, tmp_path / "alone", method="adabn"))
    own = tmp_path / "alone" / runs[1].relative_to(tmp_path / "out")
    assert (own / "snapshots").exists()
    alone = torch.load(own / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(alone[name], adapted[name]) for name in alone)


def test_normalised_stains_go_along_with_the_export(job, kidney, tmp_path, quick_exports):
    adapt(job(kidney, tmp_path / "out", method="stain_adabn"))
    adapted, source_model = quick_exports[-2:]
    assert adapted.declaration.preprocessing
    assert not source_model.declaration.preprocessing
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "normalised stains" in record["settings"]["method"]


@pytest.mark.parametrize("towards", [0, 1])
def test_collapsed_weights_are_never_recommended(again, job, kidney, towards):
    """All background and all nuclei, although the latter agrees with itself perfectly."""
    path = again / RECOMMENDED / "models" / "model.pt"
    state = torch.load(path, weights_only=True)
    state["final_conv.bias"][towards] += 1000
    torch.save(state, path)
    done = adapt(job(kidney, again))
    assert done.verdict.line.startswith("keep the source model, because the adapted model calls ")
    record = json.loads((again / "report.json").read_text())
    assert record["nuclei"]["after"]["nuclei_share"] == pytest.approx(towards, abs=0.01)  # some is no tissue
    assert record["label_free"]["stain"]["after"] == towards


def test_a_pixel_size_is_said_by_the_exports_and_may_come_later(again, job, kidney, quick_exports):
    launcher = InProcessLauncher()
    assert quick_exports[0].mpp is None
    adapt(job(kidney, again, launcher, mpp=0.25))
    assert launcher.commands == []
    assert [run.mpp for run in quick_exports[-2:]] == [0.25, 0.25]


def test_source_only_keeps_the_source_model_and_bad_files_are_said(job, kidney, tmp_path):
    target = tmp_path / "kidney"
    shutil.copytree(kidney, target)
    (target / "broken.png").write_bytes(b"no image")
    with Image.open(min(kidney.iterdir())) as image:
        image.crop((0, 0, 20, 20)).save(target / "tiny.png")
    launcher, said = InProcessLauncher(), []
    done = adapt(job(target, tmp_path / "out", launcher, method="source_only", say=said.append))
    assert len(launcher.commands) == 1
    assert done.verdict.line == "keep the source model, because no adaptation was asked for"
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert record["nuclei"]["before"] == record["nuclei"]["after"]
    assert record["agreement"] == 1
    lines = [line.removeprefix("left out: ") for line in said if line.startswith("left out: ")]
    assert "broken.png: cannot be decoded" in lines[0]
    assert lines[1:] == ["tiny: is 20x20 (height x width), smaller than the crop of 32 px"]
    assert record["left_out"] == lines
