"""The picture of what a table's methods predict."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from studies.panels import COLUMNS, Panel, draw_panels, shift_panels
from studies.picture import PREDICTION, TRUTH

SCORES = {"source_only": {"low": 0.2, "mid": 0.5, "high": 0.9}, "supervised": {"low": 0.1, "mid": 0.8, "high": 0.9}}


def coloured(image, colour):
    return (image == np.array(colour)).all(axis=2)


@pytest.fixture
def runs(table):
    return table.runs(1)


@pytest.fixture
def data(tmp_path):
    """Three test images of 30x40, grey but each of another grey, a nucleus on the left of each."""
    folder, items = tmp_path / "data" / "b", []
    folder.mkdir(parents=True)
    label = np.zeros((30, 40), np.uint16)
    label[10:20, 5:15] = 7
    for grey, name in enumerate(SCORES["source_only"], start=100):
        Image.new("RGB", (40, 30), (grey,) * 3).save(folder / f"{name}.png")
        Image.fromarray(label).save(folder / f"{name}_label.png")
        items.append({"image": f"{name}.png", "label": f"{name}_label.png"})
    (folder / "target_fold_0.json").write_text(json.dumps({"training": [], "validation": [], "test": items}))
    return folder.parent, label


@pytest.fixture
def predicted(tmp_path, runs, data):
    """Both methods have predicted: source-only the nucleus's mirror image as a mask, the other one as instances."""
    _, label = data
    mirrored = np.fliplr(label)
    for run in runs:
        folder = tmp_path / "runs" / run.name / "evaluation_plain"
        (folder / "predictions").mkdir(parents=True)
        metrics = {"selections": {"last": {"dice": SCORES[run.method.name]}}}
        (folder / "metrics.json").write_text(json.dumps(metrics))
        if run.method.name == "source_only":
            Image.fromarray(np.uint8(mirrored > 0) * 255).save(folder / "predictions" / "mid_mask.png")
        else:
            tifffile.imwrite(folder / "predictions" / "mid_instances.tif", mirrored)
    return tmp_path / "runs"


def test_every_methods_prediction_of_source_onlys_median_image(runs, data, predicted):
    panels = shift_panels(runs, predicted, data[0], "dice")
    assert [panel.title for panel in panels] == ["b: mid", "ground truth", "source-only: 0.50", "supervised: 0.80"]
    image, truth, mask, instances = (panel.image for panel in panels)
    assert (image == 101).all()
    assert np.flatnonzero(coloured(truth, TRUTH).any(axis=0)).max() < 20
    assert np.flatnonzero(coloured(mask, PREDICTION).any(axis=0)).min() >= 20
    changed = np.flatnonzero((instances != image).any(axis=(0, 2)))
    assert (changed.min(), changed.max()) == (25, 34)


def test_the_middle_is_shown(runs, data, predicted):
    assert {panel.image.shape for panel in shift_panels(runs, predicted, data[0], "dice", crop=12)} == {(12, 12, 3)}


def test_runs_made_elsewhere_are_left_out(runs, data, predicted):
    other = next(run for run in runs if run.method.name == "supervised")
    (predicted / other.name / "evaluation_plain" / "metrics.json").unlink()
    assert [panel.title for panel in shift_panels(runs, predicted, data[0], "dice")][2:] == ["source-only: 0.50"]
    first = next(run for run in runs if run.method.name == "source_only")
    (predicted / first.name / "evaluation_plain" / "metrics.json").unlink()
    assert shift_panels(runs, predicted, data[0], "dice") == []


def test_the_picture_has_a_place_for_every_panel(tmp_path):
    panels = [Panel(f"method {number}", np.full((8, 8, 3), 40 * number, np.uint8)) for number in range(COLUMNS + 1)]
    draw_panels(panels, tmp_path / "made" / "panels.png")
    picture = np.asarray(Image.open(tmp_path / "made" / "panels.png").convert("RGB"))
    for number in range(1, COLUMNS + 1):
        assert coloured(picture, (40 * number,) * 3).sum() > 1000, number
