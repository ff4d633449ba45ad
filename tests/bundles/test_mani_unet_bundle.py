"""The U-Net bundle as others meet it: metadata, inference with MONAI alone, and its configs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow, verify_metadata, verify_net_in_out
from monai.networks.nets import BasicUNet
from PIL import Image

REPOSITORY = Path(__file__).parents[2]
BUNDLE = REPOSITORY / "bundles" / "mani_unet"
CONFIGS = BUNDLE / "configs"
METADATA = CONFIGS / "metadata.json"
SCHEMA = Path(__file__).parent / "reference" / "meta_schema_20240725.json"
OVERLAYS = sorted(p.stem for p in CONFIGS.glob("*.json") if p.stem not in ("train", "inference", "metadata"))
FEATURES = [4, 4, 8, 8, 8, 4]
WINDOW = 64


def read_json(path):
    """A JSON file in which no key stands twice."""

    def no_twins(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), f"{path}: a key stands twice among {names}"
        return dict(pairs)

    return json.loads(path.read_text(), object_pairs_hook=no_twins)


# metadata


def test_metadata_follows_the_schema(monkeypatch):
    def no_network(*args, **kwargs):
        raise AssertionError("a download was tried")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setattr("urllib.request.urlretrieve", no_network)
    verify_metadata(meta_file=str(METADATA), filepath=str(SCHEMA))


def test_the_schema_refuses_metadata_without_a_task(tmp_path):
    broken = read_json(METADATA)
    del broken["task"]
    (tmp_path / "metadata.json").write_text(json.dumps(broken))
    with pytest.raises(ValueError, match="'task' is a required property"):
        verify_metadata(meta_file=str(tmp_path / "metadata.json"), filepath=str(SCHEMA))


def test_metadata_by_hand():
    metadata = read_json(METADATA)
    for key in ("version", "changelog", "task", "description", "authors", "copyright", "intended_use", "references"):
        assert metadata[key], key
    assert metadata["version"] in metadata["changelog"]
    assert "eval_metrics" not in metadata, "only measured figures may stand here"
    assert any("MaNi" in reference for reference in metadata["references"])
    image = metadata["network_data_format"]["inputs"]["image"]
    pred = metadata["network_data_format"]["outputs"]["pred"]
    assert list(metadata["network_data_format"]["inputs"]) == ["image"]
    assert (image["num_channels"], image["dtype"], image["value_range"]) == (3, "float32", [0, 1])
    assert image["spatial_shape"] == ["16*n", "16*n"]
    assert (pred["num_channels"], pred["channel_def"]) == (2, {"0": "background", "1": "nuclei"})


def test_metadata_names_the_versions_of_the_requirements():
    metadata = read_json(METADATA)
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
    assert f'\nversion = "{metadata["version"]}"' in (REPOSITORY / "pyproject.toml").read_text()


@pytest.mark.parametrize("config", ["train", "inference"])
def test_network_fits_its_metadata(config):
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(METADATA),
        config_file=str(CONFIGS / f"{config}.json"),
        device="cpu",
        features=FEATURES,
    )


def test_paper_sized_network_fits_its_metadata():
    verify_net_in_out(
        net_id="network_def", meta_file=str(METADATA), config_file=str(CONFIGS / "inference.json"), device="cpu"
    )


# workflows


def test_training_has_the_required_properties(tiny):
    workflow = ConfigWorkflow(
        config_file=str(CONFIGS / "train.json"),
        meta_file=str(METADATA),
        logging_file=False,
        workflow_type="train",
        **tiny,
    )
    workflow.initialize()
    assert workflow.check_properties() == []
    assert workflow.version == read_json(METADATA)["version"]


def make_inference(**overrides):
    workflow = ConfigWorkflow(
        config_file=str(CONFIGS / "inference.json"),
        meta_file=str(METADATA),
        logging_file=False,
        workflow_type="infer",
        features=FEATURES,
        **overrides,
    )
    workflow.initialize()
    return workflow


def test_inference_has_the_required_properties_without_images_or_weights(tmp_path):
    workflow = make_inference(dataset_dir=str(tmp_path), ckpt=str(tmp_path / "nothing.pt"))
    assert workflow.check_properties() == []
    assert workflow.channel_def == {"0": "background", "1": "nuclei"}


@pytest.mark.parametrize(("folder", "expected"), [(REPOSITORY, "bundles/mani_unet"), (BUNDLE, ".")])
def test_bundle_root_follows_the_folder(folder, expected, monkeypatch):
    monkeypatch.chdir(folder)
    for config in ("train", "inference"):
        parser = ConfigParser()
        parser.read_config(str(CONFIGS / f"{config}.json"))
        assert parser.get_parsed_content("bundle_root") == expected
    assert parser.get_parsed_content("ckpt") == f"{expected}/models/model.pt"
    parser["bundle_root"] = "/elsewhere"
    parser.parse(reset=True)
    assert parser.get_parsed_content("ckpt") == "/elsewhere/models/model.pt"


def test_inference_and_training_have_one_network():
    training, inference = read_json(CONFIGS / "train.json"), read_json(CONFIGS / "inference.json")
    for key in ("network_def", "features", "window", "bundle_root", "device"):
        assert inference[key] == training[key], key
    validation = training["validate"]["windows"]
    assert inference["inferer"] == validation


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no PNG, TIFF or JPEG images there"),
        ([".hidden.png", "notes.txt"], "no PNG, TIFF or JPEG images there"),
        (["a.png", "a.tif"], "two images differ in suffix alone"),
        (["a.PNG"], r"nothing\.pt: no such weights"),
    ],
)
def test_inference_refuses_in_one_line(files, message, tmp_path):
    for name in files:
        (tmp_path / name).touch()
    workflow = make_inference(image_dir=str(tmp_path), ckpt=str(tmp_path / "nothing.pt"))
    with pytest.raises(SystemExit, match=message) as refusal:
        workflow.run()
    assert "\n" not in str(refusal.value)


def test_prediction_is_a_class_map_though_the_file_shows_255(tmp_path):
    postprocessing = make_inference(output_dir=str(tmp_path)).postprocessing
    logits = torch.randn(2, 5, 7)
    pred = postprocessing({"pred": logits})["pred"]
    assert pred.shape == (5, 7)
    assert torch.equal(torch.as_tensor(pred), (logits[1] > logits[0]).float())
    (saved,) = tmp_path.glob("*.png")
    np.testing.assert_array_equal(np.asarray(Image.open(saved)).T, pred.numpy() * 255)


# inference with MONAI alone

ALONE = """
import runpy, sys
sys.modules["mani_monai"] = None
try:
    import mani_monai
except ImportError:
    sys.argv[0] = "monai.bundle"
    runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
else:
    sys.exit("mani_monai is importable: this test proves nothing")
"""


def picture(height, width, seed, channels=3):
    """Smooth coloured noise without any symmetry, HWC in 0..255."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8))
    fine = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    if channels == 4:
        alpha = random.integers(0, 256, (height, width, 1), dtype=np.uint8)
        return np.concatenate([fine, alpha], axis=2)
    return fine if channels == 3 else fine[..., 0]


PICTURES = {
    "square.png": picture(64, 64, 1),
    "wide.png": picture(64, 100, 2),
    "tall.png": picture(130, 70, 3),
    "alpha.png": picture(64, 80, 4, channels=4),
    "microscope.tif": picture(75, 66, 5),
    "grey.TIFF": picture(80, 70, 6, channels=1),
    "small.png": picture(30, 41, 7),
    "tiny.png": picture(9, 5, 8),
}


@pytest.fixture(scope="module")
def network():
    """A small network of random weights whose logits are in balance, so that masks have both values."""
    torch.manual_seed(0)
    network = BasicUNet(2, 3, 2, FEATURES, act="RELU", norm="BATCH")
    image = torch.from_numpy(picture(96, 96, 0) / np.float32(255)).permute(2, 1, 0)[None]
    with torch.no_grad():
        for _ in range(20):
            network.train()(image)
        logits = network.eval()(image)
        margin = logits[:, 1] - logits[:, 0]
        network.final_conv.bias[1] -= margin.median()
        for parameter in network.final_conv.parameters():
            parameter /= margin.std()
    return network


def starts_of(size):
    """Where windows start along an axis: a quarter of overlap, the last one flush with the end."""
    step = WINDOW * 3 // 4
    return [min(i * step, size - WINDOW) for i in range(-(-(size - WINDOW) // step) + 1)]


def predicted_margin(network, image):
    """HW logit difference, nuclei minus background, of a HW or HWC image in 0..255: windows blended by hand.

    The network sees width first, as MONAI reads pictures.
    """
    rgb = np.stack([image] * 3, axis=2) if image.ndim == 2 else image[..., :3]
    image = rgb.transpose(2, 1, 0).astype(np.float32) / 255
    size = image.shape[1:]
    before = [max(WINDOW - n, 0) // 2 for n in size]
    after = [max(WINDOW - n, 0) - b for n, b in zip(size, before, strict=True)]
    image = np.pad(image, ((0, 0), *zip(before, after, strict=True)))
    distance = np.arange(WINDOW) - (WINDOW - 1) / 2
    bell = np.exp(-(distance**2) / (2 * (WINDOW / 8) ** 2))
    bell = np.maximum(np.outer(bell, bell), 1e-3)
    total, weight = np.zeros((2, *image.shape[1:]))
    for x in starts_of(image.shape[1]):
        for y in starts_of(image.shape[2]):
            window = np.s_[x : x + WINDOW, y : y + WINDOW]
            with torch.no_grad():
                logits = network(torch.from_numpy(image[None, :, *window].copy()))[0].numpy()
            total[window] += bell * (logits[1] - logits[0])
            weight[window] += bell
    margin = total / weight
    return margin[before[0] : before[0] + size[0], before[1] : before[1] + size[1]].T


@pytest.fixture(scope="module")
def masks(network, tmp_path_factory):
    """What inference writes for PICTURES, run on a copy of the bundle by a process that cannot import mani_monai."""
    folder = tmp_path_factory.mktemp("inference")
    shutil.copytree(CONFIGS, folder / "bundle" / "configs")
    (folder / "bundle" / "models").mkdir()
    torch.save(network.state_dict(), folder / "bundle" / "models" / "model.pt")
    (folder / "images").mkdir()
    for name, image in PICTURES.items():
        Image.fromarray(image).save(folder / "images" / name)
    (folder / "images" / "notes.txt").write_text("no image")
    arguments = ["run", "--config_file", "configs/inference.json", "--features", str(FEATURES)]
    arguments += ["--window", str(WINDOW), "--image_dir", "../images", "--output_dir", "../masks"]
    finished = subprocess.run(
        [sys.executable, "-c", ALONE, *arguments],
        cwd=folder / "bundle",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "inference" in finished.stderr
    assert f"[{len(PICTURES)}/{len(PICTURES)}]" in finished.stderr, "no progress shown"
    return folder / "masks"


def test_one_mask_an_image(masks):
    assert sorted(p.name for p in masks.iterdir()) == sorted(f"{Path(name).stem}_mask.png" for name in PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_mask_is_the_networks_prediction(name, masks, network):
    image = PICTURES[name]
    mask = Image.open(masks / f"{Path(name).stem}_mask.png")
    assert mask.mode == "L"
    assert mask.size == (image.shape[1], image.shape[0])
    mask = np.asarray(mask)
    assert set(np.unique(mask)) <= {0, 255}
    margin = predicted_margin(network, image)
    clear = np.abs(margin) > 1e-4
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(mask[clear] == 255, margin[clear] > 0)


def test_masks_would_show_a_wrong_orientation(masks):
    mask = np.asarray(Image.open(masks / "square_mask.png")) == 255
    assert 0.1 < mask.mean() < 0.9
    for turned in (mask.T, mask[::-1], mask[:, ::-1], mask[::-1, ::-1]):
        assert (mask != turned).mean() > 0.1


def test_network_can_be_scripted(network, tmp_path):
    torch.jit.script(network).save(tmp_path / "model.ts")
    image = torch.rand(1, 3, 48, 32)
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.load(tmp_path / "model.ts")(image), network(image))


# configs


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.json")), ids=lambda path: path.stem)
def test_config_parses_and_names_its_functions(path):
    assert read_json(path)
    assert "lambda" not in path.read_text()


def test_inference_names_nothing_of_this_project():
    assert "mani_monai" not in (CONFIGS / "inference.json").read_text()


def strange_keys(overlay, base):
    """Keys of an overlay that its base lacks and that nothing in the overlay refers to: most likely mistyped."""
    known = ConfigParser(config=base)
    text = json.dumps(overlay)
    names = [key.removeprefix("+") for key in overlay]
    return [name for name in names if name not in known and not re.search(rf"[@%]{re.escape(name)}\b", text)]


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay_is_small_and_overrides_what_exists(name):
    overlay = read_json(CONFIGS / f"{name}.json")
    workflow = "inference" if name.endswith("_inference") else "train"
    base = read_json(CONFIGS / f"{workflow}.json") | {"finalize": []}  # a section that MONAI itself runs
    if name != "evaluate":  # a workflow of its own
        assert len((CONFIGS / f"{name}.json").read_text().splitlines()) <= 25
        base |= {key: value for key, value in read_json(CONFIGS / "evaluate.json").items() if key[0] != "+"}
    assert strange_keys(overlay, base) == []


def test_a_mistyped_overlay_would_be_noticed():
    base = read_json(CONFIGS / "train.json")
    assert strange_keys({"warm_up": 1, "train::trainer::max_epoch": 1}, base) == [
        "warm_up",
        "train::trainer::max_epoch",
    ]
