"""What a finished training leaves, of weights that a test has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from exports import REPOSITORY
from torch import Tensor

from mani_monai.declaration import KEY, Declaration
from mani_monai.provenance import TRAINING
from mani_monai.run.run_folder import write_config
from mani_monai.run.trained_domains import read_domains


def finished_run(
    folder: Path,
    state: Mapping[str, Tensor],
    dataset_dir: Path,
    bundle: str = "mani_unet",
    source: str = "toy_source",
    target: str = "toy_target",
    **declared: Any,
) -> Path:
    """Writes configs and weights as a training does, in the folder that it returns.

    Args:
        folder: of the run.
        state: its last weights.
        dataset_dir: folder of the prepared data sets.
        bundle: that trained.
        source: the data set with labels.
        target: the one without.
        declared: what differs from the bundle's own declaration; "network" names the arguments that do.
    """
    root = REPOSITORY / "bundles" / bundle
    metadata = json.loads((root / "configs" / "metadata.json").read_text())
    own = Declaration.from_metadata(metadata)
    network = {**own.network, **declared.pop("network", {})}
    metadata[KEY] = own.trained(network=network, **declared).as_dict()
    domains = [*read_domains(dataset_dir, "source", source), *read_domains(dataset_dir, "target", target)]
    facts = {"source": source, "target": target, "split": "split_0", "seed": 0, "iterations": 4}
    metadata[TRAINING] = {**facts, "method": "mutual information", "domains": domains}
    (folder / "models").mkdir(parents=True)
    torch.save(dict(state), folder / "models" / "model.pt")
    write_config({"bundle_root": str(root), "dataset_dir": str(dataset_dir), **facts}, folder)
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    return folder
