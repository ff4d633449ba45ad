"""The two files of a report."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from PIL import Image

from mani_monai.apps.adapt.measurement import Measured
from mani_monai.apps.adapt.nuclei_figures import ImageNuclei, nuclei_figures
from mani_monai.apps.adapt.verdict import judge
from mani_monai.apps.adapt.write_report import write_report


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
