"""A datastore's images as source and target of a training: the labelled ones, and those without labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mani_monai.apps.label.annotations import VOLUMES, read_asap_mask, read_volume_mask
from mani_monai.apps.prepare.domain_pair import Domains, pair_domains
from mani_monai.apps.prepare.preparation import prepare
from mani_monai.apps.prepare.prepared_images import Preparation
from mani_monai.data.pixel_size import read_pixel_size, scale_for
from mani_monai.data.readers.rasters import RawImage, RawMask, mask_file, read_image
from mani_monai.data.readers.records import Listing, Record
from mani_monai.transforms.rescaling import rescaled, sampled
from mani_monai.utils import InputError
from mani_monai.utils.one_line import file_line

SPLIT = "datastore"
"""Name of the lists that are written here."""
SOURCE, TARGET = "labelled", "unlabelled"


@dataclass(frozen=True)
class Labelled:
    """An image and its label: a mask, as a picture or as a volume of one slice, or annotations in ASAP's XML."""

    image: Path
    label: Path


def prepare_domains(
    labelled: Sequence[Labelled],
    unlabelled: Sequence[Path],
    out: Path,
    crop_size: int,
    licence: str = "unknown",
    mpp: float | None = None,
) -> Domains:
    """Checks and converts the images and writes the lists of a training; images that cannot be used are left out.

    An image whose file says another pixel size than the network's is rescaled with its label, as the server's
    inference rescales it.

    All of them train: nothing of a datastore is held out, and the score on source images that a training prints is on
    images it trained on.

    Args:
        labelled: at least one.
        unlabelled: the target; where there is none, the labelled images take its place, for trainings that use none.
        out: the folder of both data sets.
        crop_size: side of the crops that are asked for, in pixels; smaller where an image is.
        licence: of the images, for the record.
        mpp: micrometres per pixel of the network; None where that is not known, and nothing is rescaled.

    Raises:
        InputError: when no labelled image, or of a target no image, can be used.
    """
    if not labelled:
        raise InputError("no image of the datastore has a final label; label one first: it is the source.")
    records = [_record(pair.image, n, mpp, pair.label) for n, pair in enumerate(labelled)]
    source = _prepare(SOURCE, records, out, licence, mpp)
    target = source
    if unlabelled:
        target = _prepare(TARGET, [_record(image, n, mpp) for n, image in enumerate(unlabelled)], out, licence, mpp)
    pairs = [{"image": f"images/{image.id}.png", "label": f"labels/{image.id}.png"} for image in source.images]
    domains = pair_domains(source.name, {"training": pairs, "validation": pairs[:1]}, target, SPLIT, crop_size)
    return replace(domains, left_out=tuple(dict.fromkeys((*source.failures, *domains.left_out))))


def _record(image: Path, number: int, mpp: float | None, label: Path | None = None) -> Record:
    name = f"{number:04d}_{re.sub(r'[^A-Za-z0-9_.-]', '_', image.stem)}"
    scaled = _Scaled(image, mpp, None if label is None else _mask_reader(label))
    return Record(name, name, image, None if label is None else scaled.mask, scaled.picture)


@dataclass(frozen=True)
class _Scaled:
    """An image and its label at the network's pixel size."""

    image: Path
    mpp: float | None
    label: Callable[[tuple[int, int]], RawMask] | None

    def picture(self) -> RawImage:
        read, scale = read_image(self.image), self._scale()
        if scale == 1:
            return read
        return RawImage(rescaled(read.pixels, scale), (*read.notes, ("images rescaled", 1)))

    def mask(self, size: tuple[int, int]) -> RawMask:
        assert self.label is not None  # as a record without one has no such reader
        scale = self._scale()
        if scale == 1:
            return self.label(size)
        found = self.label(whole := read_image(self.image).pixels.shape[:2])
        if found.values.shape != whole:
            shapes = [f"{height}x{width}" for height, width in (found.values.shape, whole)]
            raise InputError(f"{self.image}: its label is {shapes[0]} and not {shapes[1]} (height x width).")
        return replace(found, values=sampled(found.values, size, scale))

    def _scale(self) -> float:
        try:
            return scale_for(read_pixel_size(self.image), self.mpp)
        except InputError as error:
            raise InputError(file_line(self.image, error)) from error


def _mask_reader(label: Path) -> Callable[[tuple[int, int]], RawMask]:
    ending = label.name.lower()
    if ending.endswith(".xml"):
        return partial(read_asap_mask, label)
    return (lambda shape: read_volume_mask(label)) if ending.endswith(VOLUMES) else mask_file(label)


def _prepare(name: str, records: Sequence[Record], out: Path, licence: str, mpp: float | None) -> Preparation:
    made = Listing("datastore", tuple(records), licence, mpp=mpp)
    # nobody could insist here, and labels were drawn on the very images
    found = prepare(made, out, name, skip_bad=True, progress=False, accept_doubtful=True)
    if not found.written:
        raise InputError("\n".join([*found.failures[:10], f"no {name} image of the datastore can be used."]))
    return found
