"""What a training says of its length, before it begins."""

from __future__ import annotations

import pytest

from mani_monai.utils import training


@pytest.mark.parametrize("bundle", ["mani_unet", "mani_hovernet"])
@pytest.mark.parametrize(
    ("overlays", "without_target"), [([], 1), (["source_only"], 3), (["source_only", "target_statistics"], 1)]
)
def test_a_target_that_no_pass_sees_costs_nothing(
    make_workflow, tmp_path, monkeypatch, bundle, overlays, without_target
):
    """Of three iterations one is the warm-up. Where nothing adapts the others leave the target out, too."""
    told = []
    monkeypatch.setattr(training, "announce_cost", lambda *arguments: told.append(arguments))
    make_workflow(tmp_path, *overlays, bundle=bundle, iterations=3, warmup=1, quiet=False)
    assert [arguments[3:5] for arguments in told] == [(3, without_target)]
