"""The report's pictures, read back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from adapted import figures
from PIL import Image

from mani_monai.apps.adapt.report_pictures import GAP, curves_picture, panel_picture, sizes_picture, smoothed
from mani_monai.data.writers.tables import nucleus_class


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
