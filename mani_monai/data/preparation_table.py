"""Say in a plain table what a preparation found."""

from __future__ import annotations

from collections import Counter

import numpy as np

from mani_monai.data.preparation import FOLDS, ImageFacts, Preparation
from mani_monai.data.splits import Split

_TOLERANCE = 3  # pixels; outlines drawn by hand differ by so much


def doubts(found: Preparation) -> list[str]:
    """One line for every mask that may not belong to its image: a warning, not an error."""
    lines = []
    for image in found.images:
        why = image.alignment and image.alignment.doubt(_TOLERANCE)
        if why:
            lines.append(f"{image.id}: {why}")
    return lines


def format_table(found: Preparation) -> str:
    """Formats what was found as lines of a name and a value.

    Args:
        found: what :func:`mani_monai.data.preparation.prepare` returned.

    Returns:
        Several lines of plain text.
    """
    title = f"{found.name} (read as {found.listing.reader}; licence: {found.listing.licence})"
    rows = [("data set", title), ("images", str(len(found.images)))]
    rows += _content(found) if found.images else []
    rows += [("left out", line) for line in found.listing.left_out or ("nothing",)]
    rows += [("failed", line) for line in found.failures]
    rows += _lists(found) if found.written else [("written", "nothing")]
    return "\n".join(f"{name:<12} {value}" for name, value in rows)


def _content(found: Preparation) -> list[tuple[str, str]]:
    images = found.images
    sizes = Counter(f"{image.height}x{image.width}" for image in images)
    groups = Counter(image.group for image in images)
    rows = [
        ("sizes", ", ".join(f"{n} of {size}" for size, n in sorted(sizes.items())) + " (height x width)"),
        ("nuclei", _nuclei(images) if found.labelled else "no masks: a target without scores, never a source"),
        ("groups", f"{len(groups)} by {found.listing.group}, {_images_each(sorted(groups.values()))}"),
    ]
    if found.labelled:
        rows.append(("empty masks", str(sum(image.nuclei == 0 for image in images))))
    rows += [("converted", f"{what}: {n}") for what, n in sorted(found.converted.items())] or [("converted", "nothing")]
    if found.labelled:
        rows += [("alignment", line) for line in _alignment(found)]
    return rows


def _images_each(sizes: list[int]) -> str:
    if sizes[-1] == 1:
        return "1 image each"
    return f"{sizes[0]} to {sizes[-1]} images each" if sizes[0] < sizes[-1] else f"{sizes[0]} images each"


def _nuclei(images: tuple[ImageFacts, ...]) -> str:
    counts = [image.nuclei for image in images if image.nuclei is not None]
    return f"{sum(counts)}; an image has {min(counts)} / {np.median(counts):g} / {max(counts)} (min / median / max)"


def _alignment(found: Preparation) -> list[str]:
    measured = [image for image in found.images if image.alignment]
    if not measured:
        return ["nothing to compare"]
    lowest = min(measured, key=lambda image: image.alignment.contrast)
    median = np.median([image.alignment.contrast for image in measured])
    lowest_contrast = f"{lowest.alignment.contrast:.3f} ({lowest.id})"
    lines = [f"haematoxylin inside minus outside nuclei: median {median:.3f}, lowest {lowest_contrast}"]
    suspicious = doubts(found)
    return lines + [f"look at {line}" for line in suspicious] if suspicious else [*lines, "no suspicious pair"]


def _lists(found: Preparation) -> list[tuple[str, str]]:
    roles = "source_ and target_" if found.labelled else "target_"
    lines = [f"{roles}split_0 to _{len(found.splits) - 1}: {_sizes(found.splits)} images"]
    if not found.folds:
        lines.append("no folds: they need three groups at least, for training, validation and test")
    else:
        lines.append(f"{roles}fold_0 to _{len(found.folds) - 1}: {_sizes(found.folds)} images")
        if len(found.folds) < FOLDS:
            lines.append(f"only {len(found.folds)} folds, since there are only so many groups to keep whole")
    return [*(("lists", line) for line in lines), ("written", str(found.folder))]


def _sizes(splits: tuple[Split, ...]) -> str:
    sizes = dict.fromkeys(f"{len(s.training)}/{len(s.validation)}/{len(s.test)}" for s in splits)
    return ", ".join(sizes) + " training/validation/test"
