"""Levels of a slide: all show one picture, or the slide is refused."""

import numpy as np
import pytest
import tifffile
from made_slides import dark_model, made_picture, write_slide
from PIL import Image, ImageFilter

from mani_monai.apps.slides.level_pictures import check_levels
from mani_monai.apps.slides.opened_levels import open_levels
from mani_monai.apps.slides.slide_levels import WHITE
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.utils import InputError

pytest.importorskip("openslide")
PICTURE, OTHER = made_picture(512, 768), made_picture(512, 768, nuclei=40, seed=5)
HALF_BLANK = PICTURE[::2, ::2].copy()
HALF_BLANK[100:] = 244


def written(path, *levels):
    """A slide of these pictures, as Aperio writes it; OME where it is called so."""
    is_ome = path.name.endswith(".ome.tif")
    options = {"tile": (128, 128), "photometric": "rgb", "compression": "jpeg", "compressionargs": {"level": 90}}
    words = {} if is_ome else {"description": "Aperio Image Library v11.2.1\r\n|MPP = 0.25", "metadata": None}
    with tifffile.TiffWriter(path, ome=is_ome) as writer:
        for number, pixels in enumerate(levels):
            inner = {"subifds": len(levels) - 1} if is_ome and not number else {}
            writer.write(np.ascontiguousarray(pixels), subfiletype=int(number > 0), **inner, **options, **words)
    return path


@pytest.mark.parametrize("name", ["a.svs", "a.tif", "a.ome.tif"])
@pytest.mark.parametrize(
    "second",
    [OTHER[::2, ::2], PICTURE[:256, :384], PICTURE[::-2, ::2], np.full_like(PICTURE[::2, ::2], 244), HALF_BLANK],
    ids=["another", "a part", "turned", "blank", "half blank"],
)
def test_a_level_that_shows_something_else_is_refused(tmp_path, name, second):
    path = written(tmp_path / name, PICTURE, second)
    with pytest.raises(InputError, match=rf"{name}: its level 1 shows another picture than level 0; save its finest"):
        open_levels(path)


@pytest.mark.parametrize("name", ["a.svs", "a.ome.tif"])
@pytest.mark.parametrize("steps", [(4, 2, 1), (2, 1, 4), (1, 4, 2)], ids=str)
def test_levels_in_another_order_than_from_fine_to_coarse_are_refused_with_the_remedy(tmp_path, name, steps):
    """OpenSlide calls such an SVS none, and tiffslide takes the first level of an OME-TIFF for its finest."""
    path = written(tmp_path / name, *(PICTURE[::step, ::step] for step in steps))
    words = f"{name}: its levels do not run from fine to coarse; save its finest level as a slide of its own"
    with pytest.raises(InputError, match=words):
        open_levels(path)
    if name == "a.svs":
        path.write_bytes(b"no slide")
        with pytest.raises(InputError, match="is damaged or no slide of a known format"):
            open_levels(path)


def test_the_level_that_differs_is_named(tmp_path):
    path = written(tmp_path / "a.svs", PICTURE, PICTURE[::2, ::2], OTHER[::4, ::4])
    with pytest.raises(InputError, match="its level 2 shows another picture than level 1"):
        open_levels(path)
    written(tmp_path / "b.svs", PICTURE, PICTURE[::2, ::2], PICTURE[::4, ::4])
    bad, good = run_slides(dark_model(), tmp_path, tmp_path / "out", core=256, progress=False)
    assert (bad.status, good.status) == ("failed", "done")


@pytest.mark.parametrize("quality", [20, 95])
def test_a_level_of_rough_jpeg_or_another_form_is_taken_where_it_shows_the_same(tmp_path, quality):
    noisy = np.clip(PICTURE + np.random.default_rng(0).normal(0, 12, PICTURE.shape), 0, 255).astype(np.uint8)
    flat = np.asarray(Image.fromarray(noisy).resize((384, 128), Image.Resampling.LANCZOS))
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for number, pixels in enumerate((noisy, noisy[::2, ::2], flat)):
            writer.write(
                np.ascontiguousarray(pixels), tile=(128, 128), photometric="rgb", subfiletype=int(number > 0),
                compression="jpeg", compressionargs={"level": quality}, metadata=None,
            )  # fmt: skip
    assert open_levels(path).sizes == ((512, 768), (256, 384), (128, 384))


class Drawn:
    """Levels whose pixels follow from their places; a part of one may be unreadable."""

    stated, background, notes = None, WHITE, ()

    def __init__(self, pictures, unreadable=()):
        self._pictures, self._unreadable = pictures, unreadable
        self.sizes = tuple(picture.shape[:2] for picture in pictures)
        self.steps = tuple(self.sizes[0][0] / height for height, _ in self.sizes)

    def cut(self, level, top, left, height, width):
        if level in self._unreadable:
            raise InputError("a.svs: cannot be read at row 0, column 0.")
        return Image.fromarray(self._pictures[level][top : top + height, left : left + width])


def test_what_is_all_glass_is_one_picture_and_what_cannot_be_read_is_left_to_its_tiles():
    glass = [np.full((side, side, 3), 244, np.uint8) for side in (400, 200, 100, 4)]
    check_levels("a.svs", Drawn(glass))
    check_levels("a.svs", Drawn([PICTURE, OTHER[::2, ::2]], unreadable={1}))
    glass[2] = glass[2] - 20
    check_levels("a.svs", Drawn(glass))
    glass[2] = glass[2] - 60
    with pytest.raises(InputError, match="level 2 shows another picture than level 1"):
        check_levels("a.svs", Drawn(glass))


def on_glass(share):
    """A picture of tissue on glass, 1024 x 1536."""
    whole = np.full((1024, 1536, 3), 244, np.uint8)
    side = int(512 * share)
    whole[300 : 300 + side, 200 : 200 + side] = PICTURE[:side, :side]
    return np.clip(whole + np.random.default_rng(0).normal(0, 3, (*whole.shape[:2], 1)), 0, 255).astype(np.uint8)


def toned(picture, bright, gamma):
    return np.clip(255 * (np.clip(picture * bright, 0, 255) / 255) ** gamma, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("share", [0.25, 1])
@pytest.mark.parametrize(("bright", "gamma"), [(1, 1), (0.9, 1), (0.85, 1.15), (1.15, 0.85)])
def test_a_level_may_be_brighter_darker_or_blurred_and_show_no_other_picture(share, bright, gamma):
    fine = on_glass(share)
    blurred = Image.fromarray(fine).filter(ImageFilter.GaussianBlur(3))
    coarse, coarsest = fine[::4, ::4], toned(np.asarray(blurred)[::16, ::16], bright, gamma)
    check_levels("a.svs", Drawn([fine, coarse, coarsest]))
    check_levels("a.svs", Drawn([fine, toned(coarse, bright, gamma), np.asarray(blurred)[::16, ::16]]))
    blank, halved = np.full_like(coarsest, 244), coarsest.copy()
    halved[28:] = 244  # of the tissue's 32 rows at most
    others = [coarsest[::-1], coarsest[:, ::-1], toned(blank, bright, gamma)] + ([halved] if share == 1 else [])
    for other in others:
        with pytest.raises(InputError, match="its level 2 shows another picture than level 1"):
            check_levels("a.svs", Drawn([fine, coarse, np.ascontiguousarray(other)]))


def test_few_and_small_tissue_is_compared_where_it_lies():
    wide = np.full((2048, 4096, 3), 244, np.uint8)
    wide[1100:1250, 300:450] = PICTURE[100:250, 100:250]
    check_levels("a.svs", Drawn([wide, wide[::4, ::4], wide[::16, ::16]]))
    moved = np.roll(wide, 1500, axis=1)
    for levels in ([wide, moved[::4, ::4]], [wide, wide[::4, ::4], moved[::16, ::16]]):
        with pytest.raises(InputError, match="shows another picture"):
            check_levels("a.svs", Drawn(levels))


def test_a_damaged_coarse_level_does_not_change_where_tissue_is(tmp_path):
    whole = written(tmp_path / "a.svs", PICTURE, PICTURE[::2, ::2])
    with tifffile.TiffFile(whole) as tiff:
        offset, count = tiff.pages[1].dataoffsets[0], tiff.pages[1].databytecounts[0]
    content = bytearray(whole.read_bytes())
    content[offset : offset + count] = bytes(count)
    (tmp_path / "b.svs").write_bytes(content)
    good, damaged = run_slides(dark_model(), tmp_path, tmp_path / "out", core=256, progress=False)
    assert damaged.status == "done"
    assert damaged.nuclei == good.nuclei
    assert damaged.tissue_mm2 == pytest.approx(good.tissue_mm2, rel=0.01)


def test_one_level_has_nothing_to_be_compared_with(tmp_path):
    assert len(open_levels(write_slide(tmp_path / "a.svs", PICTURE)).sizes) == 1
