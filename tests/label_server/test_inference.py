"""Both bundles over HTTP: what a client gets is what ``inference.json`` finds, but for rounding."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from label_server import check_alike, pixels_of
from PIL import Image

from mani_monai.apps.label.label_command import QUPATH
from mani_monai.data.readers.outlines import pixels_within

pytest.importorskip("monailabel", reason="MONAI Label has an environment of its own: make test-label")
pytestmark = pytest.mark.label
X, Y, WIDTH, HEIGHT = 30, 20, 120, 70
REGION = {"location": [X, Y], "size": [WIDTH, HEIGHT]}


@pytest.fixture(scope="module")
def hover_region(own, images):
    """Instance ids that mani_hovernet's own inference finds in the region."""
    return own("mani_hovernet", np.ascontiguousarray(pixels_of(images, "nuclei")[Y : Y + HEIGHT, X : X + WIDTH]))


def label_map(server, model, image, **params):
    answer = server.ask("POST", f"/infer/{model}", form={"params": json.dumps(params)}, image=image, output="image")
    assert answer.status == 200, answer.body
    return np.asarray(Image.open(io.BytesIO(answer.body)))


def filled(rings_of_each):
    ids = np.zeros((HEIGHT, WIDTH), int)
    for number, rings in enumerate(rings_of_each, start=1):
        ids[pixels_within([np.array(ring, float) - (X, Y) for ring in rings], ids.shape)] = number
    return ids


def same_nuclei(one, other):
    """Whether two maps hold the same nuclei under whatever ids."""
    pairs = {(int(a), int(b)) for a, b in np.unique(np.stack([one.ravel(), other.ravel()]), axis=1).T}
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_both_bundles_are_offered_and_the_hostile_one_is_not(server, place):
    info = server.ask("GET", "/info/").json()
    assert info["description"].endswith(QUPATH)
    assert set(info["models"]) == {"mani_unet", "mani_hovernet"}
    assert set(info["trainers"]) == {"mani_unet", "mani_unet_adapt"}
    assert info["models"]["mani_hovernet"]["labels"] == {"nucleus": 1}
    assert info["trainers"]["mani_unet_adapt"]["description"].startswith("Adapt to these unlabelled images")
    refusals = [line for line in server.log.read_text().splitlines() if "evil" in line and "refused" in line]
    assert len(refusals) == 1
    assert "models/model.pt: not tensors only" in refusals[0]
    assert not (place / "code_ran").exists()


def test_unet_on_an_image(server, own, images):
    expected = own("mani_unet", pixels_of(images, "a"))
    assert 0 < expected.mean() < 1
    check_alike(label_map(server, "mani_unet", "a"), expected)


def test_unet_on_a_region_is_unet_on_its_crop(server, own, images):
    expected = own("mani_unet", np.ascontiguousarray(pixels_of(images, "a")[Y : Y + HEIGHT, X : X + WIDTH]))
    check_alike(label_map(server, "mani_unet", "a", **REGION), expected)


def test_hovernet_on_an_image_gives_instances(server, own, images):
    expected = own("mani_hovernet", pixels_of(images, "nuclei"))
    assert len(np.unique(expected)) == 10  # nine nuclei and the background
    np.testing.assert_array_equal(label_map(server, "mani_hovernet", "nuclei"), expected)


def test_hovernet_on_a_region_gives_a_polygon_a_nucleus(server, hover_region):
    """Touching nuclei stay apart and small ones are there: the smallest allowed area is not asked of the outlines."""
    body = {**REGION, "level": 0, "min_poly_area": 80}
    answer = server.ask("POST", "/infer/wsi/mani_hovernet", body, image="nuclei").json()
    assert (answer["location"], answer["size"]) == ([X, Y], [WIDTH, HEIGHT])
    elements = answer["annotations"][0]["annotation"]["elements"]
    sizes = np.bincount(hover_region.ravel())[1:]
    assert len(elements) == len(sizes[sizes > 0]) == answer["nuclei"] == 7
    assert sizes[sizes > 0].min() < 80
    right = hover_region[:, 1:]
    assert ((hover_region[:, :-1] != right) & (hover_region[:, :-1] > 0) & (right > 0)).any(), "no nuclei touch"
    assert same_nuclei(filled([[*e["contours"], *e["holes"]] for e in elements]), hover_region)


def test_a_viewer_of_slides_gets_the_same_nuclei(server, hover_region):
    """QuPath's plug-in asks for ASAP's XML, on an image of the server by /infer/wsi; HistomicsUI for DSA's JSON."""
    asap = server.ask("POST", "/infer/wsi/mani_hovernet", REGION, image="nuclei", output="asap")
    rings = [
        [[float(point.attrib["X"]), float(point.attrib["Y"])] for point in annotation.iter("Coordinate")]
        for annotation in ElementTree.fromstring(asap.body).iter("Annotation")
    ]
    assert same_nuclei(filled([[ring] for ring in rings]), hover_region)
    form = {"wsi": json.dumps(REGION)}
    dsa = server.ask("POST", "/infer/wsi_v2/mani_hovernet", form=form, image="nuclei", output="dsa").json()
    assert [[point[:2] for point in element["points"]] for element in dsa["elements"]] == rings


def test_an_image_that_a_viewer_uploads(server, own, images, tmp_path):
    crop = np.ascontiguousarray(pixels_of(images, "c")[:64, :96])
    Image.fromarray(crop).save(tmp_path / "patch.png")
    whole = {"location": [0, 0], "size": [0, 0], "tile_size": [1024, 1024]}
    form = {"file": tmp_path / "patch.png", "wsi": json.dumps(whole)}
    answer = server.ask("POST", "/infer/wsi_v2/mani_unet", form=form).json()
    assert answer["size"] == [96, 64]
    form = {"file": tmp_path / "patch.png", "params": "{}"}
    mask = server.ask("POST", "/infer/mani_unet", form=form, output="image")
    check_alike(np.asarray(Image.open(io.BytesIO(mask.body))), own("mani_unet", crop))


def test_a_prediction_is_saved_as_a_first_label(server, images):
    params = json.dumps({"save_label": True})
    saved = server.ask("POST", "/infer/mani_hovernet", form={"params": params}, image="nuclei", output="json").json()
    stored = np.asarray(Image.open(images / "labels" / "original" / "nuclei.png"))
    assert stored.max() == saved["nuclei"] == 9
    assert server.ask("GET", "/datastore/").json()["completed"] == 0
