"""HoVer-Net's post-processing as one step of a bundle."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type

from .hover_borders import Scale
from .hover_instances import check_settings, hover_instances
from .nuclei_table import nuclei_table
from .nucleus import least_area, without_small
from .polygons import instance_polygons


class HoVerNetInstancesd(MapTransform):
    """From HoVer-Net's concatenated output to its instances, their table and, on demand, their outlines.

    Args:
        keys: the network's output: logits of background and nuclei, horizontal and vertical distances, then, where
            nuclei have types, logits of the types, that of background first; CHW.
        instances_key: where the instances go: 1HW int32 ids 1..N, 0 background, a tensor or an array as the output
            is. The output's own key replaces it.
        table_key: where the :func:`nuclei_table` goes; None makes none.
        polygons_key: where the :func:`instance_polygons` go; None makes none.
        threshold: this and the rest as in :func:`hover_instances`, whose own ``min_size``, before nuclei are divided,
            stays at HoVer-Net's 10 pixels.
        kernel_size: edge of the Sobel kernel in pixels.
        border_threshold: least value of the border map that no marker may have.
        radius: of the disk that opens the markers, in pixels.
        min_size: pixels of the smallest nucleus; :func:`scripts.transforms.nucleus.least_area` by default.
        tile: edge of the tiles in which nuclei are taken together.
        border_scale: what the border map's 0 and 1 stand for.
        largest_hole: pixels of either edge of a hole that is filled.
        temperature: of the calibrated certainty in the table; None leaves that column out.
        bias: of that certainty.

    Raises:
        ValueError: when ``keys`` is not one key, or a setting is out of range.
    """

    def __init__(
        self,
        keys: KeysCollection = "pred",
        instances_key: str = "instances",
        table_key: str | None = "nuclei",
        polygons_key: str | None = None,
        threshold: float = 0.5,
        kernel_size: int = 21,
        border_threshold: float = 0.4,
        radius: int = 2,
        min_size: int | None = None,
        tile: int | None = None,
        border_scale: Scale | None = None,
        largest_hole: int | None = None,
        temperature: float | None = None,
        bias: float = 0.0,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must be one key, got {self.keys}.")
        check_settings(kernel_size, radius, tile)
        self.instances_key = instances_key
        self.table_key = table_key
        self.polygons_key = polygons_key
        self.threshold = threshold
        self.calibration = {"temperature": temperature, "bias": bias}
        self.min_size = least_area() if min_size is None else min_size
        self.find = partial(
            hover_instances,
            threshold=threshold,
            kernel_size=kernel_size,
            border_threshold=border_threshold,
            radius=radius,
            tile=tile,
            border_scale=border_scale,
            largest_hole=largest_hole,
        )

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Args:
            data: holds the network's output for one image.

        Returns:
            the same entries, and the instances, table and outlines.

        Raises:
            ValueError: when the output is not CHW with four channels or more, or not finite.
        """
        data = dict(data)
        output = data[self.keys[0]]
        maps = torch.as_tensor(output).detach().cpu().float()
        if maps.ndim != 3 or len(maps) < 4:
            raise ValueError(f"{self.keys[0]} must be CHW with at least 4 channels, got shape {tuple(maps.shape)}.")
        probability = (maps[1] - maps[0]).sigmoid_().numpy()  # the softmax of two
        hover, types = maps[2:4].numpy(), maps[4:].numpy()
        instances = self.find(probability, hover)
        instances = without_small(instances, int(instances.max(initial=0)), self.min_size)[0]
        data[self.instances_key] = convert_to_dst_type(instances[None], output, dtype=instances.dtype)[0]
        if self.table_key is not None:
            kinds = types if len(types) else None
            data[self.table_key] = nuclei_table(instances, probability, kinds, self.threshold, **self.calibration)
        if self.polygons_key is not None:
            data[self.polygons_key] = instance_polygons(instances)
        return data
