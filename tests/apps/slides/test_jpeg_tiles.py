"""Tiles of JPEG that were cut short: named by their place, and the rest is done."""

import gc
import io
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import tifffile
from made_slides import dark_model, made_picture
from PIL import Image

from mani_monai.apps.slides import jpeg_tiles, opened_levels
from mani_monai.apps.slides.jpeg_tiles import JpegTiles, WholeLevels
from mani_monai.apps.slides.opened_levels import open_levels
from mani_monai.apps.slides.slide import open_slide
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.data.readers import jpeg_damage
from mani_monai.utils import InputError

pytest.importorskip("openslide")
NOISE = np.random.default_rng(0).normal(0, 6, (512, 1408, 3))
PICTURE = np.clip(made_picture(512, 1408, nuclei=200) + NOISE, 0, 255).astype(np.uint8)
TILES = {"tile": (128, 128), "photometric": "rgb", "compression": "jpeg", "compressionargs": {"level": 80}}
PLACE = 1 * 11 + 4  # of 4 x 11 tiles: row 128, column 512


def half_zeros(tile):
    return tile[: len(tile) // 2] + bytes(len(tile) - len(tile) // 2)


def zeros_within(tile):
    return tile[: len(tile) // 2] + bytes(300) + tile[len(tile) // 2 + 300 :]


def ended(tile):
    return tile[: len(tile) // 2] + b"\xff\xd9" + tile[len(tile) // 2 + 2 :]


def last_block(tile):
    return tile[:-12] + b"\xff\xd9" + bytes(10)


def svs(path):
    tifffile.imwrite(path, PICTURE, **TILES, description="Aperio Image Library v11\r\n|MPP = 0.25", metadata=None)
    return path


def pyramid(path):
    """An OME-TIFF, which tiffslide reads."""
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(
            PICTURE, subifds=1, metadata={"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}, **TILES
        )
        writer.write(np.ascontiguousarray(PICTURE[::2, ::2]), subfiletype=1, **TILES)
    return path


def harmed(path, harm, number=PLACE):
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[number], tiff.pages[0].databytecounts[number]
    content = path.read_bytes()
    path.write_bytes(content[:offset] + harm(content[offset : offset + count]) + content[offset + count :])
    return path


@pytest.mark.parametrize("harm", [half_zeros, zeros_within, ended, last_block])
@pytest.mark.parametrize("make", [svs, pyramid])
def test_a_tile_that_was_cut_is_named_and_the_rest_is_done(tmp_path, make, harm):
    name = "a.svs" if make is svs else "a.ome.tif"
    levels = open_levels(harmed(make(tmp_path / name), harm))
    with pytest.raises(
        InputError, match=rf"{name}: cannot be read at row 128, column 512 \(.*\); copy the slide again"
    ):
        levels.cut(0, 100, 500, 100, 100)
    for top, left in ((0, 512), (256, 512), (128, 384), (128, 640)):
        there = np.asarray(levels.cut(0, top, left, 128, 128), int)
        assert np.abs(there - PICTURE[top : top + 128, left : left + 128]).mean() < 12


def test_the_summary_says_incomplete(tmp_path):
    (tmp_path / "slides").mkdir()
    harmed(svs(tmp_path / "slides" / "a.svs"), half_zeros)
    svs(tmp_path / "slides" / "b.svs")
    damaged, whole = run_slides(dark_model(), tmp_path / "slides", tmp_path / "out", core=128, progress=False)
    assert (damaged.status, whole.status) == ("incomplete", "done")
    assert "a.svs: cannot be read at row 128, column 512" in damaged.note
    assert 0 < damaged.nuclei < whole.nuclei
    assert "incomplete" in (tmp_path / "out" / "summary.csv").read_text()


def with_shared_tables(path):
    """The same slide as Aperio writes it: all tiles share their tables, which stand before them."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        content = path.read_bytes()
        tiles = [content[o : o + n] for o, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
    parted = [tables_of(tile) for tile in tiles]
    tifffile.imwrite(
        path, iter([rest for _, rest in parted]), shape=PICTURE.shape, dtype=np.uint8, jpegtables=parted[0][0],
        **{key: value for key, value in TILES.items() if key != "compressionargs"},
        description="Aperio Image Library v11\r\n|MPP = 0.25", metadata=None, subsampling=(1, 1),
    )  # fmt: skip
    return path


def tables_of(tile):
    """The tables of a JPEG's beginning, as a JPEG of their own, and the rest of it."""
    place, tables, rest = 2, b"", b""
    while tile[place + 1] != 0xDA:
        stop = place + 2 + int.from_bytes(tile[place + 2 : place + 4], "big")
        if tile[place + 1] in (0xDB, 0xC4):
            tables += tile[place:stop]
        else:
            rest += tile[place:stop]
        place = stop
    return b"\xff\xd8" + tables + b"\xff\xd9", b"\xff\xd8" + rest + tile[place:]


@pytest.mark.parametrize("shared", [False, True])
def test_whole_tiles_are_whole_and_each_is_looked_at_once(tmp_path, monkeypatch, shared):
    looked = []
    genuine = jpeg_damage.jpeg_fault
    monkeypatch.setattr(
        "mani_monai.apps.slides.jpeg_tiles.jpeg_fault", lambda *given: looked.append(0) or genuine(*given)
    )
    path = svs(tmp_path / "a.svs")
    levels = open_levels(with_shared_tables(path) if shared else path)
    assert isinstance(levels, WholeLevels)
    for _ in range(2):
        assert np.abs(np.asarray(levels.cut(0, 0, 0, 512, 1408), int) - PICTURE).mean() < 12
    assert len(looked) == 44
    with pytest.raises(InputError, match="row 128, column 512"):
        open_levels(harmed(path, ended)).cut(0, 0, 0, 512, 1408)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_tile_without_its_last_codes_is_cut(progressive):
    stream = io.BytesIO()
    Image.fromarray(PICTURE[:256, :256]).save(stream, "JPEG", quality=90, progressive=progressive)
    content = stream.getvalue()
    assert jpeg_damage.jpeg_fault(content, jpeg_tiles._means) == ""
    for share in (0.5, 0.8, 0.95):
        cut = content[: int(share * len(content))] + b"\xff\xd9"
        assert jpeg_damage.jpeg_fault(cut, jpeg_tiles._means) == "a part of its picture is missing"


def test_glass_is_no_damage(tmp_path):
    glass = np.full((512, 512, 3), 244, np.uint8)
    tifffile.imwrite(tmp_path / "a.svs", glass, **TILES, description="Aperio Image Library v11\r\n|MPP = 0.25")
    assert np.asarray(open_levels(tmp_path / "a.svs").cut(0, 0, 0, 512, 512)).min() > 240


def test_tiles_of_another_kind_or_another_file_are_left_to_their_decoder(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PICTURE, tile=(128, 128), photometric="rgb", metadata=None)
    (tmp_path / "a.mrxs").write_bytes(b"\xff\xd8\xff\xe0")
    assert JpegTiles.of(tmp_path / "a.tif", [(512, 1408)]) is None
    assert JpegTiles.of(tmp_path / "a.mrxs", [(512, 1408)]) is None
    assert JpegTiles.of(svs(tmp_path / "a.svs"), [(512, 1407)]) is None
    tiles = JpegTiles.of(svs(tmp_path / "b.svs"), [(512, 1408)])
    assert tiles.fault(0, 0, 0, 512, 1408) is None
    assert tiles.fault(1, 0, 0, 512, 1408) is None


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists open files there")
@pytest.mark.parametrize("make", [svs, pyramid])
def test_a_slide_that_is_closed_or_refused_holds_no_file(tmp_path, make, monkeypatch):
    path = make(tmp_path / ("a.svs" if make is svs else "a.ome.tif")).resolve()

    def is_open():
        return any(link.exists() and link.resolve() == path for link in Path("/proc/self/fd").iterdir())

    gc.disable()
    try:
        with closing(open_slide(path)) as slide:
            assert isinstance(slide.levels, WholeLevels)
            slide.levels.cut(0, 0, 0, 10, 10)
            assert is_open()
        assert not is_open()
        monkeypatch.setattr(opened_levels, "check_levels", refuse)
        with pytest.raises(InputError, match="no picture"):
            open_slide(path)
        assert not is_open()
    finally:
        gc.enable()


def refuse(path, levels):
    raise InputError(f"{path}: no picture.")
