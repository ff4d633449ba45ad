"""The inference of the model zoo's HoVer-Net, rebuilt of MONAI's own classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from monai.apps.pathology.inferers import SlidingWindowHoVerNetInferer
from monai.apps.pathology.transforms.post.dictionary import (
    HoVerNetInstanceMapPostProcessingd,
    HoVerNetNuclearTypePostProcessingd,
)
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import (
    CastToTyped,
    Compose,
    EnsureChannelFirstd,
    FlattenSubKeysd,
    LoadImaged,
    SaveImaged,
    ScaleIntensityRanged,
)
from torch import nn

WINDOW, OUTPUT = 256, 164
BRANCHES = {"nucleus_prediction": slice(0, 2), "horizontal_vertical": slice(2, 4), "type_prediction": slice(4, None)}


def zoo_evaluator(network: nn.Module, paths: Sequence[Path], out: Path, device: torch.device) -> SupervisedEvaluator:
    """The zoo's inference, with the settings of its ``inference.json``."""
    read = [
        LoadImaged(keys="image", reader="PILReader", reverse_indexing=False),  # as ours: what is painted has a side up
        EnsureChannelFirstd(keys="image"),
        CastToTyped(keys="image", dtype=torch.float32),
        ScaleIntensityRanged(keys="image", a_min=0.0, a_max=255.0, b_min=0.0, b_max=1.0, clip=True),
    ]
    saved = {
        "output_dir": out,
        "separate_folder": False,
        "output_ext": ".png",
        "print_log": False,
    }
    post = [
        FlattenSubKeysd(keys="pred", sub_keys=list(BRANCHES), delete_keys=True),
        HoVerNetInstanceMapPostProcessingd(sobel_kernel_size=21, marker_threshold=0.4, marker_radius=2),
        HoVerNetNuclearTypePostProcessingd(),
        SaveImaged(keys="instance_map", output_postfix="instance_map", output_dtype=np.uint16, **saved),
        SaveImaged(keys="type_map", output_postfix="type_map", output_dtype=np.uint8, **saved),
    ]
    return SupervisedEvaluator(
        device=device,
        val_data_loader=DataLoader(Dataset([{"image": str(p)} for p in paths], Compose(read)), batch_size=1),
        network=network,
        inferer=SlidingWindowHoVerNetInferer(
            roi_size=WINDOW,
            sw_batch_size=16,
            overlap=1.0 - OUTPUT / WINDOW,
            padding_mode="constant",
            cval=0,
            sw_device=device,
            device=device,
            extra_input_padding=((WINDOW - OUTPUT) // 2,) * 4,
        ),
        postprocessing=Compose(post),
        amp=device.type == "cuda",
    )
