"""Scores of weights in files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from monai.engines import Evaluator
from torch import Tensor, nn

from mani_monai.evaluation.label_free_scorer import LabelFreeScorer
from mani_monai.evaluation.weight_average import mean_state
from mani_monai.utils.files import fingerprint, load_network

Scores = dict[str, list[Any]]
"""By metric: for each image a score, None where there is nothing to score, or several numbers."""


@dataclass(frozen=True)
class Scored:
    """Scores of some weights, by their digest: on labelled test images, and by criterion without labels."""

    digest: str
    test: Scores
    label_free: dict[str, float]


class WeightsScorer:
    """Scores weights, once for all the names that they have: the last iterate is often the best on the source, too.

    Args:
        network: the network that the evaluator holds.
        test: evaluator of labelled test images; its metric details are the scores.
        label_free: scores the network without labels; None leaves these scores out.

    Raises:
        InputError: when called, if a file is missing, is no such file or is of another network.
    """

    def __init__(self, network: nn.Module, test: Evaluator, label_free: LabelFreeScorer | None) -> None:
        self.network = network
        self.test = test
        self.label_free = label_free
        self.scored: dict[str, Scored] = {}

    def __call__(self, paths: Sequence[Path]) -> Scored:
        state = mean_state(paths)
        digest = fingerprint(state)
        if digest not in self.scored:
            test = scores_of(self.test, self.network, state, paths[0])
            # in the state that the evaluator's run leaves: its handlers may have re-estimated batch statistics
            self.scored[digest] = Scored(digest, test, {} if self.label_free is None else self.label_free())
        return self.scored[digest]


def scores_of(evaluator: Evaluator, network: nn.Module, state: Mapping[str, Tensor], path: Path) -> Scores:
    """An evaluator's metric details of some weights.

    Args:
        evaluator: the evaluator.
        network: the network that it holds.
        state: the weights.
        path: their file, for the message where they are of another network.
    """
    load_network(network, state, path)
    evaluator.run()
    details = {name: torch.as_tensor(values) for name, values in evaluator.state.metric_details.items()}
    return {name: [_plain(row) for row in values] for name, values in details.items()}


def _plain(row: Tensor) -> float | list[float] | None:
    """One image's row of metric details: a number, None for nan, or a list of several."""
    if row.numel() > 1:
        return row.flatten().tolist()
    return None if math.isnan(row.item()) else row.item()
