"""The U-Net bundle's trainings on tiny networks: every overlay, what the target may touch, seed, weight and curves."""

from __future__ import annotations

import json
from copy import deepcopy

import numpy as np
import pytest
from PIL import Image
from trainings import (
    FEW_BATCHES,
    STATISTICS,
    assert_cached_images_stay,
    cached_images,
    equal,
    run,
    snapshots,
    weights_equal,
)
from unet_overlays import OF_TRAININGS, OVERLAYS

from mani_monai.utils.files import load_tensors


@pytest.mark.parametrize("overlay", [None, *OF_TRAININGS])
def test_every_overlay_trains_and_leaves_the_cached_images(make_workflow, tmp_path, overlay):
    overlays = [overlay] if overlay else []
    workflow = make_workflow(tmp_path, *overlays, iterations=2, warmup=1, val_interval=1, **FEW_BATCHES)
    cached = deepcopy(cached_images(workflow))
    before = {name: value.clone() for name, value in workflow.parser.get_parsed_content("network").state_dict().items()}
    outputs = run(workflow)
    assert len(outputs) == 2
    assert all(np.isfinite(value) for output in outputs for value in output.values())
    assert set(outputs[0]) == {"loss"}
    losses = set(workflow.parser.get_parsed_content("adaptation"))
    observed = losses or workflow.parser.get_parsed_content("observe_target")
    assert set(outputs[1]) == {"loss", *losses} | ({"segmentation", "empty_pairs"} if observed else set())
    model = load_tensors(tmp_path / "models/model.pt")
    assert not weights_equal(before, dict(model))
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint.pt",
        "configs",
        "models",
        "snapshots",
        "tensorboard",
    }
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"model.pt", "model_source_val.pt"}
    metadata = json.loads((tmp_path / "configs" / "metadata.json").read_text())
    assert (metadata["training"]["source"], metadata["model"]["window"]) == ("toy_source", workflow.parser["window"])
    steps = str(metadata["model"]["preprocessing"])
    assert steps.count("NormaliseStainsd") == ("NormaliseStainsd" in str(OVERLAYS.get(overlay)))
    assert_cached_images_stay(workflow, cached)


@pytest.mark.parametrize("third", ["contour", "distance"])
def test_a_run_declares_what_its_third_channel_tells(make_workflow, tmp_path, third):
    other = {"contour": "distance", "distance": "contour"}[third]
    make_workflow(tmp_path, "source_only", other, third)
    metadata, inference = (
        json.loads((tmp_path / f"configs/{name}.json").read_text()) for name in ("metadata", "inference")
    )
    assert metadata["network_data_format"]["outputs"]["pred"]["channel_def"]["2"] == third
    assert metadata["model"]["parting"]["third"] == third
    assert [step.get("third") for step in inference["postprocessing"]["transforms"]].count(third) == 1


@pytest.mark.parametrize("source", ["toy_source,toy_target", ("toy_source", "toy_target")])
def test_several_sources_train_and_validate_together(make_workflow, tmp_path, source):
    workflow = make_workflow(tmp_path, "source_only", source=source, target=source, iterations=2)
    run(workflow)
    data = workflow.parser.get_parsed_content("train::dataset")
    assert [len(positions) for positions in data.source_domains] == [len(data.data) // 2] * 2
    validated = workflow.parser.get_parsed_content("validate::dataset")
    assert {item["domain"] for item in validated} == {"toy_source", "toy_target"}
    domains = json.loads((tmp_path / "configs" / "metadata.json").read_text())["training"]["domains"]
    assert [domain["name"] for domain in domains if domain["role"] == "source"] == ["toy_source", "toy_target"]


def test_warmup_knows_nothing_of_the_target(make_workflow, tmp_path):
    """Nor the weights, nor the batch statistics; after it, both do."""
    taken = {}
    for target in ("toy_target", "toy_source"):
        run(make_workflow(tmp_path / target, target=target, iterations=4, warmup=2, val_interval=1))
        taken[target] = snapshots(tmp_path / target)
    for iteration in (1, 2):
        assert equal(taken["toy_target"][iteration], taken["toy_source"][iteration])
    for names in (STATISTICS[:2], "conv.weight"):
        assert not equal(taken["toy_target"][3], taken["toy_source"][3], names)


def test_warmup_is_source_only(make_workflow, tmp_path):
    with pytest.warns(UserWarning, match="the warm-up of 3 takes all of this training: nothing adapts"):
        run(make_workflow(tmp_path / "warmup", iterations=3, warmup=3))
    run(make_workflow(tmp_path / "source", "source_only", iterations=3, warmup=0))
    models = [dict(load_tensors(tmp_path / name / "models/model.pt")) for name in ("warmup", "source")]
    assert equal(*models)


def test_observed_target_changes_batch_statistics_alone(make_workflow, tmp_path):
    for name in ("source_only", "target_statistics"):
        run(make_workflow(tmp_path / name, name, iterations=4, warmup=2, val_interval=1))
    plain, observed = (snapshots(tmp_path / name) for name in ("source_only", "target_statistics"))
    for iteration in (1, 2, 3, 4):
        assert weights_equal(plain[iteration], observed[iteration])
        assert equal(plain[iteration], observed[iteration], STATISTICS) is (iteration <= 2)
    steps = [name for name in plain[4] if name.endswith("num_batches_tracked")]
    assert {int(plain[4][name]) for name in steps} == {4}
    assert {int(observed[4][name]) for name in steps} == {6}


@pytest.mark.parametrize("masks", ["deleted", "overwritten"])
def test_training_is_blind_to_the_targets_masks(make_workflow, data_copy, tmp_path, masks):
    run(make_workflow(tmp_path / "before", dataset_dir=str(data_copy)))
    rng = np.random.default_rng(0)
    labels = sorted((data_copy / "toy_target" / "labels").iterdir())
    assert len(labels) == 6
    for path in labels:
        if masks == "deleted":
            path.unlink()
        else:
            Image.fromarray(rng.integers(0, 2, (64, 64)).astype(np.uint16)).save(path)
    run(make_workflow(tmp_path / "after", dataset_dir=str(data_copy)))
    for name in ("models/model.pt", "models/model_source_val.pt"):
        assert equal(*(dict(load_tensors(tmp_path / folder / name)) for folder in ("before", "after")))


@pytest.mark.parametrize("value", [0, 1])
def test_pairs_without_source_nuclei_or_background_are_left_out(make_workflow, data_copy, tmp_path, value):
    for path in (data_copy / "toy_source" / "labels").iterdir():
        Image.fromarray(np.full((64, 64), value, np.uint16)).save(path)
    skipped = run(make_workflow(tmp_path / "skip", dataset_dir=str(data_copy), warmup=0))
    assert [output["empty_pairs"] for output in skipped] == [2] * 4
    assert [output["mutual_information"] for output in skipped] == [0] * 4
    assert all(output["loss"] == output["segmentation"] for output in skipped)
    option = {"adaptation_losses::mutual_information::skip_empty": False}
    kept = run(make_workflow(tmp_path / "keep", dataset_dir=str(data_copy), warmup=0, **option))
    assert [output["empty_pairs"] for output in kept] == [2] * 4
    assert all(output["mutual_information"] > 0 for output in kept)


def test_the_seed_decides(make_workflow, tmp_path):
    for name, seed in {"one": 0, "again": 0, "other": 1}.items():
        run(make_workflow(tmp_path / name, seed=seed, iterations=2))
    one, again, other = (dict(load_tensors(tmp_path / name / "models/model.pt")) for name in ("one", "again", "other"))
    assert equal(one, again)
    assert not equal(one, other, "conv.weight")


def test_the_weight_of_the_loss_counts(make_workflow, tmp_path):
    outputs = [
        run(
            make_workflow(tmp_path / str(weight), warmup=0, **{"adaptation_losses::mutual_information::weight": weight})
        )
        for weight in (1.0, 0.25)
    ]
    for weight, output in zip((1.0, 0.25), (outputs[0][0], outputs[1][0]), strict=True):
        assert output["loss"] == pytest.approx(output["segmentation"] + weight * output["mutual_information"], rel=1e-6)
    assert outputs[0][0]["mutual_information"] == outputs[1][0]["mutual_information"]
    assert outputs[0][1]["mutual_information"] != outputs[1][1]["mutual_information"]


def test_images_smaller_than_the_crop_are_taken_whole(make_workflow, tmp_path):
    workflow = make_workflow(tmp_path, crop_size=512, iterations=1, warmup=0)
    assert len(run(workflow)) == 1
    batch = workflow.parser.get_parsed_content("train::trainer").state.batch
    assert [batch[key].shape for key in ("image", "label", "target_image")] == [
        (2, 3, 64, 64),
        (2, 1, 64, 64),
        (2, 3, 64, 64),
    ]


def test_curves_are_drawn_at_the_trainers_iteration(make_workflow, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    outputs = run(make_workflow(tmp_path, iterations=4, warmup=2, val_interval=2))
    series: dict[str, dict[int, float]] = {}
    for path in (tmp_path / "tensorboard").iterdir():
        events = EventAccumulator(str(path)).Reload()
        for tag in events.Tags()["scalars"]:
            series.setdefault(tag, {}).update({event.step: event.value for event in events.Scalars(tag)})
    for name in ("loss", "segmentation", "mutual_information", "empty_pairs"):
        expected = {step: output[name] for step, output in enumerate(outputs, start=1) if name in output}
        assert series[name] == pytest.approx(expected), name
    assert set(series) - {"loss", "segmentation", "mutual_information", "empty_pairs"} == {"dice"}
    assert set(series["dice"]) == {2, 4}
