"""The U-Net bundle's inference with MONAI alone: masks of pictures by hand, and refusals in one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from exports import picture
from monai.data import MetaTensor
from monai.networks.nets import BasicUNet
from PIL import Image
from small_bundles import write_unet_bundle
from unet_inference import CONFIGS, FEATURES, make_inference
from warm_python import run_python

from mani_monai.apps.export.carried_modules import carry_modules, names_in, renamed
from mani_monai.model import Model

WINDOW = 64
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
PICTURES = {
    "square.png": picture(64, 64, 1),
    "wide.png": picture(64, 100, 2),
    "tall.png": picture(130, 70, 3),
    "alpha.png": np.dstack([picture(64, 80, 4), picture(64, 80, 9)[..., 0]]),
    "microscope.tif": picture(75, 66, 5),
    "grey.TIFF": picture(80, 70, 6)[..., 0],
    "small.png": picture(30, 41, 7),
    "tiny.png": picture(9, 5, 8),
    "bitmap.bmp": picture(64, 72, 10),
}


@pytest.fixture(scope="module")
def network():
    """A small network of random weights whose logits are in balance, so that masks have both values."""
    torch.manual_seed(0)
    network = BasicUNet(2, 3, 2, FEATURES, act="RELU", norm="BATCH")
    image = torch.from_numpy(picture(96, 96, 0) / np.float32(255)).permute(2, 0, 1)[None]
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
    """HW logit difference, nuclei minus background, of a HW or HWC image in 0..255: windows blended by hand."""
    rgb = np.stack([image] * 3, axis=2) if image.ndim == 2 else image[..., :3]
    if image.ndim == 3 and image.shape[2] == 4:  # on white, as a slide's glass
        alpha = image[..., 3:] / 255
        rgb = np.floor(rgb * alpha + 255 * (1 - alpha) + 0.5)
    image = rgb.transpose(2, 0, 1).astype(np.float32) / 255
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
                logits = network(torch.from_numpy(image[None][(..., *window)].copy()))[0].numpy()
            total[window] += bell * (logits[1] - logits[0])
            weight[window] += bell
    margin = total / weight
    return margin[before[0] : before[0] + size[0], before[1] : before[1] + size[1]]


@pytest.fixture(scope="module")
def masks(network, tmp_path_factory):
    """What inference writes for PICTURES, by a bundle that carries its modules, where mani_monai cannot be imported."""
    folder = tmp_path_factory.mktemp("inference")
    shutil.copytree(CONFIGS, folder / "bundle" / "configs")
    text = (CONFIGS / "inference.json").read_text()
    (folder / "bundle" / "configs" / "inference.json").write_text(renamed(text))
    carry_modules(names_in(text), folder / "bundle")
    (folder / "bundle" / "models").mkdir()
    torch.save(network.state_dict(), folder / "bundle" / "models" / "model.pt")
    (folder / "images").mkdir()
    for name, image in PICTURES.items():
        Image.fromarray(image).save(folder / "images" / name)
    (folder / "images" / "notes.txt").write_text("no image")
    arguments = ["run", "--config_file", "configs/inference.json", "--features", str(FEATURES)]
    arguments += [
        "--window",
        str(WINDOW),
        "--image_dir",
        "../images",
        "--output_dir",
        "../masks",
        "--outputs",
        "['mask']",
    ]
    finished = run_python(["-c", ALONE, *arguments], folder / "bundle", {**os.environ, "OMP_NUM_THREADS": "1"})
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


@pytest.mark.parametrize("third", ["contour", "distance"])
def test_monai_alone_parts_by_the_third_channel(tmp_path, third):
    bundle = write_unet_bundle(tmp_path / "bundle", third=third)
    (tmp_path / "images").mkdir()
    Image.fromarray(picture(64, 64, 1)).save(tmp_path / "images" / "a.png")
    arguments = ["run", "--config_file", "configs/inference.json", "--image_dir", "../images", "--output_dir", "../out"]
    arguments += ["--outputs", "['csv']"]
    finished = run_python(["-c", ALONE, *arguments], bundle, {**os.environ, "OMP_NUM_THREADS": "1"})
    assert finished.returncode == 0, finished.stderr[-3000:]
    table = pd.read_csv(tmp_path / "out" / "a_nuclei.csv")
    model = Model.open(bundle, "cpu", "float32")
    maps = model.maps(picture(64, 64, 1))
    areas = np.bincount(model.parted(maps).ravel())[1:]
    np.testing.assert_array_equal(table["area"], areas)
    assert len(areas) > 1
    assert areas.tolist() != np.bincount(model.parted(maps[:2]).ravel())[1:].tolist(), "the third channel parts nothing"


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


def test_prediction_is_a_class_map_though_the_file_shows_255(tmp_path):
    postprocessing = make_inference(output_dir=str(tmp_path), outputs=["mask"]).postprocessing
    logits = torch.randn(2, 5, 7)
    image = MetaTensor(torch.zeros(3, 5, 7), meta={"filename_or_obj": "a.png"})
    pred = postprocessing({"pred": logits, "image": image})["pred"]
    assert pred.shape == (5, 7)
    assert torch.equal(torch.as_tensor(pred), (logits[1] > logits[0]).float())
    (saved,) = tmp_path.glob("*.png")
    np.testing.assert_array_equal(np.asarray(Image.open(saved)), pred.numpy() * 255)


def test_images_in_subfolders_are_said_and_named(network, tmp_path, capsys):
    torch.save(network.state_dict(), tmp_path / "model.pt")
    (tmp_path / "images" / "late").mkdir(parents=True)
    Image.fromarray(picture(64, 80, 0)).save(tmp_path / "images" / "late" / "b.png")
    settings = {"ckpt": str(tmp_path / "model.pt"), "outputs": ["mask"], "output_dir": str(tmp_path / "images" / "out")}
    with pytest.raises(SystemExit, match=f"; name {tmp_path}/images/late, where there are some"):
        make_inference(image_dir=str(tmp_path / "images"), **settings).run()
    Image.fromarray(picture(64, 80, 0)).save(tmp_path / "images" / "a.png")
    make_inference(image_dir=str(tmp_path / "images"), **settings).run()
    line = "left out: 1 image in late (1): subfolders are not searched; name one with --image_dir.\n"
    assert line in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "images" / "out").iterdir()] == ["a_mask.png"]


@pytest.mark.filterwarnings("ignore:`dataloader` is empty")  # MONAI's
@pytest.mark.parametrize("good", [["a.png", "c.bmp"], []])
def test_a_bad_image_is_named_and_the_others_are_done(good, network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "model.pt")
    (tmp_path / "images").mkdir()
    for name in good:
        Image.fromarray(picture(64, 80, 0)).save(tmp_path / "images" / name)
    (tmp_path / "images" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    Image.fromarray(np.zeros((64, 80), np.float32)).save(tmp_path / "images" / "d.tif")
    folders = {"image_dir": str(tmp_path / "images"), "output_dir": str(tmp_path / "out")}
    workflow = make_inference(ckpt=str(tmp_path / "model.pt"), outputs=["mask"], **folders)
    with pytest.raises(SystemExit) as end:
        workflow.run()
    first, second, count = str(end.value).splitlines()
    assert first.startswith(f"failed: {tmp_path}/images/b.png: cannot be decoded")
    assert second.startswith(f"failed: {tmp_path}/images/d.tif: has 32 bits per channel")
    assert count == f"{len(good) + 2} images: {len(good)} done, 2 failed"
    written = sorted(path.name for path in (tmp_path / "out").glob("*"))
    assert written == [f"{Path(name).stem}_mask.png" for name in good]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no PNG, TIFF, JPEG or BMP images there"),
        ([".hidden.png", "notes.txt"], "no PNG, TIFF, JPEG or BMP images there"),
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
