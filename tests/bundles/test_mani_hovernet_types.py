"""Cell types in the HoVer-Net bundle: learned and scored where they are asked for, named where they do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from refusals import refusing
from trainings import run

from mani_monai.data.datalists import load_target_list
from mani_monai.utils.files import load_tensors


@pytest.fixture
def typed_data(data_copy) -> Path:
    """Every nucleus is of type 1 or 2, by its id; in both domains, but never in a target's training list."""
    for name, role in (("toy_source", "source"), ("toy_target", "target")):
        folder = data_copy / name
        (folder / "types").mkdir()
        for path in (folder / "labels").iterdir():
            ids = np.asarray(Image.open(path)).astype(int)
            Image.fromarray(np.where(ids > 0, 1 + ids % 2, 0).astype(np.uint8)).save(folder / "types" / path.name)
        lists = folder / f"{role}_split_0.json"
        content = json.loads(lists.read_text())
        for item in (item for part in ("training", "validation", "test") for item in content[part]):
            if "label" in item:
                item["types"] = item["label"].replace("labels", "types")
        lists.write_text(json.dumps(content))
        summary = json.loads((folder / "dataset.json").read_text())
        (folder / "dataset.json").write_text(json.dumps({**summary, "types": {"1": "odd", "2": "even"}}))
    return data_copy


def test_types_are_learned_and_scored_where_they_are_asked_for(make_hovernet, typed_data, tmp_path, capsys):
    options = {"dataset_dir": str(typed_data), "out_classes": 3}
    workflow = make_hovernet(tmp_path, **options, iterations=4, warmup=2, learning_rate=0.02)
    outputs = run(workflow)
    batch = workflow.parser.get_parsed_content("train::trainer").state.batch
    assert batch["type_map"].shape == (2, 3, 32, 32)
    assert torch.equal(batch["type_map"][:, 0], batch["label"][:, 0])
    assert all(np.isfinite(list(output.values())).all() for output in outputs)
    assert "type_prediction.output_features.decoderblock4.conv.weight" in load_tensors(tmp_path / "models/model.pt")

    capsys.readouterr()
    make_hovernet(tmp_path, "evaluate", **options).run()
    printed = capsys.readouterr().out
    assert "mPQ" in printed
    assert {"odd", "even"} <= {line.split()[0] for line in printed.splitlines() if line.split()}
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    (counts,) = metrics["selections"]["last"]["class_counts"].values()
    (item,) = load_target_list(typed_data, "toy_target", "split_0", "test")
    label = np.asarray(Image.open(item["label"])).astype(int)
    nuclei = np.unique(label)[1:] % 2
    for number, (tp, _, fn, _) in enumerate(np.reshape(counts, (2, 4))):
        assert tp + fn == (nuclei == number).sum()


@pytest.mark.parametrize(
    ("out_classes", "message"),
    [(2, r"types/.*\.png: holds type 2; ask for --out_classes 3 or more"), (3, None)],
)
def test_types_that_do_not_fit_are_named(make_hovernet, typed_data, data_copy, tmp_path, out_classes, message):
    if message:
        with refusing(message):
            make_hovernet(tmp_path, dataset_dir=str(typed_data), out_classes=out_classes)
    else:
        make_hovernet(tmp_path, dataset_dir=str(typed_data), out_classes=out_classes)


def test_a_source_without_types_is_named(make_hovernet, tmp_path):
    with refusing(r"\.png: has no cell types to learn or score; .* --out_classes 0"):
        make_hovernet(tmp_path, out_classes=3)
