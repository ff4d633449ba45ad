"""The weights that come with the repository: small, harmless, free to use, and nuclei are what they find."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.color import rgb2hed

import mani_monai
from mani_monai import Model
from mani_monai.apps.export.carried_modules import renamed
from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.apps.inspect.inspection import inspect_bundle, is_dangerous
from mani_monai.data.readers.rasters import read_image
from mani_monai.metrics.instance_scores import compute_instance_scores
from mani_monai.transforms.rescaling import rescaled
from mani_monai.utils.archive import files_of

REPOSITORY = Path(__file__).parents[1]
PRETRAINED = REPOSITORY / "pretrained"
BUNDLE = PRETRAINED / "mani_unet"
ANY_STAIN = PRETRAINED / "mani_unet_any_stain"
HOVERNET = PRETRAINED / "mani_hovernet"
SKIN = read_image(PRETRAINED / "sample" / "skin.tif").pixels
ALL = (BUNDLE, ANY_STAIN, HOVERNET)
each = pytest.mark.parametrize("bundle", ALL, ids=lambda bundle: bundle.name)


def test_they_are_small():
    assert sum(path.stat().st_size for bundle in ALL for path in files_of(bundle).values()) < 15e6


@each
def test_nothing_of_it_is_dangerous_and_its_code_is_the_readers(bundle):
    findings = inspect_bundle(bundle)
    assert not is_dangerous(findings)
    code = [finding.place for finding in findings if finding.kind == "code"]
    assert all(place.startswith("scripts/") for place in code)
    assert any(place.startswith("scripts/data/readers/") for place in code), "it reads as mani infer does"
    assert "files match" in findings[-1].what


@each
def test_its_modules_are_those_of_the_project(bundle):
    carried = [path for path in sorted((bundle / "scripts").rglob("*.py")) if path.name != "__init__.py"]
    assert len(carried) > 10
    for path in carried:
        module = Path(mani_monai.__file__).parent / path.relative_to(bundle / "scripts")
        assert path.read_text(encoding="utf-8") == renamed(module.read_text(encoding="utf-8")), path


@each
def test_its_images_may_be_used_for_anything(bundle):
    licences = (bundle / "docs" / "data_license.txt").read_text()
    assert re.findall(r"^  (\w+) +(source|target) +(.+)$", licences, re.M) == [
        ("tnbc", "source", "CC BY 4.0"),
        ("consep", "target", "Apache-2.0"),
    ]
    assert "allow commercial use" in licences


def test_the_figures_shown_are_the_bundles():
    shown = re.findall(r"^\| (PQ|Dice|AJI) \| (\S+) ± (\S+) \|$", (PRETRAINED / "README.md").read_text(), re.M)
    figures = json.loads((BUNDLE / "metrics.json").read_text())["figures"]
    assert {name for name, _, _ in shown} == {"PQ", "Dice", "AJI"}
    for name, mean, spread in shown:
        scores = list(figures[name.lower()].values())
        assert (mean, spread) == (f"{np.mean(scores):.3f}", f"{np.std(scores):.3f}")


@pytest.mark.parametrize("bundle", [BUNDLE, HOVERNET], ids=lambda bundle: bundle.name)
def test_half_the_magnification_finds_the_same_nuclei(bundle):
    """One original at 0.25 and at 0.5 micrometres a pixel; the skin is of 20x, and is enlarged to make the original."""
    original, model = rescaled(SKIN[:320, 240:560], 2.0), Model.open(bundle, device="cpu", precision="float32")
    large, small = model(original, mpp=0.25), model(rescaled(original, 0.5), mpp=0.5)
    assert len(large) > 50
    assert len(small) == pytest.approx(len(large), rel=0.1)
    enlarged = small.instances.repeat(2, axis=0).repeat(2, axis=1)
    figures = compute_instance_scores(enlarged, large.instances).figures()
    assert figures["dice"] > 0.9
    assert figures["pq"] > 0.8


@each
def test_it_finds_nuclei_in_tissue_that_it_never_saw(tmp_path, bundle):
    """Where it says nuclei there is more haematoxylin, in places of a nucleus's size."""
    image = data.immunohistochemistry() if bundle == ANY_STAIN else SKIN
    (tmp_path / "images").mkdir()
    Image.fromarray(image).save(tmp_path / "images" / "tissue.png")
    result = infer_folder(
        str(bundle), str(tmp_path / "images"), str(tmp_path / "out"), mpp=0.5, outputs=["tiff", "geojson"]
    )
    assert not result.failed
    mask = np.asarray(Image.open(tmp_path / "out" / "tissue_instances.tif")) > 0
    haematoxylin = rgb2hed(image)[..., 0]
    assert 0.02 < mask.mean() < 0.3
    assert haematoxylin[mask].mean() > haematoxylin[~mask].mean() + haematoxylin.std() / 4
    found = json.loads((tmp_path / "out" / "tissue.geojson").read_text())["features"]
    assert 80 < len(found) < 700
