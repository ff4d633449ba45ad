"""Made slides in the formats of scanners: Hamamatsu's NDPI, Leica's SCN, Ventana's BIF and 3DHISTECH's MIRAX."""

from __future__ import annotations

import io
import struct
from collections.abc import Collection
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

UM = 0.25
TILE = 256
BACKGROUND = (230, 240, 245)
"""Of a MIRAX slide's parts that were not scanned."""
SCN_CORNER = (128, 256)
"""Row and column of the picture's corner in the pixels of all of an SCN slide."""
_JPEG = {"photometric": "rgb", "tile": (TILE, TILE), "compression": "jpeg", "compressionargs": {"level": 95}}
_XMP = 700
_ID = "0123456789ABCDEF0123456789ABCDEF"


def write_ndpi(path: Path, picture: np.ndarray, steps: tuple[int, ...] = (1, 4)) -> Path:
    """Hamamatsu's: a JPEG with restart markers a level, in a TIFF whose directories have the high halves of offsets."""
    out, link = bytearray(b"II*\0" + bytes(8)), 4
    for step in steps:
        pixels = _every(picture, step)
        height, width = pixels.shape[:2]
        content = _jpeg(pixels, restart_marker_blocks=8)
        start, bits, resolution = len(out), len(out) + len(content), len(out) + len(content) + 6
        out += content + struct.pack("<3H2I", 8, 8, 8, round(1e7 / UM / step), 1000)
        directory = [
            (254, 4, 1, 0), (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits), (259, 3, 1, 7),
            (262, 3, 1, 6), (273, 4, 1, start), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, len(content)),
            (282, 5, 1, resolution), (283, 5, 1, resolution), (296, 3, 1, 3), (65420, 4, 1, 1),
            (65421, 11, 1, struct.unpack("<I", struct.pack("<f", 40 / step))[0]),
            (65422, 9, 1, 0), (65423, 9, 1, 0), (65424, 9, 1, 0),
        ]  # fmt: skip
        out[link : link + 8] = struct.pack("<Q", len(out))
        out += struct.pack("<H", len(directory)) + b"".join(struct.pack("<HHII", *tag) for tag in directory)
        link = len(out)
        out += bytes(8 + 4 * len(directory))
    path.write_bytes(out)
    return path


def write_scn(path: Path, picture: np.ndarray, steps: tuple[int, ...] = (1, 4)) -> Path:
    """Leica's: a BigTIFF whose picture is a part of the slide."""
    (height, width), nm = picture.shape[:2], round(1000 * UM)
    row, column = SCN_CORNER
    levels = "".join(
        f'<dimension sizeX="{width // step}" sizeY="{height // step}" r="{number}" ifd="{number}"/>'
        for number, step in enumerate(steps)
    )
    words = (
        '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">'
        f'<collection name="made" sizeX="{(width + 2 * column) * nm}" sizeY="{(height + 2 * row) * nm}">'
        f'<image name="a"><pixels sizeX="{width}" sizeY="{height}">{levels}</pixels>'
        f'<view sizeX="{width * nm}" sizeY="{height * nm}" offsetX="{column * nm}" offsetY="{row * nm}"/>'
        "<scanSettings><objectiveSettings><objective>40</objective></objectiveSettings><illuminationSettings>"
        "<illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings>"
        "</image></collection></scn>"
    )
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for number, step in enumerate(steps):
            per_cm = 1e4 / UM / step
            writer.write(
                _every(picture, step),
                description=None if number else words,
                metadata=None,
                resolution=(per_cm, per_cm),
                resolutionunit="CENTIMETER",
                **_JPEG,
            )
    return path


def write_bif(path: Path, picture: np.ndarray, steps: tuple[int, ...] = (1, 2)) -> Path:
    """Ventana's: a label, then levels of tiles that are joined as a stage moves, upwards and to and fro."""
    rows, columns = (side // TILE for side in picture.shape[:2])

    def tile(row: int, column: int) -> int:
        up = rows - 1 - row
        return up * columns + (columns - 1 - column if up % 2 else column) + 1

    pairs = [("RIGHT", tile(r, c), tile(r, c + 1)) for r in range(rows) for c in range(columns - 1)]
    pairs += [("UP", tile(r, c), tile(r - 1, c)) for r in range(1, rows) for c in range(columns)]
    joints = "".join(
        f'<TileJointInfo Direction="{way}" Tile1="{one}" Tile2="{other}" OverlapX="0" OverlapY="0" Confidence="100"/>'
        for way, one, other in pairs
    )
    scan = f'<iScan ScanRes="{UM}" Magnification="40" Z-layers="1"/>'
    stitched = (
        '<EncodeInfo Ver="2"><SlideStitchInfo><ImageInfo AOIScanned="1" Pos-X="0" Pos-Y="0" '
        f'Width="{TILE}" Height="{TILE}" NumRows="{rows}" NumCols="{columns}">{joints}</ImageInfo></SlideStitchInfo>'
        '<AoiOrigin><AOI0 OriginX="0" OriginY="0"/></AoiOrigin></EncodeInfo>'
    )
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        label = np.full((64, 64, 3), 240, np.uint8)
        writer.write(label, photometric="rgb", description="Label Image", metadata=None, extratags=_packet(scan))
        for number, step in enumerate(steps):
            writer.write(
                _every(picture, step),
                description=f"level={number} mag={40 / step:g} quality=95",
                metadata=None,
                extratags=[] if number else _packet(stitched),
                **_JPEG,
            )
    return path


def write_mirax(path: Path, picture: np.ndarray, levels: int = 3, unscanned: Collection[tuple[int, int]] = ()) -> Path:
    """3DHISTECH's: a file, and beside it a folder with photographs, their places and an index.

    Args:
        path: its file.
        picture: HW3, of whole photographs of the coarsest level.
        levels: how many, each of half the size of the one before it.
        unscanned: rows and columns of photographs that were not taken.
    """
    path.write_bytes(b"\xff\xd8\xff\xe0")
    folder = path.with_suffix("")
    folder.mkdir()
    rows, columns = (side // TILE for side in picture.shape[:2])
    data, pages = bytearray(_ID.encode()), []
    for level in range(levels):
        step, entries = 1 << level, []
        pixels = _every(picture, step)
        for row in range(0, rows, step):
            for column in range(0, columns, step):
                if level or (row, column) not in unscanned:
                    top, left = row // step * TILE, column // step * TILE
                    content = _jpeg(pixels[top : top + TILE, left : left + TILE])
                    entries.append((row * columns + column, len(data), len(content), 0))
                    data += content
        pages.append(entries)
    places = b"".join(struct.pack("<Bii", 0, c * TILE, r * TILE) for r in range(rows) for c in range(columns))
    (folder / "Index.dat").write_bytes(_index(pages, (len(data), len(places), 0)))
    (folder / "Data0000.dat").write_bytes(data + places)
    (folder / "Slidedat.ini").write_bytes(_mirax_facts(rows, columns, levels).encode())
    return path


def _index(pages: list[list[tuple[int, int, int, int]]], places: tuple[int, int, int]) -> bytes:
    """Linked lists: of each level's photographs, each its number, offset, length and file; and of where places lie."""
    content = bytearray(b"01.02" + _ID.encode())
    root = len(content)
    content += struct.pack("<ii", root + 8, 0) + bytes(4 * len(pages))
    for level, entries in enumerate(pages):
        start = len(content)
        struct.pack_into("<i", content, root + 8 + 4 * level, start)
        content += struct.pack("<4i", 0, start + 8, len(entries), 0)
        content += b"".join(struct.pack("<4i", *entry) for entry in entries)
    start = len(content)
    struct.pack_into("<i", content, root + 4, start)
    return bytes(content + struct.pack("<10i", start + 4, 0, start + 12, 1, 0, 0, 0, *places))


def _mirax_facts(rows: int, columns: int, levels: int) -> str:
    red, green, blue = BACKGROUND
    lines = [
        "[GENERAL]", "SLIDE_VERSION = 01.02", f"SLIDE_ID = {_ID}", f"IMAGENUMBER_X = {columns}",
        f"IMAGENUMBER_Y = {rows}", "OBJECTIVE_MAGNIFICATION = 40", "CameraImageDivisionsPerSide = 1",
        "[HIERARCHICAL]", "HIER_COUNT = 1", "NONHIER_COUNT = 1", "INDEXFILE = Index.dat",
        "HIER_0_NAME = Slide zoom level", f"HIER_0_COUNT = {levels}",
        *(f"HIER_0_VAL_{level}_SECTION = LEVEL_{level}" for level in range(levels)),
        "NONHIER_0_NAME = VIMSLIDE_POSITION_BUFFER", "NONHIER_0_COUNT = 1", "NONHIER_0_VAL_0 = default",
        "NONHIER_0_VAL_0_SECTION = PLACES", "[PLACES]", "VIMSLIDE_POSITION_DATA_FORMAT_VERSION = 257",
        "[DATAFILE]", "FILE_COUNT = 1", "FILE_0 = Data0000.dat",
    ]  # fmt: skip
    for level in range(levels):
        um = UM * 2**level
        lines += [
            f"[LEVEL_{level}]", "OVERLAP_X = 0", "OVERLAP_Y = 0", f"MICROMETER_PER_PIXEL_X = {um}",
            f"MICROMETER_PER_PIXEL_Y = {um}", "IMAGE_FORMAT = JPEG", f"DIGITIZER_WIDTH = {TILE}",
            f"DIGITIZER_HEIGHT = {TILE}", f"IMAGE_CONCAT_FACTOR = {int(level > 0)}",
            f"IMAGE_FILL_COLOR_BGR = {blue << 16 | green << 8 | red}",
        ]  # fmt: skip
    return "\r\n".join(lines)


def _every(picture: np.ndarray, step: int) -> np.ndarray:
    return np.ascontiguousarray(picture[::step, ::step])


def _packet(words: str) -> list[tuple[int, int, int, bytes, bool]]:
    return [(_XMP, 1, len(words), words.encode(), True)]


def _jpeg(pixels: np.ndarray, **options: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=95, subsampling=0, **options)
    return content.getvalue()
