"""A training's record is there from its first iteration on, and a resumed one keeps to it."""

from __future__ import annotations

import pytest
from ignite.engine import Engine, Events
from monai.transforms import EnsureTyped
from torch import nn

from mani_monai.evaluation import read_training_record
from mani_monai.handlers import SnapshotHandler, TrainingRecordHandler
from mani_monai.transforms import NormaliseStainsd
from mani_monai.utils import InputError


def engine_with(folder, steps, seed=0, start=0):
    engine = Engine(lambda engine, batch: None)

    @engine.on(Events.STARTED)
    def go_on_from(engine):
        engine.state.iteration = start

    TrainingRecordHandler(str(folder), {"seed": seed}, steps).attach(engine)
    return engine


def test_it_is_written_before_any_iteration(tmp_path):
    engine = engine_with(tmp_path, [EnsureTyped("image")])
    found = []
    engine.add_event_handler(Events.ITERATION_STARTED(once=1), lambda: found.append(read_training_record(tmp_path)))
    engine.run([0, 1])
    assert found == [{"seed": 0, "image_steps": ["EnsureTyped"]}]


def test_one_that_begins_anew_takes_the_place_of_an_earlier_one(tmp_path):
    engine_with(tmp_path, [NormaliseStainsd("image")]).run([0])
    engine_with(tmp_path, [], seed=1).run([0])
    assert read_training_record(tmp_path) == {"seed": 1, "image_steps": []}


def test_one_that_goes_on_has_the_same_images(tmp_path):
    engine_with(tmp_path, [NormaliseStainsd("image")]).run([0])
    with pytest.raises(InputError, match="went through NormaliseStainsd, which these configs leave out"):
        engine_with(tmp_path, [], start=1).run([0, 1])
    assert read_training_record(tmp_path)["image_steps"] == ["NormaliseStainsd"]
    engine_with(tmp_path, [NormaliseStainsd("image")], start=1).run([0, 1])


def test_one_that_is_refused_loses_nothing(tmp_path):
    engine_with(tmp_path, [NormaliseStainsd("image")]).run([0])
    (tmp_path / "model.pt").write_bytes(b"of the finished training")
    engine = Engine(lambda engine, batch: None)
    engine.add_event_handler(Events.STARTED, lambda engine: setattr(engine.state, "iteration", 1))
    SnapshotHandler(nn.Linear(1, 1), str(tmp_path), interval=1).attach(engine)
    TrainingRecordHandler(str(tmp_path), {}, []).attach(engine)
    with pytest.raises(InputError, match="which these configs leave out"):
        engine.run([0, 1])
    assert (tmp_path / "model.pt").read_bytes() == b"of the finished training"
