"""What the images of a data set look like, and how far two data sets are apart. A description: it reads labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft
from skimage.color import hed_from_rgb, rgb2lab
from tqdm import tqdm

from mani_monai.data.datalists import PARTS, load_source_list
from mani_monai.transforms.nucleus import connected_pieces

MEASURES = {
    "red": "red, 0-255",
    "green": "green, 0-255",
    "blue": "blue, 0-255",
    "haematoxylin": "haematoxylin, OD",
    "eosin": "eosin, OD",
    "contrast": "haematoxylin, nuclei - rest, OD",
    "nuclei_per_megapixel": "nuclei per megapixel",
    "nuclear_area": "nuclear area, median px",
    "nuclei_share": "share of nuclei pixels",
    "gradient": "gradient of haematoxylin, OD/px",
    "fine_detail": "fine detail, share of power",
}
"""Title of every measure of ``describe_image``."""

COLOURS = ("red", "green", "blue")
FINE = 1 / 8  # cycles a pixel: details smaller than 8 px, a fraction of a nucleus at 40x

Images = Mapping[str, Mapping[str, float]]
"""Measures by image and name."""


def stain_densities(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Optical densities (base 10) of haematoxylin, eosin and the residual after Ruifrok and Johnston 2001.

    The matrix of ``skimage.color.rgb2hed``, without its clipping and its unit; channel 0 is what
    ``mani_monai.apps.prepare.alignment.haematoxylin`` gives.

    Args:
        image: HW3 RGB.

    Returns:
        HW3.
    """
    density = -np.log10((np.arange(256, dtype=np.float32) + 1) / 256)[image]
    return density @ hed_from_rgb.astype(np.float32)


def fine_detail(channel: NDArray[np.float32]) -> float:
    """Share of the spectral power, without the mean, at more than ``FINE`` cycles a pixel; nan for a flat channel.

    Args:
        channel: HW; a Hann window keeps its borders out of the spectrum.
    """
    height, width = channel.shape
    windowed = (channel - channel.mean()) * np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    power = np.abs(np.asarray(fft.fft2(windowed))) ** 2
    power[0, 0] = 0
    if power.sum() <= 1e-12:
        return float("nan")
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.fftfreq(width)[None])
    return float(power[frequency > FINE].sum() / power.sum())


def describe_image(image: NDArray[np.uint8], nuclei: NDArray[np.bool_]) -> dict[str, float]:
    """Colour, stains, nuclei and sharpness of an image.

    A nucleus is a connected component of the mask, whatever the label's ids say, so that data sets with and without
    touching nuclei told apart are measured alike.

    Args:
        image: HW3 RGB.
        nuclei: HW.

    Returns:
        a value for each of ``MEASURES``; nan where there is nothing to measure.
    """
    stains = stain_densities(image)
    haematoxylin = stains[..., 0]
    components, count = connected_pieces(nuclei)
    areas = np.bincount(components.ravel())[1:]
    inside, outside = haematoxylin[nuclei], haematoxylin[~nuclei]
    down, across = np.gradient(haematoxylin)
    values = dict(zip(COLOURS, image.reshape(-1, 3).mean(axis=0), strict=True))
    values |= {
        "haematoxylin": haematoxylin.mean(),
        "eosin": stains[..., 1].mean(),
        "contrast": inside.mean() - outside.mean() if len(inside) and len(outside) else np.nan,
        "nuclei_per_megapixel": count / nuclei.size * 1e6,
        "nuclear_area": np.median(areas) if count else np.nan,
        "nuclei_share": nuclei.mean(),
        "gradient": np.hypot(down, across).mean(),
        "fine_detail": fine_detail(haematoxylin),
    }
    return {name: float(value) for name, value in values.items()}


def describe_data_set(dataset_dir: str | Path, name: str) -> dict[str, dict[str, float]]:
    """Describes every image of a prepared data set.

    Args:
        dataset_dir: folder of the prepared data sets.
        name: the data set.

    Returns:
        measures by image and name.
    """
    items = [item for part in PARTS for item in load_source_list(dataset_dir, name, "split_0", part)]
    images = {}
    for item in tqdm(items, f"describing {name}", leave=False, unit="image"):
        image = np.asarray(Image.open(item["image"]).convert("RGB"))
        images[Path(item["image"]).stem] = describe_image(image, np.asarray(Image.open(item["label"])) > 0)
    return images


def values_of(images: Images, measure: str) -> NDArray[np.float64]:
    """A measure of every image that has it."""
    values = np.array([image[measure] for image in images.values()], dtype=float)
    return values[np.isfinite(values)]


def standardised_distance(source: Images, target: Images, measure: str) -> float:
    """Target mean minus source mean over the spread of images, the root of the mean of both variances.

    nan where a data set has fewer than two images.
    """
    a, b = values_of(source, measure), values_of(target, measure)
    if min(len(a), len(b)) < 2:
        return float("nan")
    spread = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    return float((b.mean() - a.mean()) / spread) if spread else float("nan")


def mean_colour(images: Images) -> NDArray[np.float64]:
    """Mean of the images' colours in CIELAB, 3 values; the colour of an image is that of its mean RGB."""
    return _lab(images).mean(axis=0)


def colour_distance(source: Images, target: Images) -> float:
    """Distance of the mean colours of two data sets in CIELAB (Delta E of 1976; 2 or so is just visible)."""
    return float(np.linalg.norm(mean_colour(target) - mean_colour(source)))


def colour_distances(source: Images, target: Images) -> dict[str, float]:
    """Distance of each target image's colour to the source's mean colour, as ``colour_distance`` measures it."""
    return dict(zip(target, np.linalg.norm(_lab(target) - mean_colour(source), axis=1).tolist(), strict=True))


def _lab(images: Images) -> NDArray[np.float64]:
    return rgb2lab(np.array([[image[colour] for colour in COLOURS] for image in images.values()]) / 255)
