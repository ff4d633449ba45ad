"""Parting of touching nuclei as one step of a bundle."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type
from torch import Tensor

from scripts.utils.errors import InputError

from .nuclei_table import nuclei_table
from .nucleus import least_area
from .part_nuclei import part_nuclei

CONTOUR, DISTANCE = "contour", "distance"
"""What a third channel tells; :func:`part_nuclei` has an argument of each name."""


def share_of(logits: Tensor) -> Tensor:
    """The sigmoid of float32 logits, the same wherever they lie: in float32 the end of a row is rounded otherwise."""
    return logits.double().sigmoid().float()


class PartNucleid(MapTransform):
    """From a network's answer of nuclei and background to single nuclei, by :func:`part_nuclei`.

    Args:
        keys: the answer for one image. Two channels are background and nuclei, one is nuclei alone. A third one tells
            where to part nuclei, and the answer is left with the other two.
        instances_key: where the nuclei go: ids 1..N, 0 background, int32, one channel, a tensor or an array as the
            answer is. The answer's own key replaces it.
        probabilities: the answer is in 0..1. Otherwise it is logits: two whose softmax, or one whose sigmoid, is the
            probability; of a third one it is a sigmoid.
        width_first: the answer's spatial axes are width, height, as where MONAI reads PNG. The nuclei have the same
            axes. They are the transposed ones of the answer with its height first, to the last pixel.
        min_size: pixels of the smallest nucleus; :func:`scripts.transforms.nucleus.least_area` by default.
        table_key: where the :func:`nuclei_table` goes, whose rows are those of the image; None makes none.
        temperature: of the calibrated certainty in the table; None leaves that column out.
        bias: of that certainty.
        third: what a third channel tells: "contour", the probability that a pixel of a nucleus is its contour, or
            "distance", that to its nucleus's border as a share of the largest.

    Raises:
        ValueError: when ``keys`` is not one key, or ``third`` is unknown.
    """

    def __init__(
        self,
        keys: KeysCollection = "pred",
        instances_key: str = "instances",
        probabilities: bool = False,
        width_first: bool = False,
        min_size: int | None = None,
        table_key: str | None = None,
        temperature: float | None = None,
        bias: float = 0.0,
        third: str = CONTOUR,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must be one key, got {self.keys}.")
        if third not in (CONTOUR, DISTANCE):
            raise ValueError(f"third must be {CONTOUR} or {DISTANCE}, got {third!r}.")
        self.instances_key = instances_key
        self.probabilities = probabilities
        self.width_first = width_first
        self.min_size = least_area() if min_size is None else min_size
        self.table_key = table_key
        self.calibration = {"temperature": temperature, "bias": bias}
        self.third = third

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: holds the answer, CHW, or CWH where the width comes first.

        Returns:
            the same entries, the nuclei, 1HW or 1WH, and their table.

        Raises:
            ValueError: when the answer has not one to three channels.
            InputError: when the answer is not finite; it names the image where the answer knows it.
        """
        data = dict(data)
        answer = data[self.keys[0]]
        maps = torch.as_tensor(answer).detach().cpu().float()
        if maps.ndim != 3 or len(maps) not in (1, 2, 3):
            raise ValueError(f"{self.keys[0]} must be CHW with 1 to 3 channels, got shape {tuple(maps.shape)}.")
        if not torch.isfinite(torch.stack(maps.aminmax())).all():
            image = getattr(answer, "meta", {}).get("filename_or_obj", self.keys[0])
            raise InputError(f"{image}: the network's answer is not finite; use other weights, or float32.")
        if self.width_first:
            maps = maps.transpose(1, 2)
        told: dict[str, Any] = {self.third: self._told(maps[2]).numpy()} if len(maps) == 3 else {}
        if told:
            maps, data[self.keys[0]] = maps[:2], answer[:2]
        probability = self._probability(maps)
        instances = part_nuclei(probability.numpy(), self.min_size, **told)
        if self.table_key is not None:
            data[self.table_key] = nuclei_table(instances, probability.numpy(), **self.calibration)
        if self.width_first:
            instances = instances.T.copy()
        data[self.instances_key] = convert_to_dst_type(instances[None], answer, dtype=instances.dtype)[0]
        return data

    def _told(self, third: Tensor) -> Tensor:
        """What :func:`part_nuclei` takes of the third channel."""
        if self.third == CONTOUR:
            return third > (0.5 if self.probabilities else 0)
        return third if self.probabilities else share_of(third)

    def _probability(self, maps: Tensor) -> Tensor:
        if self.probabilities:
            return maps[-1]
        return (maps[1] - maps[0] if len(maps) == 2 else maps[0]).sigmoid()
