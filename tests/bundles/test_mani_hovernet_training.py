"""The HoVer-Net bundle's trainings on a tiny network of its form: overlays, both stages, what the target may touch."""

from __future__ import annotations

import json
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.apps.pathology.losses import HoVerNetLoss
from monai.networks.nets import HoVerNet
from refusals import refusing
from trainings import (
    FEW_BATCHES,
    STATISTICS,
    assert_cached_images_stay,
    assert_same_results,
    cached_images,
    equal,
    keep_killed,
    run,
    run_until,
    snapshots,
    weights_equal,
)

from mani_monai.config_index import find_config, list_configs
from mani_monai.networks.nets import LightHoVerNet
from mani_monai.utils.files import load_tensors

BUNDLE = Path(__file__).parents[2] / "bundles" / "mani_hovernet"
TRAININGS = [None, "source_only", "target_statistics", "published_gradient", "quick", "small", "medium"]
TRAININGS += ["grl", "weak_labels", "cyclic_pseudo_labels", "stain_augmentation", "stain_normalisation", "adabn_at_end"]
TRAININGS += ["mean_teacher", "weight_average", "scale_augmentation", "pasted_nuclei"]
OF_TINY_NETWORK = {
    name: {"adaptation_losses::domain_adversarial::channels": 64} for name in ("grl", "cyclic_pseudo_labels")
}


def test_every_overlay_has_a_test():
    overlays = {entry.name for entry in list_configs(BUNDLE)} - {"train"}
    elsewhere = {"finetune", "evaluate", "adabn", "multi_gpu_train"}
    assert overlays == {name for name in TRAININGS if name} | elsewhere | {"light", "narrow"}


def light_options() -> dict[str, object]:
    """Options that give the tiny workflows the light network, narrow."""
    overlay = json.loads(find_config(BUNDLE, "light").read_text())
    return {"network_def": overlay["network_def"], "features": [4, 4, 4, 4, 8, 6], "iterations": 2, "warmup": 1}


@pytest.mark.parametrize("overlay", ["light", "published_gradient"])
def test_the_offsets_gradient_weighs_as_in_the_published_code(overlay):
    """The published kernel is h / (h^2 + v^2) over 5 x 5 pixels; MONAI's gives 1 on a ramp of 1 a pixel."""
    weight = json.loads(find_config(BUNDLE, overlay).read_text())["loss"]["lambda_hv_mse_grad"]
    steps = torch.arange(-2.0, 3.0)
    down, across = torch.meshgrid(steps, steps, indexing="ij")
    kernel = across / (down**2 + across**2 + 1e-15)
    rows, columns = torch.meshgrid(torch.arange(15.0), torch.arange(15.0), indexing="ij")
    target = torch.stack([columns, rows])[None]
    published = torch.nn.functional.conv2d(columns[None, None], kernel[None, None]).square()
    inside = torch.zeros(15, 15)
    inside[2:-2, 2:-2] = 1
    losses = [
        HoVerNetLoss(lambda_hv_mse=0, lambda_hv_mse_grad=each, lambda_np_ce=0, lambda_np_dice=0)(
            {"nucleus_prediction": torch.zeros(1, 2, 15, 15), "horizontal_vertical": 0 * target},
            {"nucleus_prediction": torch.stack([1 - inside, inside])[None], "horizontal_vertical": target},
        )
        for each in (1.0, weight)
    ]
    assert torch.allclose(torch.stack(losses), torch.tensor([1.0, published.mean()]))


@pytest.mark.parametrize(
    "method", [None, "narrow", "source_only", "grl", "weak_labels", "cyclic_pseudo_labels", "mean_teacher"]
)
def test_the_light_network_trains_and_validates_by_every_method(make_hovernet, tmp_path, method):
    workflow = make_hovernet(tmp_path, "light", *([method] if method else []), **light_options())
    network = workflow.parser.get_parsed_content("network")
    outputs = run(workflow)
    assert isinstance(network, LightHoVerNet)
    assert all(np.isfinite(value) for output in outputs for value in output.values())
    assert set(outputs[1]) >= {"loss", *workflow.parser.get_parsed_content("adaptation")}
    deployed = workflow.parser.get_parsed_content("deployed")
    assert equal(dict(load_tensors(tmp_path / "models" / "model.pt")), deployed.state_dict())
    assert (deployed is network) == (method != "mean_teacher")
    assert (tmp_path / "models" / "model_source_val.pt").is_file()


@pytest.mark.parametrize("overlay", TRAININGS)
def test_every_overlay_trains_and_leaves_the_cached_images(make_hovernet, tmp_path, overlay):
    options = {"iterations": 2, "warmup": 1, "val_interval": 1, **FEW_BATCHES, **OF_TINY_NETWORK.get(overlay, {})}
    workflow = make_hovernet(tmp_path, *([overlay] if overlay else []), **options)
    cached = deepcopy(cached_images(workflow))
    before = {name: value.clone() for name, value in workflow.parser.get_parsed_content("network").state_dict().items()}
    outputs = run(workflow)
    assert all(np.isfinite(value) for output in outputs for value in output.values())
    assert set(outputs[0]) == {"loss"}
    losses = set(workflow.parser.get_parsed_content("adaptation"))
    observed = losses or workflow.parser.get_parsed_content("observe_target")
    assert set(outputs[1]) == {"loss", *losses} | ({"segmentation", "empty_pairs"} if observed else set())
    assert not weights_equal(before, dict(load_tensors(tmp_path / "models/model.pt")))
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint.pt",
        "configs",
        "models",
        "snapshots",
        "tensorboard",
    }
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"model.pt", "model_source_val.pt"}
    assert_cached_images_stay(workflow, cached)


def test_batches_hold_what_the_branches_are_to_learn(make_hovernet, tmp_path):
    workflow = make_hovernet(tmp_path, iterations=1, warmup=0)
    run(workflow)
    batch = workflow.parser.get_parsed_content("train::trainer").state.batch
    shapes = {key: tuple(value.shape) for key, value in batch.items() if isinstance(value, torch.Tensor)}
    assert shapes == {
        "image": (2, 3, 48, 48),
        "target_image": (2, 3, 48, 48),
        "label": (2, 2, 32, 32),
        "hover_map": (2, 2, 32, 32),
    }
    assert 0 <= batch["image"].min() < batch["image"].max() <= 1
    assert torch.equal(batch["label"].sum(dim=1), torch.ones(2, 32, 32))
    assert batch["hover_map"].abs().max() <= 1
    assert batch["hover_map"][batch["label"][:, :1].expand(-1, 2, -1, -1) > 0].abs().max() == 0


def test_features_are_those_of_the_nuclei_branch(make_hovernet, tmp_path):
    """What the loss is given goes through the nuclei branch's last convolution to the nuclei logits."""
    workflow = make_hovernet(tmp_path, iterations=1, warmup=0)
    seen = []
    loss = workflow.parser.get_parsed_content("adaptation")["mutual_information"]
    loss.register_forward_pre_hook(lambda module, args: seen.append(args[:2]))
    head = workflow.parser.get_parsed_content("network").nucleus_prediction.output_features.decoderblock4.conv
    weight, bias = head.weight.detach().clone(), head.bias.detach().clone()
    run(workflow)
    for domain in seen[0]:
        torch.testing.assert_close(torch.nn.functional.conv2d(domain.features, weight, bias), domain.logits)
        assert torch.equal(domain.prediction["nucleus_prediction"], domain.logits)


def test_encoder_weights_are_loaded(make_workflow, tmp_path):
    """Through the config, into the real network; a file is named, so freezing warns of nothing."""
    torch.manual_seed(1)  # other weights than those of the training's own seed
    source = HoVerNet("fast")
    torch.save(source.state_dict(), tmp_path / "encoder.pt")
    options = {"network_def": {"_target_": "HoVerNet", "freeze_encoder": "@freeze_encoder"}, "window": 256}
    options |= {"encoder_weights": str(tmp_path / "encoder.pt"), "freeze_encoder": True, "quiet": True}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*random weights.*")
        workflow = make_workflow(tmp_path, bundle="mani_hovernet", **options)
    network = workflow.parser.get_parsed_content("network")
    for name in ("conv0.conv.weight", "res_blocks.d3.layers.denselayer_2.layers.conv3.weight"):
        assert torch.equal(network.state_dict()[name], source.state_dict()[name])
    assert not torch.equal(network.bottleneck.conv_bottleneck.weight, source.bottleneck.conv_bottleneck.weight)


def test_epochs_are_counted_in_iterations(make_hovernet, tmp_path):
    """Four images in batches of two: an epoch is two iterations."""
    options = {"epoch_length": "$max(len(@train::source_items) // (@batch_size * @ranks), 1)"}
    options |= {"iterations": "$@epochs * @epoch_length", "warmup": "$@warmup_epochs * @epoch_length"}
    parser = make_hovernet(tmp_path, **options, epochs=5, warmup_epochs=2, rate_epochs=3).parser
    assert [parser.get_parsed_content(key) for key in ("iterations", "warmup")] == [10, 4]
    assert parser.get_parsed_content("rate").step_size == 6


def test_the_rate_falls_to_a_tenth(make_hovernet, tmp_path):
    rates = []
    workflow = make_hovernet(tmp_path, iterations=4, rate_epochs=2, learning_rate=0.01)
    trainer = workflow.parser.get_parsed_content("train::trainer")
    from monai.engines.utils import IterationEvents

    trainer.add_event_handler(IterationEvents.LOSS_COMPLETED, lambda e: rates.append(e.optimizer.param_groups[0]["lr"]))
    run(workflow)
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])


def test_stage_one_leaves_the_frozen_encoder_and_warns_of_random_weights(make_hovernet, tmp_path):
    with pytest.warns(UserWarning, match="random weights"):
        workflow = make_hovernet(tmp_path, iterations=2, freeze_encoder=True)
    before = {name: value.clone() for name, value in workflow.parser.get_parsed_content("network").state_dict().items()}
    run(workflow)
    after = dict(load_tensors(tmp_path / "models/model.pt"))
    frozen = [name for name in before if name.startswith("res_blocks") and not name.endswith(STATISTICS)]
    assert len(frozen) == 4
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    for name in ("conv0.0.weight", "bottleneck.weight"):
        assert not torch.equal(before[name], after[name])


def test_stage_two_starts_from_stage_one(make_hovernet, tmp_path):
    run(make_hovernet(tmp_path / "one", iterations=3))
    one = load_tensors(tmp_path / "one" / "checkpoint.pt")
    workflow = make_hovernet(tmp_path / "two", "finetune", stage_one=str(tmp_path / "one"), iterations=2, warmup=0)
    assert equal(one["model"], workflow.parser.get_parsed_content("network").state_dict())
    assert equal(one["adaptation"], workflow.parser.get_parsed_content("adaptation").state_dict())
    assert all(parameter.requires_grad for parameter in workflow.parser.get_parsed_content("network").parameters())
    outputs = run(workflow)
    assert "mutual_information" in outputs[0], "its loss counts from the first iteration on"
    assert not weights_equal(dict(one["model"]), dict(load_tensors(tmp_path / "two" / "models/model.pt")))


def test_stage_two_names_the_stage_that_is_missing_or_unfinished(make_hovernet, tmp_path):
    with refusing(r"nowhere: no such folder; name the output_dir of a training"):
        make_hovernet(tmp_path, "finetune", stage_one=str(tmp_path / "nowhere"))
    run_until(make_hovernet(tmp_path / "one", iterations=4), 3)
    with refusing(r"checkpoint\.pt: is of a training that has not ended"):
        make_hovernet(tmp_path, "finetune", stage_one=str(tmp_path / "one"))


def test_stage_two_has_the_images_of_stage_one(make_hovernet, tmp_path):
    one = str(tmp_path / "one")
    run(make_hovernet(one, "stain_normalisation", iterations=2))
    with refusing("one: was trained with another preprocessing"):
        make_hovernet(tmp_path / "two", "finetune", stage_one=one)
    make_hovernet(tmp_path / "two", "finetune", "stain_normalisation", stage_one=one)


def test_resumed_equals_uninterrupted(make_hovernet, tmp_path):
    """Cut off before the rate falls, after the warm-up."""
    settings = {"iterations": 6, "warmup": 2, "rate_epochs": 5}
    workflow = make_hovernet(tmp_path / "whole", **settings)
    keep_killed(workflow, 5, tmp_path / "cut")
    run(workflow)
    assert load_tensors(tmp_path / "cut" / "checkpoint.pt")["iteration"] == 4
    run(make_hovernet(tmp_path / "cut", **settings, resume=True, num_workers=1))
    assert_same_results(tmp_path / "cut", tmp_path / "whole")


def test_warmup_knows_nothing_of_the_target(make_hovernet, tmp_path):
    taken = {}
    for target in ("toy_target", "toy_source"):
        run(make_hovernet(tmp_path / target, target=target, iterations=3, warmup=2, val_interval=1))
        taken[target] = snapshots(tmp_path / target)
    for iteration in (1, 2):
        assert equal(taken["toy_target"][iteration], taken["toy_source"][iteration])
    assert not equal(taken["toy_target"][3], taken["toy_source"][3], STATISTICS[:2])


def test_training_is_blind_to_the_targets_masks(make_hovernet, data_copy, tmp_path):
    run(make_hovernet(tmp_path / "before", dataset_dir=str(data_copy)))
    for path in (data_copy / "toy_target" / "labels").iterdir():
        path.unlink()
    run(make_hovernet(tmp_path / "after", dataset_dir=str(data_copy)))
    for name in ("models/model.pt", "models/model_source_val.pt"):
        assert equal(*(dict(load_tensors(tmp_path / folder / name)) for folder in ("before", "after")))
