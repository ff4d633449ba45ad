"""How far around a pixel a network looks, by its gradient."""

from __future__ import annotations

import copy
from weakref import WeakKeyDictionary

import torch
from torch import nn

from mani_monai.utils import InputError

POOLED = 16
"""Pixels that one pixel of a U-Net's deepest map stands for: windows start at multiples of it."""
_EDGES = (288, 512)  # pixels of the longer side of the pictures that the reach is measured in
_WIDTH = 2 * POOLED  # of their shorter side
_known: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()


def network_reach(network: nn.Module) -> int:
    """Pixels from a cut within which a network's answer depends on what lies beyond it.

    The gradient says what a block of 16 pixels looks at, and where a pixel lies in its block adds up to 15. It is
    measured once a network, on a copy whose weights average and whose poolings do, so that nothing cancels.

    Args:
        network: takes pictures of any size.

    Raises:
        InputError: when it looks at the whole picture, as with instance normalisation, or interpolates between the
            picture's corners, so that the same pixels have other answers in a picture of another size.
    """
    if network not in _known:
        if any(isinstance(part, nn.Upsample) and part.align_corners for part in network.modules()):
            raise InputError(
                "the network interpolates from corner to corner, so parts of a large picture would not add up; train "
                'one with the upsample "deconv".'
            )
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
            averaging = _averaging(copy.deepcopy(network).cpu().float().eval().requires_grad_(False))
            found = next((far for far in (_far(averaging, edge) for edge in _EDGES) if far is not None), None)
        if found is None:
            raise InputError(
                "the network looks at the whole picture, so parts of a large one would not add up; train one with "
                "batch normalisation."
            )
        _known[network] = found + POOLED - 1
    return _known[network]


def _far(network: nn.Module, edge: int) -> int | None:
    """Pixels beyond a block in the middle that it looks at; None where they reach the picture's edge.

    Rows are seen in a narrow picture, columns in another one.
    """
    first = edge // 2
    block, far = slice(first, first + POOLED), 0
    for axis, shape in ((2, (edge, _WIDTH)), (3, (_WIDTH, edge))):
        generator = torch.Generator().manual_seed(0)
        image = torch.rand((1, 3, *shape), generator=generator).add(0.5).requires_grad_()
        answer = network(image)
        (answer[:, :, block] if axis == 2 else answer[..., block]).sum().backward()
        assert image.grad is not None
        places = image.grad.abs().sum(dim=[each for each in range(4) if each != axis]).nonzero()[:, 0]
        if len(places):
            start, stop = int(places[0]), int(places[-1]) + 1
            if start == 0 or stop == edge:
                return None
            far = max(far, first - start, stop - first - POOLED)
    return far


def _averaging(network: nn.Module) -> nn.Module:
    """The network with weights of one size, so that neither values nor gradients leave the range of float32."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1 / max(parameter[0].numel(), 1) if parameter.ndim > 1 else 1)
        for name, value in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                value.fill_(name.endswith("running_var"))
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
    return network
