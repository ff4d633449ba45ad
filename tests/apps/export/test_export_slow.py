"""HoVer-Net exported at its real size, by the command; both bundles on real tissue where there is some."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tifffile
import torch
from exports import REPOSITORY, as_input, picture, run_alone
from finished_runs import finished_run
from PIL import Image
from warm_python import run_python
from zoo import zoo_faults

from mani_monai.apps.inspect.inspection import inspect_bundle, is_dangerous
from mani_monai.networks.nets import ConcatHoVerNet
from mani_monai.utils.archive import files_of

pytestmark = pytest.mark.slow
SCRIPT = str(REPOSITORY / "scripts" / "export_bundle.py")
DATA = Path(os.environ.get("MANI_DATA", REPOSITORY.parent / "shared" / "data"))
BRANCHES = ("nucleus_prediction", "horizontal_vertical")
TISSUE = sorted(DATA.glob("TNBC/TNBC_NucleiSegmentation/Slide_*/*.png"))[:3]


def command(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def arguments(run: Path, out: Path) -> list[str]:
    return ["--run", str(run), "--out", str(out), "--version", "1.2.3"]


@pytest.fixture(scope="module")
def hovernet() -> ConcatHoVerNet:
    """Random weights whose outputs are as large as a trained network's, and nuclei on half of an image.

    Batch statistics are left as they are: a deep random network that normalises by its own is so badly conditioned that
    PyTorch itself is 4e-4 from double precision; a trained one on tissue is 8e-6 from it.
    """
    torch.manual_seed(0)
    network = ConcatHoVerNet().eval()
    heads = [network.get_submodule(f"{name}.output_features.decoderblock4.conv") for name in BRANCHES]
    image = as_input(picture(256, 256, 0))
    with torch.no_grad():
        for head, maps in zip(heads, network(image).split(2, dim=1), strict=True):
            head.weight /= maps.std()
        logits = network(image)[0]
        heads[0].bias[1] -= (logits[1] - logits[0]).median()
    return network


@pytest.fixture(scope="module")
def run(hovernet, toy_dir, tmp_path_factory) -> Path:
    return finished_run(tmp_path_factory.mktemp("made") / "run", hovernet.state_dict(), toy_dir, "mani_hovernet")


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    done = command(*arguments(run, out))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "no scores: this file was not evaluated" in done.stdout
    assert "The licences of the images allow commercial use." in done.stdout
    return out / "mani_hovernet"


def assert_forms_agree(bundle: Path, network: torch.nn.Module, images: list[torch.Tensor]) -> None:
    """To 1e-4, and to what single precision rounds of a large logit, which differs between processors."""
    close = partial(np.testing.assert_allclose, atol=1e-4, rtol=1e-5)
    script = torch.jit.load(bundle / "models" / "model.ts")
    session = onnxruntime.InferenceSession(bundle / "models" / "model.onnx")
    for image in images:
        with torch.inference_mode():
            expected = network(image).numpy()
            close(script(image).numpy(), expected)
        close(session.run(["pred"], {"image": image.numpy()})[0], expected)


def test_hovernet_in_three_forms(bundle, hovernet):
    assert_forms_agree(bundle, hovernet, [as_input(picture(256, 256, seed)) for seed in (1, 2)])


def tissue(side: int) -> list[torch.Tensor]:
    return [as_input(np.asarray(Image.open(path).convert("RGB"))[:side, :side].copy()) for path in TISSUE]


@pytest.mark.skipif(not TISSUE, reason=f"no TNBC in {DATA}; name its folder with MANI_DATA")
def test_hovernet_in_three_forms_on_tissue(bundle, hovernet):
    assert_forms_agree(bundle, hovernet, tissue(256))


@pytest.mark.skipif(not TISSUE, reason=f"no TNBC in {DATA}; name its folder with MANI_DATA")
def test_unet_in_three_forms_on_tissue(exported_whole, unet):
    assert_forms_agree(exported_whole.folder, unet, tissue(512))


def test_hovernet_has_no_fault_and_nothing_dangerous(bundle, schema):
    assert zoo_faults(bundle, schema) == []
    assert not is_dangerous(inspect_bundle(bundle))
    assert not any("mani_monai." in path.read_text() for path in bundle.rglob("*.py"))
    assert "mani_monai" not in (bundle / "configs" / "inference.json").read_text()


def test_hovernet_runs_where_only_monai_is_installed(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / bundle.name)
    (tmp_path / "images").mkdir()
    Image.fromarray(picture(170, 180, 4)).save(tmp_path / "images" / "a.png")
    done = run_alone(tmp_path / bundle.name)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "alone: ConcatHoVerNet RecursiveScriptModule" in done.stdout
    maps = [tifffile.imread(tmp_path / place / "a_instances.tif") for place in ("by_run", "by_workflow")]
    np.testing.assert_array_equal(*maps)
    assert maps[0].shape == (170, 180)
    assert maps[0].max() > 0
    assert len(list((tmp_path / "by_run").iterdir())) == 5
    features = json.loads((tmp_path / "by_run" / "a.geojson").read_text())["features"]
    assert len(features) == len(np.unique(maps[0])) - 1
    assert files_of(tmp_path / bundle.name).keys() == files_of(bundle).keys()


def test_hovernet_twice_gives_the_same_bytes(bundle, run, tmp_path):
    done = command(*arguments(run, tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (place / "mani_hovernet_v1.2.3.zip" for place in (bundle.parent, tmp_path))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bundle", "mani_unet"], "name the folder of a training, or an exported bundle with --bundle."),
        (["--weights", "none.pt"], "none.pt: no such file"),
        (["--weights", "other.pt"], "holds another network"),
    ],
)
def test_the_command_refuses_in_one_line(run, tmp_path, options, message, command_environment):
    torch.save({"weight": torch.zeros(2)}, run / "models" / "other.pt")
    words = [SCRIPT, *arguments(run, tmp_path / "out"), *options]
    done = run_python(words, REPOSITORY, command_environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
