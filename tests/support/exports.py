"""What tests of exports share: trained-looking weights, and the process in which only MONAI can be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

REPOSITORY = Path(__file__).parents[2]

ALONE = """
import sys
sys.modules["mani_monai"] = None
sys.path.insert(0, "")
from monai.bundle import ckpt_export, create_workflow, load, run
name = sys.argv[1]
files = {"config_file": "configs/inference.json", "meta_file": "configs/metadata.json"}
run(**files, image_dir="../images", output_dir="../by_run", device="$torch.device('cpu')")
workflow = create_workflow(workflow_type="infer", **files, image_dir="../images", output_dir="../by_workflow",
                           device="$torch.device('cpu')")
assert workflow.check_properties() == []
workflow.run()
workflow.finalize()
network = load(name, bundle_dir="..", workflow_type="inference", device="cpu")
script, metadata, _ = load(name, bundle_dir="..", load_ts_module=True, device="cpu")
assert metadata["version"] == "1.2.3"
ckpt_export(net_id="network_def", filepath="../again.ts", ckpt_file="models/model.pt", **files)
assert not [module for module in sys.modules if module.startswith("mani_monai.")]
print("alone:", type(network).__name__, type(script).__name__)
"""


def run_alone(bundle: Path) -> subprocess.CompletedProcess:
    """Runs, loads and exports a bundle from its own folder, in a process that cannot import this project."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-c", ALONE, bundle.name]
    return subprocess.run(command, cwd=bundle, env=environment, capture_output=True, text=True, check=False)


def picture(height: int, width: int, seed: int) -> np.ndarray:
    """HW3 picture of smooth noise in colours that stains make: green is the least."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8)
    green = 40 + 0.45 * coarse[..., 1]
    colours = np.stack([green + 20 + 0.25 * coarse[..., 0], green, green + 10 + 0.3 * coarse[..., 2]], axis=-1)
    smooth = Image.fromarray(colours.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smooth)


def as_input(image: np.ndarray) -> Tensor:
    """13HW in 0..1."""
    return torch.from_numpy(image[..., :3] / np.float32(255)).permute(2, 0, 1)[None].contiguous()


def settle(network: nn.Module, image: Tensor, passes: int = 2) -> nn.Module:
    """Gives a network batch statistics of an image, so that its outputs are of a trained network's size."""
    with torch.no_grad():
        for _ in range(passes):
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = None
                    module.train()
            network(image)
    return network.eval()
