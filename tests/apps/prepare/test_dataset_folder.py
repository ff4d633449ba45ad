"""A data set's place, and signals that end a preparation."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from warm_python import run_python

from mani_monai.apps.prepare.dataset_folder import place_of
from mani_monai.utils import InputError
from mani_monai.utils.one_line import STOPPED


def test_a_place_that_may_not_be_looked_at(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(InputError, match=r"mine: may not be looked at \(Permission denied\); choose another --out"):
        place_of(tmp_path, "mine", False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_preparation_in_one_line(tmp_path, number, command_environment):
    """The signal comes once the first image is written."""
    images, out = tmp_path / "images", tmp_path / "data"
    images.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8)
    Image.fromarray(noise).save(images / "000.png")
    for count in range(1, 6):
        os.link(images / "000.png", images / f"{count:03d}.png")
    code = (
        "import glob, os, sys\nfrom PIL import Image\nfrom mani_monai.__main__ import main\n"
        "write, sent = Image.Image.save, []\n"  # one signal: a second would meet the end of the first
        "def save(*words, **options):\n"
        "    write(*words, **options)\n"
        "    print(glob.glob('data/.x.*.partial/images/*'), flush=True)\n"
        f"    if not sent:\n        sent.append(1)\n        os.kill(os.getpid(), {int(number)})\n"
        "Image.Image.save = save\nmain(sys.argv[1:])"
    )
    words = ["-c", code, "prepare", "folder", "--images", images, "--name", "x", "--out", out]
    done = run_python(words, tmp_path, command_environment)
    assert ".partial/images/" in done.stdout
    assert done.stderr.strip().splitlines()[-1] == STOPPED
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert list(out.iterdir()) == []
