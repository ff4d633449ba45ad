"""Regrets by hand, and a row a candidate on toy tissue."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from small_bundles import write_unet_bundle

from mani_monai.utils import InputError
from mani_monai.utils.archive import write_hashes
from studies.statistics_command import rule_choice, statistics, statistics_page


@pytest.fixture
def rows():
    """Two tissues: the rule is right on the first, and loses .02 PQ against the source on the second."""
    scores = {"entropy": 0.1, "information": 0.2, "density": 5.0, "nuclei_share": 0.2, "images": 3}
    found = [
        ("kidney", "source", 0.5, 0.5, 0.70, 0.40, False),
        ("kidney", "half", 0.9, 0.9, 0.80, 0.50, True),
        ("kidney", "target", 0.8, 0.95, 0.75, 0.45, False),
        ("liver", "source", 0.7, 0.7, 0.60, 0.30, False),
        ("liver", "half", 0.6, 0.8, 0.60, 0.28, False),
        ("liver", "target", 0.9, 0.6, 0.62, 0.28, True),
    ]
    names = ("tissue", "candidate", "stain", "symmetry", "dice", "pq", "chosen")
    return pd.DataFrame([{"model": "m", "data": "d", **scores, **dict(zip(names, row, strict=True))} for row in found])


def test_regret_and_loss_by_hand(rows):
    lines = statistics_page(rows).splitlines()
    assert "| m | d | kidney | 3 | half | 0.700 | 0.800 | 0.750 | 0.400 | 0.500 | 0.450 |" in lines
    assert "| stain + symmetry | 0.000 | 0.010 | -0.020 | 0.020 | 1 of 2 |" in lines
    assert "| symmetry | 0.035 | 0.035 | 0.000 | 0.020 | 0 of 2 |" in lines
    assert "| always source | 0.060 | 0.050 | 0.000 | 0.000 | 1 of 2 |" in lines


def test_a_rule_sees_no_label(rows):
    group = rows[rows["tissue"] == "liver"].set_index("candidate")
    blind = group.assign(dice=0.0, pq=0.0)
    for rule in ("stain", "symmetry", "information", "always half", "stain + symmetry"):
        assert rule_choice(group, rule) == rule_choice(blind, rule)
    assert rule_choice(group, "stain") == "target"
    assert rule_choice(group, "symmetry") == "half"


def test_a_row_a_candidate_that_is_not_made_again(toy_dir, tmp_path, capsys, monkeypatch):
    bundle, out = write_unet_bundle(tmp_path / "narrow"), tmp_path / "statistics.csv"
    options = {"bundles": str(bundle), "data": "toy_source", "dataset_dir": str(toy_dir), "out": str(out), "most": 3}
    statistics(**options)
    printed = capsys.readouterr().out
    made = pd.read_csv(out)
    assert list(made["candidate"]) == ["source", "half", "target"]
    assert made["chosen"].sum() == 1
    assert {*made["images"]} == {3}
    monkeypatch.setattr("studies.statistics_command.choose_statistics", None)
    statistics(**options)
    assert capsys.readouterr().out == printed, "what the file holds is enough"
    with pytest.raises(InputError, match=r"holds narrow toy_source .* with other most than these; name another --out"):
        statistics(**{**options, "most": 4})
    kept = made.assign(split="split_1")
    kept.to_csv(out, index=False)
    with pytest.raises(InputError, match="with other split than these"):
        statistics(**options)
    made.drop(columns=["weights", "split", "most"]).to_csv(out, index=False)
    with pytest.raises(InputError, match="with other weights and split and most than these"):
        statistics(**options)
    made.to_csv(out, index=False)
    weights = bundle / "models" / "model.pt"
    torch.save({name: value + 1 for name, value in torch.load(weights, weights_only=True).items()}, weights)
    write_hashes(bundle)
    with pytest.raises(InputError, match="with other weights than these"):
        statistics(**options)


def test_a_tissue_of_few_images(toy_dir, tmp_path):
    bundle = write_unet_bundle(tmp_path / "narrow")
    with pytest.raises(InputError, match="no tissue has 3 labelled images"):
        statistics(str(bundle), "toy_source", str(toy_dir), most=2)


def test_two_models_of_one_name_are_refused(tmp_path):
    for bundles in ("runs/mani_unet,dist/mani_unet", ("runs/mani_unet", "dist/mani_unet")):
        with pytest.raises(InputError, match="two have one name"):
            statistics(bundles=bundles, data="toy_source", dataset_dir=str(tmp_path))
