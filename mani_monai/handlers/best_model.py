"""Keeping the best model of a training."""

from __future__ import annotations

import math
from typing import Any, cast

from ignite.engine import Engine, Events
from torch import nn

from ..utils.files import save_atomically


class BestModelHandler:
    """Saves the network whenever an evaluator's key metric beats all before it.

    The first one is saved in any case, also where there was nothing to score (nan). The best score travels in the
    training's checkpoint, so that a resumed run keeps the same model.

    Args:
        network: the network.
        path: file for its state dictionary.
    """

    def __init__(self, network: nn.Module, path: str) -> None:
        self.network = network
        self.path = path
        self.score: float | None = None

    def attach(self, engine: Engine) -> None:
        """
        Args:
            engine: an evaluator with a key metric.
        """
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        state = cast("Any", engine.state)  # MONAI's engines name the key metric
        score = float(state.metrics[state.key_metric_name])
        score = float("-inf") if math.isnan(score) else score
        if self.score is None or score > self.score:
            self.score = score
            save_atomically(self.network.state_dict(), self.path)

    def state_dict(self) -> dict[str, float | None]:
        return {"score": self.score}

    def load_state_dict(self, state: dict[str, float | None]) -> None:
        self.score = state["score"]
