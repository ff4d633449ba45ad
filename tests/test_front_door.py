"""``from mani_monai import Model``: cheap, and from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from bundle_files import REPOSITORY
from warm_python import run_python

import mani_monai

USE = """
import sys
from mani_monai import Model, Nuclei
import numpy as np
model = Model.open(sys.argv[1], device="cpu")
image = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
nuclei = model(image, mpp=0.25)
assert isinstance(nuclei, Nuclei)
assert nuclei.instances.shape == nuclei.probability.shape == (80, 120)
assert len(nuclei.polygons) == len(nuclei.table["id"]) == len(nuclei)
print(sorted(path.name for path in nuclei.save("out", "noise")))
"""


def python(code: str, folder, *arguments) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_five_lines_from_an_empty_folder(tmp_path, command_environment):
    done = run_python(["-c", USE, REPOSITORY / "pretrained" / "mani_unet"], tmp_path, command_environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "noise_mask.png" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_the_package_itself_imports_next_to_nothing(tmp_path):
    code = "import sys; before = set(sys.modules); import mani_monai; print(*(set(sys.modules) - before))"
    modules = python(code, tmp_path).split()
    assert not {"torch", "monai", "numpy"} & set(modules)
    assert len(modules) < 20


def test_names(tmp_path):
    assert set(mani_monai.__all__) == {"Model", "Nuclei", "__version__"}
    assert mani_monai.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        mani_monai.nothing  # noqa: B018


@pytest.mark.slow
def test_the_front_door_costs_little_more_than_monai(tmp_path):
    """Processor time, the least of up to ten tries, since others use the machine."""

    def seconds(code: str) -> float:
        line = f"import time; start = time.process_time(); {code}; print(time.process_time() - start)"
        return float(python(line, tmp_path))

    ours = theirs = np.inf
    for _ in range(10):
        ours, theirs = min(ours, seconds("from mani_monai import Model")), min(theirs, seconds("import monai"))
        if ours < 1.3 * theirs:
            return
    pytest.fail(f"least seconds of ten tries: {ours}, and {theirs} for MONAI alone")
