"""Outlines of nuclei as viewers exchange them through MONAI Label, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import nibabel
import numpy as np
from monai.utils import optional_import
from numpy.typing import NDArray

from mani_monai.data.readers.outlines import Outline, rasterised
from mani_monai.data.readers.records import RawMask
from mani_monai.data.writers.tables import NUCLEUS, nucleus_class
from mani_monai.nuclei import Nuclei
from mani_monai.utils import InputError

VOLUMES = (".nii", ".nii.gz", ".nrrd")
"""Endings of labels that are stored as volumes of one slice."""


def label_names(class_names: Sequence[str] | None) -> dict[str, int]:
    """What a model's nuclei may be called, and the number of each name, from 1."""
    names = [NUCLEUS, *(class_names or [])[1:]]
    return {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}


def annotation_of(nuclei: Nuclei, location: tuple[int, int]) -> dict[str, Any]:
    """The nuclei of a region as MONAI Label's writers take them: an element a nucleus, however small, none merged.

    Args:
        nuclei: what was found.
        location: x and y of the region's top left corner in its image.

    Returns:
        ``location``, ``size`` (width, height), ``labels`` (colours by name) and ``elements``, each with ``id``,
        ``label``, ``contours`` (outer rings) and ``holes`` (rings; the viewers' own formats have no place for them).
        Points are x, y in the image, on the edges of its pixels.
    """
    kinds = dict(zip(nuclei.table["id"].tolist(), nuclei.table.get("type", ()), strict=False))
    elements, colours = [], {}
    for number, polygons in nuclei.polygons.items():
        kind = nucleus_class(int(kinds.get(number, 0)), nuclei.class_names)
        colours[kind.name] = list(kind.colour)
        contours = [(polygon[0] + location).tolist() for polygon in polygons]
        holes = [(ring + location).tolist() for polygon in polygons for ring in polygon[1:]]
        elements.append({"id": number, "label": kind.name, "contours": contours, "holes": holes})
    height, width = nuclei.instances.shape
    return {"location": list(location), "size": [width, height], "elements": elements, "labels": colours}


def read_asap_mask(path: str | Path, shape: tuple[int, int]) -> RawMask:
    """Rasterises annotations in ASAP's XML, as QuPath's plug-in submits labels: a nucleus for each of them.

    Args:
        path: the file.
        shape: height and width of the image; what reaches beyond is cut off.

    Returns:
        HW ids.

    Raises:
        InputError: when it is no such file, or holds no outline.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("it defines entities")
        outlines = [_asap_outline(annotation) for annotation in ElementTree.fromstring(text).iter("Annotation")]
    except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
        raise InputError(f"{path}: are no annotations in ASAP's XML ({error}); submit the label again.") from error
    outlines = [outline for outline in outlines if outline is not None]
    if not outlines:
        raise InputError(f"{path}: holds no outline; draw nuclei, or remove the label.")
    nuclei = rasterised(path, outlines, shape)
    return RawMask(nuclei.ids, "ids", nuclei.notes)


def _asap_outline(annotation: ElementTree.Element) -> Outline | None:
    """An annotation's ring; None for dots, lines and what has no area."""
    points = [[float(point.attrib[axis].replace(",", ".")) for axis in "XY"] for point in annotation.iter("Coordinate")]
    if len(points) < 3 or annotation.get("Type", "").lower() in ("dot", "pointset", "measurement"):
        return None
    ring = np.array(points)
    if not np.isfinite(ring).all():
        raise ValueError("a coordinate is not finite")
    return Outline([[ring]], kind=annotation.get("PartOfGroup"))


def read_volume_mask(path: str | Path) -> RawMask:
    """Reads a label map that is stored as a volume of one slice, as 3D Slicer submits labels: NIfTI or NRRD.

    Args:
        path: a file of one of ``VOLUMES``; NRRD takes the package pynrrd, which MONAI Label brings.

    Returns:
        HW whole numbers.

    Raises:
        InputError: when it cannot be read, has several slices, or holds anything but whole numbers of 0 and above.
    """
    path = Path(path)
    try:
        values = _volume(path)
    except InputError:
        raise
    except Exception as error:  # of a broken file the readers raise whatever they stumble over
        reason = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise InputError(f"{path}: cannot be read as a label ({reason}); submit the label again.") from error
    if values.ndim < 2 or values.size != values.shape[0] * values.shape[1]:
        sizes = "x".join(map(str, values.shape))
        raise InputError(f"{path}: is a volume of {sizes}; submit a label of one slice and one layer.")
    values = values.reshape(values.shape[:2]).T  # volumes have x first
    whole = values.dtype.kind in "iuf" and np.isfinite(values).all() and np.array_equal(values, np.round(values))
    if not whole or values.min(initial=0) < 0:
        raise InputError(f"{path}: holds other values than whole numbers from 0; submit a label map.")
    return RawMask(values.astype(np.int64))


def _volume(path: Path) -> NDArray:
    if path.suffix.lower() != ".nrrd":
        return np.asarray(cast("Any", nibabel.load(path)).dataobj)
    nrrd, found = optional_import("nrrd")
    if not found:
        raise InputError(f"{path}: reading NRRD takes the package pynrrd; install it, or submit NIfTI or PNG.")
    return nrrd.read(str(path))[0]
