"""A row a candidate on toy tissue, with what the rules read, and pairs that are not made again."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from small_bundles import write_hovernet_bundle, write_unet_bundle

from mani_monai import Model
from mani_monai.apps.adapt.verdict import judge
from mani_monai.utils import InputError
from mani_monai.utils.archive import write_hashes
from studies.statistics_command import statistics
from studies.statistics_pairs import FIGURES, nuclei_share, tissues_of_set
from studies.unseen_tissue import Found, measure
from studies.verdicts import evidence_of


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_unet_bundle(tmp_path_factory.mktemp("given") / "narrow")


@pytest.fixture(scope="module")
def options(bundle, toy_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("statistics") / "statistics.csv"
    found = {"bundles": str(bundle), "data": "toy_source", "dataset_dir": str(toy_dir), "out": str(out), "most": 3}
    statistics(**found, sources="toy_source")
    return found


def test_a_row_a_candidate(options):
    made = pd.read_csv(options["out"]).set_index("candidate")
    assert list(made.index) == ["source", "half", "target", "balanced", "mixed"]
    assert made["chosen"].sum() == 1
    assert not made.loc[["balanced", "mixed"], "chosen"].any()
    assert {*made["images"]} == {3}
    assert made[[*FIGURES]].notna().all(axis=None)


def test_what_the_file_holds_is_all_that_the_rules_read(options):
    made = pd.read_csv(options["out"]).set_index("candidate")
    for name in ("half", "target"):
        assert judge(evidence_of(made.loc["source"], made.loc[name])).outcome == made.loc[name, "verdict"]


def test_the_truth_is_that_of_an_inference(options, bundle, toy_dir):
    (items,) = tissues_of_set(str(toy_dir), "toy_source", "split_0", 3).values()
    model = Model.open(bundle)
    rows = measure(items, lambda picture: Found(model(picture).instances)).rows
    made = pd.read_csv(options["out"]).set_index("candidate")
    assert made.loc["source", "dice"] == pytest.approx(sum(row["dice"] for row in rows) / 3, abs=1e-5)


def test_the_share_of_nuclei_is_that_of_the_labels(toy_dir):
    share = nuclei_share(str(toy_dir), ["toy_source"], "split_0")
    assert 0.02 < share < 0.5
    assert nuclei_share(str(toy_dir), ["toy_source", "toy_source"], "split_0") == pytest.approx(share)


def test_pairs_are_not_made_again(options, bundle, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("studies.statistics_command.measured_pair", None)
    out = tmp_path / "kept.csv"
    made = pd.read_csv(options["out"])
    made.to_csv(out, index=False)
    options = {**options, "out": str(out)}
    statistics(**options)
    assert "| narrow | toy_source | unknown | 3 |" in capsys.readouterr().out, "what the file holds is enough"
    with pytest.raises(InputError, match=r"holds narrow toy_source .* with other most than these; name another --out"):
        statistics(**{**options, "most": 4})
    made.assign(split="split_1").to_csv(out, index=False)
    with pytest.raises(InputError, match="with other split than these"):
        statistics(**options)
    made.drop(columns=["weights", "split", "most"]).to_csv(out, index=False)
    with pytest.raises(InputError, match="with other weights and split and most than these"):
        statistics(**options)
    made.to_csv(out, index=False)
    other = write_unet_bundle(tmp_path / "narrow")
    weights = other / "models" / "model.pt"
    torch.save({name: value + 1 for name, value in torch.load(weights, weights_only=True).items()}, weights)
    write_hashes(other)
    with pytest.raises(InputError, match="with other weights than these"):
        statistics(**{**options, "bundles": str(other)})


def test_a_tissue_of_few_images(bundle, toy_dir):
    with pytest.raises(InputError, match="no tissue has 3 labelled images"):
        statistics(str(bundle), "toy_source", str(toy_dir), most=2)


def test_hovernets_candidates_are_the_three(toy_dir, tmp_path):
    bundle, out = write_hovernet_bundle(tmp_path / "hovernet"), tmp_path / "statistics.csv"
    with pytest.raises(InputError, match="class-balanced statistics are those of mani_unet alone; leave --sources out"):
        statistics(str(bundle), "toy_source", str(toy_dir), out=str(out), most=3, sources="toy_source")
    statistics(str(bundle), "toy_source", str(toy_dir), out=str(out), most=3)
    assert list(pd.read_csv(out)["candidate"]) == ["source", "half", "target"]
