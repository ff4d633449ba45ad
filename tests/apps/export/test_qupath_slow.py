"""The folder for QuPath passes bioimage.io's own test, in an environment of its own, with QuPath's torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mani_monai.apps.export.qupath_folder import write_qupath_folder
from mani_monai.model import Model
from mani_monai.utils.places import place_of

PACKAGES = ("torch==2.7.1", "bioimageio.core==0.11.0", "pydantic<2.12")
"""torch is QuPath 0.7's; bioimageio.spec 0.5.12, which this core needs, fails with later versions of pydantic."""
TEST = "import sys; from bioimageio.core import test_description as t; s = t(sys.argv[1]); s.display(); print(s.status)"


@pytest.mark.slow
def test_bioimage_io_reproduces_the_test_output(tmp_path):
    model = Model.open(place_of("pretrained") / "mani_unet_any_stain", device="cpu", precision="float32")
    folder = write_qupath_folder(model, tmp_path)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    done = subprocess.run([python, "-c", TEST, str(folder / "rdf.yaml")], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["passed"], done.stdout + done.stderr
