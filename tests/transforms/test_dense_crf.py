"""The dense CRF against a mean field over every pair of pixels, and what it does to masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy.ndimage import gaussian_filter
from scipy.special import expit, softmax

from mani_monai.transforms import DenseCRFd, dense_crf

DEFAULTS = (10, 20, 13 / 255, 3, 3, 5)


def brute_force(probability, image, *parameters):
    """Mean field of two classes in one matrix a kernel, pixels in rows and columns."""
    weight, std, colour_std, gaussian_weight, gaussian_std, iterations = parameters or DEFAULTS

    def squares(values):
        return ((values[:, None].astype(float) - values) ** 2).sum(axis=-1)

    distance = squares(np.indices(probability.shape).reshape(2, -1).T)
    colour = squares(image.reshape(3, -1).T)
    kernels = []
    for exponent in (distance / std**2 + colour / colour_std**2, distance / gaussian_std**2):
        kernel = np.exp(-exponent / 2)
        kernels.append(kernel / np.sqrt(np.outer(kernel.sum(axis=0), kernel.sum(axis=1))))
    nuclei = probability.astype(float).ravel().clip(1e-5, 1 - 1e-5)
    unary = -np.log([1 - nuclei, nuclei])
    field = softmax(-unary, axis=0)
    for _ in range(iterations):
        message = weight * field @ kernels[0] + gaussian_weight * field @ kernels[1]
        field = softmax(message - unary, axis=0)
    return field[1].reshape(probability.shape)


def nucleus(seed: int = 0, noise: float = 0.1, height: int = 22, width: int = 26) -> tuple[np.ndarray, np.ndarray]:
    """A dark disc in the colours of H&E, and a probability that is blurred, noisy and two pixels off."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices((height, width))
    inside = (rows - 10) ** 2 + (columns - 13) ** 2 < 45
    image = np.where(inside, np.reshape([0.4, 0.3, 0.6], (3, 1, 1)), np.reshape([0.8, 0.6, 0.75], (3, 1, 1)))
    image = (image + noise * gaussian_filter(random.normal(size=image.shape), (0, 1, 1))).clip(0, 1)
    seen = gaussian_filter(((rows - 12) ** 2 + (columns - 11) ** 2 < 45).astype(float), 1)
    probability = expit(4 * seen - 2 + gaussian_filter(random.normal(size=seen.shape), 1) * 3)
    return probability.astype(np.float32), image.astype(np.float32)


@pytest.mark.parametrize("noise", [0, 0.1, 0.3])
@pytest.mark.parametrize(
    "parameters",
    [
        DEFAULTS,
        (10, 6, 13 / 255, 3, 3, 5),  # near and far differ
        (4, 5, 0.15, 0, 3, 5),  # the bilateral kernel alone
        (0, 20, 0.05, 3, 2, 5),  # the Gaussian kernel alone
        (6, 8, 0.1, 2, 2, 1),
        (6, 8, 0.1, 2, 2, 2),
    ],
)
def test_agrees_with_all_pairs_of_pixels(parameters, noise):
    """Mean difference below 0.01; on less than a hundredth of pixels is the class another."""
    for seed in range(2):
        probability, image = nucleus(seed, noise)
        expected = brute_force(probability, image, *parameters)
        result = dense_crf(probability, image, *parameters)
        assert result.dtype == np.float32
        assert np.abs(expected - probability).mean() > 0.03, "nothing to see"
        assert np.abs(result - expected).mean() < 0.01
        assert ((result > 0.5) != (expected > 0.5)).mean() < 0.01


def test_the_gaussian_kernel_alone_is_exact():
    probability, image = nucleus(1)
    parameters = (0, 20, 0.05, 3, 1.5, 5)
    np.testing.assert_allclose(
        dense_crf(probability, image, *parameters), brute_force(probability, image, *parameters), atol=2e-3
    )


def test_defaults_are_those_of_the_method():
    probability, image = nucleus()
    np.testing.assert_array_equal(dense_crf(probability, image), dense_crf(probability, image, *DEFAULTS))


def test_the_outline_moves_to_the_edge_in_the_image():
    probability, image = nucleus(noise=0.02)
    true = image[0] < 0.6
    before = ((probability > 0.5) != true).mean()
    after = ((dense_crf(probability, image) > 0.5) != true).mean()
    assert before > 0.08
    assert after < before / 4


def test_no_colour_decides_in_a_plain_image():
    """A plain image leaves smoothing alone: a lone wrong pixel goes, half against half stays."""
    image = np.full((3, 20, 20), 0.5, np.float32)
    halves = np.full((20, 20), 0.1, np.float32)
    halves[:, 10:] = 0.9
    lone = halves.copy()
    lone[9, 3] = 0.9
    for probability in (halves, lone):
        result = dense_crf(probability, image)
        np.testing.assert_array_equal(result > 0.5, halves > 0.5)
        np.testing.assert_allclose(result + result[:, ::-1], 1, atol=0.2)


def test_classes_are_treated_alike():
    probability, image = nucleus(3)
    np.testing.assert_allclose(dense_crf(1 - probability, image), 1 - dense_crf(probability, image), atol=1e-4)


def test_without_weights_nothing_changes():
    probability, image = nucleus()
    probability[0, :4] = [1e-4, 0.999, 0.9999, 1e-3]
    np.testing.assert_allclose(
        dense_crf(probability, image, bilateral_weight=0, gaussian_weight=0), probability, rtol=1e-4
    )


def test_a_certain_pixel_gives_way_to_all_others():
    probability = np.full((15, 15), 0.1, np.float32)
    probability[7, 7] = 1
    assert dense_crf(probability, np.full((3, 15, 15), 0.5, np.float32), gaussian_weight=9)[7, 7] < 0.1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_certainty_is_finite(value):
    probability, image = nucleus()
    result = dense_crf(np.full_like(probability, value), image)
    np.testing.assert_allclose(result, value, atol=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, lambda values: MetaTensor(torch.from_numpy(values))])
def test_transform_refines_both_channels(kind):
    probability, image = nucleus(2)
    item = {"pred": kind(np.stack([1 - probability, probability])), "picture": kind(image), "label": 3}
    options = dict(zip(("bilateral_weight", "bilateral_std", "colour_std"), (5, 9, 0.2), strict=True))
    options |= dict(zip(("gaussian_weight", "gaussian_std", "iterations"), (2, 1.5, 2), strict=True))
    result = DenseCRFd("pred", "picture", **options)(item)
    expected = dense_crf(probability, image, *options.values())
    assert type(result["pred"]) is type(item["pred"])
    assert result["label"] == 3
    np.testing.assert_allclose(np.asarray(result["pred"]), [1 - expected, expected], atol=1e-6)
    np.testing.assert_array_equal(np.asarray(item["pred"])[1], probability)


def test_keys_that_are_missing():
    assert DenseCRFd("pred", allow_missing_keys=True)({"label": 3}) == {"label": 3}
    with pytest.raises(KeyError):
        DenseCRFd("pred")({"label": 3})


@pytest.mark.parametrize(
    ("pred", "message"),
    [
        (np.full((2, 22, 26), -0.1), "pred must be probabilities, got -0.1 to -0.1"),
        (np.full((2, 22, 26), 3.0), "pred must be probabilities, got 3.0 to 3.0"),
        (np.full((1, 22, 26), 0.5), r"pred must be \(2, 22, 26\), got \(1, 22, 26\)"),
        (np.full((2, 22, 25), 0.5), r"pred must be \(2, 22, 26\), got \(2, 22, 25\)"),
    ],
)
def test_what_is_no_probability_is_refused(pred, message):
    with pytest.raises(ValueError, match=message):
        DenseCRFd("pred")({"pred": pred, "image": nucleus()[1]})


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("bilateral_weight", -1, ">= 0"),
        ("gaussian_weight", -0.1, ">= 0"),
        ("bilateral_std", 0, "> 0"),
        ("colour_std", -2, "> 0"),
        ("gaussian_std", 0, "> 0"),
        ("iterations", 0, ">= 1"),
    ],
)
def test_options_are_checked(name, value, bound):
    with pytest.raises(ValueError, match=f"{name} must be {bound}, got {value}"):
        DenseCRFd("pred", **{name: value})
