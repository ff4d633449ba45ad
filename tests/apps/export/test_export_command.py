"""The command's own part of an export: the overlays that it finds by name."""

from __future__ import annotations

import pytest
import torch

from mani_monai.apps.export.export_command import export
from mani_monai.utils import InputError


def test_overlays_are_found_by_name(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    torch.save({"weight": torch.zeros(2)}, run / "model.pt")
    with pytest.raises(InputError, match="does not say what its source was"):  # what follows the overlays
        export("mani_unet", str(run), str(tmp_path / "out"), overlays="long,stain_normalisation")
    with pytest.raises(InputError, match="nothing"):
        export("mani_unet", str(run), str(tmp_path / "out"), overlays="nothing")
