"""An exported network that was trained on normalised stains: every inference gives it these."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from folder_runs import OPTIONS
from PIL import Image
from tiny_export import export_unet
from warm_python import run_python

from mani_monai.apps.infer.folder_run import infer_folder


def test_a_network_of_normalised_stains_gets_them_everywhere(toy_dir, images, tmp_path, command_environment):
    """By our inference and by MONAI's with what the bundle carries, in a process that cannot import this project."""
    step = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}
    for name in ("export", "plain"):
        (tmp_path / name).mkdir()
    (images / "small.png").unlink()  # smaller than the network takes, without a window around it
    exported = export_unet(toy_dir, tmp_path / "export", preprocessing=[step])
    config = json.loads((exported.folder / "configs" / "inference.json").read_text())
    assert {**step, "_target_": "scripts.transforms.NormaliseStainsd"} in config["preprocessing"]["transforms"]
    metadata = json.loads((exported.folder / "configs" / "metadata.json").read_text())
    assert metadata["model"]["preprocessing"] == [step]
    assert "applies NormaliseStainsd to an image first" in metadata["description"]

    outputs = ("mask", "geojson", "overlay", "png")
    assert not infer_folder(exported.folder, images, tmp_path / "out", outputs=outputs, **OPTIONS).failed
    plain = infer_folder(export_unet(toy_dir, tmp_path / "plain").folder, images, tmp_path / "plain_out", **OPTIONS)
    assert not plain.failed
    code = "import sys, runpy; sys.modules['mani_monai'] = None; sys.argv[0] = 'monai.bundle'; "
    code += "runpy.run_module('monai.bundle', run_name='__main__', alter_sys=True)"
    line = ["run", "--config_file", "configs/inference.json", "--image_dir", str(images), "--logging_file", "False"]
    line += ["--output_dir", str(tmp_path / "by_monai"), "--device", "$torch.device('cpu')", "--window", "-1"]
    done = run_python(["-c", code, *line], exported.folder, command_environment)
    assert done.returncode == 0, done.stderr[-2000:]
    differs = False
    for name in (f"{path.stem}_mask.png" for path in images.iterdir() if path.suffix != ".txt"):
        places = [tmp_path / place / name for place in ("out", "by_monai", "plain_out")]
        ours, monais, other = (np.asarray(Image.open(path)) for path in places)
        np.testing.assert_array_equal(ours, monais)
        differs |= (ours != other).any()
    assert differs, "normalisation has an effect on these images"
    for path in (path for path in images.iterdir() if path.suffix != ".txt"):
        ours, monais = (_written(tmp_path / place, path.stem) for place in ("out", "by_monai"))
        assert ours[0] == monais[0]
        np.testing.assert_array_equal(ours[1], monais[1])
        free = np.asarray(Image.open(tmp_path / "out" / f"{path.stem}_instances.png")) == 0
        assert (ours[1][free] == np.asarray(Image.open(path).convert("RGB"))[free]).all()


def _written(folder: Path, stem: str) -> tuple[list, np.ndarray]:
    """Identities and outlines of the nuclei, and the overlay's pixels."""
    features = json.loads((folder / f"{stem}.geojson").read_text())["features"]
    return [(each["id"], each["geometry"]) for each in features], np.asarray(Image.open(folder / f"{stem}_overlay.png"))
