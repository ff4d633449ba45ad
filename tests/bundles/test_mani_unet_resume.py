"""A training that was cut off and resumed ends as the one that was not, bit for bit."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from ignite.engine import Events
from refusals import refusing
from trainings import assert_same_results, overrides, run_until
from warm_python import run_python

from mani_monai.utils.files import load_tensors

REPOSITORY = Path(__file__).parents[2]
SETTINGS = {
    "iterations": 6,
    "warmup": 3,
    "val_interval": 2,
    "adaptation_losses::mutual_information::pooling": "random",  # draws from torch's generator
}
PROJECTION = "adaptation_losses::mutual_information::projection"

# runs monai.bundle and dies in the midst of writing the n-th checkpoint, n being its first argument
DIES_WRITING = """
import io, os, runpy, signal, sys, torch

save, left = torch.save, int(sys.argv.pop(1))

def save_or_die(content, file, **options):
    global left
    left -= "optimizer" in content
    if left:
        return save(content, file, **options)
    whole = io.BytesIO()
    save(content, whole, **options)
    file.write(whole.getvalue()[: whole.tell() // 2])
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

torch.save = save_or_die
runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def whole(make_workflow, tmp_path_factory) -> Path:
    """The run that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    make_workflow(folder, **SETTINGS).run()
    checkpoint = load_tensors(folder / "checkpoint.pt")
    assert checkpoint["iteration"] == 6
    assert set(checkpoint["adaptation"]) >= {"mutual_information.projection.0.weight"}
    return folder


@pytest.mark.parametrize(
    ("stop", "saved", "workers"),
    [(1, None, 0), (2, 2, 0), (3, 2, 0), (3, 2, 1), (5, 4, 0)],
    ids=["at the start", "warming up", "end of the warm-up", "with a worker", "adapting"],
)
def test_resumed_equals_uninterrupted(make_workflow, whole, tmp_path, stop, saved, workers):
    """The uninterrupted run has no worker: how many there are makes no difference either."""
    workflow = make_workflow(tmp_path, **SETTINGS, num_workers=workers)
    run_until(workflow, stop)
    assert (tmp_path / "checkpoint.pt").exists() is (saved is not None)
    if saved:
        assert load_tensors(tmp_path / "checkpoint.pt")["iteration"] == saved

    make_workflow(tmp_path, **SETTINGS, num_workers=workers, resume=True).run()
    assert_same_results(tmp_path, whole)


def test_cut_between_the_best_model_and_its_checkpoint(make_workflow, whole, tmp_path):
    """The best model is of iteration 4, the checkpoint of iteration 2."""
    workflow = make_workflow(tmp_path, **SETTINGS)
    trainer = workflow.parser.get_parsed_content("train::trainer")
    evaluator = workflow.parser.get_parsed_content("validate::evaluator")
    evaluator.add_event_handler(Events.COMPLETED, lambda: 1 / (4 - trainer.state.iteration))
    with pytest.raises(ZeroDivisionError):
        trainer.run()
    assert load_tensors(tmp_path / "checkpoint.pt")["iteration"] == 2
    make_workflow(tmp_path, **SETTINGS, resume=True).run()
    assert_same_results(tmp_path, whole)


def test_a_finished_run_resumed_is_what_it_was(make_workflow, whole, tmp_path):
    make_workflow(tmp_path, **SETTINGS).run()
    make_workflow(tmp_path, **SETTINGS, resume=True).run()
    assert_same_results(tmp_path, whole)


def test_a_longer_run_goes_on_from_a_finished_one(make_workflow, whole, tmp_path):
    make_workflow(tmp_path, **{**SETTINGS, "iterations": 4}).run()
    make_workflow(tmp_path, **SETTINGS, resume=True).run()
    assert_same_results(tmp_path, whole)


def test_an_unfinished_run_is_not_overwritten(make_workflow, tmp_path):
    workflow = make_workflow(tmp_path, **SETTINGS)
    run_until(workflow, 4)
    with refusing("holds an unfinished training"):
        make_workflow(tmp_path, **SETTINGS).run()
    assert load_tensors(tmp_path / "checkpoint.pt")["iteration"] == 4


def test_another_loss_does_not_resume_it(make_workflow, whole):
    with refusing("projection is not what is asked for now"):
        make_workflow(whole, **{**SETTINGS, PROJECTION: False}, resume=True).run()


def test_killed_while_it_writes_a_checkpoint(tiny, whole, tmp_path, command_environment):
    """From the repository's folder; resumed from the bundle's own, with a worker process."""
    settings = {**tiny, **SETTINGS, "output_dir": tmp_path}
    config = ["--config_file", "bundles/mani_unet/configs/train.json"]
    words = ["-c", DIES_WRITING, "2", "run", *config, *overrides(settings)]
    killed = run_python(words, REPOSITORY, command_environment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert load_tensors(tmp_path / "checkpoint.pt")["iteration"] == 2
    assert (tmp_path / "snapshots" / "iteration_000004.pt").exists(), "it was to die while writing the next one"

    config = ["--config_file", "configs/train.json", "--resume", "true"]
    words = ["-m", "monai.bundle", "run", *config, *overrides({**settings, "num_workers": 1})]
    resumed = run_python(words, REPOSITORY / "bundles" / "mani_unet", command_environment)
    assert resumed.returncode == 0, resumed.stderr
    assert "Going on from iteration 2 of 6" in resumed.stdout + resumed.stderr
    assert_same_results(tmp_path, whole)
