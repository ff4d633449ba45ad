"""The trainer's iteration in the logs of an evaluator."""

from __future__ import annotations

from ignite.engine import Engine, Events

from mani_monai.handlers import TrainingStep


def test_names_the_trainers_iteration_whatever_the_evaluators_epoch():
    step = TrainingStep()
    trainer, named = Engine(lambda engine, batch: None), []
    step.attach(trainer)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: named.append(step(1)))
    trainer.run(range(3), max_epochs=2)
    assert named == [1, 2, 3, 4, 5, 6]
