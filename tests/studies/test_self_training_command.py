"""A row a way and seed on toy tissue, with what the rules read, and trainings that are not made again."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch
from small_bundles import write_unet_bundle

from mani_monai.apps.adapt.self_training import SelfTrained
from mani_monai.apps.adapt.verdict import judge
from mani_monai.declaration import Declaration
from studies import self_training_pairs
from studies.self_training_command import self_training
from studies.self_training_pairs import MEANS, SUMS
from studies.verdicts import evidence_of, judged_trainings


@pytest.fixture
def options(toy_dir, tmp_path, monkeypatch):
    """A training that shifts the last bias by its seed, of a calibrated model."""
    made = []

    def trained(model, images, job):
        made.append(int(job.options["seed"]))
        state = {name: value.clone() for name, value in model.state.items()}
        state["final_conv.bias"] += torch.tensor([0.0, 0.1 * made[-1]])
        network = model.declaration.build_network()
        network.load_state_dict(state)
        return SelfTrained(replace(model, network=network, declaration=model.declaration.uncalibrated()), 2, "all sure")

    def calibrated(self):
        return {"temperature": 2.0, "bias": -0.5}

    monkeypatch.setattr(Declaration, "calibration", property(calibrated))
    monkeypatch.setattr(self_training_pairs, "self_train", trained)
    bundle = write_unet_bundle(tmp_path / "narrow")
    out = tmp_path / "self_training.csv"
    common = {"bundles": str(bundle), "data": "toy_source", "dataset_dir": str(toy_dir), "out": str(out), "most": 3}
    return {**common, "made": made}


def test_a_row_a_way_and_seed(options):
    made = options.pop("made")
    self_training(**options)
    self_training(**options, seeds=(0, 2))
    assert made == [0, 2], "what the file holds is not made again"
    rows = pd.read_csv(options["out"])
    assert list(rows["row"]) == ["source", "statistics", "self-training", "self-training"]
    assert rows["seed"].dropna().tolist() == [0, 2]
    errors = ["error_raw", "error_source", "error_carried", "error_start"]
    assert rows[[*MEANS, *SUMS, *errors]].notna().all(axis=None)
    source = rows.iloc[0]
    for _, row in rows[rows["row"] == "self-training"].iterrows():
        assert judge(evidence_of(source, row, rows.iloc[1])).outcome == row["verdict"]
    assert source["error_carried"] == pytest.approx(source["error_source"], abs=0.02), "it carries to itself"
    assert [one.chosen.rpartition(" ")[2] for one in judged_trainings(rows)] == ["0", "2"]
