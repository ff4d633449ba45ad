"""What follows a training, from the run's folder alone: no overlay of the training is named again."""

from __future__ import annotations

import json
import re
import shutil
import warnings

import pytest
from refusals import refusing
from trainings import FEW_BATCHES, equal, run, run_until

from mani_monai.apps.export.read_run import read_run
from mani_monai.apps.steps.calibrate_run import calibrate_run
from mani_monai.apps.steps.run_steps import average_run, evaluate_run, reestimate_run, run_step
from mani_monai.apps.steps.source_prototypes import note_prototypes
from mani_monai.apps.steps.steps_command import average, evaluate, reestimate
from mani_monai.utils import InputError
from mani_monai.utils.files import load_tensors


@pytest.fixture(scope="module")
def whole(make_workflow, tmp_path_factory):
    """A finished run on normalised stains."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run(make_workflow(folder, "stain_normalisation", val_interval=1))
    return folder


def test_a_folder_that_was_moved_is_scored_as_it_was_trained(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "moved")
    found = evaluate_run(folder, label_free_images=0)
    assert found == folder / "evaluation"
    metrics = json.loads((found / "metrics.json").read_text())
    assert {"last", "source_validation", "average", "oracle"} == set(metrics["selections"])
    assert (metrics["source"], metrics["statistics"]) == ("toy_source", "source")
    assert not (whole / "evaluation").exists()
    adabn = evaluate_run(folder, ["adabn"], label_free_images=0, **FEW_BATCHES)
    assert adabn == folder / "evaluation_adabn"
    assert json.loads((adabn / "metrics.json").read_text())["statistics"] == "target"


def test_an_evaluation_tells_its_table_and_no_best_score(whole, tmp_path, capfd):
    evaluate_run(shutil.copytree(whole, tmp_path / "run"), label_free_images=0)
    said = capfd.readouterr().out
    assert "oracle (uses target labels: not adaptation)" in said
    assert "best metric" not in said


def test_averaged_and_reestimated_weights(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "run")
    average = average_run(folder)
    assert average == folder / "models" / "model_average.pt"
    again = reestimate_run(folder, "model_average.pt", **FEW_BATCHES)
    assert again == folder / "models" / "model_average_adabn.pt"
    assert not equal(dict(load_tensors(average)), dict(load_tensors(again)), "running_mean")


def test_no_warning_is_said_of_the_runs_own_configs(whole, tmp_path, caplog):
    folder = shutil.copytree(whole, tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        average_run(folder)
    assert "Not all config files" not in caplog.text


def test_what_is_no_finished_run(make_workflow, whole, tmp_path):
    with pytest.raises(InputError, match="no such folder; name the output_dir of a training"):
        evaluate_run(tmp_path / "nothing")
    run_until(make_workflow(tmp_path / "cut"), 3)
    with pytest.raises(InputError, match="holds no finished training"):
        evaluate_run(tmp_path / "cut")
    with pytest.raises(InputError, match="label_free: there is no such option of evaluate"):
        evaluate_run(whole, label_free=0)
    with pytest.raises(InputError, match="has no such config"):
        evaluate_run(whole, ["adabnn"])
    with refusing("no such file"):
        reestimate_run(whole, "model_none.pt")


STEPS = {
    "evaluate": lambda run: evaluate_run(run, label_free_images=0),
    "reestimate": lambda run: reestimate_run(run, **FEW_BATCHES),
    "average": average_run,
    "calibrate": calibrate_run,
    "prototypes": note_prototypes,
    "export": read_run,
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("lost", ["all", "half", "dataset_dir", "source"])
def test_a_run_whose_config_is_incomplete_is_named_in_one_line(whole, tmp_path, step, lost):
    folder = shutil.copytree(whole, tmp_path / "run")
    path = folder / "configs" / "train.json"
    config = json.loads(path.read_text())
    without = {"all": "{}", "half": path.read_text()[: path.stat().st_size // 2]}
    path.write_text(without.get(lost) or json.dumps({name: value for name, value in config.items() if name != lost}))
    with refusing(f"{path}: "):
        STEPS[step](folder)


@pytest.mark.filterwarnings("ignore:Can't merge entry")  # MONAI's, where imports are lost
@pytest.mark.parametrize("lost", ["imports", "network_def", "preprocessing", "validate::inferer", "transforms::finish"])
def test_a_part_that_an_evaluation_refers_to_is_missing(whole, tmp_path, lost):
    folder = shutil.copytree(whole, tmp_path / "run")
    path = folder / "configs" / "train.json"
    config = json.loads(path.read_text())
    outer, _, inner = lost.partition("::")
    del (config[outer] if inner else config)[inner or outer]
    path.write_text(json.dumps(config))
    with pytest.raises(InputError) as found:
        evaluate_run(folder, label_free_images=0)
    assert str(folder) in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("step", ["calibrate", "prototypes", "export"])
@pytest.mark.parametrize("content", ["{}", '{"model"', {"training": [1]}, {"training": {"domains": [{"name": 1}]}}])
def test_metadata_that_are_incomplete(whole, tmp_path, step, content):
    folder = shutil.copytree(whole, tmp_path / "run")
    path = folder / "configs" / "metadata.json"
    path.write_text(content if isinstance(content, str) else json.dumps({**json.loads(path.read_text()), **content}))
    with pytest.raises(InputError, match=re.escape(str(folder))) as found:
        STEPS[step](folder)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("lost", [None, "warmup"])
def test_a_fault_of_the_step_itself_is_not_called_one_of_the_config(whole, tmp_path, lost):
    """Nor where the config lacks what no evaluation reads, as of a version that did not know it."""
    folder = shutil.copytree(whole, tmp_path / "run")
    path = folder / "configs" / "train.json"
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != lost}))
    with pytest.raises(RuntimeError):
        run_step(folder, ["evaluate"], label_free_images="$1 / 0")


def test_commands_take_the_folder_and_say_where_the_result_is(whole, tmp_path, capsys):
    folder = shutil.copytree(whole, tmp_path / "run")
    average(str(folder))
    assert capsys.readouterr().out == f"weights: {folder / 'models' / 'model_average.pt'}\n"
    evaluate(str(folder), overlays="", label_free_images=0)
    said = capsys.readouterr().out
    assert f"scores: {folder / 'evaluation'}\nscored: " in said
    assert "the test part of split_0 of toy_target; " in said
    assert said.endswith("mani adapt --check IMAGES --masks MASKS scores every image that you labelled\n")
    with refusing("no such file"):
        reestimate(str(folder), "model_none.pt")
