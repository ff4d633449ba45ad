"""Pictures of what several runs make of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mani_monai.data.writers import outline_mask
from mani_monai.utils import InputError

TRUTH = (0, 200, 0)
PREDICTION = (255, 230, 0)
RIGHT, EXTRA, MISSED = (0, 170, 0), (230, 0, 0), (0, 60, 255)
"""Colours of a prediction beside the ground truth: found, taken for nuclei, not found."""
GAP = 6
Pixel = TypeVar("Pixel", bound=np.generic)


def judged(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], truth: NDArray[np.bool_], strength: float = 0.55
) -> NDArray[np.uint8]:
    """Tints a prediction by what is right, extra and missed.

    Args:
        image: HW3.
        mask: HW, predicted.
        truth: HW.
        strength: share of the tint in the colour.

    Returns:
        a new HW3 image.
    """
    drawn = image.astype(np.float32)
    for place, colour in ((mask & truth, RIGHT), (mask & ~truth, EXTRA), (~mask & truth, MISSED)):
        drawn[place] = (1 - strength) * drawn[place] + strength * np.array(colour, np.float32)
    return drawn.round().astype(np.uint8)


def middle(image: NDArray[Pixel], edge: int) -> NDArray[Pixel]:
    """The middle ``edge`` x ``edge`` pixels of an image; a smaller side is taken whole."""
    height, width = (min(edge, side) for side in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def draw_comparison(
    images: Sequence[Path],
    labels: Sequence[Path],
    masks: Mapping[str, Sequence[Path]],
    path: str | Path,
    zoom: int = 1,
    edge: int = 10_000,
) -> None:
    """Writes a picture: a row an image; its columns are the image, the ground truth, outlined, and each run, judged.

    Args:
        images: RGB files.
        labels: their ground truth, 0 background.
        masks: predicted masks, 0 background, by the title of a run.
        path: the picture.
        zoom: pixels of the picture a pixel of the images.
        edge: side of the middle piece that is shown, in pixels; a smaller image is shown whole.

    Raises:
        InputError: when a mask is missing or of another size than its image.
    """
    rows = []
    for number, (image_path, label_path) in enumerate(zip(images, labels, strict=True)):
        image = np.asarray(Image.open(image_path).convert("RGB"))
        truth = _mask(label_path, image)
        panels = [image, outline_mask(image, truth, TRUTH)]
        panels += [judged(image, _mask(files[number], image), truth) for files in masks.values()]
        panels = [middle(panel, edge) for panel in panels]
        gap = np.full((len(panels[0]), GAP, 3), 255, np.uint8)
        rows.append(np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1))
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    picture = Image.fromarray(np.concatenate(padded))
    picture = picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)
    _with_titles(picture, ["target image", "ground truth", *masks]).save(path)


def _mask(path: Path, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    if not path.is_file():
        raise InputError(f"{path}: no such mask; run inference.json on the images first.")
    mask = np.asarray(Image.open(path)) > 0
    if mask.shape != image.shape[:2]:
        raise InputError(f"{path}: is {mask.shape}, its image {image.shape[:2]} (height, width); infer again.")
    return mask


def _with_titles(picture: Image.Image, titles: Sequence[str]) -> Image.Image:
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(size=18)
    titled = Image.new("RGB", (picture.width, picture.height + 30), "white")
    titled.paste(picture, (0, 30))
    pen = ImageDraw.Draw(titled)
    for column, title in enumerate(titles):
        pen.text((column * picture.width / len(titles) + 4, 4), title, fill="black", font=font)
    return titled
