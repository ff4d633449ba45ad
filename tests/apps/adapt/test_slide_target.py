"""Slides as a target: the report on them is that on crops of the same windows."""

from __future__ import annotations

import json

import pytest
from made_slides import made_picture, write_slide
from openslide import OpenSlide
from small_bundles import write_unet_bundle

from mani_monai.apps.adapt import adapt_command
from mani_monai.apps.adapt.adapt_command import adapt

WINDOW = 512


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """Four windows of tissue on three slides."""
    folder = tmp_path_factory.mktemp("slides") / "kidney"
    for seed, (name, width) in enumerate({"a": 560, "b": 1080, "c": 560}.items()):
        write_slide(folder / f"{name}.svs", made_picture(560, width, 250, seed, glass=20))
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_unet_bundle(tmp_path_factory.mktemp("bundle") / "mani_unet", mpp=0.25, window=-1)


def adapted(target, out, bundle, monkeypatch, mpp=None):
    """The report of ``mani adapt``, by the command."""
    monkeypatch.setattr(adapt_command, "end_on_signals", lambda: None)
    adapt(str(target), str(out), model=str(bundle), mpp=mpp, method="statistics")
    return json.loads((out / "report.json").read_text())


@pytest.mark.slow
def test_slides_have_the_verdict_of_crops_of_the_same_windows(slides, bundle, tmp_path, monkeypatch):
    of_slides = adapted(slides, tmp_path / "slides", bundle, monkeypatch)
    places = json.loads((tmp_path / "slides" / "windows" / "kidney" / "windows.json").read_text())["windows"]
    assert sorted(place["slide"] for place in places.values()) == ["a.svs", "b.svs", "b.svs", "c.svs"]
    crops = tmp_path / "crops" / "kidney"
    crops.mkdir(parents=True)
    for name, place in places.items():
        with OpenSlide(slides / place["slide"]) as slide:
            crop = slide.read_region((int(place["left"]), int(place["top"])), 0, (WINDOW, WINDOW))
            crop.convert("RGB").save(crops / name)
    of_crops = adapted(crops, tmp_path / "of_crops", bundle, monkeypatch, mpp=0.25)
    assert [row["image"] for row in of_slides["images"]] == sorted(places)
    assert any(row["before"] for row in of_slides["images"])
    differing = {name for name in of_slides if of_slides[name] != of_crops[name]}
    assert of_slides.keys() == of_crops.keys()
    assert differing <= {"next"}, "the next command is for slides, or for pictures"
    assert of_slides["verdict"] == of_crops["verdict"]
