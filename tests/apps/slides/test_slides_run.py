"""Slides through a model: tiles are the whole, shards are resumed and shared out, bad slides are named."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
import torch
from made_slides import Dark, dark_model, made_picture, write_slide
from PIL import Image

from mani_monai.apps.slides import slide_work, slides_run
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.apps.slides.window_reach import maps_reach, total_reach
from mani_monai.utils import InputError

STAINS = {"preprocessing": [{"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}]}
WHOLE = 1024


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    write_slide(folder / "a.svs", made_picture(420, 560, nuclei=60))
    return folder


def run(slides, out, core=128, model=None, **options):
    return run_slides(model or dark_model(), slides, out, core=core, progress=False, **options)


def nuclei_of(out, name="a"):
    return pq.read_table(out / name / "nuclei.parquet").sort_by("id").to_pylist()


def bytes_of(out, name="a"):
    names = ("nuclei.parquet", f"{name}.geojson.gz", "tissue.geojson", "overview.jpg", "summary.json")
    return {each: (out / name / each).read_bytes() for each in names}


@pytest.mark.parametrize(
    ("mpp", "declared"), [(0.25, {}), (0.3, {}), (0.25, STAINS)], ids=["as it is", "rescaled", "stains"]
)
def test_tiles_of_two_sizes_and_the_whole_give_the_same_nuclei(slides, tmp_path, mpp, declared):
    found = []
    for core in (128, 304, WHOLE):
        results = run(slides, tmp_path / str(core), core, dark_model(mpp, **declared))
        assert [result.status for result in results] == ["done"]
        assert results[0].cut == 0
        found.append(nuclei_of(tmp_path / str(core)))
    assert len(found[0]) > 30
    assert found[0] == found[1] == found[2]
    assert len({row["id"] for row in found[0]}) == len(found[0])


@pytest.mark.parametrize("declared", [{}, STAINS], ids=["as it is", "stains"])
def test_tiles_are_the_whole_where_a_quarter_is_ink_or_black(tmp_path, declared):
    picture = made_picture(650, 870)
    picture[:325, 700:] = 0
    picture[325:, 660:] = (15, 25, 120)
    picture[200:300, 100:200] = 118
    write_slide(tmp_path / "a.svs", picture)
    found = []
    for core in (144, WHOLE):
        run(tmp_path / "a.svs", tmp_path / str(core), core, dark_model(**declared))
        found.append(nuclei_of(tmp_path / str(core)))
    assert found[0] == found[1]
    assert len(found[0]) > 30
    assert max(row["centroid_x"] for row in found[0]) < 720


def test_nuclei_are_those_of_the_model_on_the_same_pixels(tmp_path):
    picture = made_picture(300, 400, nuclei=40)
    Image.fromarray(picture).save(tmp_path / "a.png")
    run(tmp_path / "a.png", tmp_path / "out", mpp=0.25)
    rows = nuclei_of(tmp_path / "out")
    nuclei = dark_model(window=-1)(picture, mpp=0.25)
    expected = sorted(np.round(nuclei.table["area_um2"], 4).tolist())
    assert sorted(row["area_um2"] for row in rows) == expected
    filled = np.zeros(picture.shape[:2], int)
    for shape in shapely.from_wkb([row["geometry"] for row in rows]):
        left, top, right, bottom = map(int, shape.bounds)
        y, x = (edges.ravel() for edges in np.mgrid[top:bottom, left:right])
        inside = shapely.contains_xy(shape, x + 0.5, y + 0.5)
        filled[y[inside], x[inside]] += 1
    np.testing.assert_array_equal(filled, nuclei.instances > 0)


def test_a_network_is_asked_about_tissue_alone_which_changes_no_nucleus(tmp_path):
    picture = made_picture(700, 800, nuclei=40, glass=250)
    Image.fromarray(picture).save(tmp_path / "a.png")
    (tmp_path / "all.geojson").write_text(json.dumps(shapely.geometry.mapping(shapely.box(0, 0, 800, 700))))
    model, asked = dark_model(), []
    model.network.register_forward_pre_hook(lambda _, images: asked.append(tuple(images[0].shape[2:])))
    run(tmp_path / "a.png", tmp_path / "out", 320, model, mpp=0.25, roi=str(tmp_path / "all.geojson"))
    areas = [row["area_um2"] for row in nuclei_of(tmp_path / "out")]
    assert sorted(areas) == sorted(np.round(dark_model(window=-1)(picture, mpp=0.25).table["area_um2"], 4).tolist())
    assert len(areas) > 10
    assert sum(np.prod(shape) for shape in asked) < 700 * 800, "nine tiles, whose windows overlap"


class FarDark(Dark):
    """The same answer, with a gradient that comes from eighty pixels away."""

    def forward(self, images):
        rows = torch.nn.functional.avg_pool2d(images[:, 1:2], (161, 1), 1, (80, 0))
        far = torch.nn.functional.avg_pool2d(rows, (1, 161), 1, (0, 80))
        return super().forward(images) + (far - far.detach())


@pytest.mark.parametrize("first", [290, 330, 370, 410])
def test_tissue_at_a_windows_margin_alone_spoils_no_tile(tmp_path, first):
    picture = np.full((200, 700, 3), 255, np.uint8)
    picture[:, first:] = made_picture(200, 700 - first, nuclei=25, glass=0)
    Image.fromarray(picture).save(tmp_path / "a.png")
    (tmp_path / "all.geojson").write_text(json.dumps(shapely.geometry.mapping(shapely.box(0, 0, 700, 200))))
    model = replace(dark_model(), network=FarDark())
    assert 2 * maps_reach(model) > total_reach(model)
    found = []
    for core in (128, WHOLE):
        (result,) = run(tmp_path, tmp_path / f"out{core}", core, model, mpp=0.25, roi=str(tmp_path / "all.geojson"))
        assert (result.status, result.note) == ("done", "")
        found.append(nuclei_of(tmp_path / f"out{core}"))
    assert found[0] == found[1]
    assert len(found[0]) > 5


def test_a_nucleus_larger_than_every_window_is_kept_once_and_flagged(tmp_path):
    picture = made_picture(420, 240, nuclei=0)
    picture[60:360, 100:140] = (90, 50, 140)
    write_slide(tmp_path / "a.svs", picture)
    (result,) = run(tmp_path / "a.svs", tmp_path / "out", 64)
    assert result.cut >= 1
    rows = nuclei_of(tmp_path / "out")
    assert [row["cut"] for row in rows].count(True) == result.cut


def test_a_killed_run_goes_on_and_gives_the_bytes_of_an_undisturbed_one(slides, tmp_path, monkeypatch):
    monkeypatch.setattr("mani_monai.apps.slides.tile_grid.SHARD", 3)
    run(slides, tmp_path / "undisturbed")
    written = []

    def write(store, shard, *content):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(shard)
        return genuine(store, shard, *content)

    genuine = slide_work.ShardStore.write
    monkeypatch.setattr(slide_work.ShardStore, "write", write)
    with pytest.raises(KeyboardInterrupt):
        run(slides, tmp_path / "killed")
    assert not (tmp_path / "killed" / "a" / "nuclei.parquet").exists()
    again = []
    monkeypatch.setattr(
        slide_work.ShardStore,
        "write",
        lambda store, shard, *content: again.append(shard) or genuine(store, shard, *content),
    )
    run(slides, tmp_path / "killed")
    assert len(again) > 1
    assert not set(again) & set(written)
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "undisturbed")
    done = len(again)
    (result,) = run(slides, tmp_path / "killed")
    assert (result.status, len(again)) == ("done before", done)


def test_two_parts_are_one_run(slides, tmp_path, monkeypatch):
    monkeypatch.setattr("mani_monai.apps.slides.tile_grid.SHARD", 3)
    run(slides, tmp_path / "one")
    (first,) = run(slides, tmp_path / "two", shard="0/2")
    assert first.status == "unfinished"
    assert "shards are missing" in first.note
    (second,) = run(slides, tmp_path / "two", shard="1/2")
    assert second.status == "done"
    assert bytes_of(tmp_path / "two") == bytes_of(tmp_path / "one")
    assert (tmp_path / "two" / "summary.csv").read_bytes() == (tmp_path / "one" / "summary.csv").read_bytes()


def test_a_part_that_ends_before_a_summary_is_written_is_in_it(slides, tmp_path, monkeypatch):
    monkeypatch.setattr("mani_monai.apps.slides.tile_grid.SHARD", 3)
    run(slides, tmp_path / "one")
    genuine = slides_run.write_summary

    def late(out, results):
        monkeypatch.setattr(slides_run, "write_summary", genuine)
        run(slides, tmp_path / "two", shard="1/2")
        genuine(out, results)

    monkeypatch.setattr(slides_run, "write_summary", late)
    (result,) = run(slides, tmp_path / "two", shard="0/2")
    assert result.status == "done before"
    assert (tmp_path / "two" / "summary.csv").read_bytes() == (tmp_path / "one" / "summary.csv").read_bytes()


def test_many_parts_share_out_slides_of_one_shard_and_look_at_their_own_alone(tmp_path, monkeypatch):
    folder, looked = tmp_path / "slides", []
    for name in "abcde":
        write_slide(folder / f"{name}.svs", made_picture(200, 240, nuclei=20))
    genuine = slide_work.counted_region
    monkeypatch.setattr(
        slide_work, "counted_region", lambda slide, *given: looked.append(slide.path.name) or genuine(slide, *given)
    )
    parts = 40
    found = [{result.slide: result.status for result in run(folder, tmp_path / "out", shard=f"{part}/{parts}")}
             for part in range(parts)]  # fmt: skip
    assert sorted(looked) == [f"{name}.svs" for name in "abcde"]
    busy = [part for part in range(parts) if "done" in found[part].values()]
    assert len(busy) > 1
    assert [result.status for result in run(folder, tmp_path / "out", shard="none")] == ["done before"] * 5


def test_files_are_what_others_open(slides, tmp_path):
    (result,) = run(slides, tmp_path, outputs=["parquet", "geojson", "csv"])
    geo = json.loads(pq.read_schema(tmp_path / "a" / "nuclei.parquet").metadata[b"geo"])
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    rows = pq.read_table(tmp_path / "a" / "nuclei.parquet").to_pylist()
    for row in rows:
        shape = shapely.from_wkb(row["geometry"])
        assert shape.is_valid
        assert (row["bbox"]["xmin"], row["bbox"]["ymin"], row["bbox"]["xmax"], row["bbox"]["ymax"]) == shape.bounds
        assert shape.area * 0.0625 == pytest.approx(row["area_um2"], abs=1e-3)
    content = json.loads(gzip.decompress((tmp_path / "a" / "a.geojson.gz").read_bytes()))
    assert [feature["id"] for feature in content["features"]] == [row["id"] for row in rows]
    assert {feature["properties"]["objectType"] for feature in content["features"]} == {"detection"}
    lines = (tmp_path / "a" / "nuclei.csv").read_text().splitlines()
    assert len(lines) == 1 + len(rows) == 1 + result.nuclei
    assert Image.open(tmp_path / "a" / "overview.jpg").width > 1000


def test_regions_of_interest_decide_and_tissue_can_be_given_back(slides, tmp_path):
    run(slides, tmp_path / "all")
    everything = nuclei_of(tmp_path / "all")
    box = shapely.box(120.5, 80.5, 360.5, 320.5)
    feature = {"type": "Feature", "geometry": shapely.geometry.mapping(box), "properties": {}}
    (tmp_path / "roi.geojson").write_text(json.dumps(feature))
    (result,) = run(slides, tmp_path / "roi", roi=str(tmp_path / "roi.geojson"))
    inside = [row for row in everything if box.contains(shapely.Point(row["centroid_x"], row["centroid_y"]))]
    assert nuclei_of(tmp_path / "roi") == inside
    assert 0 < len(inside) < len(everything)
    assert result.region_mm2 == pytest.approx(240 * 240 * 0.0625e-6, abs=1e-4)
    run(slides, tmp_path / "again", tissue=str(tmp_path / "all" / "a" / "tissue.geojson"))
    assert nuclei_of(tmp_path / "again") == everything
    regions = tmp_path / "regions"
    (regions / "drawn").mkdir(parents=True)
    (result,) = run(slides, tmp_path / "below", tissue=str(regions))
    assert result.note.endswith(f"{regions}: has no a.geojson or a.png for a.svs; add it.")
    (regions / "drawn" / "a.geojson").write_text(json.dumps(feature))
    (result,) = run(slides, tmp_path / "below", tissue=str(regions))
    assert result.note.endswith(f"; name {regions / 'drawn'}, where there are some.")
    far = {"type": "Polygon", "coordinates": [[[5000, 5000], [5100, 5000], [5100, 5100], [5000, 5000]]]}
    (tmp_path / "far.geojson").write_text(json.dumps(far))
    (result,) = run(slides, tmp_path / "far", roi=str(tmp_path / "far.geojson"))
    assert result.status == "failed"
    assert "far.geojson: no region lies within the slide" in result.note


def test_bad_slides_are_named_and_the_rest_is_done(tmp_path):
    folder = tmp_path / "slides"
    folder.mkdir()
    write_slide(folder / "good.svs", made_picture(200, 200, nuclei=8))
    (folder / "bad.svs").write_bytes(b"II*\0no slide")
    write_slide(folder / "sizeless.svs", made_picture(200, 200, nuclei=8), mpp=None)
    write_slide(folder / "empty.svs", made_picture(200, 200, nuclei=0, glass=100))
    results = {result.slide: result for result in run(folder, tmp_path / "out")}
    assert {name: result.status for name, result in results.items()} == {
        "bad.svs": "failed", "empty.svs": "done", "good.svs": "done", "sizeless.svs": "failed",
    }  # fmt: skip
    assert "sizeless.svs: does not say how large its pixels are" in results["sizeless.svs"].note
    assert (results["empty.svs"].nuclei, results["empty.svs"].note) == (0, "no tissue was found")
    assert results["good.svs"].nuclei > 0
    assert len(pq.read_table(tmp_path / "out" / "empty" / "nuclei.parquet")) == 0


def test_a_tile_that_cannot_be_read_is_named_and_the_rest_counts(slides, tmp_path, monkeypatch):
    genuine = slide_work.SlideTask.read

    def read(task, tile, times=1):
        if (tile.row, tile.column) == (2, 2):
            raise InputError("a.svs: cannot be read at row 256, column 256.")
        return genuine(task, tile, times)

    monkeypatch.setattr(slide_work.SlideTask, "read", read)
    (result,) = run(slides, tmp_path)
    assert result.status == "incomplete"
    assert "row 256, column 256" in result.note
    assert result.nuclei > 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shard": "2/2"}, "--shard 2/2: write i/n"),
        ({"shard": "a"}, "--shard a: write i/n"),
        ({"outputs": ["png"]}, "--outputs png: choose among parquet, geojson, csv, dicom"),
        ({"mpp": 25}, "--mpp 25: write micrometres"),
    ],
)
def test_wrong_options_are_refused(slides, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        run(slides, tmp_path, **options)
