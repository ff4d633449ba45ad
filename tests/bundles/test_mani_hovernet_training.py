"""The HoVer-Net bundle's trainings on a tiny network of its form: both stages, what the target may touch, scores."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets import HoVerNet
from monai.transforms import Compose
from PIL import Image
from trainings import STATISTICS, assert_same_results, equal, run, run_until, snapshots, weights_equal

from mani_monai.data.datalists import load_target_list
from mani_monai.metrics import FIGURES, compute_instance_metrics
from mani_monai.utils import InputError
from mani_monai.utils.files import load_tensors

CONFIGS = Path(__file__).parents[2] / "bundles" / "mani_hovernet" / "configs"
TRAININGS = [None, "source_only", "target_statistics", "quick", "small", "grl", "weak_labels", "cyclic_pseudo_labels"]
TRAININGS += ["stain_augmentation", "stain_normalisation"]
OF_TINY_NETWORK = {
    name: {"adaptation_losses::domain_adversarial::channels": 64} for name in ("grl", "cyclic_pseudo_labels")
}
FEW_BATCHES = {"adabn_loader::batch_sampler::iterations": 3}


@pytest.fixture
def make(make_workflow):
    """``make_workflow`` for this bundle, its encoder trained, since nothing here has weights to freeze."""

    def make_hovernet(folder, *overlays, **overrides):
        return make_workflow(folder, *overlays, bundle="mani_hovernet", **{"freeze_encoder": False, **overrides})

    return make_hovernet


def test_every_overlay_has_a_test():
    overlays = {path.stem for path in CONFIGS.glob("*.json")} - {"train", "inference", "metadata"}
    elsewhere = {"finetune", "evaluate", "adabn", "multi_gpu_train", "stain_normalisation_inference"}
    assert overlays == {name for name in TRAININGS if name} | elsewhere


@pytest.mark.parametrize("overlay", TRAININGS)
def test_every_overlay_trains(make, tmp_path, overlay):
    options = {"iterations": 2, "warmup": 1, "val_interval": 1, **OF_TINY_NETWORK.get(overlay, {})}
    workflow = make(tmp_path, *([overlay] if overlay else []), **options)
    before = {name: value.clone() for name, value in workflow.parser.get_parsed_content("network").state_dict().items()}
    outputs = run(workflow)
    assert all(np.isfinite(value) for output in outputs for value in output.values())
    assert set(outputs[0]) == {"loss"}
    losses = set(workflow.parser.get_parsed_content("adaptation"))
    observed = losses or workflow.parser.get_parsed_content("observe_target")
    assert set(outputs[1]) == {"loss", *losses} | ({"segmentation", "empty_pairs"} if observed else set())
    assert not weights_equal(before, dict(load_tensors(tmp_path / "model.pt")))
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint.pt",
        "model.pt",
        "model_source_val.pt",
        "snapshots",
        "tensorboard",
    }


def test_batches_hold_what_the_branches_are_to_learn(make, tmp_path):
    workflow = make(tmp_path, iterations=1)
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


def parsed(*overlays: str, **settings: object) -> ConfigParser:
    """The bundle's configs as they are, nothing made tiny."""
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / f"{name}.json") for name in ("train", *overlays)])
    parser.update(settings)
    return parser


def test_settings_are_the_papers():
    """Stage one: encoder frozen, 50 epochs, adaptation from epoch 11, batch 16, Adam 1e-4, a tenth from epoch 26."""
    stage_one, stage_two = parsed(epoch_length=7), parsed("finetune", epoch_length=7)
    expected = {"freeze_encoder": True, "iterations": 350, "warmup": 70, "batch_size": 16, "learning_rate": 1e-4}
    assert {key: stage_one.get_parsed_content(key) for key in expected} == expected
    expected |= {"freeze_encoder": False, "warmup": 0}
    assert {key: stage_two.get_parsed_content(key) for key in expected} == expected
    for parser in (stage_one, stage_two):
        assert parser.get_parsed_content("rate_epochs") == 25
        assert parser["loss"]["lambda_hv_mse"] == 2
        assert parser["optimizer"]["_target_"] == "torch.optim.Adam"
        assert parser["adaptation_losses"]["mutual_information"]["weight"] == 1
        assert parser["network_def"]["out_classes"] == "@out_classes"


@pytest.mark.parametrize("overlay", ["quick", "small"])
def test_overlays_without_weights_freeze_nothing(overlay):
    assert parsed(overlay).get_parsed_content("freeze_encoder") is False


@pytest.mark.parametrize(("mode", "sizes"), [("fast", (256, 164)), ("original", (270, 80))])
def test_mode_by_one_key(mode, sizes):
    parser = parsed(mode=mode)
    assert tuple(parser.get_parsed_content(key) for key in ("window", "output_size")) == sizes
    tiles = parser.get_parsed_content("validate::tiles")
    assert (tiles.window, tiles.output) == sizes
    assert parser["network_def"]["mode"] == "@mode"


def test_features_are_those_of_the_nuclei_branch(make, tmp_path):
    """What the loss is given goes through the nuclei branch's last convolution to the nuclei logits."""
    workflow = make(tmp_path, iterations=1, warmup=0)
    seen = []
    loss = workflow.parser.get_parsed_content("adaptation")["mutual_information"]
    loss.register_forward_pre_hook(lambda module, args: seen.append(args[:2]))
    head = workflow.parser.get_parsed_content("network").nucleus_prediction.output_features.decoderblock4.conv
    weight, bias = head.weight.detach().clone(), head.bias.detach().clone()
    run(workflow)
    for domain in seen[0]:
        torch.testing.assert_close(torch.nn.functional.conv2d(domain.features, weight, bias), domain.logits)
        assert torch.equal(domain.prediction["nucleus_prediction"], domain.logits)


def test_the_real_network_has_the_layer_that_the_handler_names():
    with torch.device("meta"):
        layers = dict(HoVerNet("fast").named_modules())
    head = parsed()["train"]["handlers"][2]["head"]
    assert head == "nucleus_prediction.output_features.decoderblock4.conv"
    assert (layers[head].in_channels, layers[head].out_channels) == (64, 2)
    assert parsed()["adaptation_losses"]["mutual_information"]["channels"] == 64


def test_image_and_labels_move_together():
    """An image that is its own label map, through the augmentation without the steps that change colours."""
    compose = Compose(parsed().get_parsed_content("transforms::augment")[:4])
    ids = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((200, 200)))[None].astype(np.int32)
    moved = set()
    for seed in range(6):
        compose.set_random_state(seed=seed)
        sample = compose({"image": torch.tensor(np.repeat(ids, 3, axis=0)).byte(), "label": torch.tensor(ids)})
        assert sample["image"].shape == (3, 256, 256)
        assert torch.equal(sample["image"][1].int(), sample["label"][0].int())
        moved.add(float(sample["label"].float().mean()))
    assert len(moved) == 6, "it moves nothing"


def test_augmentation_is_hovernets():
    crop, affine, flip, other_flip, one_of, jitter = parsed()["transforms"]["augment"]
    assert crop["roi_size"] == "@patch_size"
    assert parsed()["patch_size"] == 540
    zooms = sorted(1 / (1 + part) for part in affine["scale_range"][0])
    assert zooms == pytest.approx([0.8, 1.2], abs=1e-3)
    assert affine["scale_range"][0] == affine["scale_range"][1]
    degrees = np.degrees([affine["rotate_range"], np.arctan(affine["shear_range"][0])])
    assert degrees == pytest.approx([179, 5], abs=0.01)
    assert affine["translate_range"] == [5.4, 5.4]
    assert {flip["spatial_axis"], other_flip["spatial_axis"]} == {0, 1}
    assert len(one_of["transforms"]) == 3
    assert jitter["_target_"] == "mani_monai.transforms.RandColourJitterd"


def test_encoder_weights_are_loaded(make_workflow, tmp_path):
    """Through the config, into the real network; a file is named, so freezing warns of nothing."""
    source = HoVerNet("fast")
    torch.save(source.state_dict(), tmp_path / "encoder.pt")
    options = {"network_def": {"_target_": "HoVerNet", "freeze_encoder": "@freeze_encoder"}, "window": 256}
    options |= {"encoder_weights": str(tmp_path / "encoder.pt"), "quiet": True}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*random weights.*")
        workflow = make_workflow(tmp_path, bundle="mani_hovernet", **options)
    network = workflow.parser.get_parsed_content("network")
    for name in ("conv0.conv.weight", "res_blocks.d3.layers.denselayer_2.layers.conv3.weight"):
        assert torch.equal(network.state_dict()[name], source.state_dict()[name])
    assert not torch.equal(network.bottleneck.conv_bottleneck.weight, source.bottleneck.conv_bottleneck.weight)


@pytest.mark.parametrize("order", [("finetune", "multi_gpu_train"), ("multi_gpu_train", "finetune")])
def test_stage_two_on_several_ranks_starts_from_stage_one_in_any_order(order):
    parser = parsed(*order)
    assert {"@start_weights", "@join_ranks", "@prepare_data"} <= set(parser["initialize"])
    assert "load_finished" in parser["start_weights"]
    assert "idist.initialize" in parser["join_ranks"]
    assert "one_rank_only" in parser["prepare_data"]


def test_epochs_are_counted_in_iterations(make, tmp_path):
    """Four images in batches of two: an epoch is two iterations."""
    options = {"epoch_length": "$max(len(@train::source_items) // (@batch_size * @ranks), 1)"}
    options |= {"iterations": "$@epochs * @epoch_length", "warmup": "$@warmup_epochs * @epoch_length"}
    parser = make(tmp_path, **options, epochs=5, warmup_epochs=2, rate_epochs=3).parser
    assert [parser.get_parsed_content(key) for key in ("iterations", "warmup")] == [10, 4]
    assert parser.get_parsed_content("rate").step_size == 6


def test_the_rate_falls_to_a_tenth(make, tmp_path):
    rates = []
    workflow = make(tmp_path, iterations=4, rate_epochs=2, learning_rate=0.01)
    trainer = workflow.parser.get_parsed_content("train::trainer")
    from monai.engines.utils import IterationEvents

    trainer.add_event_handler(IterationEvents.LOSS_COMPLETED, lambda e: rates.append(e.optimizer.param_groups[0]["lr"]))
    run(workflow)
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])


def test_stage_one_leaves_the_frozen_encoder_and_warns_of_random_weights(make, tmp_path):
    with pytest.warns(UserWarning, match="random weights"):
        workflow = make(tmp_path, iterations=2, freeze_encoder=True)
    before = {name: value.clone() for name, value in workflow.parser.get_parsed_content("network").state_dict().items()}
    run(workflow)
    after = dict(load_tensors(tmp_path / "model.pt"))
    frozen = [name for name in before if name.startswith("res_blocks") and not name.endswith(STATISTICS)]
    assert len(frozen) == 4
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    for name in ("conv0.0.weight", "bottleneck.weight"):
        assert not torch.equal(before[name], after[name])


def test_stage_two_starts_from_stage_one(make, tmp_path):
    run(make(tmp_path / "one", iterations=3))
    one = load_tensors(tmp_path / "one" / "checkpoint.pt")
    workflow = make(tmp_path / "two", "finetune", stage_one=str(tmp_path / "one"), iterations=2, warmup=0)
    assert equal(one["model"], workflow.parser.get_parsed_content("network").state_dict())
    assert equal(one["adaptation"], workflow.parser.get_parsed_content("adaptation").state_dict())
    assert all(parameter.requires_grad for parameter in workflow.parser.get_parsed_content("network").parameters())
    outputs = run(workflow)
    assert "mutual_information" in outputs[0], "its loss counts from the first iteration on"
    assert not weights_equal(dict(one["model"]), dict(load_tensors(tmp_path / "two" / "model.pt")))


def test_stage_two_names_the_stage_that_is_missing_or_unfinished(make, tmp_path):
    with pytest.raises(InputError, match=r"nowhere/checkpoint\.pt: no such file; train first"):
        make(tmp_path, "finetune", stage_one=str(tmp_path / "nowhere"))
    run_until(make(tmp_path / "one", iterations=4), 3)
    with pytest.raises(InputError, match=r"checkpoint\.pt: is of a training that has not ended"):
        make(tmp_path, "finetune", stage_one=str(tmp_path / "one"))


# the target


def test_warmup_knows_nothing_of_the_target(make, tmp_path):
    taken = {}
    for target in ("toy_target", "toy_source"):
        run(make(tmp_path / target, target=target, iterations=3, warmup=2, val_interval=1))
        taken[target] = snapshots(tmp_path / target)
    for iteration in (1, 2):
        assert equal(taken["toy_target"][iteration], taken["toy_source"][iteration])
    assert not equal(taken["toy_target"][3], taken["toy_source"][3], STATISTICS[:2])


@pytest.fixture
def data_copy(toy_dir, tmp_path) -> Path:
    """The toy data, free to be changed."""
    return shutil.copytree(toy_dir, tmp_path / "data")


def test_training_is_blind_to_the_targets_masks(make, data_copy, tmp_path):
    run(make(tmp_path / "before", dataset_dir=str(data_copy)))
    for path in (data_copy / "toy_target" / "labels").iterdir():
        path.unlink()
    run(make(tmp_path / "after", dataset_dir=str(data_copy)))
    for name in ("model.pt", "model_source_val.pt"):
        assert equal(*(dict(load_tensors(tmp_path / folder / name)) for folder in ("before", "after")))


def test_resumed_equals_uninterrupted(make, tmp_path):
    """Cut off before the rate falls, after the warm-up."""
    settings = {"iterations": 6, "warmup": 2, "rate_epochs": 5}
    run(make(tmp_path / "whole", **settings))
    run_until(make(tmp_path / "cut", **settings), 5)
    assert load_tensors(tmp_path / "cut" / "checkpoint.pt")["iteration"] == 4
    run(make(tmp_path / "cut", **settings, resume=True, num_workers=1))
    assert_same_results(tmp_path / "cut", tmp_path / "whole")


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


def test_types_are_learned_and_scored_where_they_are_asked_for(make, typed_data, tmp_path, capsys):
    options = {"dataset_dir": str(typed_data), "out_classes": 3}
    workflow = make(tmp_path, **options, iterations=4, warmup=2, learning_rate=0.02)
    outputs = run(workflow)
    batch = workflow.parser.get_parsed_content("train::trainer").state.batch
    assert batch["type_map"].shape == (2, 3, 32, 32)
    assert torch.equal(batch["type_map"][:, 0], batch["label"][:, 0])
    assert all(np.isfinite(list(output.values())).all() for output in outputs)
    assert "type_prediction.output_features.decoderblock4.conv.weight" in load_tensors(tmp_path / "model.pt")

    capsys.readouterr()
    make(tmp_path, "evaluate", **options).run()
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
def test_types_that_do_not_fit_are_named(make, typed_data, data_copy, tmp_path, out_classes, message):
    if message:
        with pytest.raises(InputError, match=message):
            make(tmp_path, dataset_dir=str(typed_data), out_classes=out_classes)
    else:
        make(tmp_path, dataset_dir=str(typed_data), out_classes=out_classes)


def test_a_source_without_types_is_named(make, tmp_path):
    with pytest.raises(InputError, match=r"\.png: has no cell types to learn or score; .* --out_classes 0"):
        make(tmp_path, out_classes=3)


def test_mirrored_windows_are_not_scored(make, data_copy, tmp_path):
    path = data_copy / "toy_target" / "dataset.json"
    windows = {"size": 540, "step": 164, "mirror": True, "of_images": 1, "of_nuclei": 1}
    path.write_text(json.dumps({**json.loads(path.read_text()), "windows": windows}))
    with pytest.raises(InputError, match=r"toy_target: its windows repeat nuclei"):
        make(tmp_path, "evaluate", dataset_dir=str(data_copy))


# scores


@pytest.fixture(scope="module")
def finished(make_workflow, tmp_path_factory) -> Path:
    """A run long enough to predict nuclei."""
    folder = tmp_path_factory.mktemp("finished")
    settings = {"iterations": 40, "warmup": 20, "val_interval": 20, "learning_rate": 0.02, "rate_epochs": 40}
    run(make_workflow(folder, bundle="mani_hovernet", freeze_encoder=False, **settings))
    return folder


def test_evaluation_scores_instances(make, finished, tmp_path, capsys):
    workflow = make(finished, "evaluate", evaluation_dir=str(tmp_path))
    workflow.run()
    printed = capsys.readouterr().out
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    evaluator = workflow.parser.get_parsed_content("evaluate::test")
    items = workflow.parser.get_parsed_content("evaluate::test_items")
    state = load_tensors(finished / "model.pt")
    workflow.parser.get_parsed_content("network").load_state_dict(state)
    evaluator.run()
    instances = evaluator.state.output[0]["instances"][0].numpy()
    label = np.asarray(Image.open(items[0]["label"])).astype(int)
    assert instances.shape == label.shape
    expected = compute_instance_metrics(instances, label)
    name = Path(items[0]["image"]).stem
    for figure in FIGURES:
        assert metrics["selections"]["last"][figure][name] == pytest.approx(expected[figure], abs=1e-6)
    assert expected["dice"] > 0.1, "the network predicts nothing: the comparison is empty"
    assert metrics["tissues"] == {name: "unknown"}
    assert "bPQ" in printed
    assert "skip_gt_empty" in printed


def test_images_and_labels_lie_as_their_files_do(make, data_copy, tmp_path):
    """Height first, where MONAI's reader would put width first: squares hide it."""
    folder = data_copy / "toy_target"
    item = json.loads((folder / "target_split_0.json").read_text())["test"][0]
    for part in ("image", "label"):
        Image.open(folder / item[part]).crop((0, 0, 64, 40)).save(folder / item[part])
    parser = make(tmp_path, "evaluate", dataset_dir=str(data_copy)).parser
    sample = parser.get_parsed_content("evaluate::test_dataset")[0]
    pixels = np.asarray(Image.open(folder / item["image"]), np.float32).transpose(2, 0, 1)
    assert pixels.shape == (3, 40, 64)
    np.testing.assert_allclose(sample["image"], pixels / 255, atol=1e-6)
    np.testing.assert_array_equal(sample["label"][0], np.asarray(Image.open(folder / item["label"])))
    prediction = parser.get_parsed_content("validate::inferer")(
        sample["image"][None], parser.get_parsed_content("network")
    )
    assert prediction["nucleus_prediction"].shape == (1, 2, 40, 64)


def test_adabn_scores_other_statistics(make, finished, tmp_path):
    for overlays, folder in ((["evaluate"], "plain"), (["evaluate", "adabn"], "adabn")):
        make(finished, *overlays, evaluation_dir=str(tmp_path / folder), **FEW_BATCHES).run()
    plain, adabn = (
        json.loads((tmp_path / folder / "metrics.json").read_text())["selections"]["last"]["dice"]
        for folder in ("plain", "adabn")
    )
    assert plain.keys() == adabn.keys()
    assert plain != adabn
