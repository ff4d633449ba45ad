"""Where the gradient of a finished run's losses goes: the segmentation's beside the adaptation's, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from pandas import DataFrame
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from mani_monai.run.run_folder import read_train_config, train_config
from mani_monai.utils import InputError
from mani_monai.utils.files import load_finished
from studies.critic_study import domain_reader
from studies.markdown import markdown_table

SEGMENTATION, ALL = "segmentation", "all"


def gradients(run: str, dataset_dir: str | None = None, batches: int = 8, depth: int = 2) -> None:
    """Prints how large the gradient of each loss of a finished run is, by part of its network.

    Args:
        run: output_dir of a finished training with an adaptation loss.
        dataset_dir: folder of the data sets that mani prepare wrote; the run's own by default.
        batches: training batches of both domains to look at.
        depth: names of layers are joined to this depth, e.g. 2 for trunk.down_4.
    """
    found = study_gradients(run, {} if dataset_dir is None else {"dataset_dir": dataset_dir}, batches, depth)
    rows = [{"part": part, **{name: f"{value:.2e}" for name, value in norms.items()}} for part, norms in found.items()]
    print(markdown_table(DataFrame(rows)))


def study_gradients(
    run_dir: str | Path, overrides: Mapping[str, Any], batches: int, depth: int
) -> dict[str, dict[str, float]]:
    """Norms of the gradients of a run's losses, each times its weight, as one training step has them.

    Args:
        run_dir: folder of the run, with its checkpoint.
        overrides: options by name that replace the run's own.
        batches: training batches of both domains.
        depth: names of layers are joined to this depth.

    Returns:
        by part of the network, "all" last: the mean norm by loss, and "cosine", that of both directions, where there
        is one adaptation loss.

    Raises:
        InputError: when the run is not finished or has no adaptation loss.
    """
    parser = ConfigParser()
    read_train_config(Path(run_dir))
    parser.read_config(str(train_config(Path(run_dir))))
    for name, value in {"output_dir": str(run_dir), **overrides}.items():
        parser[name] = value
    torch.manual_seed(0)
    network, adaptation = parser.get_parsed_content("network"), parser.get_parsed_content("adaptation")
    if not len(adaptation):
        raise InputError(f"{run_dir}: trained without an adaptation loss; name another run.")
    load_finished(run_dir, model=network, adaptation=adaptation)
    content = parser.get_parsed_content
    prepare = content("train::trainer::prepare_batch") if "prepare_batch" in parser["train"]["trainer"] else None
    reader = domain_reader(parser)
    segmentation, infer = content("loss"), content("train::inferer")
    network.train()
    reader.open(network)
    found: list[dict[str, dict[str, float]]] = []
    try:
        for batch in islice(content("train::dataloader"), batches):
            image, label = prepare(batch) if prepare else (batch["image"], batch["label"])
            prediction = infer(image, network)
            terms = {SEGMENTATION: segmentation(prediction, label)}
            source = reader.read(image, prediction, label)
            target = reader.read(batch["target_image"], infer(batch["target_image"], network))
            terms |= {name: loss.weight * loss(source, target, network) for name, loss in adaptation.items()}
            found.append(norms_by_part(network, terms, depth))
    finally:
        reader.close()
    return {
        part: {name: float(np.mean([one[part][name] for one in found])) for name in norms}
        for part, norms in found[0].items()
    }


def norms_by_part(network: nn.Module, terms: Mapping[str, Tensor], depth: int) -> dict[str, dict[str, float]]:
    """The norm of each term's gradient by every part of a network, and the cosine of two.

    Args:
        network: the network.
        terms: scalars by name, with their graph.
        depth: names of layers are joined to this depth.
    """
    weights = dict(network.named_parameters())
    gradients = {
        loss: torch.autograd.grad(term, [*weights.values()], retain_graph=True, allow_unused=True)
        for loss, term in terms.items()
    }
    parts: dict[str, list[int]] = {}
    for number, name in enumerate(weights):
        parts.setdefault(".".join(name.split(".")[:depth]), []).append(number)
    parts[ALL] = [*range(len(weights))]
    found = {}
    for part, numbers in parts.items():
        vectors = {loss: _vector(values, [*weights.values()], numbers) for loss, values in gradients.items()}
        found[part] = {loss: float(vector.norm()) for loss, vector in vectors.items()}
        if len(vectors) == 2:
            found[part]["cosine"] = float(cosine_similarity(*vectors.values(), dim=0))
    return found


def _vector(gradients: Sequence[Tensor | None], weights: Sequence[Tensor], numbers: Sequence[int]) -> Tensor:
    """The gradient by some weights as one vector, nought by those that a loss does not reach."""
    parts = ((gradients[number], weights[number]) for number in numbers)
    return torch.cat([(torch.zeros_like(weight) if value is None else value).flatten() for value, weight in parts])
