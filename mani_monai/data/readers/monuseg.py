"""MoNuSeg (Kumar et al. 2017, 2019): 1000x1000 images of seven organs."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from functools import partial
from pathlib import Path

import numpy as np
from skimage.draw import polygon

from mani_monai.utils import InputError
from mani_monai.utils.folders import check_folder, files_by_stem

from .rasters import mask_file
from .records import FORTY_TIMES, Listing, RawMask, Record, pair, read_csv

# The 30 training images, by organ as Kumar et al. give it.
ORGANS = {
    "bladder": ("TCGA-DK-A2I6-01A-01-TS1", "TCGA-G2-A2EK-01A-02-TSB"),
    "breast": (
        "TCGA-A7-A13E-01Z-00-DX1",
        "TCGA-A7-A13F-01Z-00-DX1",
        "TCGA-AR-A1AK-01Z-00-DX1",
        "TCGA-AR-A1AS-01Z-00-DX1",
        "TCGA-E2-A14V-01Z-00-DX1",
        "TCGA-E2-A1B5-01Z-00-DX1",
    ),
    "colon": ("TCGA-AY-A8YK-01A-01-TS1", "TCGA-NH-A8F7-01A-01-TS1"),
    "kidney": (
        "TCGA-B0-5698-01Z-00-DX1",
        "TCGA-B0-5710-01Z-00-DX1",
        "TCGA-B0-5711-01Z-00-DX1",
        "TCGA-HE-7128-01Z-00-DX1",
        "TCGA-HE-7129-01Z-00-DX1",
        "TCGA-HE-7130-01Z-00-DX1",
    ),
    "liver": (
        "TCGA-18-5592-01Z-00-DX1",
        "TCGA-21-5784-01Z-00-DX1",
        "TCGA-21-5786-01Z-00-DX1",
        "TCGA-38-6178-01Z-00-DX1",
        "TCGA-49-4488-01Z-00-DX1",
        "TCGA-50-5931-01Z-00-DX1",
    ),
    "prostate": (
        "TCGA-CH-5767-01Z-00-DX1",
        "TCGA-G9-6336-01Z-00-DX1",
        "TCGA-G9-6348-01Z-00-DX1",
        "TCGA-G9-6356-01Z-00-DX1",
        "TCGA-G9-6362-01Z-00-DX1",
        "TCGA-G9-6363-01Z-00-DX1",
    ),
    "stomach": ("TCGA-KB-A93J-01A-01-TS1", "TCGA-RD-A8N9-01A-01-TS1"),
}
# The 14 test images of Kumar et al.'s protocol, as hover_net's data README lists them: 8 of the four organs of the 16
# training images, then 6 of other organs.
KUMAR_TEST = {
    "TCGA-21-5786-01Z-00-DX1",
    "TCGA-49-4488-01Z-00-DX1",
    "TCGA-A7-A13F-01Z-00-DX1",
    "TCGA-B0-5698-01Z-00-DX1",
    "TCGA-B0-5710-01Z-00-DX1",
    "TCGA-CH-5767-01Z-00-DX1",
    "TCGA-E2-A1B5-01Z-00-DX1",
    "TCGA-G9-6336-01Z-00-DX1",
    *ORGANS["bladder"],
    *ORGANS["colon"],
    *ORGANS["stomach"],
}
_KUMAR = {name for names in ORGANS.values() for name in names}
# Aperio counts pixels from 1. The rest makes an edge that runs through pixel centres belong to one side only, as in
# MATLAB's poly2mask, with which the official masks were made.
_OFFSET = -1 + 1e-4
# Outlines drawn by hand end some pixels from where they began; a gap as wide as a nucleus says that a part is missing.
_OPEN = 20
_FAR = 1e7  # pixels


def read_monuseg(
    root: str | Path, organs: tuple[str, ...] | None = None, instances: str | Path | None = None
) -> Listing:
    """Reads ``Tissue Images/*.tif`` with ``Annotations/*.xml``, or the flat folder of the test set.

    A mask comes from an instance PNG of the same name where there is one, else from the XML. A group is a patient,
    the first twelve characters of the TCGA barcode. The data set's own partition is Kumar et al.'s, of the 30 training
    images: 16 to train, 8 of the same organs and 6 of other organs to test.

    Args:
        root: the folder that holds both, at any depth. A folder ``labels_instance`` below it counts as ``instances``,
            an ``organs.csv`` (columns image, organ) in it as the table of organs.
        organs: only the images of these organs; all of them by default.
        instances: a folder of instance-id PNGs.

    Returns:
        A record for every image.

    Raises:
        InputError: no such folder, no images in it, or an unknown organ.
    """
    root = check_folder(root, "the folders Tissue Images and Annotations")
    problems: list[str] = []
    images = files_by_stem([root], (".tif", ".tiff"), problems, deep=True)
    if not images:
        raise InputError(f"{root}: holds no .tif images; name the folder that holds Tissue Images and Annotations.")
    outlines = files_by_stem([root], (".xml",), problems, deep=True)
    folders = [check_folder(instances, "instance-id PNGs")] if instances else sorted(root.rglob("labels_instance"))
    pngs = files_by_stem(folders, (".png",), problems, deep=True)

    left_out: list[str] = []
    organ_of = _organs(root)
    if organs:
        unknown = sorted(set(organs) - set(organ_of.values()))
        if unknown:
            known = ", ".join(sorted(set(organ_of.values())))
            raise InputError(f"--organ {','.join(unknown)}: unknown; choose from {known}.")
        nameless = [name for name in images if name not in organ_of]
        if nameless:
            left_out.append(f"{', '.join(nameless)}: of unknown organ; add a line to {root / 'organs.csv'}")
        chosen = {name for name, organ in organ_of.items() if organ in organs}
        images, outlines, pngs = ({k: v for k, v in d.items() if k in chosen} for d in (images, outlines, pngs))
    records = []
    for name in pair(images, outlines | pngs, problems):
        read = mask_file(pngs[name], "ids") if name in pngs else partial(read_outlines, outlines[name])
        part = None if name not in _KUMAR else "test" if name in KUMAR_TEST else "training"
        records.append(Record(name, name[:12], images[name], read, tissue=organ_of.get(name) or None, part=part))
    licence = "CC BY-NC-SA 4.0 (non-commercial)"
    return Listing("monuseg", tuple(records), licence, "patient", tuple(left_out), tuple(problems), mpp=FORTY_TIMES)


def read_outlines(path: Path, shape: tuple[int, int]) -> RawMask:
    """Rasterises an Aperio XML: every region is one nucleus.

    Open outlines are closed and those that cross themselves filled by the even-odd rule; both are counted. Where two
    nuclei overlap the earlier one keeps its pixels, as in the official script.

    Args:
        path: the XML file.
        shape: (height, width) of the image.

    Returns:
        HW ids and what was done to the outlines.

    Raises:
        InputError: not an Aperio XML, or corners that are no numbers.
    """
    try:
        regions = list(ElementTree.parse(path).getroot().iter("Region"))
        corners = [[(float(v.attrib["Y"]), float(v.attrib["X"])) for v in region.iter("Vertex")] for region in regions]
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise InputError(f"{path}: is no Aperio XML ({error}); copy or download it again.") from error
    outlines = [np.reshape(region, (-1, 2)) + _OFFSET for region in corners]
    wild = next((n for n, outline in enumerate(outlines, start=1) if not (np.abs(outline) < _FAR).all()), None)
    if wild:
        raise InputError(f"{path}: region {wild} has a corner that is no place in an image; correct or remove it.")
    ids = np.zeros(shape, dtype=np.int32)
    dropped = 0
    for number, outline in enumerate(outlines, start=1):
        rows, columns = polygon(*outline.T, shape=shape) if len(outline) else ((), ())
        rows, columns = np.asarray(rows, dtype=int), np.asarray(columns, dtype=int)
        free = ids[rows, columns] == 0
        ids[rows[free], columns[free]] = number
        dropped += not free.any()
    counts = {
        "outlines without a pixel of their own dropped": dropped,
        f"outlines open by more than {_OPEN} px closed": sum(map(_is_open, outlines)),
        "outlines that cross themselves filled by the even-odd rule": sum(map(crosses_itself, outlines)),
    }
    return RawMask(ids, "ids", (("rasterised from XML", 1), *((what, n) for what, n in counts.items() if n)))


def crosses_itself(outline: np.ndarray) -> bool:
    """Whether two edges of a closed outline cross each other; corners and edges that only touch do not count.

    Args:
        outline: N2 corners.
    """
    if len(outline) < 4:
        return False
    corners = outline - outline.mean(axis=0)  # small numbers keep the products exact enough to be compared with 0
    edges = np.roll(corners, -1, axis=0) - corners
    side = corners[:, ::-1] * (1, -1) @ edges.T  # of corner i and edge j: twice the area of the triangle they span,
    side -= side.diagonal()  # positive on one side of the edge
    left, right = side > 1e-6, side < -1e-6
    apart = (left & np.roll(right, -1, axis=0)) | (right & np.roll(left, -1, axis=0))  # edge i's ends, seen from edge j
    return bool((apart & apart.T).any())


def _is_open(outline: np.ndarray) -> bool:
    """Whether the last corner is far from the first, seen beside the edges: large squares are drawn with four."""
    edges = np.linalg.norm(np.diff(outline, axis=0), axis=1)
    return len(outline) > 2 and bool(np.linalg.norm(outline[-1] - outline[0]) > max(_OPEN, 2 * edges.max()))


def _organs(root: Path) -> dict[str, str]:
    table = root / "organs.csv"
    if not table.is_file():
        return {name: organ for organ, names in ORGANS.items() for name in names}
    rows = read_csv(table, ("image", "organ"))
    return {row["image"]: row["organ"] for row in rows}
