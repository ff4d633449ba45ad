"""Damage in files without a checksum: of WebP, JPEG 2000, packed parts of TIFFs, and pixels as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mani_monai.data.readers.damage import part_fault
from mani_monai.data.readers.layouts import torn_bytes
from mani_monai.data.readers.rasters import read_image
from mani_monai.data.readers.unchecked_codes import jpeg2000_fault, webp_fault
from mani_monai.utils import InputError

_NOISE = np.random.default_rng(0).normal(0, 6, (240, 320, 1))
PICTURE = np.clip([[[200, 150, 190]]] + _NOISE + 40 * np.sin(np.arange(320) / 9)[None, :, None], 1, 254).astype(
    np.uint8
)
TIFFS = {
    f"{name}-{place}": {"compression": name, **layout, **more}
    for name, more in {"lzw": {}, "zstd": {"predictor": True}, "zlib": {}, "packbits": {}, "lzma": {}}.items()
    for place, layout in {"tiles": {"tile": (64, 64)}, "strips": {"rowsperstrip": 100}}.items()
}
OTHERS = {
    "lossy.webp": {"quality": 80},
    "best.webp": {"quality": 100},
    "lossless.webp": {"lossless": True},
    "lossless.jp2": {},
    "lossy.jp2": {"irreversible": True, "quality_mode": "rates", "quality_layers": [100, 20]},
    "tiles.j2k": {"tile_size": (64, 64)},
    "a.gif": {},
    "a.png": {},
}


def saved(folder: Path, name: str, picture: np.ndarray = PICTURE) -> Path:
    if name in OTHERS:
        Image.fromarray(picture).save(folder / name, **OTHERS[name])
        return folder / name
    tifffile.imwrite(folder / "a.tif", picture, photometric="rgb", **TIFFS[name])
    return folder / "a.tif"


def is_taken(path: Path, content: bytes | bytearray) -> bool:
    path.write_bytes(content)
    try:
        read_image(path)
    except InputError as error:
        return not (str(path) in str(error) and "copy it again" in str(error))
    return True


@pytest.mark.parametrize("name", [*TIFFS, *OTHERS])
@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_zeros_within_codes_are_refused(name, place, tmp_path):
    path = saved(tmp_path, name)
    content = bytearray(path.read_bytes())
    assert is_taken(path, content)
    start = int(place * len(content))
    size = min(4096, len(content) // 10)
    content[start : start + size] = bytes(size)
    assert not is_taken(path, content)


@pytest.mark.parametrize(
    "name", ["lzw-tiles", "zlib-strips", "lzma-tiles", "lossy.webp", "best.webp", "a.png", "a.gif"]
)
def test_other_bytes_within_codes_are_refused(name, tmp_path):
    path = saved(tmp_path, name)
    content, random = bytearray(path.read_bytes()), np.random.default_rng(1)
    start = len(content) // 2
    content[start : start + 1024] = random.bytes(1024)
    assert not is_taken(path, content)


def test_noise_in_a_jpeg_2000_holds_pairs_that_no_code_has(tmp_path):
    path = saved(tmp_path, "lossless.jp2")
    content = bytearray(path.read_bytes())
    start = len(content) // 2
    content[start : start + 2] = b"\xff\x95"
    assert jpeg2000_fault(bytes(content)) == "it holds bytes that no code has"
    assert not is_taken(path, content)


def numbered(given: bytes, notes: bytes) -> bytes:
    """A codestream of one part with a number before each packet, and notes in its header: both are allowed."""
    content = bytearray(given)
    content[content.index(b"\xff\x52") + 4] |= 2
    start = content.index(b"\xff\x90")
    place, lengths, length = start + 12, [], 0
    while content[place : place + 2] != b"\xff\x93":
        size = int.from_bytes(content[place + 2 : place + 4], "big")
        for byte in content[place + 5 : place + 2 + size]:  # lengths of packets, seven bits a byte
            length = length << 7 | byte & 127
            if byte < 128:
                lengths, length = [*lengths, length], 0
        place += 2 + size
    packets, done = b"", place + 2
    for number, length in enumerate(lengths):
        packets += b"\xff\x91\0\4" + (number % 2**16).to_bytes(2, "big") + content[done : done + length]
        done += length
    assert content[done:] == b"\xff\xd9"
    assert len(lengths) > 1200
    segment = b"\xff\x64" + (4 + len(notes)).to_bytes(2, "big") + b"\0\0" + notes
    head = content[start + 10 : start + 12] + segment + b"\xff\x93"
    size = (10 + len(head) + len(packets)).to_bytes(4, "big")
    return bytes(content[:start] + segment + content[start : start + 6] + size + head + packets + b"\xff\xd9")


def test_numbers_of_packets_and_notes_of_a_jpeg_2000_are_no_codes(tmp_path):
    """A number may end with 255, before any byte of a packet; notes may hold what else begins a tile."""
    path, layers = tmp_path / "a.j2k", [20, 5, 1]
    options = {"precinct_size": (32, 32), "codeblock_size": (16, 16), "plt": True}
    Image.fromarray(PICTURE[:160, :200]).save(path, quality_mode="rates", quality_layers=layers, **options)
    content = numbered(path.read_bytes(), b"\xff\x90\xff\x93\xff\x93 whole")
    assert jpeg2000_fault(content) == ""
    assert is_taken(path, content)
    np.testing.assert_array_equal(read_image(path).pixels, PICTURE[:160, :200])
    place = content.rindex(b"\xff\x91") - 40
    assert jpeg2000_fault(content[:place] + b"\xff\x95" + content[place + 2 :]) == "it holds bytes that no code has"


def test_empty_packets_of_a_jpeg_2000_are_zeros():
    """Of one tile with three channels, six resolutions and 64 layers there are 1,152 packets."""
    sizes = b"\xff\x4f\xff\x51" + (47).to_bytes(2, "big") + bytes(2)
    sizes += b"".join(n.to_bytes(4, "big") for n in (500, 400, 0, 0, 500, 400, 0, 0)) + (3).to_bytes(2, "big")
    sizes += bytes([7, 1, 1] * 3) + b"\xff\x52" + (12).to_bytes(2, "big") + bytes([0, 0, 0, 64, 1, 5, 4, 4, 0, 1])

    def stream(zeros: int) -> bytes:
        return (
            sizes
            + b"\xff\x90"
            + (10).to_bytes(2, "big")
            + bytes(6)
            + b"\0\1"
            + b"\xff\x93"
            + bytes(zeros)
            + b"\xff\xd9"
        )

    assert jpeg2000_fault(stream(1152)) == ""
    assert jpeg2000_fault(stream(1153)) == "1,153 of its bytes are zeros"


@pytest.mark.parametrize(
    "options", [{"quality": 80}, {"quality": 100}, {"lossless": True}, {"lossless": True, "method": 0}]
)
@pytest.mark.parametrize("glass", [0, 255])
@pytest.mark.parametrize("alpha", [False, True])
def test_whole_webps_of_any_size_are_read(options, glass, alpha, tmp_path):
    random, path = np.random.default_rng(2), tmp_path / "a.webp"
    for _ in range(12):
        height, width = random.integers(1, 200, 2)
        picture = PICTURE[:height, :width].copy()
        picture[:, int(random.integers(width + 1)) :] = glass
        shown = np.dstack([picture, random.integers(9, 256, picture.shape[:2])]).astype(np.uint8) if alpha else picture
        Image.fromarray(shown).save(path, **options)
        assert webp_fault(path.read_bytes()) == ""


def test_a_last_strip_of_as_many_rows_as_the_others_is_whole(tmp_path):
    """Some programs fill it up; its last rows are beyond the picture."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PICTURE, photometric="rgb", compression="lzw", rowsperstrip=120)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        parts = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        content = path.read_bytes()
        packed = [content[start : start + count] for start, count in parts]
        assert [part_fault(page, part, number) for number, part in enumerate(packed)] == ["", ""]
        page.imagelength = 200  # so that the second strip would have 80 rows
        assert part_fault(page, packed[1], 1) == ""
        page.rowsperstrip = page.imagelength = 119
        assert part_fault(page, packed[0], 0) == "a part unpacks to more than its pixels"


@pytest.mark.parametrize("ending", [".bmp", ".ppm", ".tif"])
@pytest.mark.parametrize("part", ["middle", "end"])
def test_lost_bytes_of_unpacked_pixels_are_refused(ending, part, tmp_path):
    path = tmp_path / f"a{ending}"
    Image.fromarray(PICTURE).save(path)
    content = bytearray(path.read_bytes())
    assert is_taken(path, content)
    start = 100_123 if part == "middle" else len(content) - 4096
    content[start : start + 4096] = bytes(4096)
    assert not is_taken(path, content)


@pytest.mark.parametrize("layout", [{"tile": (64, 64)}, {"planarconfig": "separate"}])
def test_lost_bytes_of_tiles_and_planes_are_refused(layout, tmp_path):
    path = tmp_path / "a.tif"
    planes = np.ascontiguousarray(PICTURE.transpose(2, 0, 1)) if "planarconfig" in layout else PICTURE
    tifffile.imwrite(path, planes, photometric="rgb", **layout)
    content = bytearray(path.read_bytes())
    assert is_taken(path, content)
    start = content.index(PICTURE[70, 64:].tobytes()[:40]) if "tile" in layout else len(content) // 2
    content[start + 50 : start + 1050] = bytes(1000)
    assert not is_taken(path, content)


def test_black_that_belongs_to_a_picture_is_no_loss():
    framed, bar, turned = PICTURE.copy(), PICTURE.copy(), Image.fromarray(PICTURE).rotate(9)
    framed[:12], framed[-30:], framed[:, :20], framed[:, -25:] = 0, 0, 0, 0
    bar[40:43, 60:300] = bar[-1, 90:] = 0
    corner = PICTURE.copy()
    corner[200:, 200:] = 0
    for picture in (framed, bar, np.asarray(turned), corner, np.zeros_like(PICTURE), PICTURE[:1] * 0):
        assert torn_bytes(picture[:200] if picture is bar else picture) == 0
    torn = PICTURE.copy()
    torn.reshape(-1)[100_123 : 100_123 + 4096] = 0
    assert 4090 <= torn_bytes(torn) <= 4096


def test_a_byte_that_fills_a_packed_part_up_is_no_damage(tmp_path):
    path = saved(tmp_path, "packbits-tiles")
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        part = path.read_bytes()[page.dataoffsets[0] :][: page.databytecounts[0]]
        assert [part_fault(page, part + more, 0) for more in (b"", b"\0", b"\5")] == [
            "",
            "",
            "a part ends within a run",
        ]


@pytest.mark.parametrize("shift", [(0, 0), (-10.5, -2.3), (5.6, -6.3), (0.9, -1.5)])
def test_black_around_a_picture_that_was_turned_to_fit_another_is_no_loss(shift):
    """By less than half a degree, its edge moves by more than half a row's length from one row to the next."""
    for degrees in (0.04, 0.07, 0.1, 0.18, 0.27, 0.37, 0.49, -0.05, -0.17, -0.3, -0.44):
        turned = np.asarray(Image.fromarray(PICTURE).rotate(degrees, translate=shift))
        assert torn_bytes(turned) == torn_bytes(turned[::-1]) == torn_bytes(turned[..., 1]) == 0


def test_black_around_a_turned_picture_is_no_loss_of_its_tiles(tmp_path):
    whole = Image.fromarray(PICTURE[:230, :260])  # its last tiles are four columns wide
    for degrees in (-17, -5, -0.3, 0.2, 1, 9, 17, 31):
        for shift in ((0, 0), (3.4, -6.3)):
            turned = np.asarray(whole.rotate(degrees, translate=shift))
            tifffile.imwrite(tmp_path / "turned.tif", turned, photometric="rgb", tile=(64, 64))
            assert np.array_equal(read_image(tmp_path / "turned.tif").pixels, turned)


def test_every_loss_of_several_is_seen_and_the_longest_is_said():
    torn = PICTURE.copy()
    for start, size in ((40_123, 20_000), (100_123, 30_000), (210_001, len(torn.reshape(-1)) - 210_001)):
        torn.reshape(-1)[start : start + size] = 0
    assert 29_990 <= torn_bytes(torn) <= 30_000
    torn = PICTURE.copy()
    torn.reshape(-1)[40_123:80_123] = torn.reshape(-1)[100_123:] = 0
    assert torn_bytes(torn) > 130_000 - 6
