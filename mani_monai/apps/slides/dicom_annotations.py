"""Nuclei of a DICOM slide as DICOM Microscopy Bulk Simple Annotations, in the frame of its finest level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from mani_monai.apps.slides.dicom_series import DICOM_ENDING, levels_of_slide
from mani_monai.apps.slides.slide import Slide
from mani_monai.data.writers.tables import nucleus_class
from mani_monai.utils import InputError
from mani_monai.utils.folders import replacing

if TYPE_CHECKING:
    from pydicom import Dataset  # pyright: ignore[reportMissingImports]: an extra

PRODUCT = "mani-monai"
_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"  # VL Whole Slide Microscopy Image Storage
_MOST_INTEGER = 2**24  # that float32 holds exactly


def check_dicom(slide: Slide) -> None:
    """Refuses a slide that is no DICOM.

    Raises:
        InputError: naming it.
    """
    if slide.path.suffix.lower() != DICOM_ENDING:
        raise InputError(f"{slide.path}: is no DICOM slide, so it takes no DICOM annotations; leave dicom out.")


def check_packages() -> None:
    """Refuses where highdicom is missing.

    Raises:
        InputError: saying how to install it.
    """
    try:
        import highdicom  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError('--outputs dicom: needs a package: pip install "mani-monai[dicom]".') from error


@contextmanager
def annotation_file(
    path: Path, slide: Slide, weights: str, names: Sequence[str] | None
) -> Iterator[Callable[[pa.Table], None]]:
    """Gives a function that takes rows of the slide's table, and writes them at the end: a group a class.

    An annotation is a nucleus's outer ring, of its largest part: DICOM's polygons have no holes. Groups hold nuclei in
    the table's order, with their area. Without nuclei there is no file, since DICOM wants one annotation at least.
    Identifiers follow from slide and weights; the time of writing is that of the run.

    Args:
        path: the file.
        slide: a DICOM slide.
        weights: SHA-256 of the model's.
        names: of the nuclei's classes, background first.

    Raises:
        InputError: when the slide's finest level is not found, or the file cannot be written.
    """
    image = _finest(slide)
    rings: defaultdict[int, list[NDArray]] = defaultdict(list)
    areas: defaultdict[int, list[float]] = defaultdict(list)

    def write(nuclei: pa.Table) -> None:
        shapes = shapely.from_wkb(nuclei["geometry"].to_numpy(zero_copy_only=False))
        rows = zip(nuclei["type"].to_pylist(), nuclei["area_um2"].to_pylist(), shapes, strict=True)
        for kind, area, shape in rows:
            rings[kind].append(_ring(shape, max(slide.shape) < _MOST_INTEGER))
            areas[kind].append(area)

    yield write
    if not rings:
        path.unlink(missing_ok=True)
        return
    annotations = _annotations(image, f"{slide.hash} {weights}", names, rings, areas)
    with replacing(path) as partial:
        annotations.save_as(partial)


def _ring(shape: shapely.Geometry, single: bool) -> NDArray:
    """N2 outer ring of the largest part, without the first point again."""
    largest = max(shapely.get_parts(shape), key=lambda part: part.area)
    points = shapely.get_coordinates(shapely.get_exterior_ring(largest))[:-1]
    return points.astype(np.float32) if single else points


def _finest(slide: Slide) -> Dataset:
    """The header of the slide's finest level."""
    from pydicom import dcmread  # pyright: ignore[reportMissingImports]

    for path in levels_of_slide(slide.path):
        header = dcmread(path, stop_before_pixels=True)
        size = header.get("TotalPixelMatrixRows"), header.get("TotalPixelMatrixColumns")
        if header.SOPClassUID == _WHOLE_SLIDE and size == slide.shape and "VOLUME" in header.ImageType:
            return header
    raise InputError(f"{slide.path}: its finest level is not among its DICOM files; copy all of them again.")


def _annotations(
    image: Dataset,
    origin: str,
    names: Sequence[str] | None,
    rings: dict[int, list[NDArray]],
    areas: dict[int, list[float]],
) -> Dataset:
    """The instance.

    Args:
        image: header of the finest level.
        origin: what its identifiers follow from.
        names: of the classes.
        rings: by class.
        areas: in um2, likewise.
    """
    from highdicom import AlgorithmIdentificationSequence  # pyright: ignore[reportMissingImports]
    from highdicom.ann import (  # pyright: ignore[reportMissingImports]
        AnnotationGroup,
        Measurements,
        MicroscopyBulkSimpleAnnotations,
    )
    from pydicom.sr.codedict import codes  # pyright: ignore[reportMissingImports]
    from pydicom.sr.coding import Code  # pyright: ignore[reportMissingImports]
    from pydicom.uid import generate_uid  # pyright: ignore[reportMissingImports]

    def uid(what: str) -> str:
        return generate_uid(entropy_srcs=[origin, what])

    software = _version()
    algorithm = AlgorithmIdentificationSequence(PRODUCT, codes.DCM.ArtificialIntelligence, software)
    groups = [
        AnnotationGroup(
            number=number,
            uid=uid(f"group {kind}"),
            label=nucleus_class(kind, names).name[:64],
            annotated_property_category=Code("91723000", "SCT", "Anatomical structure"),
            annotated_property_type=Code("84640000", "SCT", "Nucleus"),
            graphic_type="POLYGON",
            graphic_data=rings[kind],
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
            measurements=[Measurements(codes.SCT.Area, np.array(areas[kind]), codes.UCUM.SquareMicrometer)],
        )
        for number, kind in enumerate(sorted(rings), 1)
    ]
    return MicroscopyBulkSimpleAnnotations(
        source_images=[image],
        annotation_coordinate_type="2D",
        annotation_groups=groups,
        series_instance_uid=uid("series"),
        series_number=9000,
        sop_instance_uid=uid("instance"),
        instance_number=1,
        manufacturer=PRODUCT,
        manufacturer_model_name=PRODUCT,
        software_versions=software,
        device_serial_number="0",
        content_description="Nuclei",
        content_label="NUCLEI",
    )


def _version() -> str:
    from importlib.metadata import version

    return version(PRODUCT)
