"""mani_hovernet at its real size: nuclei are those of the bundle's own inference."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import torch
from exports import as_input, picture
from monai.bundle import create_workflow
from PIL import Image
from tiny_export import export_quickly
from zoo import importable

from mani_monai.apps.infer.folder_run import infer_folder
from mani_monai.networks.nets import ConcatHoVerNet

pytestmark = pytest.mark.slow


def test_instances_are_those_of_the_bundles_own_inference(toy_dir, tmp_path):
    torch.manual_seed(0)
    network = ConcatHoVerNet().eval()
    head = network.get_submodule("nucleus_prediction.output_features.decoderblock4.conv")
    with torch.no_grad():
        logits = network(as_input(picture(256, 256, 0)))[0]
        head.bias[1] -= (logits[1] - logits[0]).median()
    exported = export_quickly("mani_hovernet", network, toy_dir, tmp_path)
    (tmp_path / "images").mkdir()
    Image.fromarray(picture(170, 131, 4)).save(tmp_path / "images" / "a.png")
    options = {"precision": "float32", "device": "cpu", "progress": False}
    result = infer_folder(exported.archive, tmp_path / "images", tmp_path / "out", **options)
    assert not result.failed, result.failed
    with importable(exported.folder):
        workflow = create_workflow(
            config_file=str(exported.folder / "configs" / "inference.json"),
            meta_file=str(exported.folder / "configs" / "metadata.json"),
            workflow_type="infer",
            logging_file=False,
            bundle_root=str(exported.folder),
            image_dir=str(tmp_path / "images"),
            output_dir=str(tmp_path / "by_monai"),
            device=torch.device("cpu"),
            precision="float32",
        )
        workflow.run()
    found, expected = (tifffile.imread(tmp_path / place / "a_instances.tif") for place in ("out", "by_monai"))
    assert expected.max() > 0
    np.testing.assert_array_equal(found, expected)
    for name in ("a_nuclei.csv", "a_overlay.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "by_monai" / name).read_bytes()
    outlines = [json.loads((tmp_path / place / "a.geojson").read_text())["features"] for place in ("out", "by_monai")]
    assert len(outlines[0]) == found.max()
    for feature in (*outlines[0], *outlines[1]):
        del feature["id"]  # by the file's hash in mani infer, by its name in MONAI's run
    assert outlines[0] == outlines[1]
