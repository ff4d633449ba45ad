"""Pixels that speak for their class: which are usable, and which are drawn."""

from __future__ import annotations

import torch

from mani_monai.losses.class_pixels import away_from_contours, draw_pixels


def test_pixels_beside_a_contour_do_not_count():
    nuclei = torch.zeros(1, 1, 1, 8)
    nuclei[..., 4:] = 1
    assert away_from_contours(nuclei, 2)[0, 0, 0].tolist() == [True, True, False, False, False, False, True, True]
    assert away_from_contours(nuclei, 1)[0, 0, 0].tolist() == [True] * 3 + [False] * 2 + [True] * 3
    assert away_from_contours(nuclei, 0).all()


def test_half_are_the_hardest_and_no_pixel_is_drawn_twice():
    torch.manual_seed(0)
    features = torch.arange(40.0).view(1, 1, 1, 40)
    nuclei = torch.zeros(1, 1, 1, 40)
    nuclei[..., 20:] = 1
    margin = features.clone()  # the hardest background is 0, 1, 2, ...; the hardest nuclei 20, 21, ...
    usable = torch.ones_like(nuclei, dtype=torch.bool)
    usable[..., 1] = False
    pixels = draw_pixels(features, nuclei, usable, margin, 6)
    drawn = pixels.features.squeeze(1)
    assert pixels.label.tolist() == [0] * 6 + [1] * 6
    assert {0, 2, 3} <= set(drawn[:6].tolist())
    assert {20, 21, 22} <= set(drawn[6:].tolist())
    assert 1 not in drawn
    assert len(set(drawn.tolist())) == 12
    assert (drawn[:6] < 20).all()
    assert (drawn[6:] >= 20).all()


def test_a_rare_class_gives_all_it_has_and_a_missing_one_has_no_mean():
    features = torch.arange(6.0).view(1, 1, 1, 6).repeat(1, 2, 1, 1)
    nuclei = torch.zeros(1, 1, 1, 6)
    usable = torch.ones_like(nuclei, dtype=torch.bool)
    pixels = draw_pixels(features, nuclei, usable, features[:, :1], 100)
    assert len(pixels.label) == 6
    torch.testing.assert_close(pixels.mean(0), torch.tensor([2.5, 2.5]))
    assert pixels.mean(1) is None
