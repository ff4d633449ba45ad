"""Whether the discriminator of a finished run looks at the target: its decisions with the target vector exchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigItem, ConfigParser
from torch import Tensor, nn

from mani_monai.handlers.domain_reader import DomainReader
from mani_monai.losses import DomainBatch, MutualInformationLoss, usable_pairs
from mani_monai.losses.mutual_information import BOUNDS
from mani_monai.run.run_folder import read_train_config, train_config
from mani_monai.utils import InputError
from mani_monai.utils.files import load_finished
from studies.critic_report import FIGURES, bound_over_training

HANDLER = "mani_monai.handlers.AdaptationHandler"


@dataclass(frozen=True)
class BatchVectors:
    """The pooled vectors of a batch, each BNK, of images that have both classes in both domains."""

    source_nuclei: Tensor
    source_background: Tensor
    target_nuclei: Tensor
    target_background: Tensor


def study_run(run_dir: str | Path, overrides: Mapping[str, Any] | None = None, batches: int = 24) -> dict[str, Any]:
    """Studies every discriminator of mutual information of a finished run, on training batches.

    Args:
        run_dir: folder of the run, with its checkpoint and, where there are any, its events.
        overrides: options by name that replace the run's own, such as ``dataset_dir``.
        batches: training batches of both domains to look at.

    Returns:
        by name of the loss: ``pairs``, ``bound``, ``conditions`` (what ``critic_figures`` gives) and ``training``
        (what ``bound_over_training`` gives).

    Raises:
        InputError: when the run is not finished, is of other configs or has no such loss, or when no batch can be used.
    """
    parser = ConfigParser()
    read_train_config(Path(run_dir))
    parser.read_config(str(train_config(Path(run_dir))))
    for name, value in {"output_dir": str(run_dir), **(overrides or {})}.items():
        if name not in parser:
            raise InputError(f"--{name}: no such option of the run in {run_dir}.")
        parser[name] = value
    torch.manual_seed(0)
    network, adaptation = parser.get_parsed_content("network"), parser.get_parsed_content("adaptation")
    losses = {name: loss for name, loss in adaptation.items() if isinstance(loss, MutualInformationLoss)}
    if not losses:
        raise InputError(f"{run_dir}: trained without mutual information; name a run of MaNi.")
    load_finished(run_dir, model=network, adaptation=adaptation)

    infer, device = parser.get_parsed_content("train::inferer"), parser.get_parsed_content("device")
    loader = parser.get_parsed_content("adabn_loader")
    vectors: dict[str, list[BatchVectors]] = {name: [] for name in losses}
    reader = domain_reader(parser)
    for source, target in islice(domain_batches(network, loader, infer, device, reader), batches):
        for name, loss in losses.items():
            if (pooled := batch_vectors(loss, source, target)) is not None:
                vectors[name].append(pooled)
    found = {}
    for name, loss in losses.items():
        if not vectors[name]:
            raise InputError(f"{run_dir}: in no batch do two images have nuclei and background in both domains.")
        found[name] = {
            "pairs": loss.pairs,
            "bound": loss.bound,
            "conditions": critic_figures(loss, vectors[name]),
            "training": bound_over_training(run_dir, name),
        }
    return found


def domain_reader(parser: ConfigParser) -> DomainReader:
    """What reads the batches of both domains as the adaptation of a run does: its head, taps and branch."""
    handlers = enumerate(parser["train"]["handlers"])
    (place,) = (index for index, handler in handlers if handler["_target_"] == HANDLER)
    head, taps, branch = (
        parser.get_parsed_content(f"train::handlers::{place}::{name}", default=ConfigItem(default))
        for name, default in (("head", None), ("taps", ()), ("branch", None))
    )
    return DomainReader(head, taps, branch)


def domain_batches(
    network: nn.Module,
    loader: Iterable[Mapping[str, Tensor]],
    infer: Callable[[Tensor, nn.Module], Any],
    device: torch.device,
    reader: DomainReader,
) -> Iterator[tuple[DomainBatch, DomainBatch]]:
    """Source and target batches as the losses saw them in training, normalised by the statistics of the batch.

    Of what an overlay does to the colours of a training's images they have what the loader has.

    Args:
        network: the network; left in training mode.
        loader: gives ``image`` B3HW, ``label`` and ``target_image`` B3HW.
        infer: calls the network, e.g. an inferer.
        device: where the network is.
        reader: keeps the features; closed in the end.
    """

    def domain(image: Tensor, label: Tensor | None = None) -> DomainBatch:
        with torch.no_grad():
            prediction = infer(image.to(device), network)
        return reader.read(image, prediction, label)

    network.train()
    reader.open(network)
    try:
        for batch in loader:
            yield domain(batch["image"], batch["label"].to(device)), domain(batch["target_image"])
    finally:
        reader.close()


def batch_vectors(loss: MutualInformationLoss, source: DomainBatch, target: DomainBatch) -> BatchVectors | None:
    """The vectors that a loss pools from a batch; None where under two images have both classes in both domains."""
    kept = usable_pairs(source, target, target_background=True)
    if kept.sum() < 2:
        return None
    with torch.no_grad():
        source_features, target_features = (loss.projection(batch.features_of(loss.tap)) for batch in (source, target))
        source_mask, target_mask = source.nuclei[:, 0], loss.target_mask(target)
        return BatchVectors(
            loss.pool(source_features, source_mask)[kept],
            loss.pool(source_features, 1 - source_mask)[kept],
            loss.pool(target_features, target_mask)[kept],
            loss.pool(target_features, 1 - target_mask)[kept],
        )


def critic_figures(loss: MutualInformationLoss, batches: Sequence[BatchVectors]) -> dict[str, dict[str, float]]:
    """How the discriminator decides on the loss's own pairs, and on the same with the target vector exchanged.

    A discriminator that does not look at the target decides alike in every condition; one that tells whether the
    classes agree is wrong about the other class's vectors.

    Args:
        loss: the loss; its discriminator is left in evaluation mode.
        batches: vectors of batches of at least two images.

    Returns:
        by condition ("own", "another image's", "other class's" target vector) the means over batches of
        ``positives``, share of positives scored above 0; ``negatives``, share of negatives scored at most 0;
        ``accuracy``, the mean of both; ``ranked``, share of negatives below their positive, which needs no threshold;
        ``bound``.
    """
    loss.discriminator.eval()
    exchanges = {
        "own": lambda own, other: own,
        "another image's": lambda own, other: own.roll(1, dims=0),
        "other class's": lambda own, other: other,
    }
    return {
        condition: {
            name: float(np.mean([figures[name] for figures in found]))
            for found in [[_figures(loss, vectors, exchange) for vectors in batches]]
            for name in FIGURES
        }
        for condition, exchange in exchanges.items()
    }


def _figures(
    loss: MutualInformationLoss, vectors: BatchVectors, exchange: Callable[[Tensor, Tensor], Tensor]
) -> dict[str, float]:
    nuclei = exchange(vectors.target_nuclei, vectors.target_background)
    background = exchange(vectors.target_background, vectors.target_nuclei)
    with torch.no_grad():
        scores = [loss.score(nuclei, vectors.source_nuclei, vectors.source_background)]
        if loss.pairs == "both_classes":
            scores.append(loss.score(background, vectors.source_background, vectors.source_nuclei))
    positive, negative = (torch.cat(part) for part in zip(*scores, strict=True))
    shares = {"positives": (positive > 0).float().mean().item(), "negatives": (negative <= 0).float().mean().item()}
    return {
        **shares,
        "accuracy": (shares["positives"] + shares["negatives"]) / 2,
        "ranked": (positive.unsqueeze(1) > negative).float().mean().item(),
        "bound": BOUNDS[loss.bound](positive, negative).item(),
    }
