"""What cannot be done is answered with a status and one line, and the server goes on."""

from __future__ import annotations

import json

import pytest
from label_server import detail

pytest.importorskip("monailabel", reason="MONAI Label has an environment of its own: make test-label")
pytestmark = pytest.mark.label
INFER, SLIDE = "/infer/mani_unet", "/infer/wsi/mani_unet"


@pytest.mark.parametrize(
    ("path", "image", "params", "status", "line"),
    [
        ("/infer/mani_nothing", "a", {}, 404, "there is no model 'mani_nothing'; there are: mani_"),
        ("/infer/evil", "a", {}, 404, "there is no model 'evil'"),
        ("/infer/mani_unet_trained", "a", {}, 404, "there is no model 'mani_unet_trained'"),
        (INFER, "nobody", {}, 404, "there is no image 'nobody' in the datastore"),
        (INFER, "/etc/passwd", {}, 404, "there is no image '/etc/passwd'"),
        (INFER, "../server.log", {}, 404, "there is no image"),
        (INFER, "broken", {}, 400, "broken.png: cannot be decoded"),
        (INFER, "a", {"location": [500, 0], "size": [32, 32]}, 400, "lies outside of the image, which is 190 x 150 px"),
        (INFER, "a", {"location": [-1, 0], "size": [32, 32]}, 400, "is no region"),
        (INFER, "a", {"location": "here", "size": [32, 32]}, 400, "write two whole numbers"),
        (INFER, "a", {"result_extension": "/../../x.png"}, 400, "choose from .png"),
        (INFER, "a", {"result_dtype": "object"}, 400, "choose from .png"),
        (INFER, "a", {"mpp": "fine"}, 400, "a.png: mpp fine: write micrometres per pixel"),
    ],
)
def test_inference(server, path, image, params, status, line):
    answer = server.ask("POST", path, form={"params": json.dumps(params)}, image=image)
    assert answer.status == status
    assert line in detail(answer)
    assert server.ask("GET", "/info/").status == 200


@pytest.mark.parametrize(
    ("image", "body", "status", "line"),
    [
        ("a", {"location": [0, 150], "size": [32, 32]}, 400, "lies outside"),
        ("a", {"level": 2}, 400, "ask for level 0"),
        ("broken", {}, 400, "cannot be decoded"),
        ("nobody", {}, 404, "there is no image"),
    ],
)
def test_inference_for_slides(server, image, body, status, line):
    answer = server.ask("POST", SLIDE, body, image=image, output="asap")
    assert answer.status == status
    assert line in detail(answer)
    assert server.ask("GET", "/info/").status == 200


def test_what_is_no_json(server):
    answer = server.ask("POST", INFER, form={"params": "{"}, image="a")
    assert (answer.status, detail(answer)[:33]) == (400, "the request cannot be understood:")
    answer = server.ask("POST", "/infer/wsi_v2/mani_unet", form={"wsi": '{"size": "x"}'}, image="a")
    assert (answer.status, detail(answer)[:33]) == (400, "the request cannot be understood:")
    answer = server.ask("POST", "/train/mani_unet", b"[1", image="a")
    assert (answer.status, detail(answer)[:33]) == (400, "the request cannot be understood:")
    assert server.ask("GET", "/info/").status == 200


def test_strategies(server):
    answer = server.ask("POST", "/activelearning/none", {})
    assert answer.status == 400
    assert "no such strategy 'none'" in detail(answer)
    assert server.ask("POST", "/activelearning/first", {}).json()["id"] in ("a", "broken")
