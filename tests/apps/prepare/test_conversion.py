import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

from mani_monai.apps.prepare.conversion import convert, convert_all, read_instances
from mani_monai.apps.prepare.windows import WindowGrid
from mani_monai.data.readers import Listing, RawImage, RawMask, Record, read_folder
from mani_monai.utils import InputError

HEIGHT, WIDTH = 24, 40
IDS = np.zeros((HEIGHT, WIDTH), np.int64)
IDS[2:8, 3:9], IDS[12:20, 20:30] = 9, 4
TYPES = np.select([IDS == 9, IDS == 4], [2, 1]).astype(np.uint8)
PIXELS = np.where(IDS[..., None] > 0, (90, 60, 150), (230, 170, 200)).astype(np.uint8)


def mask(ids, types, shape):
    return RawMask(ids, "ids", (("read", 1),), types)


def record(ids=IDS, types=TYPES, pixels=PIXELS, **fields):
    read = None if ids is None else partial(mask, ids, types)
    return Record("a", "patient", "all.npy", read, lambda: RawImage(pixels), "colon", "test", **fields)


@pytest.fixture
def folder(tmp_path):
    for part in ("images", "labels", "types"):
        (tmp_path / part).mkdir()
    return tmp_path


def load(folder, part, name):
    return np.asarray(Image.open(folder / part / f"{name}.png"))


def names(folder):
    return {part: sorted(path.stem for path in (folder / part).iterdir()) for part in ("images", "labels", "types")}


def test_image_mask_and_types(folder):
    done = convert(record(), folder, kinds=3)
    facts = done.image
    assert done.written == (facts,)
    assert (facts.id, facts.group, facts.height, facts.width, facts.nuclei) == ("a", "patient", HEIGHT, WIDTH, 2)
    assert (facts.types, facts.tissue, facts.part, facts.notes) == ((0, 1, 1, 0), "colon", "test", (("read", 1),))
    assert facts.alignment.contrast > 0.3
    np.testing.assert_array_equal(load(folder, "images", "a"), PIXELS)
    np.testing.assert_array_equal(load(folder, "labels", "a"), np.select([IDS == 4, IDS == 9], [1, 2]))
    np.testing.assert_array_equal(load(folder, "types", "a"), TYPES)
    assert Image.open(folder / "types" / "a.png").mode == "L"


def test_types_are_left_out_where_the_listing_has_none(folder):
    assert convert(record(), folder).image.types == ()
    assert names(folder) == {"images": ["a"], "labels": ["a"], "types": []}


@pytest.mark.parametrize("mirror", [True, False])
def test_windows(folder, mirror):
    grid = WindowGrid(16, 8, mirror)
    done = convert(record(), folder, 3, grid)
    assert (done.image.height, done.image.width, done.image.nuclei) == (HEIGHT, WIDTH, 2)
    rows, columns = (3, 5) if mirror else (2, 4)
    expected = [f"a_r{row:02d}_c{column:02d}" for row in range(rows) for column in range(columns)]
    assert [facts.id for facts in done.written] == expected
    assert names(folder) == dict.fromkeys(("images", "labels", "types"), expected)
    for facts, window in zip(done.written, grid.cut(PIXELS, IDS.astype(np.uint16), TYPES), strict=True):
        np.testing.assert_array_equal(load(folder, "images", facts.id), window.image)
        np.testing.assert_array_equal(load(folder, "labels", facts.id), window.ids)
        np.testing.assert_array_equal(load(folder, "types", facts.id), window.types)
        assert (facts.height, facts.width, facts.group) == (16, 16, "patient")
        assert (facts.nuclei, sum(facts.types)) == (window.ids.max(), window.ids.max())
        assert (facts.tissue, facts.part, facts.alignment, facts.notes) == ("colon", "test", None, ())


def test_windows_without_a_mask(folder):
    done = convert(record(ids=None), folder, windows=WindowGrid(16, 8))
    assert {facts.nuclei for facts in done.written} == {None}
    assert names(folder)["labels"] == []
    assert len(names(folder)["images"]) == 15


@pytest.mark.parametrize(("grid", "smallest"), [(WindowGrid(32, 25), 25), (WindowGrid(25, 8, mirror=False), 25)])
def test_image_too_small_for_a_window(folder, grid, smallest):
    with pytest.raises(InputError, match=rf"all\.npy: a is 24x40 .*, smaller than {smallest}; choose a smaller --win"):
        convert(record(), folder, windows=grid)
    assert names(folder) == {"images": [], "labels": [], "types": []}


def test_image_of_3_pixels_is_kept_with_a_note(folder):
    tiny = record(IDS[2:5, 3:6], TYPES[2:5, 3:6], PIXELS[2:5, 3:6])
    facts = convert(tiny, folder).image
    assert (facts.height, facts.nuclei, facts.alignment) == (3, 1, None)
    assert ("kept although under 16 px, which a run refuses", 1) in facts.notes


def test_each_failure_is_a_line(folder):
    wrong = [record(IDS.T, TYPES.T), record(pixels=PIXELS[:20]), record()]
    conversions, failures = convert_all(Listing("made", tuple(wrong), "none"), folder, progress=False)
    assert [conversion.image.id for conversion in conversions] == ["a"]
    assert len(failures) == 2
    assert "all.npy: is 24x40 (height x width) but its mask 40x24" in failures[0]


@pytest.mark.parametrize("scale", [1, 0.25])
def test_outlines_in_micrometres_are_doubted_where_the_image_says_its_pixel_size(tmp_path, scale):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (160, 160, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "images" / "a.png", dpi=(101600, 101600))  # 0.25 um
    boxes = [(20 + 30 * k, 40 + 20 * k, 36 + 30 * k, 54 + 20 * k) for k in range(4)]
    write_geojson(tmp_path / "masks" / "a.geojson", boxes, scale)
    (record,) = read_folder(tmp_path / "images", tmp_path / "masks").records
    if scale == 1:
        assert read_instances(record, (160, 160)).values.max() == 4
        return
    with pytest.raises(InputError, match=r"a\.png: the mask is doubtful: .* um2 at 0\.25 um"):
        read_instances(record, (160, 160))
    assert read_instances(record, (160, 160), accept_doubtful=True).values.max() == 4


@pytest.mark.parametrize(("scale", "beyond"), [(1, 0), (1.5, 1), (4, 3)])
def test_outlines_most_of_which_lie_beyond_the_image_are_doubted(tmp_path, scale, beyond):
    Image.fromarray(np.zeros((160, 160, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "masks").mkdir()
    boxes = [(20 + 30 * k, 20 + 30 * k, 36 + 30 * k, 34 + 30 * k) for k in range(4)]
    write_geojson(tmp_path / "masks" / "a.geojson", boxes, scale)
    (record,) = read_folder(tmp_path, tmp_path / "masks").records
    if beyond < 2:
        assert read_instances(record, (160, 160)).values.max() == 4 - beyond
        return
    with pytest.raises(InputError, match="3 of its 4 outlines lie beyond the image; export those of this very image"):
        read_instances(record, (160, 160))
    assert read_instances(record, (160, 160), accept_doubtful=True).values.max() == 1


def write_geojson(path, boxes, scale):
    rings = [[[x, y], [right, y], [right, low], [x, low], [x, y]] for x, y, right, low in boxes]
    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [(np.array(ring) * scale).tolist()]}}
        for ring in rings
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
