"""Windows of slides as pictures: spread over all slides, the same every time, with their places."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_slides import made_picture, write_slide
from PIL import Image

from mani_monai.apps.adapt.outcome import Slides
from mani_monai.apps.adapt.slide_target import pictures_of
from mani_monai.apps.slides.sampled_windows import holds_slides, sample_windows
from mani_monai.apps.slides.slide import open_slide
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.large_picture import Window
from mani_monai.utils import InputError
from mani_monai.utils.json_files import save_json


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kidney")
    for seed, name in enumerate(("a", "b")):
        write_slide(folder / f"{name}.svs", made_picture(500, 600, seed=seed))
    write_slide(folder / "glass.svs", made_picture(300, 300, nuclei=0, glass=149))
    return folder


def test_every_slide_gives_as_many_windows_which_are_its_pixels(slides, tmp_path):
    problems = sample_windows(slides, tmp_path / "out", 0.25, count=9, edge=128)
    (problem,) = problems
    assert problem.endswith("/glass.svs: has no tissue that can be read; leave it out.")
    content = json.loads((tmp_path / "out" / "windows.json").read_text())
    names = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert sorted(content["windows"]) == names
    assert [name[0] for name in names] == ["a"] * 3 + ["b"] * 3
    for name, place in content["windows"].items():
        window = Window(*(int(place[side]) for side in ("top", "left", "bottom", "right")))
        assert window.shape == (128, 128)
        pixels = open_slide(slides / place["slide"]).read(window)
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / name)), pixels)


def test_the_same_slides_give_the_same_files_and_nothing_is_done_twice(slides, tmp_path):
    sample_windows(slides, tmp_path / "one", 0.3, count=4, edge=128)
    sample_windows(slides, tmp_path / "two", 0.3, count=4, edge=128)
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").glob("*.png")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "two").glob("*.png")} == files
    kept = next((tmp_path / "one").glob("*.png"))
    kept.write_bytes(b"looked at")
    sample_windows(slides, tmp_path / "one", 0.3, count=4, edge=128)
    assert kept.read_bytes() == b"looked at"
    sample_windows(slides, tmp_path / "one", 0.3, count=4, edge=128, seed=1)
    assert {path.name: path.read_bytes() for path in (tmp_path / "one").glob("*.png")} != files
    assert not list(tmp_path.glob(".*"))


def test_slides_are_told_from_pictures(slides, tmp_path):
    assert holds_slides(slides)
    assert holds_slides(slides / "a.svs")
    Image.fromarray(made_picture(64, 64, glass=0)).save(tmp_path / "a.tif")
    assert not holds_slides(tmp_path)
    assert not holds_slides(tmp_path / "a.tif")
    assert not holds_slides(tmp_path / "none")


def test_an_adaptation_gets_pictures_at_the_sources_pixel_size(slides, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "dataset.json").write_text(json.dumps({"mpp": 0.25}))
    slide = str(slides / "a.svs")
    found = pictures_of(slide, tmp_path / "out", None, str(tmp_path / "source"), None)
    assert found == (str(tmp_path / "out" / "windows" / "a"), 0.25, Slides(slide))
    assert len(list((tmp_path / "out" / "windows" / "a").glob("a_x*_y*.png"))) == 2  # none is whole
    assert pictures_of(str(tmp_path), tmp_path / "out", None, None, None) == (str(tmp_path), None, None)
    assert pictures_of(slide, tmp_path / "out", 0.5, None, None)[1:] == (0.5, Slides(slide)), "it says its size"
    (tmp_path / "source" / "dataset.json").write_text("{}")
    with pytest.raises(InputError, match="holds slides; say the network's micrometres per pixel with --mpp"):
        pictures_of(str(slides), tmp_path / "out", None, str(tmp_path / "source"), None)


def test_a_slide_without_a_pixel_size_has_the_one_that_is_given(tmp_path):
    (tmp_path / "slides").mkdir()
    slide = write_slide(tmp_path / "slides" / "a.svs", made_picture(500, 600), mpp=None)
    with pytest.raises(InputError, match=r"a\.svs: does not say how large its pixels are; name it with --mpp"):
        sample_windows(tmp_path / "slides", tmp_path / "out", 0.5)
    folder, *rest = pictures_of(str(slide), tmp_path / "adapted", 0.5, None, None)
    assert rest == [0.5, Slides(str(slide), 0.5)]
    places = json.loads((Path(folder) / "windows.json").read_text())["windows"]
    name, place = next(iter(places.items()))
    window = Window(*(int(place[side]) for side in ("top", "left", "bottom", "right")))
    pixels = open_slide(slide, given_pixel_size(0.5)).read(window)
    np.testing.assert_array_equal(np.asarray(Image.open(Path(folder) / name)), pixels)


def test_windows_that_something_was_made_of_are_not_replaced(slides, tmp_path):
    folder, *_ = pictures_of(str(slides), tmp_path, 0.25, None, None)
    pictures = {path.name: path.stat().st_mtime_ns for path in Path(folder).glob("*.png")}
    save_json(tmp_path / "request.json", {"target": dict.fromkeys(pictures, 1)})
    other = shutil.copytree(slides, tmp_path / "moved" / slides.name)
    assert pictures_of(str(other), tmp_path, 0.25, None, None)[0] == folder, "the same slides elsewhere"
    pictures = {path.name: path.stat().st_mtime_ns for path in Path(folder).glob("*.png")}
    (other / "b.svs").unlink()
    for target, mpp in ((slides, 0.3), (other, 0.25)):
        with pytest.raises(InputError, match="the adaptation was made of other pictures; choose another --out"):
            pictures_of(str(target), tmp_path, mpp, None, None)
    assert {path.name: path.stat().st_mtime_ns for path in Path(folder).glob("*.png")} == pictures
    shutil.rmtree(folder)
    assert pictures_of(str(slides), tmp_path, 0.25, None, None)[0] == folder, "deleted, and written again"
    save_json(tmp_path / "request.json", {"target": {"0.png": 1}})
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="the adaptation was made of other pictures"):
        pictures_of(str(slides), tmp_path, 0.25, None, None)
    assert not Path(folder).exists()


def test_slides_of_which_none_can_be_used_are_refused(tmp_path):
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "a.svs").write_bytes(b"II*\\0no slide")
    with pytest.raises(InputError, match=r"a\.svs: .*\n.*no slide gave a picture"):
        sample_windows(tmp_path / "slides", tmp_path / "out", 0.25)
    assert not (tmp_path / "out").exists()
