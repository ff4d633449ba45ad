"""Whether a run's target prototypes matter: the loss under its own, under shuffled and under foreign ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from monai.bundle import ConfigParser
from torch import Tensor
from torch.nn.functional import normalize

from mani_monai.losses import TargetSupportsLoss
from mani_monai.losses.class_pixels import CLASSES, ClassPixels
from mani_monai.run.run_folder import read_train_config, train_config
from mani_monai.utils import InputError
from mani_monai.utils.files import load_finished
from studies.critic_study import domain_batches, domain_reader

LEAST_RISE = 0.1
"""Nats by which shuffled and foreign prototypes have to raise the loss."""
LEAST_LOSS = 0.02
"""Nats below which the loss is filled and teaches nothing more."""
OWN, SHUFFLED, FOREIGN = "own", "shuffled", "foreign"
CLASS_NAMES = ("background", "nuclei")


@dataclass(frozen=True)
class PrototypeStudy:
    """What a run's target prototypes are worth to it.

    Args:
        losses: the source term under each kind of prototypes, in nats; means over batches.
        cosines: between mean prototypes, by what is compared.
    """

    losses: dict[str, float]
    cosines: dict[str, float]

    @property
    def accepted(self) -> bool:
        """Whether the loss looks at the target: wrong prototypes cost ``LEAST_RISE`` more, and it is not filled."""
        rises = [value - self.losses[OWN] for kind, value in self.losses.items() if kind != OWN]
        return min(rises) > LEAST_RISE and self.losses[OWN] > LEAST_LOSS


def study_prototypes(
    run: str | Path, dataset_dir: str | None = None, foreign: str | None = None, batches: int = 12
) -> PrototypeStudy:
    """The source term of a run's ``TargetSupportsLoss`` under three kinds of target prototypes, and how they differ.

    No label of the target is read.

    Args:
        run: folder of a finished run.
        dataset_dir: folder of the prepared data sets; the run's by default.
        foreign: another data set, whose images give foreign prototypes; none where None.
        batches: training batches to look at.

    Returns:
        figures of ``own`` prototypes; of ``shuffled`` ones, whose pseudo-labels are permuted; of ``foreign`` ones,
        where asked for.

    Raises:
        InputError: when the run is not finished, trained without that loss, or no batch has both classes.
    """
    folder = Path(run)
    config = read_train_config(folder)
    losses: dict[str, list[float]] = {OWN: [], SHUFFLED: []}
    prototypes: dict[str, list[Tensor]] = {OWN: [], SHUFFLED: []}

    def note(kind: str, loss: TargetSupportsLoss, queries: ClassPixels, support: ClassPixels) -> None:
        if (found := class_prototypes(support)) is not None:
            losses[kind].append(loss.cross_entropy(queries, found).item())
            prototypes[kind].append(found)

    supports = _supports(folder, config, dataset_dir, None, batches)
    torch.manual_seed(0)
    for loss, queries, pixels in supports:
        note(OWN, loss, queries, pixels)
        note(SHUFFLED, loss, queries, ClassPixels(pixels.features, pixels.label[torch.randperm(len(pixels.label))]))
    if foreign is not None:
        losses[FOREIGN], prototypes[FOREIGN] = [], []
        for loss, queries, pixels in _supports(folder, config, dataset_dir, foreign, batches):
            note(FOREIGN, loss, queries, pixels)
    if not all(losses.values()):
        raise InputError(f"{folder}: in no batch does the teacher find both classes; train for longer.")
    means = {kind: normalize(torch.stack(found).mean(0), dim=1) for kind, found in prototypes.items()}
    return PrototypeStudy({kind: float(np.mean(values)) for kind, values in losses.items()}, _cosines(means))


def _cosines(means: dict[str, Tensor]) -> dict[str, float]:
    """Of the own prototypes with each other, and class by class with the others."""
    found = {f"{OWN}: {CLASS_NAMES[0]}, {CLASS_NAMES[1]}": (means[OWN][0] @ means[OWN][1]).item()}
    for kind in means.keys() - {OWN}:
        for number, name in enumerate(CLASS_NAMES):
            found[f"{OWN}, {kind}: {name}"] = (means[OWN][number] @ means[kind][number]).item()
    return dict(sorted(found.items()))


def class_prototypes(pixels: ClassPixels) -> Tensor | None:
    """2xD of unit length, background and nuclei; None where a class is missing."""
    means = [mean for number in range(CLASSES) if (mean := pixels.mean(number)) is not None]
    return normalize(torch.stack(means), dim=1) if len(means) == CLASSES else None


def _supports(
    folder: Path, config: dict, dataset_dir: str | None, target: str | None, batches: int
) -> Iterator[tuple[TargetSupportsLoss, ClassPixels, ClassPixels]]:
    """The loss, the source's queries and the target's pixels, batch by batch."""
    parser = ConfigParser()
    parser.read_config(str(train_config(folder)))
    parser["output_dir"] = str(folder)
    parser["num_workers"] = 0
    for name, value in (("dataset_dir", dataset_dir), ("target", target)):
        if value is not None:
            parser[name] = value
    torch.manual_seed(0)
    parser.get_parsed_content("imports")
    network, adaptation = parser.get_parsed_content("network"), parser.get_parsed_content("adaptation")
    (loss,) = [one for one in adaptation.values() if isinstance(one, TargetSupportsLoss)] or [None]
    if loss is None:
        raise InputError(f"{folder}: trained without TargetSupportsLoss; name a run of methods/mani2.json.")
    load_finished(folder, model=network, adaptation=adaptation)
    reader = domain_reader(parser)
    infer, device = parser.get_parsed_content("train::inferer"), parser.get_parsed_content("device")
    loader = parser.get_parsed_content("adabn_loader")
    for source, seen in islice(domain_batches(network, loader, infer, device, reader), batches):
        with torch.no_grad():
            yield loss, loss.source_pixels(source), loss.target_pixels(seen)
