"""Image files as users have them and as nobody should, and what is right of each: ``SAME``, ``REFUSED`` or either."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from bare_tiffs import bare_tiff
from PIL import Image

SAME, REFUSED, EITHER = "same", "refused", "either"
Writer = Callable[[Path, np.ndarray, np.random.Generator], str]


def _saved(ending: str, **options) -> Writer:
    def write(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
        Image.fromarray(picture).save(stem.with_suffix(ending), **options)
        return SAME

    return write


def _tiff(change: Callable[[np.ndarray], np.ndarray], right: str, **options) -> Writer:
    def write(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
        tifffile.imwrite(stem.with_suffix(".tif"), change(picture), **{"photometric": "rgb", **options})
        return right

    return write


def _mode(mode: str, ending: str, right: str) -> Writer:
    def write(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
        Image.fromarray(picture).convert(mode).save(stem.with_suffix(ending))
        return right

    return write


def _alpha(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    """An alpha channel of one value means nothing, but for 0: no viewer shows that picture."""
    value = random.choice([0, 128, 255])
    alpha = np.full((*picture.shape[:2], 1), value, np.uint8)
    Image.fromarray(np.dstack([picture, alpha])).save(stem.with_suffix(".png"))
    return SAME if value else REFUSED


def _turned(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    exif = Image.Exif()
    exif[274] = int(random.integers(2, 9))
    Image.fromarray(picture).save(stem.with_suffix(str(random.choice([".png", ".jpg"]))), exif=exif)
    return REFUSED


def _thumbnail_first(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    small = np.asarray(Image.fromarray(picture).resize((32, 24), Image.Resampling.BOX))
    with tifffile.TiffWriter(stem.with_suffix(".tif")) as file:
        file.write(small, photometric="rgb", subfiletype=1, metadata=None)
        file.write(picture, photometric="rgb", metadata=None)
    return SAME


def _two_regions(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    with tifffile.TiffWriter(stem.with_suffix(".tif")) as file:
        for part in (picture, np.ascontiguousarray(picture[:40, ::-1])):
            file.write(part, photometric="rgb", metadata=None)
    return REFUSED


def _animation(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    other = Image.fromarray(np.ascontiguousarray(picture[::-1]))
    Image.fromarray(picture).save(stem.with_suffix(".png"), save_all=True, append_images=[other])
    return REFUSED


def _anisotropic(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    sizes = {"resolution": (40000, 20000), "resolutionunit": "CENTIMETER", "metadata": None}
    tifffile.imwrite(stem.with_suffix(".tif"), picture, photometric="rgb", **sizes)
    return REFUSED


def _other_ending(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    """The content decides, and not the name."""
    written = stem.with_suffix(".png")
    Image.fromarray(picture).save(written)
    written.rename(stem.with_suffix(str(random.choice([".jpg", ".tif", ".bmp"]))))
    return SAME


def _damaged(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    """Cut short, or with other bytes here and there: decoded all the same, or refused, but never a crash."""
    path = stem.with_suffix(str(random.choice([".png", ".tif", ".jpg", ".bmp"])))
    Image.fromarray(picture).save(path)
    content = bytearray(path.read_bytes())
    if random.random() < 0.4:
        content = content[: int(random.integers(0, len(content)))]
    for place in random.integers(0, max(len(content), 1), int(random.integers(1, 9))):
        if len(content):
            content[int(place) if random.random() < 0.5 else int(place) % min(len(content), 200)] = random.integers(256)
    path.write_bytes(content)
    return EITHER


def _overwritten(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    """Zeros within codes or pixels, or at their end, where a format lets that be seen."""
    kinds: list[tuple[str, dict]] = [
        (".webp", {"quality": 90}), (".webp", {"lossless": True}), (".jp2", {}), (".png", {}), (".gif", {}),
        (".tif", {"compression": "tiff_lzw"}), (".tif", {"compression": "tiff_adobe_deflate"}),
        (".bmp", {}), (".ppm", {}),
    ]  # fmt: skip
    ending, options = kinds[int(random.integers(len(kinds)))]
    path = stem.with_suffix(ending)
    Image.fromarray(picture).save(path, **options)
    content = bytearray(path.read_bytes())
    size = len(content) // 8
    start = (
        len(content) - size if random.random() < 0.3 else int(random.integers(len(content) // 4, len(content) - size))
    )
    content[start : start + size] = bytes(size)
    path.rename(path.with_suffix(".png"))
    path.with_suffix(".png").write_bytes(content)
    pixels = [-(-(place - len(content) + picture.size) // 3) % picture.shape[1] for place in (start, start + size)]
    if ending in (".bmp", ".ppm") and 0 in pixels[: 1 if start + size == len(content) else 2]:
        return EITHER  # whole rows of black, as a border is
    if ending in (".bmp", ".ppm") and len(content) - picture[0].size <= start + size < len(content):
        return EITHER  # up to the last row, below which nothing can be compared
    return REFUSED


def _imagej_table(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    """An inverting look-up table over inverted values shows them as they are; of 16 bits it is refused."""
    grey, deep = 255 - picture[..., 0], random.random() < 0.3
    table = np.tile(np.arange(255, -1, -1, dtype=np.uint8), (3, 1))
    values = grey.astype(np.uint16) * 256 if deep else grey
    tifffile.imwrite(stem.with_suffix(".tif"), values, imagej=True, metadata={"LUTs": [table]})
    return REFUSED if deep else EITHER


def _special(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    """No file at all: a pipe, a device, a folder, a link to itself, a link to nothing."""
    path, kind = stem.with_suffix(".png"), int(random.integers(5))
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    else:
        path.symlink_to({2: "/dev/zero", 3: path.name, 4: "nowhere.png"}[kind])
    return EITHER if kind < 3 else REFUSED


def _noise(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    starts = [
        b"",
        b"II*\0",
        b"MM\0*",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"BM",
        b"GIF89a",
        b"version https://git-lfs",
    ]
    start = starts[int(random.integers(len(starts)))]
    stem.with_suffix(".png").write_bytes(start + random.bytes(int(random.integers(0, 400))))
    return REFUSED


def _huge(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    """A few bytes that claim billions of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    sides = int(random.choice([50_000, 2**31 - 1])).to_bytes(4, "big") * 2
    header = chunk(b"IHDR", sides + bytes([8, 2, 0, 0, 0]))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    stem.with_suffix(".png").write_bytes(content)
    return REFUSED


def _no_file(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    """A link to itself or to nothing is named; one to a device is passed over, as devices are."""
    path, device = stem.with_suffix(".png"), Path("/dev/null")
    to = [path, stem.with_name("nowhere.png"), device][int(random.integers(3))]
    path.symlink_to(to)
    return EITHER if to == device else REFUSED


def _thin(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    sides = [(1, 1), (1, 300), (300, 1), (2, 3), (17, 15)][int(random.integers(5))]
    Image.fromarray(np.resize(picture, (*sides, 3))).save(stem.with_suffix(".png"))
    return EITHER


def _rows_missing(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
    """A PNG whose checksums are right, and whose rows end early."""
    path = stem.with_suffix(".png")
    Image.fromarray(picture).save(path)
    content = path.read_bytes()
    rows = b"".join(b"\0" + row.tobytes() for row in picture[: int(random.integers(1, len(picture)))])
    parts = [(b"IHDR", content[16:29]), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = (len(d).to_bytes(4, "big") + k + d + zlib.crc32(k + d).to_bytes(4, "big") for k, d in parts)
    path.write_bytes(content[:8] + b"".join(chunks))
    return REFUSED


def _bare(change: Callable[[np.ndarray], np.ndarray], tags: dict[int, list[int]]) -> Writer:
    def write(stem: Path, picture: np.ndarray, random: np.random.Generator) -> str:
        bare_tiff(stem.with_suffix(".tif"), change(picture), tags)
        return REFUSED

    return write


KINDS: dict[str, Writer] = {
    "png": _saved(".png"),
    "bmp": _saved(".bmp"),
    "capital ending": _saved(".PNG", format="PNG"),
    "tiff": _saved(".tif"),
    "tiff, packed": _saved(".tif", compression="tiff_adobe_deflate"),
    "alpha of one value": _alpha,
    "16 bits, scaled": _tiff(lambda p: p.astype(np.uint16) * 257, SAME),
    "12 bits in 16": _tiff(lambda p: p.astype(np.uint16) * 16, REFUSED),
    "planes": _tiff(lambda p: np.ascontiguousarray(p.transpose(2, 0, 1)), SAME, planarconfig="separate"),
    "planes as a stack": _tiff(lambda p: np.ascontiguousarray(p.transpose(2, 0, 1)), REFUSED, photometric="minisblack"),
    "float": _tiff(lambda p: p.astype(np.float32) / 255, REFUSED),
    "grey float": _tiff(lambda p: p[..., 0] / np.float32(255), REFUSED, photometric="minisblack"),
    "signed": _tiff(lambda p: p[..., 0].astype(np.int16) - 99, REFUSED, photometric="minisblack"),
    "32 bits": _tiff(lambda p: p[..., 0].astype(np.uint32), REFUSED, photometric="minisblack"),
    "5 channels": _tiff(lambda p: np.dstack([p, p[..., :2]]), EITHER, photometric="minisblack", planarconfig="contig"),
    "big TIFF": _tiff(lambda p: p, SAME, bigtiff=True),
    "other byte order": _tiff(lambda p: p, SAME, byteorder=">"),
    "CMYK": _mode("CMYK", ".tif", REFUSED),
    "CIELAB": _mode("LAB", ".tif", REFUSED),
    "palette": _mode("P", ".png", EITHER),
    "grey": _mode("L", ".png", EITHER),
    "one bit": _mode("1", ".png", EITHER),
    "turned": _turned,
    "thumbnail first": _thumbnail_first,
    "two regions": _two_regions,
    "animation": _animation,
    "pixels that are not square": _anisotropic,
    "another ending": _other_ending,
    "damaged": _damaged,
    "overwritten": _overwritten,
    "ImageJ's table": _imagej_table,
    "no file at all": _special,
    "noise": _noise,
    "huge": _huge,
    "no file": _no_file,
    "thin": _thin,
    "rows that end early": _rows_missing,
    "bits that are not said": _bare(lambda p: p[..., 0], {262: [1]}),
    "black or white is not said": _bare(lambda p: p[..., 0], {258: [8]}),
    "a fourth channel of which nothing is said": _bare(
        lambda p: np.dstack([p, p[..., :1]]), {258: [8] * 4, 262: [2], 277: [4]}
    ),
    "YCbCr without JPEG": _bare(lambda p: p, {258: [8] * 3, 262: [6], 277: [3], 530: [1, 1]}),
}
"""By name: writes ``stem`` with an ending and says what is right."""
