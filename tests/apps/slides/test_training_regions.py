"""Regions for correction: which, what their file says, and that they come back as the very nuclei."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_slides import dark_model, made_picture, write_slide
from PIL import Image

from mani_monai.apps.prepare.preparation import prepare
from mani_monai.apps.slides import slides_run
from mani_monai.apps.slides.corrected_slides import read_corrected_slides
from mani_monai.apps.slides.slide import open_slide
from mani_monai.large_picture import Window
from mani_monai.utils import InputError

EDGE = 128


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    picture = made_picture(560, 700, nuclei=40)
    dense = made_picture(560, 700, nuclei=900, seed=1)
    picture[256:384, 128:256] = dense[256:384, 128:256]
    return write_slide(tmp_path_factory.mktemp("slides") / "a.svs", picture)


@pytest.fixture(autouse=True)
def small_squares(monkeypatch):
    monkeypatch.setattr("mani_monai.apps.slides.training_regions.EDGE", EDGE)


def run(slide, out, annotate, mpp=0.25):
    return slides_run.run_slides(dark_model(mpp), slide, out, annotate=annotate, core=304, progress=False)


def features_of(path):
    return json.loads(path.read_text())["features"]


def test_rectangles_are_locked_and_nuclei_are_annotations_with_the_detections_ids(slide, tmp_path):
    run(slide, tmp_path, 4)
    rectangles, nuclei = [], []
    for feature in features_of(tmp_path / "a" / "a_training.geojson"):
        name = feature["properties"]["classification"]["name"]
        (rectangles if name == "Training" else nuclei).append(feature)
    assert [each["properties"]["name"] for each in rectangles] == [
        "least certain", "densest", "random", "least certain",
    ]  # fmt: skip
    assert all(each["properties"]["isLocked"] for each in rectangles)
    assert {each["properties"]["objectType"] for each in rectangles + nuclei} == {"annotation"}
    corners = [each["geometry"]["coordinates"][0] for each in rectangles]
    edges = [(min(x for x, _ in ring), min(y for _, y in ring)) for ring in corners]
    assert len(set(edges)) == 4
    assert (128, 256) in edges[:2]  # the dense square
    rows = pq.read_table(tmp_path / "a" / "nuclei.parquet").to_pylist()
    expected = [
        row["id"]
        for row in rows
        if any(
            row["bbox"]["xmin"] < x + EDGE
            and row["bbox"]["xmax"] > x
            and row["bbox"]["ymin"] < y + EDGE
            and row["bbox"]["ymax"] > y
            for x, y in edges
        )
    ]
    assert [each["id"] for each in nuclei] == expected
    detections = json.loads(gzip.decompress((tmp_path / "a" / "a.geojson.gz").read_bytes()))["features"]
    outlines = {each["id"]: each["geometry"] for each in detections}
    assert all(outlines[each["id"]] == each["geometry"] for each in nuclei)


@pytest.mark.parametrize("mpp", [0.25, 0.3], ids=["as it is", "rescaled"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_out_and_in_give_the_very_nuclei(slide, tmp_path, mpp, packed):
    run(slide, tmp_path / "out", 3, mpp)
    written = tmp_path / "out" / "a" / "a_training.geojson"
    (tmp_path / "corrected").mkdir()
    if packed:
        (tmp_path / "corrected" / "a.geojson.gz").write_bytes(gzip.compress(written.read_bytes()))
    else:
        (tmp_path / "corrected" / "a.geojson").write_bytes(written.read_bytes())
    listing = read_corrected_slides(slide, tmp_path / "corrected", mpp)
    found = prepare(listing, tmp_path / "data", "mine", progress=False)
    assert found.written
    assert len(found.images) == 3
    assert {image.group for image in found.images} == {"a"}
    opened = open_slide(slide)
    ratio = opened.ratio(mpp)
    height, width = opened.grid(ratio)
    whole = opened.read(Window(0, 0, height, width), ratio)
    nuclei, together = dark_model(mpp, window=-1)(whole).instances, 0
    for image in found.images:
        left, top = (round(int(part[1:]) / ratio) for part in image.id.split("_")[1:])
        window = slice(top, top + EDGE), slice(left, left + EDGE)
        picture = np.asarray(Image.open(tmp_path / "data" / "mine" / "images" / f"{image.id}.png"))
        np.testing.assert_array_equal(picture, whole[window])
        labels = np.asarray(Image.open(tmp_path / "data" / "mine" / "labels" / f"{image.id}.png")).astype(int)
        pairs = {tuple(pair) for pair in np.stack([labels.ravel(), nuclei[window].ravel()], 1).tolist()}
        assert len(pairs) == len(np.unique(labels)) == len(np.unique(nuclei[window]))
        together += len(pairs) - 1
        assert (0, 0) in pairs
    assert together > 10
    summary = json.loads((tmp_path / "data" / "mine" / "dataset.json").read_text())
    assert summary["mpp"] == pytest.approx(mpp, abs=2e-3)
    assert summary["group_is"] == "slide"


def test_more_regions_are_written_later_without_the_network(slide, tmp_path, monkeypatch):
    run(slide, tmp_path, 0)
    assert not (tmp_path / "a" / "a_training.geojson").exists()
    monkeypatch.setattr(slides_run.SlideWork, "_shard", None)
    (result,) = run(slide, tmp_path, 2)
    assert result.status == "done"
    (again,) = run(slide, tmp_path, 2)
    assert again.status == "done before"
    first = features_of(tmp_path / "a" / "a_training.geojson")[:2]
    run(slide, tmp_path, 3)
    assert features_of(tmp_path / "a" / "a_training.geojson")[:2] == first
    (result,) = run(slide, tmp_path, 0)
    assert result.status == "done before"


def test_no_more_regions_than_there_are_and_none_without_nuclei(tmp_path):
    write_slide(tmp_path / "a.svs", made_picture(300, 300, nuclei=30))
    run(tmp_path / "a.svs", tmp_path / "out", 50)
    names = [each["properties"].get("name") for each in features_of(tmp_path / "out" / "a" / "a_training.geojson")]
    assert 1 <= len(names) - names.count(None) <= 4
    write_slide(tmp_path / "b.svs", made_picture(300, 300, nuclei=0, glass=149))
    run(tmp_path / "b.svs", tmp_path / "out", 5)
    assert features_of(tmp_path / "out" / "b" / "b_training.geojson") == []


@pytest.mark.parametrize("annotate", [-1, 1.5, True, "five", 1001])
def test_a_number_of_regions_that_cannot_be_is_refused(slide, tmp_path, annotate):
    with pytest.raises(InputError, match=rf"--annotate {annotate}: write how many regions"):
        run(slide, tmp_path, annotate)
