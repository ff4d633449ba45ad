"""A picture is a slide of one level: both commands find the very nuclei in it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
from PIL import Image

from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.apps.slides.slides_run import run_slides

REPOSITORY = Path(__file__).parents[3]
BUNDLE = REPOSITORY / "pretrained" / "mani_unet"


def outlines(text):
    shapes = [feature["geometry"]["coordinates"] for feature in json.loads(text)["features"]]
    return sorted(json.dumps(shape) for shape in shapes)


def test_outlines_of_infer_and_slides_are_equal(tmp_path):
    with Image.open(REPOSITORY / "pretrained" / "sample" / "skin.tif") as image:
        picture = np.asarray(image.convert("RGB").crop((0, 0, 200, 160)).resize((400, 320)))
    (tmp_path / "images").mkdir()
    Image.fromarray(picture).save(tmp_path / "images" / "a.png")
    everywhere = {"type": "Polygon", "coordinates": [[[-9, -9], [999, -9], [999, 999], [-9, 999], [-9, -9]]]}
    (tmp_path / "all.geojson").write_text(json.dumps(everywhere))
    infer_folder(BUNDLE, tmp_path / "images", tmp_path / "infer", 0.25, ["geojson"], progress=False)
    run_slides(BUNDLE, tmp_path / "images", tmp_path / "slides", 0.25, roi=str(tmp_path / "all.geojson"), core=208,
               progress=False)  # fmt: skip
    of_infer = outlines((tmp_path / "infer" / "a.geojson").read_text())
    of_slides = outlines(gzip.decompress((tmp_path / "slides" / "a" / "a.geojson.gz").read_bytes()))
    assert len(of_infer) > 10
    assert of_slides == of_infer
