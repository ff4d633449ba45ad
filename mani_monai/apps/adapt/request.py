"""What an adaptation is asked for, kept in its folder: the same command goes on, another one is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mani_monai.utils import InputError
from mani_monai.utils.json_files import read_object, save_json

if TYPE_CHECKING:
    from mani_monai.data.pixel_size import PixelSize
    from mani_monai.model import Model

STATISTICS, SELF_TRAINING, SOURCE_FREE = "statistics", "self_training", "source_free_mani"
"""The methods that need no labelled image; the first trains nothing."""
REQUEST = "request.json"
"""Its file in the adaptation's folder."""


class TooFewSure(InputError):
    """A self-training has too few nuclei to learn from."""


def source_free_request(
    method: str, options: Mapping[str, str], target: Sequence[Path], model: str, licence: str, mpp: float | None
) -> dict[str, Any]:
    """What tells one adaptation without a source from another; images count by name and size.

    Args:
        method: of those above.
        options: overrides of a training's configs; nothing where the method trains nothing.
        target: its images.
        model: hash of the model to adapt.
        licence: of the images.
        mpp: micrometres per pixel that a user gave.
    """
    trains = {} if method == STATISTICS else {"method": method, "options": dict(options)}
    images = {path.name: path.stat().st_size for path in target}
    return {**trains, "source": None, "target": images, "model": model, "licence": licence, "mpp": mpp}


def check_request(path: Path, asked: Mapping[str, Any]) -> None:
    """Refuses a folder of another request; one without any is free.

    Args:
        path: the JSON file that ``keep_request`` writes.
        asked: plain values by name.

    Raises:
        InputError: when the file holds another request.
    """
    if not path.exists():
        return
    held = read_object(path, "choose another --out, or delete the folder")
    asked = json.loads(json.dumps(asked))  # tuples are lists in a file
    other = [name for name in {**held, **asked} if held.get(name) != asked.get(name)]
    if other:
        raise InputError(
            f"{path.parent}: holds an adaptation of another {', '.join(other)}; choose another --out, or delete it."
        )


def keep_request(path: Path, asked: Mapping[str, Any]) -> None:
    """Writes a request, once there is something that was made for it."""
    save_json(path, asked)


def check_both(
    images: str | None, masks: str | None, before: Model, after: Model, size: PixelSize | None
) -> dict[str, Any] | None:
    """Figures of both models on labelled images of the target; of one model that is both they are made once.

    Args:
        images: folder of images; without one, there are no figures.
        masks: folder of their masks.
        before: the source model.
        after: the adapted one.
        size: of all images' pixels; what each file says by default.

    Returns:
        what ``check_on_labels`` gives, with "before" and "after".
    """
    if images is None or masks is None:
        return None
    from mani_monai.apps.adapt.label_check import check_on_labels  # which reads masks of every kind

    models = {"before": before, "after": after}
    found = check_on_labels(images, masks, models if after is not before else {"before": before}, size)
    return {**found, "after": found.get("after", found["before"])}


def check_folders(images: str | None, masks: str | None) -> None:
    """Refuses half of a check before hours are spent.

    Raises:
        InputError: when one is named without the other, a folder is not there, or no image has a mask.
    """
    if (images is None) != (masks is None):
        raise InputError("--check: name the labelled images with --check and their masks with --masks, or neither.")
    for flag, folder in (("check", images), ("masks", masks)):
        if folder is not None and not Path(str(folder)).expanduser().is_dir():
            raise InputError(f"--{flag} {folder}: is no folder; name the one that holds them.")
    if images is not None and masks is not None:
        from mani_monai.apps.adapt.label_check import labelled_images  # which reads masks of every kind

        labelled_images(images, masks)
