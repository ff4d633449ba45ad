"""`mani train`: the same run as MONAI's own command, from names and without MONAI's warning of strangers' configs."""

from __future__ import annotations

import json
import logging
import warnings

import pytest
from monai.bundle import workflows
from refusals import refusing
from trainings import assert_same_results, run

from mani_monai.apps.train import train_bundle
from mani_monai.apps.train.train_command import NOTHING_KEPT, STOPPED, train
from mani_monai.run.run_folder import CHECKPOINT
from mani_monai.utils.printing import moving_bars


@pytest.fixture
def quiet_logging():
    """A bundle's logging.conf would end the loggers of the other tests of this process."""
    yield
    for name in logging.root.manager.loggerDict:
        logging.getLogger(name).disabled = False


@pytest.fixture
def heard(quiet_logging):
    """What MONAI's workflows log."""
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    workflows.logger.addHandler(handler)
    yield records
    workflows.logger.removeHandler(handler)


def test_it_trains_as_a_workflow_does(make_workflow, tiny, tmp_path, toy_dir, capsys, heard):
    run(make_workflow(tmp_path / "workflow", "quick", "stain_normalisation"))
    settings = {name: value for name, value in tiny.items() if name not in ("dataset_dir", "device")}
    heard.clear()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="parsing config_file")
        train(
            "toy_source",
            "toy_target",
            str(tmp_path / "command"),
            data=str(toy_dir),
            method="stain_normalisation",
            budget="quick",
            device="cpu",
            options=settings,
        )
    assert capsys.readouterr().out.endswith(f"run: {tmp_path / 'command'}\n")
    assert heard == []
    assert_same_results(tmp_path / "workflow", tmp_path / "command")
    made = json.loads((tmp_path / "command" / "configs" / "metadata.json").read_text())["training"]
    assert (made["source"], made["target"], made["seed"]) == ("toy_source", "toy_target", 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bundle": "mani_unnet"}, "mani_unnet: there is no such bundle; choose from mani_hovernet, mani_unet."),
        ({"method": "stain_adabm"}, "mani_unet has no such config; did you mean stain_adabn?"),
        ({"options": {"iteration": 3}}, "iteration: there is no such setting of mani_unet; did you mean iterations?"),
        ({"options": {"iterations": 0}}, "--iterations 0: is no number from 1 on."),
        ({"options": "3000"}, "is no dictionary"),
        ({"options": {1: 2}}, "1 is no setting's name"),
        ({"options": {"output_dir": "x"}}, "--options output_dir: has an option of its own; write --out."),
        ({"options": {"quiet": "no"}}, "--quiet no: is a switch; write True or False."),
        ({"options": {"features": [4, 4]}}, r"do not fit \(Sequence must have length 6, got 2\); mani configs"),
        ({"options": {"crop_size": [32, 32]}}, r"do not fit \('<' not supported"),
        ({"options": {"precision": "half"}}, r"do not fit \("),
        ({"resume": True, "overwrite": True}, "--resume and --overwrite: one goes on with what the other replaces"),
        ({"bundle": "bundles/mani_unet"}, "--bundle bundles/mani_unet: write its name alone, such as mani_unet."),
        ({"out": "$HOME"}, r"--out \$HOME: begins with \$, which configs evaluate; write another name."),
        ({"source": "@x"}, "--source @x: begins with @"),
        ({"method": "SOURCE_ONLY"}, "SOURCE_ONLY: mani_unet has no such config; did you mean source_only?"),
        ({"source": "toy_sorce"}, "toy_sorce"),
    ],
)
def test_what_it_cannot_know_is_refused(options, said, toy_dir, tmp_path, quiet_logging):
    given = {"source": "toy_source", "target": "toy_target", "out": str(tmp_path / "run"), "data": str(toy_dir)}
    with refusing(said):
        train(**{**given, "device": "cpu", **options})
    assert not (tmp_path / "run" / "models").exists()


@pytest.mark.parametrize(("kept", "said"), [(True, STOPPED), (False, NOTHING_KEPT)])
def test_a_stopped_training_says_how_to_go_on(monkeypatch, tmp_path, kept, said):
    """With a checkpoint the same line again is refused; without one it begins anew."""

    def stop(*_):
        if kept:
            (tmp_path / CHECKPOINT).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(train_bundle, "train_bundle", stop)
    with pytest.raises(KeyboardInterrupt, match=f"^{said}$"):
        train("toy_source", "toy_target", str(tmp_path))


def test_the_same_command_begins_anew_where_nothing_was_kept(tiny, tmp_path, toy_dir, quiet_logging, monkeypatch):
    settings = {name: value for name, value in tiny.items() if name not in ("dataset_dir", "device")}
    given = {"data": str(toy_dir), "budget": "quick", "device": "cpu", "options": settings}

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("monai.engines.SupervisedTrainer._iteration", stop)
        with pytest.raises(KeyboardInterrupt, match=NOTHING_KEPT), moving_bars():
            train("toy_source", "toy_target", str(tmp_path), **given)
    assert (tmp_path / "configs" / "train.json").is_file()
    train("toy_source", "toy_target", str(tmp_path), **given)
    assert (tmp_path / "models" / "model.pt").is_file()


def test_its_lines_leave_out_starts_and_ends_of_engines(tiny, tmp_path, toy_dir, quiet_logging, capfd):
    settings = {name: value for name, value in tiny.items() if name not in ("dataset_dir", "device")}
    train("toy_source", "toy_target", str(tmp_path / "run"), str(toy_dir), budget="quick", options=settings)
    said = capfd.readouterr().out
    assert "best metric of dice" in said
    assert "Engine run" not in said
    assert "Complete. Time taken" not in said


def test_it_says_nothing_of_decoders_for_dicom(tiny, tmp_path, toy_dir, quiet_logging, capfd, recwarn):
    settings = {name: value for name, value in tiny.items() if name not in ("dataset_dir", "device")}
    train("toy_source", "toy_target", str(tmp_path / "run"), str(toy_dir), budget="quick", options=settings)
    said = "".join(capfd.readouterr()) + "".join(str(warning.message) for warning in recwarn)
    assert "odec" not in said


@pytest.mark.parametrize("place", ["", "toy_source"])
def test_prepared_data_are_no_place_of_a_run(place, tiny, toy_dir, quiet_logging):
    settings = {name: value for name, value in tiny.items() if name not in ("dataset_dir", "device")}
    with refusing("holds prepared data; name another folder for the training."):
        train(
            "toy_source",
            "toy_target",
            str(toy_dir / place),
            str(toy_dir),
            "source_only",
            device="cpu",
            options=settings,
        )
    assert not (toy_dir / place / "configs").exists()
