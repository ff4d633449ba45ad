"""Masks and label-free scores of some weights, with the network and inferer of a training's own config."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import Dataset
from monai.networks.utils import eval_mode
from numpy.typing import NDArray
from torch import Tensor

from mani_monai.apps.adapt.methods import Training
from mani_monai.evaluation import LabelFreeScorer
from mani_monai.utils.files import load_network, load_tensors

WHOLE = 1024
"""Pixels of a side up to which an image may go through the network whole, where the preset does that."""
WINDOW = 512
"""Pixels of the windows for larger ones."""


class Predictor:
    """Runs weights over unlabelled images as a training's validation does.

    Args:
        run: a training.
        dataset_dir: folder of the data sets.
        largest: the largest side of an image, in pixels.
        features: channels of the weights' U-Net, where they are not the training's.
        overlays: config files of the weights' steps, where they are not the training's.
    """

    def __init__(
        self,
        run: Training,
        dataset_dir: Path,
        largest: int,
        features: Sequence[int] | None = None,
        overlays: Sequence[str] | None = None,
    ) -> None:
        overlays = run.method.overlays if overlays is None else tuple(overlays)
        bare = replace(run.method, overlays=overlays, options=())
        known = replace(run, method=bare).of_bundle(str(dataset_dir), str(dataset_dir)).parser()
        options = tuple((name, value) for name, value in run.method.options if name in known)
        plain = replace(run, method=replace(bare, options=options))
        parser = plain.of_bundle(str(dataset_dir), str(dataset_dir)).parser()
        if features is not None:
            parser["features"] = list(features)
        if parser.get("window") == -1 and largest > WHOLE:
            parser["window"] = WINDOW
        parser.get_parsed_content("imports")
        self.network, self.inferer, self.device, self.transform, self.preprocessing = _parts(parser)

    def load(self, weights: Path) -> bool:
        """Loads a state dictionary.

        Returns:
            whether all its values are finite numbers; a training that diverged leaves others.

        Raises:
            InputError: when the file is missing, or of another network.
        """
        state = load_tensors(weights)
        load_network(self.network, state, weights)
        return all(bool(torch.isfinite(value).all()) for value in state.values())

    def images(self, paths: Sequence[str]) -> Dataset:
        """Images as the network takes them: items with "image", 3HW in 0..1."""
        return Dataset([{"image": path} for path in paths], self.transform)

    def masks(self, paths: Sequence[str]) -> Iterator[NDArray[np.bool_]]:
        """HW as other programs read the images, true where nuclei are, image by image."""
        with eval_mode(self.network):
            for item in self.images(paths):
                yield self._nuclei(item["image"]).cpu().numpy()

    def scores(self, paths: Sequence[str]) -> dict[str, float]:
        """What ``LabelFreeScorer`` says of the weights on these images."""
        return LabelFreeScorer(
            self.network, self.inferer, self.images(paths), self.device, preprocessing=self.preprocessing
        )()

    def _nuclei(self, image: Tensor) -> Tensor:
        logits = self.inferer(image.unsqueeze(0).to(self.device), self.network)
        return logits.argmax(dim=1)[0] == 1


def _parts(parser: ConfigParser) -> tuple[Any, ...]:
    names = ("network", "validate::inferer", "device", "validate::preprocessing", "preprocessing")
    return tuple(parser.get_parsed_content(name) for name in names)
