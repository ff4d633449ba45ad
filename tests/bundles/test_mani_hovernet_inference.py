"""The HoVer-Net bundle's inference: a folder of images to files, end to end."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from bundle_files import REPOSITORY
from monai.networks.nets import HoVerNet
from painted_hovernet import Painted, make_inference, painted_weights, parsed_inference
from painted_nuclei import as_colours
from PIL import Image

from mani_monai.data.writers import outline_nuclei, read_geojson
from mani_monai.data.writers.overlays import has_large_nuclei
from mani_monai.networks.nets import ConcatHoVerNet
from mani_monai.transforms import HoVerNetInstancesd

TYPES = ["background", "epithelial", "inflammatory"]


def painting(height: int, width: int, nuclei: list[tuple[int, int, int]]) -> np.ndarray:
    """HW3 picture of round nuclei (row, column, radius), each with its distances to the centre in -1..1."""
    maps = np.zeros((3, height, width))
    rows, columns = np.mgrid[:height, :width]
    for row, column, radius in nuclei:
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        for channel, offset in ((0, radius), (1, columns - column), (2, rows - row)):
            maps[channel][inside] = np.broadcast_to(offset / radius, inside.shape)[inside]
    maps[1:] = (maps[1:] + 1) / 2
    return as_colours(maps.transpose(1, 2, 0))


def with_alpha(picture: np.ndarray) -> np.ndarray:
    return np.dstack([picture, np.full(picture.shape[:2], 90, np.uint8)])


PICTURES = {
    "square.png": painting(64, 64, [(20, 20, 9), (40, 44, 12)]),
    "wide.png": painting(180, 340, [(90, 164, 12), (164, 60, 10), (164, 164, 8), (30, 326, 11), (90, 187, 12)]),
    "tall.tif": painting(200, 70, [(0, 10, 9), (199, 69, 12)]),
    "alpha.PNG": with_alpha(painting(70, 50, [(30, 25, 14)])),
    "small.png": painting(9, 14, [(4, 6, 4)]),
    "tiny.png": painting(3, 5, []),
    "empty.jpg": np.zeros((40, 50, 3), np.uint8),
}
NUCLEI = {"square": 2, "wide": 5, "tall": 2, "alpha": 1, "small": 1, "tiny": 0, "empty": 0}


def infer(folder: Path, **overrides) -> Path:
    """Runs inference on PICTURES, lying in ``folder``; returns where the files are."""
    (folder / "images").mkdir()
    for name, picture in PICTURES.items():
        Image.fromarray(picture).save(folder / "images" / name)
    (folder / "images" / "notes.txt").write_text("no image")
    types = overrides.get("out_classes", 0)
    torch.save(painted_weights(types), folder / "model.pt")
    make_inference(
        image_dir=str(folder / "images"),
        output_dir=str(folder / "predictions"),
        ckpt=str(folder / "model.pt"),
        **overrides,
    ).run()
    return folder / "predictions"


@pytest.fixture(scope="module")
def predictions(tmp_path_factory) -> Path:
    return infer(tmp_path_factory.mktemp("inference"))


def instances_by_hand(picture: np.ndarray) -> np.ndarray:
    """What the post-processing makes of the maps of a whole picture, without tiles."""
    image = torch.from_numpy(picture[..., :3] / np.float32(255)).permute(2, 0, 1)
    weights = painted_weights()
    maps = torch.nn.functional.conv2d(image, weights["maps.weight"], weights["maps.bias"])
    return np.asarray(HoVerNetInstancesd(keys="pred")({"pred": maps})["instances"])[0]


def test_every_image_has_every_file(predictions):
    endings = ("_instances.tif", "_instances.png", ".geojson", "_nuclei.csv", "_overlay.png")
    expected = {Path(name).stem + ending for name in PICTURES for ending in endings}
    assert {path.name for path in predictions.iterdir()} == expected


@pytest.mark.parametrize("name", PICTURES)
def test_instances_are_those_of_the_whole_map(predictions, name):
    stem, picture = Path(name).stem, PICTURES[name]
    instances = tifffile.imread(predictions / f"{stem}_instances.tif")
    assert instances.shape == picture.shape[:2]
    assert len(np.unique(instances[instances > 0])) == NUCLEI[stem]
    np.testing.assert_array_equal(instances, instances_by_hand(picture))


@pytest.mark.parametrize("name", PICTURES)
def test_all_files_of_an_image_agree(predictions, name):
    stem, picture = Path(name).stem, PICTURES[name]
    instances = tifffile.imread(predictions / f"{stem}_instances.tif").astype(np.int32)
    np.testing.assert_array_equal(np.asarray(Image.open(predictions / f"{stem}_instances.png")), instances)
    np.testing.assert_array_equal(read_geojson(predictions / f"{stem}.geojson", instances.shape), instances)
    overlay = np.asarray(Image.open(predictions / f"{stem}_overlay.png"))
    expected = outline_nuclei(picture[..., :3], instances, wide=has_large_nuclei(instances))
    np.testing.assert_array_equal(overlay, expected)
    with open(predictions / f"{stem}_nuclei.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    ids, areas = np.unique(instances[instances > 0], return_counts=True)
    assert [int(row["id"]) for row in rows] == ids.tolist()
    assert [float(row["area"]) for row in rows] == areas.tolist()


def test_a_nucleus_across_four_tiles_is_one_nucleus(predictions):
    instances = tifffile.imread(predictions / "wide_instances.tif")
    around = instances[164 - 6 : 164 + 6, 164 - 4 : 164 + 4]
    assert len(np.unique(around)) == 1
    assert around[0, 0] > 0


def test_types_by_one_override(tmp_path):
    folder = infer(tmp_path, out_classes=3, class_names=TYPES, network_def=Painted(3), outputs=["geojson", "csv"])
    features = json.loads((folder / "square.geojson").read_text())["features"]
    assert [feature["properties"]["classification"]["name"] for feature in features] == ["inflammatory"] * 2
    with open(folder / "square_nuclei.csv", newline="", encoding="utf-8") as stream:
        assert [(row["type"], row["class"]) for row in csv.DictReader(stream)] == [("2", "inflammatory")] * 2
    assert not list(folder.glob("*.png"))


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (None, {}, "images: no PNG, TIFF, JPEG or BMP images there; name their folder"),
        ([], {}, "no PNG, TIFF, JPEG or BMP images there"),
        ([".hidden.png", "notes.txt"], {}, "no PNG, TIFF, JPEG or BMP images there"),
        (["a.png", "a.tif"], {}, "two images differ in suffix alone"),
        (["a.png"], {"output_dir": "images"}, "images: holds the images; name another folder"),
        (["a.PNG"], {}, r"nothing\.pt: no such weights"),
    ],
)
def test_inference_refuses_in_one_line(files, options, message, tmp_path):
    if files is not None:
        (tmp_path / "images").mkdir()
    for name in files or []:
        (tmp_path / "images" / name).touch()
    folder = tmp_path / options.get("output_dir", "predictions")
    workflow = make_inference(
        image_dir=str(tmp_path / "images"), output_dir=str(folder), ckpt=str(tmp_path / "nothing.pt")
    )
    with pytest.raises(SystemExit, match=message) as refusal:
        workflow.run()
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "predictions").exists()


@pytest.mark.slow
def test_the_command_runs_the_weights_of_a_plain_hovernet(tmp_path, command_environment):
    """Random weights, their logits in balance so that there are nuclei."""
    (tmp_path / "images").mkdir()
    picture = PICTURES["wide.png"][:, :170]
    Image.fromarray(picture).save(tmp_path / "images" / "a.png")
    image = torch.from_numpy(picture / np.float32(255)).permute(2, 0, 1)[None]
    torch.set_num_threads(1)  # as in the command: half the pixels lie near the threshold, and sums differ by threads
    torch.manual_seed(0)
    network, concat = HoVerNet(), ConcatHoVerNet().eval()
    inferer = parsed_inference(precision="float32").get_parsed_content("inferer")
    with torch.no_grad():
        logits = inferer(image, network.eval())["nucleus_prediction"][0]
        network.nucleus_prediction.output_features.decoderblock4.conv.bias[1] -= (logits[1] - logits[0]).median()
        concat.load_state_dict(network.state_dict())
        maps = inferer(image, concat)[0]
    by_hand = np.asarray(HoVerNetInstancesd(keys="pred")({"pred": maps})["instances"])[0]
    torch.save(network.state_dict(), tmp_path / "model.pt")

    config = "bundles/mani_hovernet/configs/inference.json"
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", config, "--precision", "float32"]
    command += ["--image_dir", str(tmp_path / "images"), "--output_dir", str(tmp_path / "out")]
    command += ["--ckpt", str(tmp_path / "model.pt")]
    finished = subprocess.run(
        command, cwd=REPOSITORY, env=command_environment, capture_output=True, text=True, timeout=600
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "inference: [1/1]" in finished.stderr, "no progress shown"
    instances = tifffile.imread(tmp_path / "out" / "a_instances.tif")
    assert instances.shape == (180, 170)
    assert instances.max() > 0
    assert ((instances > 0) == (by_hand > 0)).mean() > 0.99
    np.testing.assert_array_equal(read_geojson(tmp_path / "out" / "a.geojson", instances.shape), instances)
