"""Say in a plain table what a preparation found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mani_monai.apps.prepare.conversion import ImageFacts
from mani_monai.apps.prepare.preparation import FOLDS
from mani_monai.apps.prepare.prepared_images import Preparation
from mani_monai.apps.prepare.prepared_lists import count_by_type
from mani_monai.apps.prepare.splits import Split

MOST_LINES = 5
"""Of one kind, before the rest is counted: a fault of all images would hide everything else."""


def format_table(found: Preparation) -> str:
    """Formats what was found as lines of a name and a value.

    Args:
        found: what :func:`mani_monai.apps.prepare.preparation.prepare` returned.

    Returns:
        Several lines of plain text.
    """
    title = f"{found.name} (read as {found.listing.reader}; licence: {found.listing.licence})"
    rows = [("data set", title), ("images", str(len(found.originals)))]
    rows += _content(found) if found.images else []
    rows += [("left out", line) for line in first_few(found.listing.left_out or ("nothing",))]
    rows += [("failed", line) for line in first_few(found.failures)]
    rows += _lists(found) if found.written else [("written", "nothing")]
    return "\n".join(f"{name:<12} {value}" for name, value in rows)


def first_few(lines: Sequence[str]) -> list[str]:
    """At most five lines, then how many more there are."""
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], *([f"and {more} more"] if more > 0 else [])]


def _content(found: Preparation) -> list[tuple[str, str]]:
    images = found.originals
    sizes = Counter(f"{image.height}x{image.width}" for image in images)
    groups = Counter(image.group for image in images)
    rows = [("sizes", ", ".join(f"{n} of {size}" for size, n in sorted(sizes.items())) + " (height x width)")]
    rows.append(("nuclei", _nuclei(images) if found.labelled else "no masks: a target without scores, never a source"))
    if found.listing.types:
        rows.append(("types", _types(found)))
    if found.tissues:
        tissues = Counter(image.tissue or "unknown" for image in images)
        rows.append(("tissues", ", ".join(f"{tissue} {n}" for tissue, n in sorted(tissues.items())) + " (images)"))
    rows.append(("groups", f"{len(groups)} by {found.listing.group}, {_images_each(sorted(groups.values()))}"))
    if found.listing.reader == "folder" and found.listing.group == "image":
        rows += [("groups", line) for line in _shared_beginnings([image.id for image in images])]
    if found.labelled:
        rows.append(("empty masks", str(sum(image.nuclei == 0 for image in images))))
    if found.windows:
        rows.append(("windows", _windows(found)))
    rows += [("converted", f"{what}: {n}") for what, n in sorted(found.converted.items())] or [("converted", "nothing")]
    if found.labelled:
        rows += [("alignment", line) for line in _alignment(found)]
    return rows


def _shared_beginnings(names: Sequence[str]) -> list[str]:
    """A line where names repeat what stands before their last number or letter, as those of a patient's images do."""
    beginnings = Counter(match[1] for name in names if (match := re.fullmatch(r"(.*\w)[\W_]+[^\W_]+", name)))
    repeated = {beginning: count for beginning, count in beginnings.items() if count > 1}
    if len(repeated) < 2 or 2 * sum(repeated.values()) < len(names):
        return []
    first, count = next(iter(repeated.items()))
    return [
        f"look at the names: {len(beginnings)} beginnings, such as {first} of {count} images; where these are "
        "patients, name them by --groups, or scores will be too good"
    ]


def _types(found: Preparation) -> str:
    untyped, *counts = count_by_type(found.originals)
    text = ", ".join(f"{name} {n}" for name, n in zip(found.listing.types, counts, strict=True))
    return f"{text} (nuclei)" + (f"; {untyped} without a type" if untyped else "")


def _windows(found: Preparation) -> str:
    grid = found.windows
    assert grid is not None
    edges = "mirrored beyond the borders" if grid.mirror else "inside the borders"
    text = f"{len(found.images)} of {grid.size}x{grid.size} at step {grid.step}, {edges}"
    return f"{text}; nuclei and pieces: {_nuclei(found.images, 'a window')}" if found.labelled else text


def _images_each(sizes: list[int]) -> str:
    if sizes[-1] == 1:
        return "1 image each"
    return f"{sizes[0]} to {sizes[-1]} images each" if sizes[0] < sizes[-1] else f"{sizes[0]} images each"


def _nuclei(images: tuple[ImageFacts, ...], each: str = "an image") -> str:
    counts = [image.nuclei for image in images if image.nuclei is not None]
    return f"{sum(counts)}; {each} has {min(counts)} / {np.median(counts):g} / {max(counts)} (min / median / max)"


def _alignment(found: Preparation) -> list[str]:
    contrasts = {image.id: image.alignment.contrast for image in found.originals if image.alignment}
    if not contrasts:
        return ["nothing to compare"]
    lowest = min(contrasts, key=lambda name: contrasts[name])
    median = np.median(list(contrasts.values()))
    lowest_contrast = f"{contrasts[lowest]:.3f} ({lowest})"
    lines = [f"haematoxylin inside minus outside nuclei: median {median:.3f}, lowest {lowest_contrast}"]
    suspicious = found.doubts
    return lines + first_few([f"look at {line}" for line in suspicious] or ["no suspicious pair"])


def _lists(found: Preparation) -> list[tuple[str, str]]:
    roles = "source_ and target_" if found.labelled else "target_"
    what = "windows" if found.windows else "images"
    lines = [f"{roles}split_0 to _{len(found.splits) - 1}: {_sizes(found.splits)} {what}"]
    if not found.folds:
        lines.append("no folds: they need three groups at least, for training, validation and test")
    else:
        lines.append(f"{roles}fold_0 to _{len(found.folds) - 1}: {_sizes(found.folds)} {what}")
        if len(found.folds) < FOLDS:
            lines.append(f"only {len(found.folds)} folds, since there are only so many groups to keep whole")
        if len({image.group for image in found.originals}) < len(found.originals):
            lines.append("splits divide by image, as the paper does, and folds by group: train with --split fold_0")
    if found.native:
        lines.append(f"{roles}native: {_sizes((found.native,))} {what}, the data set's own partition")
    elif any(image.part for image in found.images):
        lines.append("no native lists: the data set's own partition leaves training, validation or test without images")
    return [*(("lists", line) for line in lines), ("written", str(found.folder))]


def _sizes(splits: tuple[Split, ...]) -> str:
    sizes = dict.fromkeys(f"{len(s.training)}/{len(s.validation)}/{len(s.test)}" for s in splits)
    return ", ".join(sizes) + " training/validation/test"
