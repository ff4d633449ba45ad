"""The package with the lowest versions that it names, on the oldest Python: nuclei of the sample, and an export."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lowest_versions import lowest_versions

REPOSITORY = Path(__file__).parents[1]
OLDEST = "3.10"
MOST_APART = 0.02
"""Share of the nuclei by which the two counts may differ: interpolation and arithmetic changed a little."""


def oldest_python() -> str:
    """A Python of the oldest version that the package names and that starts, else this one."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{OLDEST}.*/bin/python{OLDEST}"), reverse=True)
    for python in filter(None, (shutil.which(f"python{OLDEST}"), *map(str, kept))):
        if subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return python
    return sys.executable


def mani(python: str, folder: Path, words: list[str]) -> None:
    """Runs a command of the repository's package in a folder, by an environment's Python."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    line = [python, "-m", "mani_monai", *words]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def count(python: str, folder: Path) -> int:
    """Nuclei of the sample by an environment's package, from an empty folder."""
    bundle = str(REPOSITORY / "pretrained" / "mani_unet")
    options = ["--device", "cpu", "--precision", "float32"]
    for words in (
        ["sample", "--out", "tissue"],
        ["infer", "--bundle", bundle, "--images", "tissue", "--out", "nuclei", *options],
    ):
        mani(python, folder, words)
    with open(folder / "nuclei" / "summary.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    return int(row["nuclei"])


def test_bounds_are_read(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\ndependencies = [\n  "torch>=2.6",  # a comment\n  "scikit-image>=0.24",\n]\n')
    assert lowest_versions(path) == ["torch==2.6", "scikit-image==0.24"]
    path.write_text('[project]\ndependencies = ["torch"]\n')
    with pytest.raises(ValueError, match="torch: is not written as name>=version"):
        lowest_versions(path)


def test_every_dependency_has_one():
    assert {"torch", "monai", "numpy"} <= {pin.partition("==")[0] for pin in lowest_versions()}


@pytest.mark.slow
def test_the_lowest_versions_find_the_same_nuclei(tmp_path):
    folder = tmp_path / "lowest"
    subprocess.run([oldest_python(), "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *lowest_versions()], check=True)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old, new = count(python, tmp_path / "old"), count(sys.executable, tmp_path / "new")
    assert new > 0
    assert abs(old - new) <= MOST_APART * new
    options = "{'iterations': 4, 'warmup': 1, 'val_interval': 2, 'num_workers': 0}"
    sets = ["--source", "toy_source", "--target", "toy_target", "--budget", "quick"]
    for words in (["train", *sets, "--options", options, "--out", "run"], ["export", "--run", "run", "--out", "dist"]):
        mani(python, tmp_path / "old", words)
    assert (tmp_path / "old" / "dist" / "mani_unet" / "models" / "model.onnx").is_file()
