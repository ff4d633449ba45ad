"""The command that measures models on a labelled data set, on toy tissue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mani_monai import Model
from mani_monai.data.datalists import load_source_list
from mani_monai.utils import InputError
from studies.stain_baseline import METRICS, TITLE
from studies.unseen_command import haematoxylin, reliability_lines, unseen
from studies.unseen_tissue import Measured

BUNDLE = "pretrained/mani_unet"


def test_every_image_is_measured_by_both_ways(toy_dir, tmp_path, capsys, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    out = tmp_path / "figures.csv"
    unseen(BUNDLE, "toy_source", str(toy_dir), part="test", out=str(out), mpp=0.25)
    printed = capsys.readouterr().out
    rows = pd.read_csv(out)
    assert {*rows["model"]} == {TITLE, "mani_unet"}
    assert {*rows["data"]} == {"toy_source"}
    assert rows.groupby("model").size().nunique() == 1
    means = rows.groupby("model")["pq"].mean()
    assert f"| {means['mani_unet']:.3f} |" in printed
    assert rows["true"].gt(0).all()


def test_unsure_nuclei_are_left_out(toy_dir, tmp_path, monkeypatch, request):
    """As many as the tables of the nuclei hold below that certainty."""
    monkeypatch.chdir(request.config.rootpath)
    model = Model.open(BUNDLE)
    items = load_source_list(str(toy_dir), "toy_source", "split_0", "test")
    certainties = np.concatenate([model(item["image"], mpp=0.25).table["certainty"] for item in items])
    least, out = float(np.median(certainties)), tmp_path / "figures.csv"
    unseen(BUNDLE, "toy_source", str(toy_dir), part="test", out=str(out), mpp=0.25, least_certainty=least)
    rows = pd.read_csv(out)
    found = int(rows[rows["model"] == "mani_unet"]["found"].sum())
    assert found == (certainties >= least).sum()
    assert 0 < found < len(certainties)


def test_a_model_without_certainties_leaves_no_nuclei_out(toy_dir, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    plain = {name: value for name, value in Model.open(BUNDLE).declaration.parting.items() if name == "_target_"}
    opened = Model.open(BUNDLE)
    model = opened.declared(replace(opened.declaration, parting=plain))
    monkeypatch.setattr("studies.unseen_command.Model.open", lambda *_, **__: model)
    with pytest.raises(InputError, match="mani_unet: its nuclei have no certainty; see mani calibrate"):
        unseen(BUNDLE, "toy_source", str(toy_dir), part="test", mpp=0.25, least_certainty=0.5)


def test_the_stain_alone_is_kept_for_every_image(toy_dir, tmp_path):
    out = tmp_path / "haematoxylin.csv"
    haematoxylin("toy_source,toy_target", str(toy_dir), str(out))
    rows = pd.read_csv(out)
    assert list(rows.columns) == ["data", "image", *METRICS]
    assert {*rows["data"]} == {"toy_source", "toy_target"}
    assert not rows.duplicated(["data", "image"]).any()
    assert rows["dice"].between(0, 1).all()


@pytest.mark.parametrize(("right", "said"), [([1, 1, 1], "no best temperature"), ([0, 1, 1], "best temperature ")])
def test_scores_where_all_nuclei_are_right(right, said):
    found = Measured([], [0.62, 0.97, 0.98], right)
    first, *rows = reliability_lines("model", found, temperature=1.0)
    assert first.startswith(f"model: {said}")
    assert [row.split()[-2] for row in rows] == [f"{right[0]:.1%}", "100.0%"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bundles": BUNDLE, "downscale": 2.0}, "--downscale: needs --mpp"),
        ({"bundles": (BUNDLE, f"elsewhere/{BUNDLE}")}, "two have one name"),
    ],
)
def test_what_makes_no_sense(toy_dir, options, message):
    with pytest.raises(InputError, match=message):
        unseen(data="toy_source", dataset_dir=str(toy_dir), **options)
