"""What the code computes is what ``record.py`` recorded: bit for bit on the same kind of machine, nearly on others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from golden_commands import REPOSITORY, TRAININGS

pytestmark = pytest.mark.slow
FOLDER = Path(__file__).parent
LOSS, NORM = 1e-3, 0.1
"""Relative differences that another processor may cause: Adam turns noise in small gradients into whole steps.

With AVX2 in the place of AVX-512, norms of single tensors differ by .048 at most.
"""
CONSTANT = ("LICENSE", "data_license.txt", "inference.json", "logging.conf")
"""Exported files that hold no computed number."""


def read(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def computed(tmp_path_factory) -> Path:
    """The same records of the code as it is, made in a process of their own."""
    out = tmp_path_factory.mktemp("golden")
    paths = os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "tests" / "support")))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    command = [sys.executable, str(FOLDER / "record.py"), str(out)]
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.fixture(scope="module")
def same_machine(computed) -> Callable[[str], bool]:
    """Whether a subject was recorded on a machine like this one."""
    return lambda subject: read(computed, "machine")[subject] == read(FOLDER, "machine")[subject]


@pytest.mark.parametrize("name", [f"{bundle}/{overlay}" for bundle in TRAININGS for overlay in TRAININGS[bundle]])
def test_training(computed, same_machine, name):
    found, expected = (read(folder, "trainings")[name] for folder in (computed, FOLDER))
    if same_machine("trainings"):
        assert found == expected
        return
    assert found["iterations"] == expected["iterations"]
    assert found["mean_loss"] == pytest.approx(expected["mean_loss"], rel=LOSS)
    assert found["norms"] == pytest.approx(expected["norms"], rel=NORM)


def test_nuclei_of_the_sample_image(computed, same_machine):
    found, expected = (read(folder, "inference") for folder in (computed, FOLDER))
    if same_machine("inference"):
        assert found == expected
        return
    assert found["form"] == expected["form"]
    assert found["files"].keys() == expected["files"].keys()
    assert found["weights"] == expected["weights"]
    assert found["nuclei"] == pytest.approx(expected["nuclei"], rel=0.01)
    assert found["area_share"] == pytest.approx(expected["area_share"], rel=1e-3)


def test_export(computed, same_machine):
    found, expected = (read(folder, "export") for folder in (computed, FOLDER))
    if same_machine("export"):
        assert found == expected
        return
    assert found.keys() == expected.keys()
    assert [name for name in expected if name.endswith(CONSTANT) and found[name] != expected[name]] == []


def test_report_of_an_adaptation(computed, same_machine):
    found, expected = (read(folder, "adaptation") for folder in (computed, FOLDER))
    if same_machine("adaptation"):
        assert found == expected
        return
    for name in ("source", "target", "settings", "notes", "left_out", "criterion"):
        assert found[name] == expected[name]
    assert found["nuclei"]["source_labels"] == expected["nuclei"]["source_labels"]
    assert found["label_free"].keys() == expected["label_free"].keys()
