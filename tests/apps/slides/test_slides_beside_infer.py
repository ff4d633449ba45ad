"""A picture is a slide of one level: both commands find the very nuclei in it, with the same ids and outlines."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_slides import dark_model, made_picture
from painted_model import painted, painted_model, round_nuclei
from PIL import Image
from small_bundles import small_declaration, small_unet

from mani_monai.apps.infer import folder_run
from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.apps.slides.slides_run import run_slides
from mani_monai.model import Model

REPOSITORY = Path(__file__).parents[3]
SAMPLE = REPOSITORY / "pretrained" / "sample" / "skin.tif"
STAINS = [{"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}]
EVERYWHERE = {"type": "Polygon", "coordinates": [[[-9, -9], [9999, -9], [9999, 9999], [-9, 9999], [-9, -9]]]}


def outlines(text):
    features = json.loads(text)["features"]
    return {feature["id"]: (feature["geometry"], feature["properties"]["classification"]) for feature in features}


def both(model, image, folder, monkeypatch, mpp=0.25, core=208):
    """Ids and outlines of a picture by infer and by slides."""
    monkeypatch.setattr(folder_run.Model, "open", lambda *options: model)
    (folder / "images").mkdir(parents=True)
    path = folder / "images" / image.name
    path.write_bytes(image.read_bytes())
    (folder / "all.geojson").write_text(json.dumps(EVERYWHERE))
    done = infer_folder("any", folder / "images", folder / "infer", mpp, ["geojson"], progress=False)
    assert not done.failed, done.failed
    (result,) = run_slides(
        model, path, folder / "slides", mpp, roi=str(folder / "all.geojson"), core=core, progress=False
    )
    assert (result.status, result.cut) == ("done", 0), result
    packed = folder / "slides" / path.stem / f"{path.stem}.geojson.gz"
    return outlines((folder / "infer" / f"{path.stem}.geojson").read_text()), outlines(
        gzip.decompress(packed.read_bytes())
    )


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "a.png"
    Image.fromarray(made_picture(231, 302, nuclei=50, glass=20)).save(path)
    return path


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory):
    """A picture that HoVer-Net's stand-in reads its maps off."""
    random = np.random.default_rng(0)
    places = [
        (int(random.integers(10, 400)), int(random.integers(10, 520)), int(random.integers(6, 12))) for _ in range(60)
    ]
    path = tmp_path_factory.mktemp("nuclei") / "a.png"
    Image.fromarray(painted(round_nuclei(410, 530, places))).save(path)
    return path


@pytest.mark.parametrize(("steps", "precision"), [([], "float32"), ([], "bfloat16"), (STAINS, "bfloat16")])
def test_the_sample_has_the_same_nuclei_by_both(tmp_path, monkeypatch, steps, precision):
    with Image.open(SAMPLE) as image:
        Image.fromarray(np.asarray(image.convert("RGB").crop((0, 0, 200, 161)))).save(tmp_path / "a.png")
    model = Model.open(REPOSITORY / "pretrained" / "mani_unet", "cpu", precision)
    model = replace(model, declaration=model.declaration.trained(preprocessing=steps))
    infer, slides = both(model, tmp_path / "a.png", tmp_path / "out", monkeypatch, 0.499)
    assert len(infer) > 5
    assert slides == infer


@pytest.mark.parametrize("large", [False, True])
def test_a_window_that_a_bundle_declares_decides_nothing(picture, tmp_path, monkeypatch, large):
    """It is of MONAI's own inference, which blends windows: values near a seam would be others than those of slides."""
    if large:
        monkeypatch.setattr("mani_monai.inferers.whole_image_inferer.MOST_BLOCKED", 1)
        monkeypatch.setattr("mani_monai.inferers.whole_image_inferer.CORE_BLOCKED", 112)
    whole, declared = (
        Model(small_unet(), small_declaration(window, mpp=0.25), "cpu", "float32", "0" * 64, "1.0.0")
        for window in (-1, 64)
    )
    infer, slides = both(declared, picture, tmp_path / "declared", monkeypatch, 0.25, 112)
    assert len(infer) > 10
    assert slides == infer
    assert both(whole, picture, tmp_path / "whole", monkeypatch, 0.25, 112) == (infer, slides)


@pytest.mark.parametrize(
    ("um", "large"), [(0.499, False), (0.31, False), (0.17, False), (0.25, True), (0.31, True), (0.6, True)]
)
def test_ratios_of_all_kinds_give_the_same_nuclei_by_both(picture, tmp_path, monkeypatch, um, large):
    if large:
        monkeypatch.setattr("mani_monai.transforms.rescaling.MOST_WHOLE", 1)
        monkeypatch.setattr("mani_monai.inferers.whole_image_inferer.CORE", 112)
    model = dark_model(0.25, window=-1, preprocessing=STAINS)
    infer, slides = both(model, picture, tmp_path, monkeypatch, um, 112)
    assert len(infer) > 20
    assert slides == infer


@pytest.mark.parametrize(("um", "large"), [(0.25, False), (0.33, True)])
def test_a_hovernet_finds_the_same_nuclei_by_both(nuclei, tmp_path, monkeypatch, um, large):
    if large:
        monkeypatch.setattr("mani_monai.transforms.rescaling.MOST_WHOLE", 1)
    infer, slides = both(painted_model(mpp=0.25), nuclei, tmp_path, monkeypatch, um, 164)
    assert len(infer) > 20
    assert slides == infer
