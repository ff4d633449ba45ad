"""The acceptance test of a loss that claims to look at the target: what passes, what does not, and a tiny run."""

from __future__ import annotations

import pytest
import torch
from trainings import run

from mani_monai.losses.class_pixels import ClassPixels
from mani_monai.utils import InputError
from studies.prototype_study import PrototypeStudy, class_prototypes, study_prototypes


@pytest.mark.parametrize(
    ("values", "accepted"),
    [
        ({"own": 0.3, "shuffled": 0.7, "foreign": 0.5}, True),
        ({"own": 0.3, "shuffled": 0.7, "foreign": 0.35}, False),
        ({"own": 0.3, "shuffled": 0.35}, False),
        ({"own": 0.01, "shuffled": 0.7}, False),
    ],
)
def test_what_is_accepted(values, accepted):
    assert PrototypeStudy(values, {}).accepted is accepted


def test_prototypes_by_hand():
    pixels = ClassPixels(torch.tensor([[2.0, 0.0], [4.0, 0.0], [0.0, 5.0]]), torch.tensor([0, 0, 1]))
    torch.testing.assert_close(class_prototypes(pixels), torch.eye(2))
    assert class_prototypes(ClassPixels(torch.ones(2, 2), torch.tensor([0, 0]))) is None


def test_a_run_is_studied_from_its_folder(make_workflow, toy_dir, tmp_path):
    options = {"adaptation_losses::target_supports::confidence": 0.5, "adaptation_losses::target_supports::border": 0}
    run(make_workflow(tmp_path / "run", "mani2", **options))
    study = study_prototypes(tmp_path / "run", foreign="toy_source", batches=2)
    assert set(study.losses) == {"own", "shuffled", "foreign"}
    assert all(0 < value < 20 for value in study.losses.values())
    assert set(study.cosines) == {
        "own: background, nuclei",
        *(f"own, {kind}: {name}" for kind in ("foreign", "shuffled") for name in ("background", "nuclei")),
    }
    assert all(-1.001 < value < 1.001 for value in study.cosines.values())
    run(make_workflow(tmp_path / "other", "source_only"))
    with pytest.raises(InputError, match="trained without TargetSupportsLoss"):
        study_prototypes(tmp_path / "other", batches=1)
