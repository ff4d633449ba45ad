"""What is wrong with slides, folders and regions: a clear line each, and the rest goes on."""

from __future__ import annotations

import errno
import gzip
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from made_slides import dark_model, made_picture, write_slide

from mani_monai.apps.slides import shard_store
from mani_monai.apps.slides.slide import open_slide
from mani_monai.apps.slides.slide_tissue import read_region
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.apps.slides.tile_nuclei import SlideTask
from mani_monai.data.pixel_size import PixelSize
from mani_monai.data.readers import geojson_outlines
from mani_monai.utils import InputError

PICTURE = made_picture(500, 640)
WIDE = made_picture(400, 1400)


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    return write_slide(tmp_path_factory.mktemp("slides") / "a.svs", PICTURE)


def run(slides, out, **options):
    model = options.pop("model", None) or dark_model()
    return run_slides(model, slides, out, core=128, progress=False, **options)


def nuclei_of(out, name="a"):
    return pq.read_table(out / name / "nuclei.parquet").to_pylist()


def test_a_corrupt_tile_in_the_middle_is_named_with_its_place_and_the_rest_is_found(tmp_path):
    slide = write_slide(tmp_path / "wide" / "a.svs", WIDE)
    run(slide, tmp_path / "whole")
    content, damaged = bytearray(slide.read_bytes()), tmp_path / "a.svs"
    with tifffile.TiffFile(slide) as tiff:
        place = 11 * 1 + 5  # of 4 x 11 tiles of 128 pixels: row 128, column 640
        offset, count = tiff.pages[0].dataoffsets[place], tiff.pages[0].databytecounts[place]
    content[offset : offset + count] = bytes(count)
    damaged.write_bytes(content)
    (result,) = run(damaged, tmp_path / "damaged")
    assert result.status == "incomplete"
    assert "a.svs: cannot be read at row " in result.note
    assert "incomplete" in (tmp_path / "damaged" / "summary.csv").read_text()
    far = [row for row in nuclei_of(tmp_path / "whole") if not 150 < row["centroid_x"] < 1250]
    found = {(row["centroid_x"], row["centroid_y"]) for row in nuclei_of(tmp_path / "damaged")}
    assert far
    assert {(row["centroid_x"], row["centroid_y"]) for row in far} <= found
    assert len(found) < len(nuclei_of(tmp_path / "whole"))
    (again,) = run(damaged, tmp_path / "damaged")
    assert again.status == "incomplete"


def test_a_tile_whose_wider_window_cannot_be_read_is_named_and_the_rest_is_found(slide, tmp_path, monkeypatch):
    genuine = SlideTask.read

    def read(task, tile, times=1):
        if times > 1:
            raise InputError("a.svs: cannot be read at row 256, column 256.")
        return genuine(task, tile, times)

    monkeypatch.setattr(SlideTask, "read", read)
    monkeypatch.setattr(
        SlideTask, "_owned", lambda *given, owned=SlideTask._owned: (*owned(*given)[:2], given[1].row == 1)
    )
    (result,) = run(slide, tmp_path)
    assert result.status == "incomplete"
    assert result.note.count("row 256, column 256") > 1
    assert result.nuclei


@pytest.mark.parametrize("part", [0.3, 0.9])
@pytest.mark.parametrize("name", ["a.svs", "a.png", "a.tif"])
def test_a_truncated_file_is_named_and_the_other_slides_are_done(tmp_path, name, part):
    from PIL import Image

    folder = tmp_path / "slides"
    folder.mkdir()
    if name.endswith("svs"):
        write_slide(folder / name, PICTURE)
    else:
        Image.fromarray(PICTURE).save(folder / name)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(part * len(content))])
    write_slide(folder / "b.svs", made_picture(200, 200, nuclei=8))
    bad, good = run(folder, tmp_path / "out", mpp=0.25)
    assert bad.status in ("failed", "incomplete")
    assert name in bad.note
    assert len(bad.note.splitlines()) == 1
    assert good.status == "done"


@pytest.mark.parametrize("index", [False, True])
def test_a_mirax_without_its_folder_says_so(tmp_path, index):
    (tmp_path / "a.mrxs").write_bytes(b"\xff\xd8\xff\xe0")
    if index:
        (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match=r"a\.mrxs: its folder a with Slidedat\.ini is not beside it; copy both"):
        open_slide(tmp_path / "a.mrxs")


def geojson(path, *rings, opened=open):
    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}} for ring in rings
    ]
    with opened(path, "wt", encoding="utf-8") as stream:
        json.dump({"type": "FeatureCollection", "features": features}, stream)
    return path


def box(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


@pytest.mark.parametrize(
    ("ring", "words"),
    [
        (box(5000, 5000, 6000, 6000), "no region lies within the slide of 500x640 pixels"),
        (box(500, 300, 2000, 2000), "99% of its regions lie beyond the slide of 500x640 pixels"),
        ([[0, 0], [float("nan"), 10], [10, 10], [0, 0]], "is no GeoJSON of regions .*without finite coordinates"),
        ([[0, 0], [1e12, 10], [10, 1e12], [0, 0]], "regions lie beyond the slide|no region lies within"),
        ([[0, 0], [0, 0], [0, 0], [0, 0]], "no region lies within"),
        (box(0.2, 0.3, 0.5, 0.8), "its regions are smaller than a pixel of the slide of 500x640 pixels"),
    ],
)
def test_regions_that_cannot_be_are_refused(slide, tmp_path, ring, words):
    path = geojson(tmp_path / "roi.geojson", ring)
    with pytest.raises(InputError, match=rf"roi\.geojson: .*({words})"):
        read_region(path, open_slide(slide))


def test_a_region_around_the_whole_slide_is_the_slide(slide, tmp_path):
    path = geojson(tmp_path / "roi.geojson", box(-5000, -5000, 5000, 5000))
    assert read_region(path, open_slide(slide)).area == 500 * 640


def test_a_region_that_crosses_itself_is_repaired_and_one_a_little_over_the_edge_is_cut(slide, tmp_path):
    bow = [[100, 100], [300, 300], [300, 100], [100, 300], [100, 100]]
    path = geojson(tmp_path / "roi.geojson", bow, box(-5, 400, 200, 500))
    assert read_region(path, open_slide(slide)).area == pytest.approx(2 * 200 * 100 / 2 + 200 * 100)


@pytest.mark.parametrize(("name", "opened"), [("a.geojson", open), ("a.geojson.gz", gzip.open)])
def test_a_file_of_more_points_than_can_be_is_not_read_to_its_end(slide, tmp_path, monkeypatch, name, opened):
    path = geojson(tmp_path / name, np.zeros((20_000, 2)).tolist(), opened=opened)
    monkeypatch.setattr(geojson_outlines, "_MOST_REGIONS", 10_000)
    monkeypatch.setattr(geojson_outlines.json, "loads", lambda text: pytest.fail("it was parsed"))
    with pytest.raises(InputError, match=r"a\.geojson(\.gz)?: holds more than 0 MB of outlines; draw fewer points"):
        read_region(path, open_slide(slide))


def test_a_full_disk_is_named_and_the_same_command_goes_on(slide, tmp_path, monkeypatch):
    genuine = shard_store.pq.write_table

    def write(table, path, **options):
        genuine(table, path, **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shard_store.pq, "write_table", write)
        (result,) = run(slide, tmp_path / "out")
    assert result.status == "failed"
    assert "(No space left on device); free some space" in result.note
    assert not list((tmp_path / "out").rglob("*.parquet"))
    (result,) = run(slide, tmp_path / "out")
    assert result.status == "done"
    run(slide, tmp_path / "undisturbed")
    assert nuclei_of(tmp_path / "out") == nuclei_of(tmp_path / "undisturbed")


def test_an_output_that_cannot_be_written_to_is_refused_before_anything_is_done(slide, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"out: cannot be written to \(Permission denied\); name another folder"):
        run(slide, tmp_path / "out")
    monkeypatch.undo()
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", slide.parent):
        with pytest.raises(InputError, match="name another folder with --out"):
            run(slide.parent, out)


def test_other_weights_and_settings_have_a_store_of_their_own(slide, tmp_path):
    from dataclasses import replace

    run(slide, tmp_path)
    first = nuclei_of(tmp_path)
    stores = {path.name for path in (tmp_path / "a" / "work").iterdir() if path.is_dir()}
    other = replace(dark_model(), weights="1" * 64)
    for options in ({"model": other}, {"mpp": 0.5}, {}):
        (result,) = run(slide, tmp_path, **options)
        assert result.status == "done"
    assert nuclei_of(tmp_path) == first
    now = {path.name for path in (tmp_path / "a" / "work").iterdir() if path.is_dir()}
    assert stores < now
    assert len(now) == 3


def test_a_store_whose_manifest_was_changed_is_refused(slide, tmp_path):
    run(slide, tmp_path)
    (manifest,) = tmp_path.glob("a/work/*/manifest.json")
    manifest.write_text(manifest.read_text().replace('"precision": "float32"', '"precision": "bfloat16"'))
    (result,) = run(slide, tmp_path)
    assert result.status == "failed"
    assert "manifest.json: is of another model, slide or setting; remove the folder" in result.note


def test_a_damaged_shard_is_named(slide, tmp_path):
    run(slide, tmp_path)
    for path in tmp_path.glob("a/work/*/shard_*.parquet"):
        path.write_bytes(path.read_bytes()[:-20])
    (tmp_path / "a" / "nuclei.parquet").unlink()
    (result,) = run(slide, tmp_path)
    assert result.status == "failed"
    assert "shard_000000.parquet: cannot be read" in result.note
    assert "remove it" in result.note


def test_a_given_pixel_size_stands_where_the_slide_says_none(tmp_path):
    path = write_slide(tmp_path / "a.svs", PICTURE, mpp=None)
    (result,) = run(path, tmp_path / "out")
    assert "does not say how large its pixels are; name it with --mpp" in result.note
    assert open_slide(path, PixelSize(0.25, "--mpp")).size.um == 0.25
