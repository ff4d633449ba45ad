"""The choice of batch statistics for one model and one target, without a label, and what the rules say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from mani_monai.apps.adapt.evidence import Evidence
from mani_monai.apps.adapt.measurement import SCORED, Measured, compared, label_free_scores, measure_model
from mani_monai.apps.adapt.target_images import TargetImage
from mani_monai.apps.adapt.verdict import Verdict, judge, kept
from mani_monai.data.pixel_size import PixelSize
from mani_monai.declaration import HOVERNET, ROWS
from mani_monai.evaluation.label_free_criteria import chosen_statistics, consistency
from mani_monai.evaluation.label_free_scorer import evenly_taken
from mani_monai.evaluation.statistics_candidates import CROP, SOURCE_SHARES, candidate_states, crop_batches
from mani_monai.model import Model
from mani_monai.transforms.tissue import tissue_mask
from mani_monai.utils.files import load_network

SOURCE = next(iter(SOURCE_SHARES))
"""Name of the candidate that is the model as it is."""
ESTIMATED = 64
"""Images that the statistics are estimated from, at most."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Batch statistics that were chosen among.

    Attributes:
        name: of the candidate that was chosen.
        states: state dictionaries by candidate, of a network that sees rows first.
        scores: label-free scores by candidate.
        scored: how many images the scores are means over.
        start: of a choice with a trained model, the candidate that it was trained from.
        calibrations: of trained models, by name; other statistics than the source's have none.
        learned_from: of a choice with a trained model, the nuclei that it was trained on, in words.
    """

    name: str
    states: Mapping[str, Mapping[str, Tensor]]
    scores: Mapping[str, Mapping[str, float]]
    scored: int
    start: str | None = None
    calibrations: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    learned_from: str = ""

    def adapted(self, model: Model, name: str | None = None) -> Model:
        """A model with a candidate's statistics, by default the chosen one's."""
        upright, name = upright_model(model), name or self.name
        load_network(upright.network, self.states[name], name)
        if name == SOURCE:
            return upright
        return replace(upright, declaration=upright.declaration.calibrated(self.calibrations.get(name, {})))

    def with_trained(self, model: Model, name: str, images: Sequence[TargetImage], learned_from: str = "") -> Choice:
        """This choice with a model in it that was trained from the chosen one, which takes its place.

        Args:
            model: that one, which sees rows first.
            name: what to call it.
            images: those that may speak for the tissue.
            learned_from: the nuclei that it was trained on, in words.
        """
        scores = label_free_scores(model, [image.field for image in evenly_taken(images, SCORED)])
        state = model.network.state_dict()
        return replace(
            self,
            name=name,
            states={**self.states, name: state},
            scores={**self.scores, name: scores},
            start=self.name,
            calibrations={**self.calibrations, name: model.declaration.calibration},
            learned_from=learned_from,
        )


def choose_statistics(model: Model, images: Sequence[TargetImage], progress: bool = True) -> Choice:
    """Makes the candidates of a model for a target, scores them on a few fields of it, and applies the rule.

    Args:
        model: the model, which is left as it is.
        images: those that may speak for the tissue.
        progress: show bars.

    Raises:
        InputError: when the network has no batch statistics.
    """
    upright = upright_model(model)
    batches = target_batches(upright, images, progress)
    shown = tqdm(batches, "target's statistics", unit="batch", disable=not progress)
    states = candidate_states(upright.network, shown)
    fields = [image.field for image in evenly_taken(images, SCORED)]
    scores = {}
    with tqdm(total=len(states) * len(fields), desc="comparing", unit="image", disable=not progress) as compared:
        for name, state in states.items():
            load_network(upright.network, state, name)
            scores[name] = label_free_scores(upright, fields, compared.update)
            compared.set_postfix({name: f"{consistency(scores[name]):.3f}"})
    return Choice(chosen_statistics(scores), states, scores, len(fields))


def target_batches(
    upright: Model, images: Sequence[TargetImage], progress: bool = True
) -> list[tuple[Tensor, Tensor | None]]:
    """Batches of crops that a target's statistics are estimated from.

    Args:
        upright: a model that sees rows first.
        images: those that may speak for the tissue.
        progress: show a bar.

    Returns:
        BCHW images as the network takes them, and B1HW masks of tissue, in which a pixel of two crops counts once.
    """
    estimated = tqdm(evenly_taken(images, ESTIMATED), "target's colours", unit="image", disable=not progress)
    images_and_masks = [(upright.input.image(image.field), _tissue_of(image.field, upright)) for image in estimated]
    crop, (shown, masks) = CROP, zip(*images_and_masks, strict=True)
    if upright.name == HOVERNET:  # which answers for the middle of its window: crops are of that very size
        crop = upright.declaration.window
        shown, masks = ([_mirrored(image, crop) for image in maps] for maps in (shown, masks))
    return list(zip(crop_batches(shown, crop), crop_batches(masks, crop, once=True), strict=True))


def _mirrored(image: Tensor, side: int) -> Tensor:
    """A CHW image that is ``side`` high and wide at least, mirrored at its borders as in an inference."""
    missing = [max(side - extent, 0) for extent in image.shape[1:]]
    if not any(missing):
        return image
    padded = np.pad(image.cpu().numpy(), [(0, 0), *((one // 2, one - one // 2) for one in missing)], mode="reflect")
    return torch.from_numpy(padded).to(image.device)


def _tissue_of(picture: NDArray[np.uint8], model: Model) -> Tensor:
    """The 1HW mask of a picture's tissue, on the model's device."""
    return torch.from_numpy(tissue_mask(picture))[None].to(model.device)


def upright_model(model: Model) -> Model:
    """A copy of a model that sees rows first, as every new export does."""
    declaration = model.declaration.trained(axes=ROWS)
    network = declaration.build_network()
    load_network(network, model.state, model.name)
    return replace(model, network=network, declaration=declaration)


AS_IT_IS = kept("the model agrees with itself best as it is")
"""The verdict where the source's statistics were chosen."""


def measure_candidate(
    choice: Choice, name: str, model: Model, paths: Sequence[Path], size: PixelSize | None = None, title: str = ""
) -> Measured:
    """Measures a model with a candidate's statistics; its label-free scores are those of the choice.

    Args:
        choice: among statistics.
        name: of the candidate.
        model: what has its statistics: the model that was given for the source's, else ``choice.adapted``.
        paths: the images.
        size: of all images' pixels; what each file says by default.
        title: of a progress bar; none without one.
    """
    return replace(measure_model(model, paths, size, title, scored=()), scores=choice.scores[name])


def judge_candidate(choice: Choice, name: str, before: Measured, after: Measured) -> tuple[Evidence, Verdict]:
    """The evidence of a candidate, and what the rules say of it.

    Args:
        choice: among statistics, with the trained model where there is one.
        name: of the candidate.
        before: the model that was given.
        after: the model with the candidate's statistics, on the same images.
    """
    start = None if choice.start is None else choice.scores[choice.start]
    evidence = replace(compared(before, after), trained=name not in SOURCE_SHARES, scores_start=start)
    return evidence, AS_IT_IS if name == SOURCE else judge(evidence)
