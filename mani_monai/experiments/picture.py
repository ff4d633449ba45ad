"""Pictures of what several runs make of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from ..utils import InputError

TRUTH = (0, 200, 0)
PREDICTION = (255, 230, 0)
GAP = 6


def outline(image: NDArray[np.uint8], mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Draws the contour of a mask, two pixels wide.

    Args:
        image: HW3.
        mask: HW.
        colour: RGB.

    Returns:
        a new HW3 image.
    """
    drawn = image.copy()
    drawn[binary_dilation(mask) & ~binary_erosion(mask)] = colour
    return drawn


def middle(image: NDArray[np.generic], edge: int) -> NDArray[np.generic]:
    """The middle ``edge`` x ``edge`` pixels of an image; a smaller side is taken whole."""
    height, width = (min(edge, side) for side in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def draw_comparison(
    images: Sequence[Path], labels: Sequence[Path], masks: Mapping[str, Sequence[Path]], path: str | Path, zoom: int = 1
) -> None:
    """Writes a picture: a row an image; its columns are the image, the ground truth and each run's mask, outlined.

    Args:
        images: RGB files.
        labels: their ground truth, 0 background.
        masks: predicted masks, 0 background, by the name of a run.
        path: the picture.
        zoom: pixels of the picture a pixel of the images.

    Raises:
        InputError: when a mask is missing or of another size than its image.
    """
    rows = []
    for number, (image_path, label_path) in enumerate(zip(images, labels, strict=True)):
        image = np.asarray(Image.open(image_path).convert("RGB"))
        panels = [image, outline(image, _mask(label_path, image), TRUTH)]
        panels += [outline(image, _mask(files[number], image), PREDICTION) for files in masks.values()]
        gap = np.full((len(image), GAP, 3), 255, np.uint8)
        rows.append(np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1))
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    picture = Image.fromarray(np.concatenate(padded))
    picture = picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)
    _with_titles(picture, ["target image", "ground truth", *masks], image.shape[1] * zoom).save(path)


def _mask(path: Path, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    if not path.is_file():
        raise InputError(f"{path}: no such mask; run inference.json on the images first.")
    mask = np.asarray(Image.open(path)) > 0
    if mask.shape != image.shape[:2]:
        raise InputError(f"{path}: is {mask.shape}, its image {image.shape[:2]} (height, width); infer again.")
    return mask


def _with_titles(picture: Image.Image, titles: Sequence[str], width: int) -> Image.Image:
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(size=18)
    titled = Image.new("RGB", (picture.width, picture.height + 30), "white")
    titled.paste(picture, (0, 30))
    pen = ImageDraw.Draw(titled)
    for column, title in enumerate(titles):
        pen.text((column * picture.width / len(titles) + 4, 4), title, fill="black", font=font)
    return titled
