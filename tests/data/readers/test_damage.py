"""Damage that decoders pass over, in pictures of noise and of glass."""

from __future__ import annotations

import base64
import io
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mani_monai.data.readers.damage import check_damage
from mani_monai.data.readers.jpeg_damage import jpeg_fault
from mani_monai.data.readers.rasters import read_image
from mani_monai.utils import InputError

PICTURE = np.random.default_rng(0).integers(60, 220, (300, 400, 3), np.uint8)
FORMS = {
    "a.jpg": {"quality": 90},
    "optimised.jpg": {"quality": 90, "optimize": True},
    "progressive.jpg": {"quality": 90, "progressive": True},
    "a.png": {},
    "stored.png": {"compress_level": 0},
    "deflate.tif": {"compression": "tiff_adobe_deflate"},
    "lzw.tif": {"compression": "tiff_lzw"},
}


def saved(path: Path, picture: np.ndarray = PICTURE) -> Path:
    Image.fromarray(picture).save(path, **FORMS.get(path.name, {}))
    return path


@pytest.mark.parametrize("name", FORMS)
def test_a_stretch_of_zeros_is_refused(name, tmp_path):
    path = saved(tmp_path / name)
    read_image(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: .*copy it again"):
        read_image(path)


@pytest.mark.parametrize("tiled", [False, True])
def test_one_changed_byte_of_a_packed_tiff_is_refused(tiled, tmp_path):
    """Deflate without compression: every byte of the part is a pixel, and still decodes."""
    path = tmp_path / "a.tif"
    options = {"tile": (128, 128)} if tiled else {}
    tifffile.imwrite(path, PICTURE, photometric="rgb", compression="zlib", compressionargs={"level": 0}, **options)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="copy it again"):
        read_image(path)


def test_one_changed_byte_of_a_png_is_refused(tmp_path):
    path = saved(tmp_path / "stored.png")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="copy it again"):
        read_image(path)


def png(rows, width, height, bits, kind, interlaced=0):
    """A PNG whose checksums are right, whatever its rows."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"PLTE", bytes(range(256)) * 3)][: 2 if kind == 3 else 1]
    packed = zlib.compress(rows)
    chunks += [(b"IDAT", packed[start : start + 999]) for start in range(0, len(packed), 999)] + [(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("bits", "kind", "pixel"), [(8, 2, 3), (8, 0, 1), (1, 0, 0.125), (4, 3, 0.5), (16, 0, 2), (16, 2, 6), (8, 6, 4)]
)
@pytest.mark.parametrize(("width", "height"), [(37, 45), (2, 3), (1, 1)])
def test_a_png_of_too_few_rows_is_refused_though_its_checksums_are_right(
    tmp_path, interlaced, bits, kind, pixel, width, height
):
    sizes = [(-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in PASSES]
    parts = [size for size in sizes if min(size) > 0] if interlaced else [(width, height)]
    high = b"\xf0" if kind == 3 else b"\xff"
    rows = [b"\0" + high * math.ceil(columns * pixel) for columns, count in parts for _ in range(count)]
    path = tmp_path / "a.png"
    path.write_bytes(png(b"".join(rows), width, height, bits, kind, int(interlaced)))
    with Image.open(path) as image:
        image.load()
    check_damage(path, image, None)
    for missing in (rows[:-1], rows[: len(rows) // 2], [*rows[:-1], rows[-1][:-1]]):
        path.write_bytes(png(b"".join(missing), width, height, bits, kind, int(interlaced)))
        with pytest.raises((InputError, OSError), match=r"a part of its picture is missing|truncated"):
            check_damage(path, image, None)
        with pytest.raises(InputError, match="copy it again"):
            read_image(path)


def test_bytes_behind_the_rows_of_a_png_are_no_damage(tmp_path):
    rows = b"".join(b"\0" + row.tobytes() for row in PICTURE)
    path = tmp_path / "a.png"
    path.write_bytes(png(rows + bytes(500), 400, 300, 8, 2))
    np.testing.assert_array_equal(read_image(path).pixels, PICTURE)


@pytest.mark.parametrize("name", ["a.jpg", "optimised.jpg", "progressive.jpg"])
def test_a_jpeg_of_a_larger_file_is_told_whole_from_cut(name, tmp_path):
    content = saved(tmp_path / name).read_bytes()
    assert jpeg_fault(content) == ""
    half = len(content) // 2
    assert jpeg_fault(content[:half]) == "a part of its picture is missing"
    assert jpeg_fault(content[:half] + b"\xff\xd9") == "a part of its picture is missing"
    assert jpeg_fault(content[:half] + bytes(half)) != ""
    assert jpeg_fault(content[:half] + bytes(300) + content[half + 300 :]) == "300 of its bytes are zeros"
    assert jpeg_fault(b"\xff\x4f\xff\x51" + content) == ""  # JPEG 2000
    glass = saved(tmp_path / name, np.full((512, 512, 3), 244, np.uint8)).read_bytes()
    assert jpeg_fault(glass) == ""


@pytest.mark.parametrize("name", ["a.jpg", "optimised.jpg", "progressive.jpg"])
def test_glass_may_be_zeros_in_a_jpeg(name, tmp_path):
    path = saved(tmp_path / name, np.full((1500, 1500, 3), 244, np.uint8))
    assert (read_image(path).pixels > 240).all()


def test_zeros_beside_the_picture_are_no_damage(tmp_path):
    """In a comment before it and after its end, as cameras and file systems leave them."""
    path = saved(tmp_path / "a.jpg")
    content = path.read_bytes()
    comment = b"\xff\xfe" + (2002).to_bytes(2, "big") + b"\xff\xda" + bytes(1998)
    path.write_bytes(content[:2] + comment + content[2:] + bytes(4096))
    assert read_image(path).pixels.shape == PICTURE.shape


JPEGS = [
    {},
    {"optimize": True, "subsampling": 0},
    {"restart_marker_blocks": 7},
    {"restart_marker_rows": 1},
    {"progressive": True},
    {"progressive": True, "restart_marker_blocks": 5},
]


def jpeg(picture: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize("options", JPEGS, ids=str)
@pytest.mark.parametrize("grey", [False, True])
def test_a_jpeg_cut_short_before_a_mark_of_its_end_is_refused(options, grey, tmp_path):
    """The lower half is glass, whose missing blocks look like their neighbours."""
    picture = np.vstack([PICTURE[:150], np.full_like(PICTURE[:150], 244)])
    content, path = jpeg(picture[..., 0] if grey else picture, **options), tmp_path / "a.jpg"
    path.write_bytes(content)
    read_image(path)
    for share in (0.3, 0.6, 0.9, 0.99):
        path.write_bytes(content[: int(len(content) * share)] + b"\xff\xd9")
        with pytest.raises(InputError, match="copy it again"):
            read_image(path)


def test_a_progressive_jpeg_that_lacks_scans_is_refused(tmp_path):
    """Each of them is whole, so that the picture is but coarse."""
    content, path = jpeg(PICTURE, progressive=True), tmp_path / "a.jpg"
    starts = [place for place in range(len(content)) if content.startswith(b"\xff\xda", place)]
    for start in starts[1:]:
        tables = content.rfind(b"\xff\xc4", 0, start)
        path.write_bytes(content[: tables if tables > starts[0] else start] + b"\xff\xd9")
        with pytest.raises(InputError, match="a part of its picture is missing"):
            read_image(path)


@pytest.mark.parametrize(("first", "last"), [(2, 4), (3, 10)])
def test_a_jpeg_that_lacks_pieces_between_restarts_is_refused(first, last, tmp_path):
    content, path = jpeg(PICTURE, restart_marker_rows=1), tmp_path / "a.jpg"
    starts = [mark.start() for mark in re.finditer(rb"\xff[\xd0-\xd7]", content)]
    path.write_bytes(content[: starts[first]] + content[starts[last] :])
    with pytest.raises(InputError, match="a part of its picture is missing"):
        read_image(path)


@pytest.mark.parametrize("options", JPEGS, ids=str)
def test_whole_jpegs_of_any_size_are_read(options, tmp_path):
    random, path = np.random.default_rng(1), tmp_path / "a.jpg"
    for _ in range(20):
        sides, shade = random.integers(1, 60, 2), int(random.integers(256))
        picture = random.choice([0, 1]) * random.integers(0, 40, (*sides, 3)) + min(shade, 200)
        path.write_bytes(jpeg(picture.astype(np.uint8), quality=int(random.integers(1, 100)), **options))
        assert read_image(path).pixels.shape == (*sides, 3)


@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_a_part_of_a_tiff_that_is_a_jpeg_cut_short_is_refused(tile, tmp_path):
    path = tmp_path / "a.tif"
    layout = {"tile": tile} if tile else {"rowsperstrip": 64}
    tifffile.imwrite(path, PICTURE, photometric="rgb", compression="jpeg", **layout)
    read_image(path)
    with tifffile.TiffFile(path) as tiff:
        counts, number = tiff.pages[0].tags[325 if tile else 279], 2
        half = counts.value[number] // 2
    size = {3: 2, 4: 4}[int(counts.dtype)]
    content = bytearray(path.read_bytes())
    place = counts.valueoffset + number * size
    content[place : place + size] = half.to_bytes(size, "little")
    path.write_bytes(content)
    with pytest.raises(InputError, match="a part of its picture is missing"):
        read_image(path)


@pytest.mark.parametrize("layout", [{"tile": (64, 64)}, {"rowsperstrip": 64}])
def test_a_part_of_a_tiff_that_is_not_there_is_refused(layout, tmp_path):
    """Pillow shows the file's first bytes in its place."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PICTURE, photometric="rgb", **layout)
    with tifffile.TiffFile(path) as tiff:
        offsets = tiff.pages[0].tags["TileOffsets" if "tile" in layout else "StripOffsets"]
    content = bytearray(path.read_bytes())
    content[offsets.valueoffset + 8 : offsets.valueoffset + 12] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(InputError, match="a part of its picture is missing"):
        read_image(path)


_ARITHMETIC = (
    b"/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMU"
    b"FRUVDA8XGBYUGBIUFRT/yQALCAAYACABAREA/8wABgAQEAX/2gAIAQEAAD8A/wDsog4zhXD4QgTdzOs2PieGrN7AWLJ4XSjnESPF"
    b"B9tqcyq9hnrgQiznbdT362Ja9TbThv/Z"
)
"""Of the ramp 4 x row + 3 x column, 24 x 32, in arithmetic codes, which Pillow reads and does not write."""


def test_a_jpeg_in_arithmetic_codes_is_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(base64.b64decode(_ARITHMETIC))
    ramp = np.add.outer(4 * np.arange(24), 3 * np.arange(32))
    assert abs(read_image(tmp_path / "a.jpg").pixels[..., 0].astype(int) - ramp).max() <= 6
