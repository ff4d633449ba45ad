"""Fourier style transfer against numpy's whole, centred spectrum."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mani_monai.transforms import FourierStyled, swap_low_frequencies


def pair(height: int = 20, width: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    """Two images of low contrast, so that nothing is clipped."""
    random = np.random.default_rng(0)
    image = random.uniform(0.4, 0.5, (3, height, width))
    style = random.uniform(0.5, 0.7, (3, height, width)) * np.reshape([1, 0.9, 0.8], (3, 1, 1))
    return torch.from_numpy(image), torch.from_numpy(style)


def by_hand(image: np.ndarray, style: np.ndarray, beta: float) -> np.ndarray:
    def centred(values):
        return np.fft.fftshift(np.fft.fft2(values), axes=(-2, -1))

    height, width = image.shape[-2:]
    half = int(np.floor(beta * min(height, width)))
    middle = (height // 2, width // 2)
    square = (slice(None), *(slice(max(c - half, 0), c + half + 1) for c in middle))
    amplitude, phase = np.abs(centred(image)), np.angle(centred(image))
    amplitude[square] = np.abs(centred(style))[square]
    spectrum = np.fft.ifftshift(amplitude * np.exp(1j * phase), axes=(-2, -1))
    return np.fft.ifft2(spectrum).real.clip(0, 1)


@pytest.mark.parametrize("size", [(20, 20), (21, 21), (16, 25), (25, 16), (15, 12)])
@pytest.mark.parametrize("beta", [0, 0.05, 0.1, 0.26])
def test_agrees_with_the_whole_spectrum(size, beta):
    image, style = pair(*size)
    result = swap_low_frequencies(image, style, beta)
    np.testing.assert_allclose(result, by_hand(image.numpy(), style.numpy(), beta), atol=1e-10)
    assert (result - image).abs().max() > 0.05


def test_beta_0_moves_the_mean_alone():
    image, style = pair()
    shift = (style - image).mean(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(swap_low_frequencies(image, style, 0), image + shift)


def test_waves_by_hand():
    """Of two waves the slow one is low: it takes the style's amplitude where it was; the fast one stays."""
    x = torch.arange(32) * (2 * torch.pi / 32)
    slow, fast = torch.cos(2 * x + 0.7), torch.cos(9 * x + 0.3)
    image = (0.5 + 0.1 * slow + 0.05 * fast).expand(1, 32, 32)
    style = (0.6 + 0.02 * torch.cos(2 * x - 2) + 0.2 * torch.cos(9 * x)).expand(1, 32, 32)
    expected = (0.6 + 0.02 * slow + 0.05 * fast).expand(1, 32, 32)
    torch.testing.assert_close(swap_low_frequencies(image, style, 0.1), expected, atol=1e-6, rtol=0)  # 3 waves
    unmoved = (0.6 + 0.1 * slow + 0.05 * fast).expand(1, 32, 32)
    torch.testing.assert_close(swap_low_frequencies(image, style, 0.05), unmoved, atol=1e-6, rtol=0)  # 1 wave


def test_an_image_in_its_own_style_is_itself():
    image, style = pair()
    for beta in (0, 0.1, 0.5):
        torch.testing.assert_close(swap_low_frequencies(image, image, beta), image)
    assert (swap_low_frequencies(image, style, 0.5) - image).abs().mean() > 0.05


def test_what_leaves_the_range_is_clipped():
    image, style = torch.rand(3, 12, 12), torch.rand(3, 12, 12) * 0.2 + 0.8
    result = swap_low_frequencies(image, style, 0)
    assert result.max() == 1
    unclipped = image + (style - image).mean(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(result, unclipped.clamp(0, 1))
    assert unclipped.max() > 1.1


def test_a_style_of_another_size_is_resized():
    image, _ = pair()
    style = torch.full((3, 40, 33), 0.25, dtype=torch.float64)
    result = swap_low_frequencies(image, style, 0)
    torch.testing.assert_close(result.mean(dim=(1, 2)), torch.full((3,), 0.25, dtype=torch.float64))
    torch.testing.assert_close(result - 0.25, image - image.mean(dim=(1, 2), keepdim=True))


def item() -> dict[str, torch.Tensor]:
    image, style = (values.float() for values in pair())
    return {"image": image, "target_image": style, "label": torch.zeros(1, 20, 20)}


def test_transform_changes_the_source_image_alone():
    given = item()
    result = FourierStyled("image", beta=0.1)(given)
    torch.testing.assert_close(
        result["image"], swap_low_frequencies(given["image"], given["target_image"], 0.1), atol=0, rtol=0
    )
    assert result["image"].dtype == torch.float32
    assert all(result[key] is given[key] for key in ("target_image", "label"))
    torch.testing.assert_close(given["image"], item()["image"], atol=0, rtol=0)


def test_draws_fill_the_range_and_follow_the_state():
    transform = FourierStyled("image", beta=(0.1, 0.3)).set_random_state(0)
    drawn = []
    for _ in range(200):
        result = transform(item())["image"]
        drawn.append(transform.beta)
    torch.testing.assert_close(result, swap_low_frequencies(item()["image"], item()["target_image"], transform.beta))
    assert 0.1 <= min(drawn) < 0.11 < 0.29 < max(drawn) <= 0.3
    transform.set_random_state(0)(item())
    assert transform.beta == drawn[0]


def test_probability_and_missing_keys():
    given = item()
    transform = FourierStyled("image", prob=0.5).set_random_state(0)
    changed = sum(transform(given)["image"] is not given["image"] for _ in range(200))
    assert 75 < changed < 125
    assert FourierStyled("image", allow_missing_keys=True)({"label": 3}) == {"label": 3}
    with pytest.raises(KeyError):
        FourierStyled("image")({"target_image": 3})


@pytest.mark.parametrize("beta", [-0.01, 0.51, (0.2, 0.1), (-0.1, 0.1), (0.1, 0.6)])
def test_beta_is_checked(beta):
    with pytest.raises(ValueError, match=r"beta must be in 0\.\.0\.5, or such a range, got "):
        FourierStyled("image", beta=beta)
