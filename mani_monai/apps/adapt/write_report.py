"""Writes report.html and report.json of an adaptation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from mani_monai.apps.adapt.measurement import Measured
from mani_monai.apps.adapt.outcome import ImageRow, Outcome
from mani_monai.apps.adapt.page import render_page
from mani_monai.apps.adapt.report_pictures import curves_picture, panel_picture, sizes_picture
from mani_monai.apps.adapt.shown_fields import Field, UnsureField, least_certain, shown_fields
from mani_monai.apps.adapt.target_survey import TargetImage
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError
from mani_monai.utils.errors import counted
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import save_json, without_infinities

PAGE, RECORD = "report.html", "report.json"


def write_report(out: Path, outcome: Outcome, paths: Sequence[Path], before: Measured, after: Measured) -> None:
    """Writes the record, then the page: whatever happens to a picture, the figures are there.

    Args:
        out: receives ``report.html`` and ``report.json``.
        outcome: what to report.
        paths: the measured images.
        before: the source model on them.
        after: the adapted one.
    """
    (out / PAGE).unlink(missing_ok=True)  # of an earlier run: no page beside other figures
    save_json(out / RECORD, without_infinities(outcome.record()))
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
