"""The command as a user types it: killed and started again, with real trainings and exports."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from processes import wait_for

from mani_monai.apps.adapt.adapt_command import adapt
from mani_monai.utils.command_line import run_command

ROOT = Path(__file__).parents[2]
SCRIPT = [sys.executable, "scripts/adapt.py"]
PRETRAINED = json.loads((ROOT / "pretrained" / "mani_unet" / "configs" / "metadata.json").read_text())


@pytest.mark.slow
def test_killed_started_again_exported_and_used_as_the_next_source_model(tiny, toy_dir, tmp_path, command_environment):
    options = {**tiny, "iterations": 40, "val_interval": 10, "warmup": 10}
    del options["dataset_dir"]
    target = tmp_path / "kidney"
    shutil.copytree(toy_dir / "toy_target" / "images", target)
    base = [*SCRIPT, "--source", str(toy_dir / "toy_source"), "--target", str(target), "--preset", "quick"]
    base += ["--options", str(options)]
    out = tmp_path / "out"
    command = [*base, "--out", str(out), "--method", "mean_teacher_stain_augmentation"]
    run = out / "runs" / "toy_source__kidney__mean_teacher_stain_augmentation__seed0"

    first = subprocess.Popen(command, cwd=ROOT, env=command_environment, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(run / "checkpoint.pt", first)
    finally:
        first.send_signal(signal.SIGTERM)
        _, errors = first.communicate()
    assert first.returncode == 1
    assert "stopped: start the same command again to go on." in errors
    assert not (run / "models" / "model.pt").exists(), "the training went on to its end"

    done = subprocess.run(command, cwd=ROOT, env=command_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Going on from iteration" in (run / "train.log").read_text()
    record = json.loads((out / "report.json").read_text())
    assert f"verdict: {record['verdict']['line']}" in done.stdout.splitlines()[-3:]
    page = (out / "report.html").read_text()
    assert "mean teacher with stain augmentation" in page
    assert len(re.findall("data:image/png;base64,", page)) >= 3, "a region, sizes and curves"
    assert set(record["source_validation_dice"]) == {
        "source-only, no adaptation",
        "mean teacher with stain augmentation",
    }
    config = json.loads((out / "adapted" / "mani_unet" / "configs" / "inference.json").read_text())
    assert (config["features"], config["window"]) == (tiny["features"], tiny["window"])
    for part in ("adapted", "source_model"):
        for name in ("model.pt", "model.ts", "model.onnx"):
            assert (out / part / "mani_unet" / "models" / name).is_file()

    archive = next((out / "source_model").glob("*.zip"))
    second = [*base, "--out", str(tmp_path / "next"), "--model", str(archive), "--method", "mani"]
    done = subprocess.run(second, cwd=ROOT, env=command_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    before = json.loads((tmp_path / "next" / "report.json").read_text())
    assert before["nuclei"]["before"] == record["nuclei"]["before"], "the same model on the same images"
    assert before["label_free"]["stain"]["before"] == pytest.approx(record["label_free"]["stain"]["before"])


@pytest.fixture
def call():
    """Calls the command in this process."""

    def run(*arguments: str) -> None:
        run_command(adapt, arguments)

    handler = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, handler)


def test_bad_input_is_one_line(call, toy_dir, tmp_path):
    source, out = str(toy_dir / "toy_source"), str(tmp_path / "out")
    options = ("--source", source, "--target", str(tmp_path), "--out", out)
    with pytest.raises(SystemExit, match=f"{tmp_path}: holds no images"):
        call(*options)
    for option, value, message in (
        ("--method", "hovernet", "--method hovernet: no such method"),
        ("--seed", "x", "--seed x: is no whole number"),
        ("--options", "3", "--options 3: is no dictionary"),
        ("--device", "gpu", "--device gpu: is no device; write cpu, cuda, cuda:1 or mps."),
        ("--options", "{'iteration':3}", "there is no option 'iteration'"),
    ):
        with pytest.raises(SystemExit, match=message):
            call(*options, option, value)
    assert not Path(out).exists()


def test_there_is_no_option_for_target_labels(call, toy_dir, tmp_path):
    """An unknown option is found before anything is made."""
    options = ("--source", str(toy_dir / "toy_source"), "--target", str(toy_dir / "toy_target" / "images"))
    with pytest.raises(SystemExit, match=r"^--target_masks: no such option"):
        call(*options, "--out", str(tmp_path / "out"), "--target_masks", str(toy_dir / "toy_target" / "labels"))
    assert not (tmp_path / "out").exists()


def test_options_of_a_training_need_a_source(call, toy_dir, tmp_path):
    options = ("--target", str(toy_dir / "toy_target" / "images"), "--out", str(tmp_path / "out"))
    for option, value in (
        ("--method", "mani"), ("--options", "{'iterations':3}"), ("--preset", "medium"), ("--seed", "3"),
    ):  # fmt: skip
        with pytest.raises(SystemExit, match=rf"^{option}.*: is of a training, which needs labelled images; name them"):
            call(*options, option, value)
    for method in ("statistics", "self_training", "source_free_mani"):
        with pytest.raises(SystemExit, match=f"--method {method}: needs no labelled images; leave out --source"):
            call(*options, "--source", str(toy_dir / "toy_source"), "--method", method)
    assert not (tmp_path / "out").exists()


def test_the_folder_of_the_images_is_no_place_for_the_report(call, toy_dir):
    target, source = toy_dir / "toy_target", str(toy_dir / "toy_source")
    for out, more in ((target, ()), (target / "images", ()), (source, ("--source", source))):
        before = sorted(Path(out).iterdir())
        with pytest.raises(SystemExit, match=r": holds the images; name another folder with --out\.$"):
            call("--target", str(target), "--out", str(out), *more)
        assert sorted(Path(out).iterdir()) == before


class Closed(StringIO):
    """A pipe whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError


def test_a_report_is_written_though_nobody_reads_what_is_printed(call, toy_dir, tmp_path, monkeypatch):
    """``mani adapt ... 2>&1 | head -1``: lines and progress bars."""
    target = tmp_path / "kidney"
    target.mkdir()
    for path in sorted((toy_dir / "toy_target" / "images").iterdir())[:3]:
        shutil.copy(path, target)
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Closed())
    call("--target", str(target), "--out", str(tmp_path / "out"))
    monkeypatch.undo()
    assert json.loads((tmp_path / "out" / "report.json").read_text())["target"] == "kidney"
    assert (tmp_path / "out" / "report.html").exists()


def test_the_weights_that_come_along_adapt_to_a_folder_alone(call, toy_dir, tmp_path, capsys):
    """The last lines are the verdict and the next command, literally."""
    target = tmp_path / "kidney"
    target.mkdir()
    for path in sorted((toy_dir / "toy_target" / "images").iterdir())[:3]:
        shutil.copy(path, target)
    call("--target", str(target), "--out", str(tmp_path / "out"))
    *_, verdict, heading, following = capsys.readouterr().out.splitlines()
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert verdict == f"verdict: {record['verdict']['line']}"
    name, line = list(record["next"].items())[-1]
    assert heading == f"next, with the {name}:"
    assert following == line
    assert line.startswith("mani infer --bundle ")
    assert record["settings"]["model"] == "mani_unet " + PRETRAINED["version"]
    assert [row["image"] for row in record["images"]] == sorted(path.name for path in target.iterdir())
