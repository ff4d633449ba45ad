"""A model as one TorchScript module that QuPath's InstanSeg extension asks: picture in, labelled nuclei out.

Annotations are no texts here: TorchScript reads those of a class as types.
"""

import io
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mani_monai.declaration import UNET
from mani_monai.model import Model
from mani_monai.transforms.part_nuclei_script import PartNucleiScript
from mani_monai.transforms.part_nucleid import CONTOUR, share_of
from mani_monai.transforms.rescaling import LEAST_SIDE
from mani_monai.utils import InputError
from mani_monai.utils.folders import replacing

PERCENTILES = (0.1, 99.9)
"""Of each channel of a region; QuPath makes them 0 and 1."""
DARKEST, LIGHTEST = (0.40, 0.35, 0.53), (0.97, 0.92, 0.96)
"""Red, green and blue in 0..1: the means of these percentiles over the images of TNBC, ``python -m studies qupath``."""


class QuPathNetwork(nn.Module):
    """A network with the parting of its nuclei.

    QuPath scales each channel of the region that a user chose. The network learned other values. So the usual darkest
    and lightest values of stained tissue are put in the place of 0 and 1 first.

    Args:
        network: gives logits of background, nuclei and perhaps a third channel, BKHW, for B3HW in 0..1, rows first.
        min_size: pixels of the smallest nucleus.
        third: what a third channel tells, as ``PartNucleid`` has it.
    """

    darkest: Tensor
    lightest: Tensor

    def __init__(
        self,
        network: nn.Module,
        min_size: int,
        third: str = CONTOUR,
    ) -> None:
        super().__init__()
        self.network = network
        self.part = PartNucleiScript(min_size)
        self.tells_contour = third == CONTOUR
        self.least_side = LEAST_SIDE
        self.register_buffer("darkest", torch.tensor(DARKEST)[:, None, None])
        self.register_buffer("lightest", torch.tensor(LIGHTEST)[:, None, None])

    def forward(self, image: Tensor, target_segmentation: Tensor | None = None) -> Tensor:
        """
        Args:
            image: B3HW or 3HW, each channel scaled by ``PERCENTILES`` of its region.
            target_segmentation: which outputs QuPath wants; there is one.

        Returns:
            B1HW or 1HW float32: ids 1..N, 0 background.
        """
        logits = self.logits(image if image.dim() == 4 else image[None])
        labels = torch.stack([self.nuclei(logits[index]) for index in range(logits.size(0))])
        return labels if image.dim() == 4 else labels[0]

    def nuclei(self, logits: Tensor) -> Tensor:
        """
        Args:
            logits: KHW, of background, nuclei and perhaps a third channel.

        Returns:
            1HW float32 ids.
        """
        contour = logits[2] > 0 if logits.size(0) == 3 and self.tells_contour else None
        distance = share_of(logits[2]) if logits.size(0) == 3 and not self.tells_contour else None
        return self.part((logits[1] - logits[0]).sigmoid(), contour, distance)[None].to(torch.float32)

    def logits(self, image: Tensor) -> Tensor:
        """
        Args:
            image: B3HW, as it comes.

        Returns:
            BKHW, of the network.
        """
        height, width = image.size(2), image.size(3)
        usual = (self.darkest + image.float() * (self.lightest - self.darkest)).clamp(0, 1)
        missing = [0, max(self.least_side - width, 0), 0, max(self.least_side - height, 0)]
        return self.network(pad(usual, missing, mode="replicate"))[:, :, :height, :width]


def qupath_network(model: Model) -> QuPathNetwork:
    """The module of a model, in float32 on a CPU.

    Args:
        model: a U-Net that sees images as they are.

    Raises:
        InputError: when it is another network, or steps stand before it that need the whole image.
    """
    declaration = model.declaration
    if model.name != UNET:
        raise InputError(f"{model.name}: QuPath's extension cannot part its nuclei; export a run of {UNET}.")
    if declaration.preprocessing:
        step = str(declaration.preprocessing[0]["_target_"]).rpartition(".")[2]
        remedy = "export pretrained/mani_unet_any_stain, or a run of mean_teacher_stain_augmentation"
        raise InputError(f"{model.name}: {step} needs the whole image, and QuPath shows tiles; {remedy}.")
    network = declaration.build_network()
    network.load_state_dict({name: value.cpu() for name, value in model.state.items()})
    least = int(declaration.settled_parting()["min_size"])
    return QuPathNetwork(network.eval(), least, third=declaration.third or CONTOUR).eval()


def write_qupath_network(network: QuPathNetwork, path: Path) -> torch.jit.ScriptModule:
    """Writes it as TorchScript.

    Returns:
        what was written.

    Raises:
        InputError: when the file cannot be written.
    """
    script = torch.jit.script(network)
    buffer = io.BytesIO()
    torch.jit.save(script, buffer)
    with replacing(path) as partial:
        partial.write_bytes(buffer.getvalue())
    return script
