"""Statistics of the target as the last step of a training: the weights that a step of its own would have written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.transforms import Compose
from trainings import FEW_BATCHES, assert_equal, assert_same_results, equal, keep_killed, snapshots

from mani_monai.utils.files import load_tensors

SETTINGS = {"iterations": 4, "warmup": 1, "val_interval": 2, **FEW_BATCHES}
SEVERAL = {**SETTINGS, "val_interval": 1}
"""As many snapshots as an average needs."""


@pytest.mark.parametrize("method", ["source_only", "mean_teacher_stain_augmentation"])
def test_it_leaves_what_reestimating_afterwards_does(make_workflow, tmp_path, method):
    at_end, after = tmp_path / "at_end", tmp_path / "after"
    make_workflow(at_end, method, "adabn_at_end", **SETTINGS).run()
    make_workflow(after, method, **SETTINGS).run()
    kept, expected = snapshots(at_end), snapshots(after)
    assert kept.keys() == expected.keys() == {2, 4}
    for iteration, state in expected.items():
        assert_equal(kept[iteration], state)
    assert not equal(*(dict(load_tensors(folder / "models/model.pt")) for folder in (at_end, after)), "running_mean")
    make_workflow(after, method, "reestimate", **SETTINGS).run()
    assert_equal(dict(load_tensors(at_end / "models/model.pt")), dict(load_tensors(after / "models/model_adabn.pt")))


def test_resumed_equals_uninterrupted(make_workflow, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    overlays = ("mean_teacher_stain_augmentation", "adabn_at_end")
    workflow = make_workflow(whole, *overlays, **SETTINGS)
    keep_killed(workflow, 3, cut)
    workflow.run()
    make_workflow(cut, *overlays, **SETTINGS, resume=True).run()
    assert_same_results(cut, whole)
    make_workflow(cut, *overlays, **SETTINGS, resume=True).run()
    assert_same_results(cut, whole)


def test_averaged_weights_on_normalised_stains_with_the_targets_statistics(make_workflow, tmp_path):
    """What three overlays leave one after the other: the training, average.json and reestimate.json."""
    at_end, after = tmp_path / "at_end", tmp_path / "after"
    make_workflow(at_end, "stain_adabn", **SEVERAL).run()
    make_workflow(after, "source_only", "stain_normalisation", **SEVERAL).run()
    make_workflow(after, "stain_normalisation", "average", **SEVERAL).run()
    make_workflow(after, "stain_normalisation", "reestimate", weights="model_average.pt", **SEVERAL).run()
    made, expected = (load_tensors(at_end / "models/model.pt"), load_tensors(after / "models/model_average_adabn.pt"))
    assert_equal(dict(made), dict(expected))
    for iteration, state in snapshots(after).items():
        assert_equal(snapshots(at_end)[iteration], state)
    checkpoints = [load_tensors(folder / "checkpoint.pt")["model"] for folder in (at_end, after)]
    assert_equal(*map(dict, checkpoints))  # a longer training goes on from the last iterate


def test_the_recipe_is_its_average_with_the_targets_statistics(make_workflow, tmp_path):
    """Without its last step it is what mani adapt takes, which chooses the statistics without labels."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    make_workflow(whole, "stain_adabn", **SEVERAL).run()
    workflow = make_workflow(parts, "stain_average", "adabn_at_end", **SEVERAL)
    workflow.run()
    assert_same_results(parts, whole)
    average, after = tmp_path / "average", tmp_path / "after"
    make_workflow(average, "stain_average", **SEVERAL).run()
    make_workflow(after, "source_only", "stain_normalisation", **SEVERAL).run()
    make_workflow(after, "stain_normalisation", "average", **SEVERAL).run()
    made, expected = load_tensors(average / "models/model.pt"), load_tensors(after / "models/model_average.pt")
    assert_equal(dict(made), dict(expected))


def test_averaged_weights_resumed_equal_uninterrupted(make_workflow, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    workflow = make_workflow(whole, "stain_adabn", **SEVERAL)
    keep_killed(workflow, 3, cut)
    workflow.run()
    make_workflow(cut, "stain_adabn", **SEVERAL, resume=True).run()
    assert_same_results(cut, whole)
    make_workflow(cut, "stain_adabn", **SEVERAL, resume=True).run()
    assert_same_results(cut, whole)


@pytest.mark.parametrize(
    ("bundle", "overlays"),
    [
        ("mani_unet", ()),
        ("mani_unet", ("stain_normalisation",)),
        ("mani_unet", ("authors_code",)),
        ("mani_unet", ("scale_augmentation",)),
        ("mani_unet", ("unseen_tissue",)),
        ("mani_hovernet", ()),
    ],
)
def test_the_loader_says_where_the_target_has_tissue(make_workflow, tmp_path, bundle, overlays):
    workflow = make_workflow(tmp_path, *overlays, bundle=bundle)
    batch = next(iter(workflow.parser.get_parsed_content("adabn_loader")))
    image, tissue = batch["target_image"], batch["target_tissue"]
    assert tissue.shape == (len(image), 1, *image.shape[2:])
    assert set(tissue.unique().tolist()) <= {0, 1}


@pytest.mark.parametrize(
    ("bundle", "overlays"),
    [
        ("mani_unet", ("mean_teacher_stain_augmentation",)),
        ("mani_unet", ("unseen_tissue",)),
        ("mani_unet", ("authors_code",)),
        ("mani_hovernet", ()),
        ("mani_hovernet", ("scale_augmentation", "stain_augmentation")),
    ],
)
def test_the_loader_shows_the_target_as_it_is(make_workflow, tmp_path, bundle, overlays):
    """Every window of three by three pixels stands in an image, turned or reflected: no change of colour or size."""
    workflow = make_workflow(tmp_path, *overlays, bundle=bundle, initialize=[])
    parser = workflow.parser
    decode = Compose(parser.get_parsed_content("transforms::load") + parser.get_parsed_content("transforms::finish"))
    known: set[bytes] = set()
    for item in parser.get_parsed_content("train::target_items"):
        known.update(neighbourhoods(decode({"image": item["image"]})["image"]))
    batch = next(iter(parser.get_parsed_content("adabn_loader")))
    shown = {part for image in batch["target_image"] for part in neighbourhoods(image)}
    assert shown <= known


def neighbourhoods(image) -> set[bytes]:
    """Sums of four pixels in a ring and of the one within, which no turn changes."""
    values = np.rint(np.asarray(image) * 255).astype(np.uint16)
    ring = values[:, :-2, 1:-1] + values[:, 2:, 1:-1] + values[:, 1:-1, :-2] + values[:, 1:-1, 2:]
    both = np.concatenate([values[:, 1:-1, 1:-1], ring]).reshape(6, -1).T
    return {row.tobytes() for row in np.unique(both, axis=0)}


@pytest.mark.parametrize("side", [16, 40, 100])
def test_images_smaller_than_hovernets_window_are_mirrored(make_workflow, tmp_path, side):
    workflow = make_workflow(tmp_path, bundle="mani_hovernet", initialize=[], window=256)
    transform = Compose(workflow.parser.get_parsed_content("transforms::plain"))
    image = torch.arange(3 * side * side, dtype=torch.float32).reshape(3, side, side)
    tissue = torch.ones(1, side, side, dtype=torch.uint8)
    made = transform({"image": image, "tissue": tissue})
    assert made["image"].shape == (3, 256, 256)
    assert set(made["image"].unique().tolist()) == set(image.unique().tolist())
    assert made["tissue"].all()
