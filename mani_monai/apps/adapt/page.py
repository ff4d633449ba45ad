"""The report as one HTML file that needs no other: the rows of its tables, and the template around them."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mani_monai.apps.adapt.evidence import NucleiFigures, plausible
from mani_monai.apps.adapt.fields_to_label import LEAST_CERTAIN
from mani_monai.apps.adapt.outcome import CANDIDATES, ImageRow, Outcome
from mani_monai.apps.adapt.rules import KEEP, LOOK, USE
from mani_monai.evaluation.label_free_criteria import SHARE
from mani_monai.utils.errors import counted
from mani_monai.utils.templates import render_template

WORDS = {
    "stain": "finds the same nuclei in another stain (1: all)",
    "symmetry": "finds the same nuclei in the turned image (1: all)",
    "entropy": "is unsure of a pixel (0: never, 0.69: always)",
}
"""What a reader is told of a score."""
AGAINST_LABELS = {"dice": "Dice", "aji": "AJI", "pq": "PQ", "count_error": "error of the count"}
IMAGES, SHARE_OF_PIXELS = "images", "share of pixels in nuclei"
NUCLEI: Mapping[str, tuple[str, Callable[[NucleiFigures], float]]] = {
    SHARE_OF_PIXELS: (".1%", lambda nuclei: nuclei.share),
    "nuclei": ("d", lambda nuclei: nuclei.count),
    "nuclei a megapixel": (".0f", lambda nuclei: nuclei.density),
    "median area, px": (".0f", lambda nuclei: nuclei.median_area),
    "median diameter, px": (".1f", lambda nuclei: nuclei.summary()["median_diameter_px"]),
    IMAGES: ("d", lambda nuclei: nuclei.images),
}
"""Format and value of what is said of all nuclei."""
COLOURS = {USE: "#dff2df", LOOK: "#fff3cd", KEEP: "#f8d7da"}
_CALM = "#e9ecef"  # there is no adapted model to warn of


def render_page(outcome: Outcome, fields: Mapping[str, bytes], curves: bytes | None, sizes: bytes) -> str:
    """The page; every name in it is escaped.

    Args:
        outcome: what to report.
        fields: pictures of fields by their captions.
        curves: picture of the training curves, where there are any.
        sizes: picture of the nuclei's sizes.
    """
    e, check = outcome.evidence, outcome.check or {}
    sides = [e.scores_before] if outcome.kept else [e.scores_before, e.scores_after]
    models = [name for name, found in check.items() if isinstance(found, Mapping)][: 1 if outcome.kept else None]
    return render_template(
        Path(__file__).with_name("report.html.jinja"),
        outcome=outcome,
        colour=_CALM if outcome.kept else COLOURS[outcome.verdict.outcome],
        fields=fields,
        images=[_image(row, outcome.kept) for row in outcome.images],
        least_certain=[
            [
                outcome.images[field.image].image,
                f"{field.row} to {field.row + field.height}",
                f"{field.column} to {field.column + field.width}",
                f"{field.entropy:.3f}",
            ]
            for field in outcome.least_certain
        ],
        models=models,
        check=[
            [AGAINST_LABELS[key], *_shown(check[name][key] for name in models)]
            for key in (check[models[0]] if models else ())
        ],
        nuclei=[_nuclei(outcome, name) for name in NUCLEI],
        sizes=sizes,
        label_free=[[said, *_shown(scores[name] for scores in sides)] for name, said in WORDS.items()],
        candidates=[
            [CANDIDATES.get(name, name), *_shown(scores[key] for key in WORDS), f"{scores[SHARE]:.1%}"]
            for name, scores in outcome.candidates.items()
        ],
        trained=not outcome.candidates.keys() <= CANDIDATES.keys(),
        curves=curves,
        words=WORDS,
        share=SHARE_OF_PIXELS,
        here=Path.cwd(),
        fields_folder=LEAST_CERTAIN,
        counted=counted,
        plausible=plausible,
        base64=lambda picture: base64.b64encode(picture).decode(),
    )


def _image(row: ImageRow, kept: bool) -> list[str]:
    doubts = f"suspicious: {', '.join(row.doubts)}" if row.doubts else ""
    if kept:
        return [row.image, f"{row.before}", doubts]
    part = f" ({_part(row.before, row.after)})" if row.before else ""
    return [
        row.image,
        f"{row.before}",
        f"{row.after}",
        f"{row.after - row.before:+d}{part}",
        f"{row.changed:.1%}",
        doubts,
    ]


def _nuclei(outcome: Outcome, name: str) -> list[str]:
    """The figures of a name: before, after and their change, or of the one model; then those of the source's labels."""
    e, (form, value) = outcome.evidence, NUCLEI[name]
    row = [name, format(value(e.before), form)]
    if not outcome.kept:
        row += [format(value(e.after), form), "" if name == IMAGES else _part(value(e.before), value(e.after))]
    return row if e.source is None else [*row, format(value(e.source), form)]


def _part(before: float, after: float) -> str:
    """The change as a part of what was before; nothing where that is nothing."""
    return f"{(after - before) / before:+.0%}" if before else ""


def _shown(values: Iterable[float | None]) -> list[str]:
    return ["-" if value is None or not math.isfinite(value) else f"{value:.3f}" for value in values]
