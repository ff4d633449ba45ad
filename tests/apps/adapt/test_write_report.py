"""The two files of a report, and its pictures, read back."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from adapted import SCORES, figures
from PIL import Image

from mani_monai.apps.adapt import write_report as module
from mani_monai.apps.adapt.evidence import ImageNuclei, nuclei_figures
from mani_monai.apps.adapt.measurement import Measured
from mani_monai.apps.adapt.verdict import judge
from mani_monai.apps.adapt.write_report import (
    GAP,
    curves_picture,
    panel_picture,
    sizes_picture,
    smoothed,
    unsure_fields,
    write_report,
)
from mani_monai.data.writers.tables import nucleus_class


def refused(name):
    raise AssertionError(f"{name} is no JSON")


def test_a_report_of_what_is_not_finite_is_valid_json(outcome, tmp_path):
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(tmp_path / "a.png")
    scores = dict.fromkeys(outcome.evidence.scores_before, float("nan"))
    evidence = replace(outcome.evidence, finite=False, scores_after=scores)
    broken = replace(
        outcome, evidence=evidence, verdict=judge(evidence), candidates={"target": {**scores, "nuclei_share": 0}}
    )
    images = (ImageNuclei.of(np.zeros((64, 64), np.int32)),) * 2
    measured = Measured(False, scores, images, nuclei_figures(images))
    write_report(tmp_path / "out", broken, [tmp_path / "a.png"] * 2, measured, measured)
    text = (tmp_path / "out" / "report.json").read_text(encoding="utf-8")
    record = json.loads(text, parse_constant=refused)
    assert record["label_free"]["stain"] == {"before": 0.9, "after": None, "higher_is_better": True}
    assert record["candidates"]["target"]["symmetry"] is None
    assert record["verdict"]["line"].endswith("weights or answers of the adapted model are not finite")
    assert "nan" not in record["verdict"]["line"]
    assert ">nan<" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_the_figures_are_written_whatever_happens_to_a_picture(outcome, tmp_path, monkeypatch):
    """The record comes first, and an older page does not stay beside it."""
    (tmp_path / "report.html").write_text("old")
    images = (ImageNuclei.of(np.zeros((64, 64), np.int32)),) * 2
    measured = Measured(True, SCORES, images, nuclei_figures(images))
    monkeypatch.setattr(module, "sizes_picture", lambda nuclei: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(tmp_path, outcome, [tmp_path / "gone.png"] * 2, measured, measured)
    assert json.loads((tmp_path / "report.json").read_text())["target"] == "kidney"
    assert not (tmp_path / "report.html").exists()


def test_an_image_that_went_away_has_no_picture(outcome, tmp_path):
    images = (ImageNuclei.of(np.ones((64, 64), np.int32)),) * 2
    entropies = (np.full((4, 4), 0.5, np.float32),) * 2
    measured = Measured(True, SCORES, images, nuclei_figures(images), entropies)
    fields = unsure_fields(outcome.images, measured)
    assert [field.image for field in fields] == [0], "the other one is suspicious"
    gone = replace(outcome, least_certain=fields)
    write_report(tmp_path, gone, [tmp_path / "gone.png"] * 2, measured, measured)
    assert "Nuclei by image" in (tmp_path / "report.html").read_text()
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(tmp_path / "gone.png")
    write_report(tmp_path, gone, [tmp_path / "gone.png"] * 2, measured, measured)
    assert "Least certain field, of gone.png: label it first" in (tmp_path / "report.html").read_text()


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def test_a_panel_shows_the_field_and_each_outline(discs):
    image = np.full((40, 60, 3), 90, np.uint8)
    one, other = discs(image.shape[:2], [(20, 20, 8)]).astype(int), np.zeros((40, 60), int)
    shown = pixels(panel_picture(image, [one, other]))
    zoom = 6
    assert shown.shape == (40 * zoom, 3 * 60 * zoom + 2 * GAP, 3)
    drawn = (shown == nucleus_class().colour).all(axis=-1)
    starts = [number * (60 * zoom + GAP) for number in range(3)]
    counts = [int(drawn[:, start : start + 60 * zoom].sum()) for start in starts]
    assert counts[0] == counts[2] == 0
    assert counts[1] > 100
    rows, columns = np.nonzero(drawn)
    assert abs(rows.mean() / zoom - 20) < 1
    assert abs((columns.mean() - starts[1]) / zoom - 20) < 1


def test_the_same_figures_give_the_same_bytes():
    curves = {"loss": [(1, 2.0), (2, 1.0)], "dice": [(2, 0.5)], "empty_pairs": [(1, 3.0)]}
    one, other = (curves_picture({"a <b>": curves, "nothing": {}}) for _ in range(2))
    assert one == other
    assert pixels(one).shape[1] > pixels(one).shape[0]
    assert curves_picture({"a": {}}) is None
    assert sizes_picture({"before": figures()}) == sizes_picture({"before": figures()})


def test_sizes_of_no_nuclei_at_all():
    assert pixels(sizes_picture({"before": figures(count=0), "after": figures(count=0)})).size


def test_smoothing_keeps_means_and_leaves_out_what_is_no_number():
    steps, values = smoothed([(step, float(step)) for step in range(1, 121)] + [(121, float("nan"))])
    assert (steps[0], values[0], len(steps)) == (1.5, 1.5, 60)
    assert sum(values) / 60 == pytest.approx(60.5)
    assert smoothed([]) == ([], [])
