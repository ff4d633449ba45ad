"""Curves of a training that was cut off once; the next command, as any folder understands it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from mani_monai.apps.adapt.outcome import Adapted, NextCommands, read_curves
from mani_monai.apps.adapt.rules import KEEP, LOOK, USE
from mani_monai.apps.adapt.verdict import Verdict
from mani_monai.apps.export.export_bundle import Exported
from mani_monai.bundle_files import bundle_within
from mani_monai.utils.places import own_weights


def write(folder, values, wall, tag="loss"):
    writer = SummaryWriter(str(folder / "tensorboard"), filename_suffix=f".{wall}")
    for step, value in values.items():
        writer.add_scalar(tag, value, step, walltime=wall + step)
    writer.close()


def test_the_later_one_of_two_counts(tmp_path):
    write(tmp_path, {1: 1.0, 2: 2.0, 3: 3.0}, wall=100)
    write(tmp_path, {2: 20.0, 3: 30.0, 4: 40.0}, wall=200)
    write(tmp_path, {2: 0.5}, wall=100, tag="dice")
    assert read_curves(tmp_path) == {"dice": [(2, 0.5)], "loss": [(1, 1.0), (2, 20.0), (3, 30.0), (4, 40.0)]}


def test_nothing_was_logged(tmp_path):
    assert read_curves(tmp_path) == {}


def bundle_of(line):
    return shlex.split(line)[3]


def test_weights_that_come_along_have_their_short_name(tmp_path, monkeypatch):
    """It names the same weights, in whatever folder the command is typed."""
    monkeypatch.chdir(tmp_path)
    commands = NextCommands(own_weights(), "tissue", str(tmp_path / "out"))
    assert commands.of(KEEP) == {
        "source model": "mani infer --bundle pretrained/mani_unet --images tissue --out out/nuclei_source"
    }
    assert bundle_within(Path("pretrained/mani_unet")) == Path(own_weights())
    assert bundle_of(commands.of(USE)["adapted model"]) == "out"
    assert list(commands.of(LOOK)) == ["adapted model", "source model"]


@pytest.mark.parametrize("given", ["pretrained/mani_unet", "given/mani_unet", "/elsewhere/mani_unet.zip"])
def test_other_weights_keep_the_name_that_they_were_given(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    assert bundle_of(NextCommands(given, "tissue", "out").of(KEEP)["source model"]) == given


def test_weights_of_a_users_own_under_that_name_hide_those_that_come_along(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pretrained" / "mani_unet").mkdir(parents=True)
    assert bundle_of(NextCommands(own_weights(), "tissue", "out").of(KEEP)["source model"]) == own_weights()


@pytest.mark.parametrize(
    ("outcome", "against", "named"),
    [
        (KEEP, ", which the verdict is against", ["source"]),
        (USE, "", ["adapted"]),
        (LOOK, "", ["adapted", "source"]),
    ],
)
def test_the_last_words_are_the_command_of_the_model_that_the_verdict_names(outcome, against, named):
    exported = Exported(Path("adapted/mani_unet"), Path("mani_unet.zip"), {}, True)
    commands = NextCommands("given.zip", "tissue", "out").of(outcome)
    lines = Adapted(Path("report.html"), exported, None, Verdict(outcome), commands).last_lines
    assert lines[1] == f"adapted: adapted/mani_unet and mani_unet.zip{against}"
    assert lines[2] == f"verdict: {outcome}"
    bundles = {"source": "given.zip", "adapted": "out"}
    places = {"source": "out/nuclei_source", "adapted": "out/nuclei"}
    assert lines[3:] == [
        line
        for name in named
        for line in (
            f"next, with the {name} model:",
            f"mani infer --bundle {bundles[name]} --images tissue --out {places[name]}",
        )
    ], "a command stands alone on its line"
