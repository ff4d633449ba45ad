"""From no label to an adapted model, over HTTP."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from label_server import check_alike, detail, pixels_of
from PIL import Image

pytest.importorskip("monailabel", reason="MONAI Label has an environment of its own: make test-label")
nrrd = pytest.importorskip("nrrd")
pytestmark = pytest.mark.label
SHORT = {"iterations": 3, "batch_size": 2, "crop_size": 64, "seed": 1}


def answer_of(server, model, image):
    answer = server.ask("POST", f"/infer/{model}", form={"params": "{}"}, image=image, output="image")
    assert answer.status == 200, answer.body
    return np.asarray(Image.open(io.BytesIO(answer.body)))


def label(server, image, file):
    answer = server.ask("PUT", "/datastore/label", form={"label": file, "params": "{}"}, image=image)
    assert answer.status == 200, answer.body


def start_weights(dist):
    return torch.load(dist / "mani_unet" / "models" / "model.pt", weights_only=True)


@pytest.fixture(scope="module")
def labelled(server, images, tmp_path_factory):
    """Labels a with a volume of one slice, as 3D Slicer does, and b with outlines, as QuPath's plug-in sends them."""
    for model in ("mani_unet", "mani_unet_adapt"):
        refused = server.ask("POST", f"/train/{model}", SHORT)
        assert (refused.status, detail(refused)[:27]) == (400, "no image of the datastore h")
    folder = tmp_path_factory.mktemp("labels")
    mask = np.zeros(pixels_of(images, "a").shape[:2], np.uint8)
    mask[20:60, 30:90] = 1
    nrrd.write(str(folder / "a.nrrd"), mask.T[..., None])
    points = "".join(f'<Coordinate X="{x}" Y="{y}" />' for x, y in ((5, 5), (60, 5), (60, 70), (5, 70)))
    outlines = f"<ASAP_Annotations><Annotation><Coordinates>{points}</Coordinates></Annotation></ASAP_Annotations>"
    (folder / "b.xml").write_text(outlines)
    label(server, "a", folder / "a.nrrd")
    label(server, "b", folder / "b.xml")
    assert server.ask("GET", "/datastore/").json()["completed"] == 2


@pytest.mark.usefixtures("labelled")
def test_bad_requests_to_train(server):
    answer = server.ask("POST", "/train/mani_hovernet", {})
    assert answer.status == 404
    assert "there is no trainer 'mani_hovernet'; there are: mani_unet, mani_unet_adapt" in detail(answer)
    for option, value in (("iterations", "many"), ("device", "cuda:99"), ("device", "cpu') or exit('")):
        answer = server.ask("POST", "/train/mani_unet", {option: value})
        assert answer.status == 400
        assert detail(answer).startswith(f"{option} {value!r}: ")


@pytest.mark.usefixtures("labelled")
def test_training_on_a_pair_of_labelled_images(server, own, images, dist):
    task = server.train("mani_unet", **SHORT)
    assert task["status"] == "DONE", server.tail()
    assert "mani_unet_trained" in server.ask("GET", "/info/").json()["models"]
    weights = images / "trained" / "mani_unet_trained" / "models/model.pt"
    trained, start = torch.load(weights, weights_only=True), start_weights(dist)
    moved = [(trained[name] - start[name]).abs().max().item() for name in start if name.endswith("conv.weight")]
    assert 0 < max(moved) < 0.02  # from the bundle's weights, three steps of Adam at 1e-3
    expected = own("mani_unet", pixels_of(images, "c"), weights)
    check_alike(answer_of(server, "mani_unet_trained", "c"), expected)
    # the bundle is served as it was
    check_alike(answer_of(server, "mani_unet", "c"), own("mani_unet", pixels_of(images, "c")))


@pytest.mark.usefixtures("labelled")
def test_adapting_to_the_unlabelled_images(server, own, images):
    task = server.train("mani_unet_adapt", **SHORT, warmup=1)
    assert task["status"] == "DONE", server.tail()
    log = server.log.read_text()
    assert "left out: " in log
    assert "broken.png: cannot be decoded" in log
    weights = images / "trained" / "mani_unet_adapted" / "models/model.pt"
    expected = own("mani_unet", pixels_of(images, "d"), weights, weights.parents[1] / "configs" / "metadata.json")
    assert (expected != own("mani_unet", pixels_of(images, "d"), weights)).any()
    check_alike(answer_of(server, "mani_unet_adapted", "d"), expected)
    other = torch.load(images / "trained" / "mani_unet_trained" / "models/model.pt", weights_only=True)
    adapted = torch.load(weights, weights_only=True)
    assert any(not torch.equal(adapted[name], other[name]) for name in adapted)


@pytest.mark.usefixtures("labelled")
def test_a_training_that_fails_says_why_and_leaves_the_last_one(server, images, tmp_path):
    weights = images / "trained" / "mani_unet_trained" / "models/model.pt"
    before = weights.read_bytes()
    for name in ("a", "b"):
        Image.new("L", pixels_of(images, name).shape[1::-1]).save(tmp_path / f"{name}.png")
        label(server, name, tmp_path / f"{name}.png")
    task = server.train("mani_unet", **SHORT)
    assert task["status"] == "ERROR"
    assert "no mask holds a nucleus" in task["details"][-1]
    assert weights.read_bytes() == before
    assert not list((images / "trained").glob(".*"))
    assert server.ask("GET", "/info/").status == 200
