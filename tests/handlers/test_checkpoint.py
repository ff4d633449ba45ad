"""What is saved, when, and what a run makes of a checkpoint that is there."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from mani_monai.data.samplers import IterationBatchSampler
from mani_monai.handlers import BestModelHandler, CheckpointHandler
from mani_monai.utils import InputError
from mani_monai.utils.files import load_tensors


class Parts:
    """All that a training saves, made anew, with weights that name the ``seed``."""

    def __init__(
        self, path, seed: int = 0, iterations: int = 5, width: int = 2, rate_steps: int = 9, **options
    ) -> None:
        torch.manual_seed(seed)
        self.network = nn.Linear(width, 1)
        self.adaptation = nn.ModuleDict({"loss": nn.Linear(2, 2)})
        parameters = [*self.network.parameters(), *self.adaptation.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=0.1)
        self.rate = torch.optim.lr_scheduler.StepLR(self.optimizer, rate_steps)
        self.best = BestModelHandler(self.network, str(path.parent / "best.pt"))
        self.sampler = IterationBatchSampler(1, iterations)
        self.handler = CheckpointHandler(
            str(path),
            self.network,
            self.optimizer,
            self.adaptation,
            self.best,
            self.sampler,
            **{"interval": 2, "scheduler": self.rate, **options},
        )
        self.numbers: list[int] = []

    def step(self, engine: Engine, batch: list[int]) -> None:
        self.numbers += batch
        self.best.score = float(engine.state.iteration)
        self.optimizer.zero_grad()
        loss = sum(parameter.square().sum() for parameter in self.optimizer.param_groups[0]["params"])
        (loss * batch[0]).backward()
        self.optimizer.step()

    def run(self, stop: int | None = None) -> Engine:
        engine = Engine(self.step)
        self.handler.attach(engine)
        if stop:
            engine.add_event_handler(Events.ITERATION_COMPLETED(once=stop), lambda: 1 / 0)
        engine.run(self.sampler, max_epochs=1, epoch_length=self.sampler.iterations)
        return engine


def assert_equal(one, other) -> None:
    """Nested states, equal bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    else:
        assert one == other


def test_a_checkpoint_holds_everything_and_tensors_only(tmp_path):
    parts = Parts(tmp_path / "checkpoint.pt")
    parts.run()
    checkpoint = load_tensors(tmp_path / "checkpoint.pt")
    assert set(checkpoint) == {"iteration", "iterations", "model", "adaptation", "optimizer", "best", "scheduler"}
    assert checkpoint["iteration"] == 5
    assert_equal(checkpoint["model"], parts.network.state_dict())
    assert_equal(checkpoint["adaptation"], parts.adaptation.state_dict())
    assert_equal(checkpoint["optimizer"], parts.optimizer.state_dict())
    assert checkpoint["best"] == {"score": 5.0}


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5])
def test_an_interrupted_run_goes_on_where_its_checkpoint_stands(tmp_path, stop):
    whole = Parts(tmp_path / "whole" / "checkpoint.pt")
    whole.run()
    path = tmp_path / "cut" / "checkpoint.pt"
    with pytest.raises(ZeroDivisionError):
        Parts(path).run(stop)
    resumed = Parts(path, seed=1, resume=True)
    engine = resumed.run()
    saved = 5 if stop == 5 else stop - stop % 2
    assert resumed.numbers == list(range(saved, 5))
    assert (engine.state.iteration, engine.state.epoch) == (5, 1)
    if saved:
        assert_equal(load_tensors(path), load_tensors(tmp_path / "whole" / "checkpoint.pt"))


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    path = tmp_path / "checkpoint.pt"
    Parts(path).run()
    before = load_tensors(path)
    resumed = Parts(path, seed=1, resume=True)
    resumed.run()
    assert resumed.numbers == []
    assert_equal(load_tensors(path), before)
    assert_equal(resumed.network.state_dict(), dict(before["model"]))


def test_a_finished_run_can_be_made_longer(tmp_path):
    path = tmp_path / "checkpoint.pt"
    Parts(path, iterations=4).run()
    resumed = Parts(path, iterations=6, resume=True)
    resumed.run()
    assert resumed.numbers == [4, 5]


def test_resume_without_a_checkpoint_starts_anew(tmp_path):
    parts = Parts(tmp_path / "checkpoint.pt", resume=True)
    parts.run()
    assert parts.numbers == [0, 1, 2, 3, 4]


def test_a_finished_run_may_be_overwritten(tmp_path):
    path = tmp_path / "checkpoint.pt"
    Parts(path).run()
    again = Parts(path, seed=1)
    again.run()
    assert again.numbers == [0, 1, 2, 3, 4]
    assert_equal(load_tensors(path)["model"], again.network.state_dict())


def test_an_unfinished_run_is_not_overwritten(tmp_path):
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(ZeroDivisionError):
        Parts(path).run(stop=3)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"unfinished training \(iteration 2\): go on with --resume,"):
        Parts(path).run()
    assert path.read_bytes() == before


def test_a_shorter_training_does_not_overwrite_an_unfinished_one(tmp_path):
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(ZeroDivisionError):
        Parts(path).run(stop=4)
    with pytest.raises(InputError, match=r"unfinished training \(iteration 4\)"):
        Parts(path, iterations=3).run()


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_what_began_anew_never_resumes_from_the_finished_one_before(tmp_path, stop):
    path = tmp_path / "checkpoint.pt"
    Parts(path).run()
    with pytest.raises(ZeroDivisionError):
        Parts(path, seed=1).run(stop)
    resumed, whole = Parts(path, seed=1, resume=True), Parts(tmp_path / "whole" / "checkpoint.pt", seed=1)
    resumed.run()
    whole.run()
    assert_equal(resumed.network.state_dict(), whole.network.state_dict())


def test_fewer_iterations_than_done_are_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    Parts(path).run()
    with pytest.raises(InputError, match="stands at iteration 5, past the 3 asked for"):
        Parts(path, iterations=3, resume=True).run()


def test_another_networks_checkpoint_is_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    Parts(path, width=3).run()
    with pytest.raises(InputError, match=r"checkpoint\.pt: holds another network"):
        Parts(path, resume=True).run()


def test_another_methods_checkpoint_is_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    Parts(path).run()
    parts = Parts(path, resume=True)
    parts.handler.networks["adaptation"] = nn.ModuleDict({"other": nn.Linear(2, 2)})
    with pytest.raises(InputError, match=r"checkpoint\.pt: holds another network"):
        parts.run()


def test_what_is_deployed_is_kept_where_it_is_another_network(tmp_path):
    path, average = tmp_path / "checkpoint.pt", nn.Linear(2, 1)
    Parts(path, deployed=average).run()
    assert_equal(load_tensors(path)["deployed"], average.state_dict())
    resumed = nn.Linear(2, 1)
    Parts(path, deployed=resumed, resume=True).run()
    assert_equal(resumed.state_dict(), average.state_dict())


def test_a_checkpoint_without_what_is_deployed_now_is_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    Parts(path).run()
    with pytest.raises(InputError, match=r"checkpoint\.pt: holds another network"):
        Parts(path, deployed=nn.Linear(2, 1), resume=True).run()


def test_a_schedule_of_the_rate_goes_on(tmp_path):
    """Killed before the rate falls and resumed: the rate falls in the same iteration."""

    def run(folder: str, stop: int | None = None) -> list[float]:
        parts = Parts(tmp_path / folder / "checkpoint.pt", rate_steps=3, resume=True, interval=1)
        rates: list[float] = []
        engine = Engine(parts.step)
        engine.add_event_handler(
            Events.ITERATION_COMPLETED, lambda: (rates.append(parts.rate.get_last_lr()[0]), parts.rate.step())
        )
        parts.handler.attach(engine)
        if stop:
            engine.add_event_handler(Events.ITERATION_COMPLETED(once=stop), engine.terminate)
        engine.run(parts.sampler, max_epochs=1, epoch_length=parts.sampler.iterations)
        return rates

    whole = run("whole")
    assert whole == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01])
    assert run("cut", stop=2) + run("cut") == pytest.approx(whole)


def test_interval_is_checked(tmp_path):
    with pytest.raises(ValueError, match=r"interval must be >= 1, got 0\."):
        Parts(tmp_path / "checkpoint.pt", interval=0)
