"""The HoVer-Net bundle's inference: metadata, and a folder of images to files, end to end."""

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
from monai.bundle import ConfigParser, ConfigWorkflow, verify_metadata, verify_net_in_out
from monai.networks.nets import HoVerNet
from PIL import Image

from mani_monai.data.writers import outline_nuclei, read_geojson
from mani_monai.networks.nets import ConcatHoVerNet
from mani_monai.transforms import HoVerNetInstancesd

REPOSITORY = Path(__file__).parents[2]
BUNDLE = REPOSITORY / "bundles" / "mani_hovernet"
CONFIGS = BUNDLE / "configs"
METADATA = CONFIGS / "metadata.json"
SCHEMA = Path(__file__).parent / "reference" / "meta_schema_20240725.json"
TYPES = ["background", "epithelial", "inflammatory"]


class Painted(torch.nn.Module):
    """A stand-in for HoVer-Net: the maps are painted in the image, red nuclei, green and blue distances.

    Its weights are nought until they are loaded; with ``types`` the type is painted in the green channel's sign.
    """

    def __init__(self, types: int = 0) -> None:
        super().__init__()
        self.maps = torch.nn.Conv2d(3, 4 + types, 1)
        torch.nn.init.zeros_(self.maps.weight)
        torch.nn.init.zeros_(self.maps.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        margin = (images.shape[-1] - 164) // 2
        assert images.shape[-2:] == (256, 256)
        return self.maps(images[..., margin:-margin, margin:-margin])


def painted_weights(types: int = 0) -> dict[str, torch.Tensor]:
    network = Painted(types)
    with torch.no_grad():
        network.maps.weight[1, 0], network.maps.bias[1] = 20, -10
        for channel in (1, 2):
            network.maps.weight[1 + channel, channel], network.maps.bias[1 + channel] = 2, -1
        if types:
            network.maps.bias[4 + 2] = 9
    return network.state_dict()


def painting(height: int, width: int, nuclei: list[tuple[int, int, int]]) -> np.ndarray:
    """HW3 picture of round nuclei (row, column, radius), each with its distances to the centre in -1..1."""
    maps = np.zeros((3, height, width))
    rows, columns = np.mgrid[:height, :width]
    for row, column, radius in nuclei:
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        for channel, offset in ((0, radius), (1, columns - column), (2, rows - row)):
            maps[channel][inside] = np.broadcast_to(offset / radius, inside.shape)[inside]
    maps[1:] = (maps[1:] + 1) / 2
    return (maps.transpose(1, 2, 0) * 255).round().astype(np.uint8)


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


def make_inference(**overrides) -> ConfigWorkflow:
    workflow = ConfigWorkflow(
        config_file=str(CONFIGS / "inference.json"),
        meta_file=str(METADATA),
        logging_file=False,
        workflow_type="infer",
        **{"precision": "float32", "device": "$torch.device('cpu')", "network_def": Painted(), **overrides},
    )
    workflow.initialize()
    return workflow


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


# end to end


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
    np.testing.assert_array_equal(overlay, outline_nuclei(picture[..., :3], instances))
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


def read_config(**overrides) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config(str(CONFIGS / "inference.json"))
    parser.update(overrides)
    return parser


@pytest.mark.parametrize(("mode", "window", "output"), [("fast", 256, 164), ("original", 270, 80)])
def test_one_key_chooses_the_mode(mode, window, output):
    inferer = read_config(mode=mode).get_parsed_content("inferer")
    assert (inferer.inferer.window, inferer.inferer.output) == (window, output)
    assert (inferer.precision, inferer.channels_last) == ("auto", True)


def test_the_type_branch_is_out_classes():
    assert read_config(out_classes=5).get_parsed_content("network_def").type_prediction is not None


# one line where something is missing


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (None, {}, "images: no PNG, TIFF or JPEG images there; name their folder"),
        ([], {}, "no PNG, TIFF or JPEG images there"),
        ([".hidden.png", "notes.txt"], {}, "no PNG, TIFF or JPEG images there"),
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


# metadata and properties


def test_metadata_follows_the_schema():
    verify_metadata(meta_file=str(METADATA), filepath=str(SCHEMA))


def test_metadata_by_hand():
    metadata = json.loads(METADATA.read_text())
    assert metadata["version"] in metadata["changelog"]
    assert "eval_metrics" not in metadata, "only measured figures may stand here"
    formats = metadata["network_data_format"]
    image, pred = formats["inputs"]["image"], formats["outputs"]["pred"]
    assert (image["num_channels"], image["spatial_shape"], image["value_range"]) == (3, [256, 256], [0, 1])
    assert (pred["num_channels"], pred["spatial_shape"]) == (4, [164, 164])
    assert list(pred["channel_def"].values()) == ["background", "nuclei", "horizontal offset", "vertical offset"]
    pins = dict(
        line.split("==") for line in (REPOSITORY / "requirements.txt").read_text().splitlines() if "==" in line[:40]
    )
    named = {
        "monai": metadata["monai_version"],
        "torch": metadata["pytorch_version"],
        "numpy": metadata["numpy_version"],
        **metadata["required_packages_version"],
    }
    assert named == {package: pins[package] for package in named}


def test_inference_has_the_required_properties_without_images_or_weights(tmp_path):
    workflow = make_inference(dataset_dir=str(tmp_path), ckpt=str(tmp_path / "nothing.pt"))
    assert workflow.check_properties() == []
    assert list(workflow.channel_def.values()) == ["background", "nuclei", "horizontal offset", "vertical offset"]


@pytest.mark.slow
def test_the_network_fits_its_metadata():
    verify_net_in_out(
        net_id="network_def", meta_file=str(METADATA), config_file=str(CONFIGS / "inference.json"), device="cpu"
    )


@pytest.mark.parametrize(("folder", "expected"), [(REPOSITORY, "bundles/mani_hovernet"), (BUNDLE, ".")])
def test_bundle_root_follows_the_folder(folder, expected, monkeypatch):
    monkeypatch.chdir(folder)
    parser = read_config()
    assert parser.get_parsed_content("bundle_root") == expected
    assert parser.get_parsed_content("ckpt") == f"{expected}/models/model.pt"


def test_inference_and_training_have_one_network():
    training, inference = (json.loads((CONFIGS / f"{name}.json").read_text()) for name in ("train", "inference"))
    for key in ("bundle_root", "device", "precision", "channels_last", "mode", "window", "output_size", "out_classes"):
        assert inference[key] == training[key], key
    assert inference["tiles"] == training["validate"]["tiles"]
    own = {**training["network_def"], "_target_": inference["network_def"]["_target_"]}
    del own["freeze_encoder"]
    assert inference["network_def"] == own


def test_licence_and_weights_are_explained():
    assert (BUNDLE / "LICENSE").read_text() == (REPOSITORY / "LICENSE").read_text()
    assert "model.pt" in (BUNDLE / "models" / "README.md").read_text()


# the command


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
    inferer = read_config(precision="float32").get_parsed_content("inferer")
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
