"""What tests of trainings share: running a workflow, and comparing what it leaves bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events

from mani_monai.utils.files import load_tensors
from mani_monai.utils.training import loss_terms

RESULTS = ("checkpoint.pt", "models/model.pt", "models/model_source_val.pt")
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
FEW_BATCHES = {"adabn_loader::batch_sampler::iterations": 3}
"""Override: so many batches of the target reestimate a network's batch statistics."""


def run(workflow: Any) -> list[dict[str, float]]:
    """Runs a workflow and gives the trainer's output of every iteration, numbers alone."""
    outputs = []
    trainer = workflow.parser.get_parsed_content("train::trainer")
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: outputs.append(loss_terms(engine.state.output))
    )
    workflow.run()
    workflow.finalize()
    return outputs


def run_until(workflow: Any, stop: int) -> None:
    """Runs a workflow that is cut off after an iteration."""
    trainer = workflow.parser.get_parsed_content("train::trainer")
    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=stop), lambda: 1 / 0)
    try:
        trainer.run()
    except ZeroDivisionError:
        return
    raise AssertionError(f"it ended before iteration {stop}")


def keep_killed(workflow: Any, stop: int, folder: Path) -> None:
    """Has a workflow copy its run's folder after an iteration: what a process that is killed there leaves."""
    run = workflow.parser.get_parsed_content("output_dir")
    trainer = workflow.parser.get_parsed_content("train::trainer")
    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=stop), lambda: shutil.copytree(run, folder))


def equal(one: dict, other: dict, names: Any = None) -> bool:
    """Whether two state dictionaries are equal, bit for bit, in the entries that end in ``names``."""
    assert one.keys() == other.keys()
    return all(torch.equal(one[key], other[key]) for key in one if names is None or key.endswith(names))


def weights_equal(one: dict, other: dict) -> bool:
    """Whether they are equal but for batch statistics."""
    return equal(
        *({key: value for key, value in state.items() if not key.endswith(STATISTICS)} for state in (one, other))
    )


def snapshots(folder: Path) -> dict[int, dict]:
    """A run's snapshots by iteration."""
    return {int(path.stem[-6:]): dict(load_tensors(path)) for path in sorted(folder.glob("snapshots/*.pt"))}


def assert_equal(one: Any, other: Any, where: str = "") -> None:
    """Nested states, equal bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, (list, tuple)):
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{where}/{number}")
    else:
        assert one == other, where


def assert_same_results(one: Path, other: Path) -> None:
    """Checkpoint, models and snapshots of two runs, equal bit for bit."""
    for name in RESULTS:
        assert_equal(load_tensors(one / name), load_tensors(other / name), name)
    names = [sorted(path.name for path in folder.glob("snapshots/*.pt")) for folder in (one, other)]
    assert names[0] == names[1]
    for name in names[0]:
        assert_equal(load_tensors(one / "snapshots" / name), load_tensors(other / "snapshots" / name), name)


def overrides(settings: dict[str, object]) -> list[str]:
    """Overrides as a command line takes them."""
    return [part for name, value in settings.items() for part in (f"--{name}", str(value))]


def cached_images(workflow: Any) -> list[dict[str, Any]]:
    """The images of both domains that a training keeps, which all samples read in place."""
    dataset = workflow.parser.get_parsed_content("train::dataset")
    return [item for cache in (dataset.source, dataset.target) for item in cache._cache]


def assert_cached_images_stay(workflow: Any, before: list[dict[str, Any]]) -> None:
    """Drawing samples leaves the cached images as they were before the training."""
    dataset = workflow.parser.get_parsed_content("train::dataset")
    for number in range(12):
        dataset[number]
    for item, kept in zip(cached_images(workflow), before, strict=True):
        assert item.keys() == kept.keys()
        assert all(torch.equal(item[key], kept[key]) for key in item)
