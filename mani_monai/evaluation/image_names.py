"""What an evaluation calls its images: tables, files and tissues go by these names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mani_monai.utils import InputError
from mani_monai.utils.folders import on_any_disk


def image_names(items: Sequence[Mapping[str, str]]) -> list[str]:
    """Names of a list's images, each of which stands there once.

    Args:
        items: ``{"image": path, ...}``, and "domain" where there are several data sets.

    Returns:
        the files' names without endings, in order; with the data set's before them where two data sets share one.

    Raises:
        InputError: when two images still have one name: a score would take the other's place.
    """
    names = [Path(item["image"]).stem for item in items]
    if len({on_any_disk(name) for name in names}) == len(names):
        return names
    sets = [f"{item['domain']}_" if "domain" in item else "" for item in items]
    longer = [before + name for before, name in zip(sets, names, strict=True)]
    for name, count in Counter(map(on_any_disk, longer)).items():
        if count > 1:
            raise InputError(f"{name}: is the name of {count} images of one list; rename them, and prepare them again.")
    return longer
