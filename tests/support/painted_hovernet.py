"""A stand-in for HoVer-Net that reads its maps off the image, and the bundle's inference with it."""

from __future__ import annotations

import torch
from bundle_files import REPOSITORY
from monai.bundle import ConfigParser, ConfigWorkflow
from painted_nuclei import SHIFT, STEEP

CONFIGS = REPOSITORY / "bundles" / "mani_hovernet" / "configs"


class Painted(torch.nn.Module):
    """A stand-in for HoVer-Net: the maps are painted in the image, red nuclei, green and blue distances.

    Its weights are nought until they are loaded; with ``types`` the type is painted in the green channel's sign.
    """

    def __init__(self, types: int = 0) -> None:
        super().__init__()
        self.maps = torch.nn.Conv2d(3, 4 + types, 1)
        torch.nn.init.zeros_(self.maps.weight)
        torch.nn.init.zeros_(self.maps.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        margin = (images.shape[-1] - 164) // 2
        assert images.shape[-2:] == (256, 256)
        return self.maps(images[..., margin:-margin, margin:-margin])


def painted_weights(types: int = 0) -> dict[str, torch.Tensor]:
    network = Painted(types)
    with torch.no_grad():
        network.maps.weight[1, 0], network.maps.bias[1] = 20 * STEEP, 20 * SHIFT - 10
        for channel in (1, 2):
            network.maps.weight[1 + channel, channel] = 2 * STEEP
            network.maps.bias[1 + channel] = 2 * SHIFT - 1
        if types:
            network.maps.bias[4 + 2] = 9
    return network.state_dict()


def make_inference(**overrides) -> ConfigWorkflow:
    workflow = ConfigWorkflow(
        config_file=str(CONFIGS / "inference.json"),
        meta_file=str(CONFIGS / "metadata.json"),
        logging_file=False,
        workflow_type="infer",
        **{"precision": "float32", "device": "$torch.device('cpu')", "network_def": Painted(), **overrides},
    )
    workflow.initialize()
    return workflow


def parsed_inference(**overrides) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config(str(CONFIGS / "inference.json"))
    parser.update(overrides)
    return parser
