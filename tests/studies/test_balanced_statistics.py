"""Statistics of a target whose nuclei have a given share."""

from __future__ import annotations

import torch
from torch import nn

from studies.balanced_statistics import balanced_state


def network():
    """Sure of nuclei where a pixel is above one half; its batch norm sees the pixels as they are."""
    layers = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 1))
    with torch.no_grad():
        layers[1].weight.copy_(torch.tensor([[[[0.0]]], [[[400.0]]]]))
        layers[1].bias.copy_(torch.tensor([0.0, -200.0]))
    return layers.eval()


def picture(nuclei):
    image = torch.zeros(1, 1, 10, 10)
    image.view(-1)[:nuclei] = 1.0
    return image


def test_moments_by_hand_whatever_the_target_s_own_share():
    layers = network()
    before = {name: value.clone() for name, value in layers.state_dict().items()}
    for nuclei in (10, 60):
        state = balanced_state(layers, [(picture(nuclei), None)], share=0.3)
        torch.testing.assert_close(state["0.running_mean"], torch.tensor([0.3]), atol=1e-4, rtol=0)
        torch.testing.assert_close(state["0.running_var"], torch.tensor([0.3 * 0.49 + 0.7 * 0.09]), atol=1e-4, rtol=0)
    assert all(torch.equal(value, before[name]) for name, value in layers.state_dict().items()), "left as it was"
    assert "forward" not in layers[0].__dict__


def test_what_is_no_tissue_counts_for_nothing():
    image, tissue = picture(10), torch.ones(1, 1, 10, 10)
    image[..., -5:, :] = 0.4
    tissue[..., -5:, :] = 0
    state = balanced_state(network(), [(image, tissue)], share=0.5)
    torch.testing.assert_close(state["0.running_mean"], torch.tensor([0.5]), atol=1e-4, rtol=0)
