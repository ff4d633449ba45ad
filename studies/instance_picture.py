"""Pictures of the best, the median and the worst image that a run was scored on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mani_monai.data.writers import outline_nuclei
from mani_monai.utils import InputError
from studies.picture import GAP, middle

TITLE = 30
COLUMNS = ("image", "ground truth", "prediction")


def extremes(scores: Mapping[str, float | None]) -> dict[str, str]:
    """The images with the best, the median (the lower one of two) and the worst score.

    Args:
        scores: by image; those without one are passed over.

    Raises:
        ValueError: when no image has a score.
    """
    ranked = sorted((score, image) for image, score in scores.items() if score is not None)
    if not ranked:
        raise ValueError("no image has a score.")
    return {"best": ranked[-1][1], "median": ranked[(len(ranked) - 1) // 2][1], "worst": ranked[0][1]}


def draw_instances(
    rows: Mapping[str, str], items: Mapping[str, Mapping[str, str]], instances: Path, path: str | Path, crop: int
) -> None:
    """Writes a picture: a row an image; its columns are the image, the ground truth and the prediction, outlined.

    Args:
        rows: the image of each row by the row's title.
        items: ``{"image": path, "label": path}`` by image.
        instances: folder of the predicted maps, ``<image>_instances.png``.
        path: the picture.
        crop: edge of the middle piece that is shown, in pixels.

    Raises:
        InputError: when a prediction is missing or of another size than its image.
    """
    bands = []
    for title, name in rows.items():
        image = np.asarray(Image.open(items[name]["image"]).convert("RGB"))
        maps = [_read_map(Path(items[name]["label"]), image), _read_map(instances / f"{name}_instances.png", image)]
        panels = [_with_margin(middle(panel, crop)) for panel in (image, *(outline_nuclei(image, ids) for ids in maps))]
        bands.append(_titled(np.concatenate(panels, axis=1), f"{title}: {name}"))
    width = max(band.shape[1] for band in bands)
    padded = [np.pad(band, ((0, GAP), (0, width - band.shape[1]), (0, 0)), constant_values=255) for band in bands]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(padded)).save(path)


def _read_map(path: Path, image: NDArray[np.uint8]) -> NDArray[np.int32]:
    if not path.is_file():
        raise InputError(f"{path}: no such map; run inference.json of mani_hovernet on the images first.")
    ids = np.asarray(Image.open(path)).astype(np.int32)
    if ids.shape != image.shape[:2]:
        raise InputError(f"{path}: is {ids.shape}, its image {image.shape[:2]} (height, width); infer again.")
    return ids


def _with_margin(panel: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A panel with a white margin on its right."""
    return np.pad(panel, ((0, 0), (0, GAP), (0, 0)), constant_values=255)


def _titled(band: NDArray[np.uint8], title: str) -> NDArray[np.uint8]:
    picture = Image.new("RGB", (band.shape[1], band.shape[0] + TITLE), "white")
    picture.paste(Image.fromarray(band), (0, TITLE))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=16)
    for column, name in enumerate(COLUMNS):
        text = f"{title} ({name})" if column == 0 else name
        pen.text((column * band.shape[1] / len(COLUMNS) + 4, 5), text, fill="black", font=font)
    return np.asarray(picture)
