"""A network's settings, read from the shapes of its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

LEVELS = ("conv_0", "down_1.convs", "down_2.convs", "down_3.convs", "down_4.convs", "upcat_1.convs")


def unet_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """``features`` of MONAI's BasicUNet."""
    return {"features": [len(state[f"{level}.conv_1.conv.weight"]) for level in LEVELS]}


def hovernet_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """``mode`` and ``out_classes`` of MONAI's HoVerNet: kernels of 3 px are "fast", of 5 px "original"."""
    kernel = state["nucleus_prediction.decoder_blocks.decoderblock1.conva.weight"].shape[-1]
    types = state.get("type_prediction.output_features.decoderblock4.conv.bias", ())
    return {"mode": {3: "fast", 5: "original"}[kernel], "out_classes": len(types)}


READERS: dict[str, Callable[[Mapping[str, Tensor]], dict[str, Any]]] = {
    "BasicUNet": unet_settings,
    "mani_monai.networks.nets.ConcatHoVerNet": hovernet_settings,
}


def settings_of(state: Mapping[str, Tensor], target: str) -> dict[str, Any]:
    """Settings of a bundle's configs that a state dictionary implies.

    Args:
        state: tensors by name.
        target: the network's ``_target_`` in the configs.

    Returns:
        the settings; none where the network is not known, or the weights are of another one.
    """
    try:
        return READERS[target](state) if target in READERS else {}
    except (KeyError, IndexError, TypeError):
        return {}
