"""A slide's hash, tissue, stains and borders are measured once, and are the same when they are read again."""

from __future__ import annotations

import os

import numpy as np
import pytest
import shapely
from made_slides import dark_model, made_picture, write_slide
from painted_model import painted_model
from PIL import Image

from mani_monai.apps.slides import slide_measures
from mani_monai.apps.slides.slide import open_slide
from mani_monai.apps.slides.slide_measures import hashed_once, measured_once, tissue_once
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.transforms.stain_normalisation import TissueColours
from mani_monai.utils import InputError

COLOURS = TissueColours((0.1, 1 / 3, 0.7), (1e-17, 2.5, 3.0), 0.123456789012345)
SCALE = [[-1 / 3, 1.0, -0.01, 0.1], [-1.0, 1.0, -0.2, 1 / 7]]


def measured(folder, colours, model, fitted, facts):
    calls = []

    def found():
        calls.append("colours")
        return colours

    def fit(seen):
        assert seen == colours
        calls.append("borders")
        return fitted

    return measured_once(folder, facts, found, fit, model), calls


@pytest.mark.parametrize("colours", [COLOURS, None])
def test_a_second_process_reads_what_the_first_measured(tmp_path, colours):
    model = painted_model()
    parting = {**model.declaration.parting, "border_scale": SCALE}
    fitted = type(model)(model.network, model.declaration.trained(parting=parting), "cpu", "float32")
    first, calls = measured(tmp_path, colours, model, fitted, {"slide": "a"})
    assert (first, calls) == ((colours, fitted), ["colours", "borders"])
    (again, read), calls = measured(tmp_path, colours, model, fitted, {"slide": "a"})
    assert (again, calls) == (colours, [])
    assert read.declaration == fitted.declaration
    assert measured(tmp_path, colours, model, fitted, {"slide": "b"})[1] == ["colours", "borders"]


def test_nothing_is_written_of_a_model_that_needs_no_measures(tmp_path):
    model = dark_model()
    for _ in range(2):
        assert measured(tmp_path, None, model, model, {})[1] == ["colours", "borders"]
    assert not list(tmp_path.iterdir())


@pytest.fixture
def slide(tmp_path):
    return write_slide(tmp_path / "slides" / "a.svs", made_picture(300, 400))


def test_a_slides_hash_is_read_again_until_a_file_changes(slide, tmp_path, monkeypatch):
    first = hashed_once(tmp_path, open_slide(slide)).hash
    with monkeypatch.context() as patch:
        patch.setattr("mani_monai.apps.slides.slide.file_hash", lambda path: pytest.fail("the file was read again"))
        assert hashed_once(tmp_path, open_slide(slide)).hash == first
    status = slide.stat()
    content = bytearray(slide.read_bytes())
    content[-1] ^= 1
    slide.write_bytes(content)
    os.utime(slide, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    other = hashed_once(tmp_path, open_slide(slide)).hash
    assert other == open_slide(slide).hash != first


def test_tissue_is_sought_once_a_slide_and_pixel_size(slide, tmp_path, monkeypatch):
    sought = []
    genuine = slide_measures.seen_tissue
    monkeypatch.setattr(slide_measures, "seen_tissue", lambda slide: sought.append(slide.size.um) or genuine(slide))
    first, again = (tissue_once(tmp_path, open_slide(slide)) for _ in range(2))
    assert first.area > 0
    assert shapely.to_wkb(again) == shapely.to_wkb(first)
    tissue_once(tmp_path, open_slide(slide, given_pixel_size(0.5)))
    assert sought == [0.25, 0.5]


@pytest.mark.parametrize("content", ['{"key": ""}', '{"wkb": "0103"}', '{"wkb": 1}', '{"colours": {}, "parting": {}}'])
def test_a_record_that_is_incomplete_is_named(slide, tmp_path, content):
    tissue_once(tmp_path, open_slide(slide))
    measured_once(tmp_path, {}, lambda: COLOURS, lambda found: painted_model(), painted_model())
    for kind, read in {
        "tissue": lambda: tissue_once(tmp_path, open_slide(slide)),
        "measures": lambda: measured_once(
            tmp_path, {}, lambda: COLOURS, lambda found: painted_model(), painted_model()
        ),
    }.items():
        (path,) = tmp_path.glob(f"{kind}_*.json")
        path.write_text(content)
        with pytest.raises(InputError, match=f"^{path}: .*; remove it"):
            read()


def test_tissue_of_a_slide_that_was_not_read_whole_is_sought_again(slide, tmp_path, monkeypatch):
    monkeypatch.setattr(slide_measures, "seen_tissue", lambda slide: (shapely.box(0, 0, 9, 9), False))
    tissue_once(tmp_path, open_slide(slide))
    monkeypatch.undo()
    assert tissue_once(tmp_path, open_slide(slide)).area > 81


def test_an_end_without_a_shard_neither_reads_a_slide_nor_seeks_its_tissue(slide, tmp_path, monkeypatch):
    run_slides(dark_model(), slide, tmp_path / "out", core=128, progress=False)
    monkeypatch.setattr("mani_monai.apps.slides.slide.file_hash", lambda path: pytest.fail("the file was read again"))
    monkeypatch.setattr(slide_measures, "seen_tissue", lambda slide: pytest.fail("tissue was sought again"))
    (result,) = run_slides(dark_model(), slide, tmp_path / "out", shard="none", core=128, progress=False)
    assert (result.status, result.nuclei > 20) == ("done before", True)
    picture = tmp_path / "slides" / "b.png"
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(picture)
    with pytest.raises(pytest.fail.Exception, match="was read again"):  # another slide is
        run_slides(dark_model(), picture, tmp_path / "out", 0.25, shard="none", progress=False)
