"""Writes report.html and report.json of an adaptation, with their pictures."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mani_monai.apps.adapt.evidence import NucleiFigures
from mani_monai.apps.adapt.fields_to_label import LEAST_CERTAIN, write_fields
from mani_monai.apps.adapt.measurement import Measured
from mani_monai.apps.adapt.outcome import VALIDATION_TAG, Curves, ImageRow, Outcome
from mani_monai.apps.adapt.page import render_page
from mani_monai.apps.adapt.shown_fields import Field, UnsureField, least_certain, shown_fields
from mani_monai.apps.adapt.target_images import TargetImage
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.data.readers.rasters import read_image
from mani_monai.data.writers import outline_nuclei
from mani_monai.utils import InputError
from mani_monai.utils.errors import counted
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import save_json, without_infinities

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE, RECORD = "report.html", "report.json"
PANEL = 384
"""Pixels of a region's longer side in the picture, about."""
GAP = 6
"""Pixels between two panels."""
POINTS = 60
"""Points of a smoothed curve."""
MOST = 95
"""Percent of the nuclei that a histogram's bars but the last are for."""
COUNTS = ("empty_pairs",)
"""Logged figures that are no loss."""


def write_report(out: Path, outcome: Outcome, paths: Sequence[Path], before: Measured, after: Measured) -> None:
    """Writes the record, then the page: whatever happens to a picture, the figures are there.

    Args:
        out: receives ``report.html``, ``report.json`` and, in a folder, the fields to label first.
        outcome: what to report.
        paths: the measured images.
        before: the source model on them.
        after: the adapted one.
    """
    (out / PAGE).unlink(missing_ok=True)  # of an earlier run: no page beside other figures
    save_json(out / RECORD, without_infinities(outcome.record()))
    size = given_pixel_size(outcome.commands.mpp)
    write_fields(out / LEAST_CERTAIN, paths, outcome.least_certain, size)
    models = {"the model": before} if outcome.kept else {"before": before, "after": after}
    nuclei = {name: measured.nuclei for name, measured in models.items()}
    if outcome.evidence.source is not None:
        nuclei["source's labels"] = outcome.evidence.source
    suspicious = [number for number, row in enumerate(outcome.images) if row.doubts]
    page = render_page(
        outcome,
        field_pictures(paths, list(models.values()), suspicious) | unsure_pictures(paths, after, outcome.least_certain),
        curves_picture(outcome.curves),
        sizes_picture(nuclei),
    )
    with replacing(out / PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def image_rows(images: Sequence[TargetImage], before: Measured, after: Measured) -> tuple[ImageRow, ...]:
    """The measured images for the report's table."""
    return tuple(
        ImageRow(
            image.path.name,
            one.count,
            other.count,
            float(((one.instances > 0) ^ (other.instances > 0)).mean()),
            image.doubts,
        )
        for image, one, other in zip(images, before.images, after.images, strict=True)
    )


def unsure_fields(rows: Sequence[ImageRow], after: Measured) -> tuple[UnsureField, ...]:
    """Where a model is least sure, of images that are not suspicious.

    Args:
        rows: the measured images.
        after: the model on them.
    """
    skipped = [number for number, row in enumerate(rows) if row.doubts]
    return tuple(least_certain([image.shape for image in after.images], after.entropies, skipped))


def unsure_pictures(paths: Sequence[Path], model: Measured, fields: Sequence[UnsureField]) -> dict[str, bytes]:
    """The picture of the first field by its caption.

    Args:
        paths: the measured images.
        model: on them.
        fields: as of :func:`unsure_fields`.
    """
    for field in fields[:1]:
        with suppress(InputError):  # as of a field above
            pixels = read_image(paths[field.image]).pixels[field.part]
            maps = [model.images[field.image].instances[field.part]]
            return {f"Least certain field, of {paths[field.image].name}: label it first": panel_picture(pixels, maps)}
    return {}


def field_pictures(
    paths: Sequence[Path], models: Sequence[Measured], suspicious: Collection[int] = ()
) -> dict[str, bytes]:
    """Pictures of fields by their captions: the image, then each model's outlines. A file that went away has none.

    Args:
        paths: the measured images.
        models: on them the source model and the adapted one, or one alone.
        suspicious: numbers of images that are shown last.
    """
    pictures = {}
    for name, field in shown_fields(models[0].images, models[-1].images, suspicious):
        try:
            pixels = read_image(paths[field.image]).pixels[field.part]
        except InputError:  # it was there when it was measured; its figures still hold
            continue
        maps = [measured.images[field.image].instances[field.part] for measured in models]
        pictures[_caption(name, paths[field.image].name, field, len(models) > 1)] = panel_picture(pixels, maps)
    return pictures


def _caption(name: str, image: str, field: Field, two: bool) -> str:
    place = f"rows {field.row} to {field.row + field.height}, columns {field.column} to {field.column + field.width}"
    counts = counted(field.before, "nucleus", "nuclei")
    counts += f" before, {field.after} after" if two else ""
    return f"{name.capitalize()} of {image}: {counts} ({place})"


def panel_picture(image: NDArray[np.uint8], maps: Sequence[NDArray[np.integer]]) -> bytes:
    """A field, and beside it the same with the outlines of the nuclei of each map: touching ones are told apart.

    Args:
        image: HW3.
        maps: HW ids each, 0 background.
    """
    zoom = max(1, round(PANEL / max(image.shape[:2])))
    size = (image.shape[1] * zoom, image.shape[0] * zoom)
    large = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    panels = [large]
    for ids in maps:
        panels.append(outline_nuclei(large, ids.repeat(zoom, axis=0).repeat(zoom, axis=1)))
    gap = np.full((size[1], GAP, 3), 255, np.uint8)
    picture = np.concatenate([part for panel in panels for part in (panel, gap)][:-1], axis=1)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def curves_picture(trainings: Mapping[str, Curves]) -> bytes | None:
    """Loss terms of each training, and Dice on the source's validation images of all of them.

    Args:
        trainings: curves by the training's name.

    Returns:
        None where nothing was logged.
    """
    logged = {name: curves for name, curves in trainings.items() if curves}
    if not logged:
        return None
    figure, panels = _panels(len(logged) + 1)
    for panel, (name, curves) in zip(panels, logged.items(), strict=False):
        for term, points in curves.items():
            if term not in (VALIDATION_TAG, *COUNTS):
                panel.plot(*smoothed(points), label=term.replace("_", " "), linewidth=1.2)
        _finish(panel, f"{name}: losses", "iteration")
    for name, curves in logged.items():
        points = curves.get(VALIDATION_TAG, [])
        panels[-1].plot([step for step, _ in points], [value for _, value in points], "o-", markersize=3, label=name)
    panels[-1].set_ylim(0, 1)
    _finish(panels[-1], "Dice on labelled source images", "iteration")
    return _png(figure)


def sizes_picture(nuclei: Mapping[str, NucleiFigures]) -> bytes:
    """Histogram of the nuclei's diameters, in nuclei a megapixel; its last bar holds whatever is larger.

    Args:
        nuclei: by the name of whose they are.
    """
    figure, panels = _panels(1)
    every = np.concatenate([found.diameters for found in nuclei.values()])
    top = max(1.0, float(np.percentile(every, MOST))) if len(every) else 1.0
    bins = np.linspace(0, top, 31)
    for name, found in nuclei.items():
        counts, _ = np.histogram(found.diameters.clip(max=top), bins)
        panels[0].stairs(counts / found.megapixels, bins, label=name, linewidth=1.4)
    panels[0].set_ylabel("nuclei a megapixel", fontsize=8)
    _finish(panels[0], "Sizes of nuclei", "diameter in pixels (larger ones in the last bar)")
    return _png(figure)


def smoothed(points: Sequence[tuple[int, float]]) -> tuple[list[float], list[float]]:
    """Iterations and values of a curve, each the mean of as many neighbours as leave ``POINTS`` points."""
    every = np.array([(step, value) for step, value in points if np.isfinite(value)]).reshape(-1, 2)
    parts = np.array_split(every, min(POINTS, max(len(every), 1)))
    means = [part.mean(axis=0).tolist() for part in parts if len(part)]
    return [step for step, _ in means], [value for _, value in means]


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * count, 3), dpi=110, layout="constrained")  # no pyplot: nothing stays open
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _finish(panel: Axes, title: str, across: str) -> None:
    panel.set_title(title, fontsize=9)
    panel.set_xlabel(across, fontsize=8)
    panel.tick_params(labelsize=8)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=7)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
