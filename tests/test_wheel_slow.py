"""The wheel in a fresh environment and an empty folder: every command, and MONAI's on a bundle that came along."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[1]
QUICK = ["--iterations", "2", "--warmup", "1", "--val_interval", "2", "--batch_size", "1", "--num_workers", "0"]
SMALL = ["--features", "[4,4,4,4,4,4]", "--crop_size", "64", "--window", "64", "--logging_file", "False"]
BYTECODE = ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
"""What a user's machine does not say: compiled modules then lie beside the modules, the bundle's own, too."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from what git tracks alone, as a release is: no weights or data of a working folder."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, source / name)
    line = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    subprocess.run(line, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A fresh environment with the wheel; the packages that it needs are those of this environment."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    line = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip())
    (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    settings = {name: value for name, value in os.environ.items() if name not in BYTECODE}  # pip compiles, too
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index"]
    subprocess.run([*pip, str(wheel)], env=settings, check=True)
    return folder


@pytest.fixture(scope="module")
def run(environment, tmp_path_factory):
    """Runs a program of the environment in an empty folder, which ``run.folder`` is."""
    folder = tmp_path_factory.mktemp("empty")
    settings = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MANI_HOME", *BYTECODE)}

    def call(program: str, *words: str) -> str:
        line = [str(environment / "bin" / program), *words]
        settings["OMP_NUM_THREADS"] = "1"
        done = subprocess.run(line, cwd=folder, env=settings, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    call.folder = folder
    return call


def test_it_holds_the_bundles_and_the_weights_but_nothing_of_a_working_folder(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("bundles/mani_unet/configs/train.json", "bundles/shared/configs/methods/source_only.json"):
        assert f"mani_monai/share/{name}" in names
    assert {Path(name).name for name in names if name.startswith("mani_monai/share/pretrained/mani_unet/models/")} >= {
        "model.pt",
        "model.ts",
    }
    assert not [name for name in names if name.startswith("mani_monai/share/bundles/") and name.endswith(".pt")]
    templates = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "mani_monai").rglob("*.jinja")}
    assert "mani_monai/apps/adapt/report.html.jinja" in templates
    assert templates <= {*names}


def test_demo_and_infer_and_inspect(run):
    assert run("mani", "--version").startswith("mani ")
    run("mani", "demo", "--out", "demo", "--device", "cpu")
    assert Image.open(run.folder / "demo" / "nuclei" / "skin_overlay.png").size == (800, 640)
    run("mani", "sample", "--out", "tissue")
    path = run("python", "-c", "from mani_monai.utils.places import place_of; print(place_of('pretrained'))").strip()
    assert Path(path).is_relative_to(run.folder.parents[0]) or "site-packages" in path
    assert str(REPOSITORY) not in path
    run("mani", "inspect", "pretrained/mani_unet")
    words = ["--bundle", "pretrained/mani_unet", "--images", "tissue", "--out", "nuclei"]
    run("mani", "infer", *words, "--device", "cpu")
    assert (run.folder / "nuclei" / "summary.csv").is_file()
    config = f"{path}/mani_unet/configs/inference.json"
    words = ["--bundle_root", f"{path}/mani_unet", "--image_dir", "tissue", "--output_dir", "masks"]
    run("python", "-m", "monai.bundle", "run", "--config_file", config, *words, "--logging_file", "False")
    assert list((run.folder / "masks").rglob("*.png"))


def test_toy_training_and_export(run):
    listed = run("mani", "configs", "--bundle", "mani_unet")
    bundle = next(line.split(": ")[1] for line in listed.splitlines() if line.startswith("mani_unet: "))
    run("mani", "toy", "--dataset_dir", "data", "--images", "6", "--size", "64,64")
    config = f"{bundle}/configs/train.json"
    words = [*QUICK, *SMALL, "--dataset_dir", "data", "--output_dir", "runs/toy"]
    run("python", "-m", "monai.bundle", "run", "--config_file", config, *words)
    shutil.copytree(run.folder / "data" / "toy_target" / "images", run.folder / "mine")
    run("mani", "prepare", "folder", "--images", "mine", "--name", "mine", "--out", "data")
    assert (run.folder / "data" / "mine" / "images").is_dir()
    run("mani", "export", "--run", "runs/toy", "--out", "dist")
    assert (run.folder / "dist" / "mani_unet" / "models" / "model.ts").is_file()
    run("mani", "export", "--format", "qupath", "--bundle", "pretrained/mani_unet_any_stain", "--out", "models")
    assert (run.folder / "models" / "mani_unet_qupath" / "instanseg.pt").is_file()


def test_train_and_slides(run):
    options = {"iterations": 2, "warmup": 1, "val_interval": 2, "batch_size": 1, "num_workers": 0, "crop_size": 64}
    words = ["--source", "toy_source", "--target", "toy_target", "--out", "runs/named", "--budget", "quick"]
    run("mani", "train", *words, "--options", str({**options, "features": [4] * 6, "window": 64}))
    assert (run.folder / "runs" / "named" / "models" / "model.pt").is_file()
    run("mani", "slides", "--bundle", "pretrained/mani_unet", "--slides", "tissue", "--out", "slides")
    assert (run.folder / "slides" / "skin" / "nuclei.parquet").is_file()


def test_adapt(run):
    shutil.copytree(run.folder / "data" / "toy_target" / "images", run.folder / "unlabelled")
    options = {"iterations": 4, "warmup": 1, "val_interval": 2, "batch_size": 1, "num_workers": 0, "crop_size": 64}
    options |= {"features": [4] * 6, "window": 64}
    words = ["--source", "data/toy_source", "--target", "unlabelled", "--out", "adapted", "--preset", "quick"]
    run("mani", "adapt", *words, "--options", str(options))
    assert (run.folder / "adapted" / "report.html").is_file()
