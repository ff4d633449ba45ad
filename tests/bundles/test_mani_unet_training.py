"""The U-Net bundle's trainings on tiny networks: what the target may touch, overlays, selections."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.networks.nets import BasicUNet
from PIL import Image
from trainings import STATISTICS, equal, run, snapshots, weights_equal

from mani_monai.utils import InputError
from mani_monai.utils.files import load_tensors

CONFIGS = Path(__file__).parents[2] / "bundles" / "mani_unet" / "configs"
NO_OVERLAY = {"train", "inference", "metadata", "stain_normalisation_inference"}
OVERLAYS = {
    path.stem: json.loads(path.read_text()) for path in sorted(CONFIGS.glob("*.json")) if path.stem not in NO_OVERLAY
}
SEVERAL_PROCESSES = "multi_gpu_train"
OF_FINISHED_RUNS = [name for name, content in OVERLAYS.items() if "run" in content]
OF_EVALUATIONS = [name for name, content in OVERLAYS.items() if "evaluation_dir" in content and "run" not in content]
OF_TRAININGS = [name for name in OVERLAYS if name not in {SEVERAL_PROCESSES, *OF_FINISHED_RUNS, *OF_EVALUATIONS}]
FEW_BATCHES = {"adabn_loader::batch_sampler::iterations": 3}


# overlays


@pytest.mark.parametrize("overlay", [None, *OF_TRAININGS])
def test_every_overlay_trains(make_workflow, tmp_path, overlay):
    overlays = [overlay] if overlay else []
    workflow = make_workflow(tmp_path, *overlays, iterations=2, warmup=1, val_interval=1)
    before = {name: value.clone() for name, value in workflow.parser.get_parsed_content("network").state_dict().items()}
    outputs = run(workflow)
    assert len(outputs) == 2
    assert all(np.isfinite(value) for output in outputs for value in output.values())
    assert set(outputs[0]) == {"loss"}
    losses = set(workflow.parser.get_parsed_content("adaptation"))
    observed = losses or workflow.parser.get_parsed_content("observe_target")
    assert set(outputs[1]) == {"loss", *losses} | ({"segmentation", "empty_pairs"} if observed else set())
    model = load_tensors(tmp_path / "model.pt")
    assert not weights_equal(before, dict(model))
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint.pt",
        "model.pt",
        "model_source_val.pt",
        "snapshots",
        "tensorboard",
    }


@pytest.fixture(scope="module")
def finished(make_workflow, tmp_path_factory) -> Path:
    """A run long enough to predict nuclei."""
    folder = tmp_path_factory.mktemp("finished")
    run(make_workflow(folder, iterations=12, warmup=4, val_interval=3, crop_size=64, learning_rate=0.02))
    return folder


@pytest.mark.parametrize("overlay", OF_FINISHED_RUNS + OF_EVALUATIONS)
def test_every_overlay_of_finished_runs_runs(make_workflow, finished, tmp_path, overlay):
    folder = shutil.copytree(finished, tmp_path / "run")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    overlays = ["evaluate", overlay] if overlay in OF_EVALUATIONS else [overlay]
    make_workflow(folder, *overlays, **FEW_BATCHES).run()
    assert all(path.read_bytes() == content for path, content in before.items()), "it touched the run"
    assert any(path not in before for path in folder.rglob("*") if path.is_file()), "it wrote nothing"


# scores


def dice_by_hand(path: Path, items: list[dict[str, str]]) -> list[float]:
    """Dice of the weights in a file, from pixels, without transforms, inferers and metrics of MONAI."""
    network = BasicUNet(2, 3, 2, features=[4] * 6, act="RELU", norm="BATCH")
    network.load_state_dict(torch.load(path, weights_only=True))
    scores = []
    for item in items:
        image = np.asarray(Image.open(item["image"]), np.float32).transpose(2, 1, 0) / 255
        with torch.no_grad():
            predicted = network.eval()(torch.tensor(image)[None])[0].argmax(0).numpy() > 0
        nuclei = np.asarray(Image.open(item["label"])).T > 0
        scores.append(2 * (predicted & nuclei).sum() / (predicted.sum() + nuclei.sum()))
    return scores


def test_items_of_the_toy_split(toy_dir):
    """Six images: four for training, one for validation, one for the test; a target in training has no label."""
    content = json.loads((toy_dir / "toy_target" / "target_split_0.json").read_text())
    assert [len(content[part]) for part in ("training", "validation", "test")] == [4, 1, 1]
    assert all(set(item) == {"image"} for item in content["training"])


def test_scores_are_those_of_the_pixels(make_workflow, finished, tmp_path, capsys):
    workflow = make_workflow(finished, "evaluate", evaluation_dir=str(tmp_path))
    workflow.run()
    test = workflow.parser.get_parsed_content("evaluate::test_items")
    validation = workflow.parser.get_parsed_content("evaluate::oracle_items")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    choice = {path: np.mean(dice_by_hand(path, validation)) for path in sorted(finished.glob("snapshots/*.pt"))}
    oracle = max(choice, key=choice.get)
    expected = {
        "last": finished / "model.pt",
        "source_validation": finished / "model_source_val.pt",
        "oracle": oracle,
    }
    average = metrics["selections"].pop("average")
    assert average["weights"] == "snapshots/iteration_000009.pt to snapshots/iteration_000012.pt"
    expected["label_free"] = finished / metrics["selections"]["label_free"]["weights"]
    assert sorted(metrics["selections"]) == sorted(expected)
    for name, path in expected.items():
        selection = metrics["selections"][name]
        assert selection["weights"] == str(path.relative_to(finished))
        scores = dice_by_hand(path, test)
        assert list(selection["dice"].values()) == pytest.approx(scores, abs=1e-5)
        assert list(selection["dice"]) == [Path(item["image"]).stem for item in test]
    best = max(selection["dice_mean"] for selection in metrics["selections"].values())
    assert best > 0.2, "the network predicts nothing: the comparison is empty"
    assert {key: metrics[key] for key in ("source", "target", "split", "seed")} == {
        "source": "toy_source",
        "target": "toy_target",
        "split": "split_0",
        "seed": 0,
    }
    assert "oracle (uses target labels: not adaptation)" in capsys.readouterr().out


def test_best_on_the_source_is_the_best_snapshot(make_workflow, finished):
    parser = make_workflow(finished, "evaluate").parser
    items = parser.get_parsed_content("validate::dataset").data
    scores = {path: np.mean(dice_by_hand(path, items)) for path in sorted(finished.glob("snapshots/*.pt"))}
    best = max(scores, key=scores.get)
    assert len(set(scores.values())) > 1
    assert equal(dict(load_tensors(best)), dict(load_tensors(finished / "model_source_val.pt")))
    assert load_tensors(finished / "checkpoint.pt")["best"]["score"] == pytest.approx(scores[best], abs=1e-5)


def test_reestimated_weights_score_as_the_adabn_evaluation(make_workflow, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    make_workflow(folder, "reestimate", **FEW_BATCHES).run()
    make_workflow(folder, "evaluate", "adabn", **FEW_BATCHES).run()
    model, adabn = dict(load_tensors(folder / "model.pt")), dict(load_tensors(folder / "model_adabn.pt"))
    assert weights_equal(model, adabn)
    assert not equal(model, adabn, "running_mean")
    metrics = json.loads((folder / "evaluation_adabn" / "metrics.json").read_text())
    items = make_workflow(folder, "evaluate").parser.get_parsed_content("evaluate::test_items")
    assert list(metrics["selections"]["last"]["dice"].values()) == pytest.approx(
        dice_by_hand(folder / "model_adabn.pt", items), abs=1e-5
    )


@pytest.fixture
def data_copy(toy_dir, tmp_path) -> Path:
    """The toy data, free to be changed."""
    return shutil.copytree(toy_dir, tmp_path / "data")


def strip_labels(data_dir: Path, part: str) -> None:
    path = data_dir / "toy_target" / "target_split_0.json"
    content = json.loads(path.read_text())
    content[part] = [{"image": item["image"]} for item in content[part]]
    path.write_text(json.dumps(content))


def test_no_oracle_where_validation_has_no_labels(make_workflow, finished, data_copy, tmp_path):
    strip_labels(data_copy, "validation")
    make_workflow(finished, "evaluate", dataset_dir=str(data_copy), evaluation_dir=str(tmp_path)).run()
    assert list(json.loads((tmp_path / "metrics.json").read_text())["selections"]) == [
        "last",
        "source_validation",
        "average",
        "label_free",
    ]


def test_no_score_where_the_test_has_no_labels(make_workflow, finished, data_copy):
    strip_labels(data_copy, "test")
    with pytest.raises(InputError, match="the target's test list has no labels to score"):
        make_workflow(finished, "evaluate", dataset_dir=str(data_copy)).run()


def test_another_networks_run_is_refused(make_workflow, finished):
    with pytest.raises(InputError, match=r"model\.pt: holds another network"):
        make_workflow(finished, "evaluate", features=[8] * 6).run()


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


# the target


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
    run(make_workflow(tmp_path / "warmup", iterations=3, warmup=3))
    run(make_workflow(tmp_path / "source", "source_only", iterations=3, warmup=0))
    models = [dict(load_tensors(tmp_path / name / "model.pt")) for name in ("warmup", "source")]
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
    for name in ("model.pt", "model_source_val.pt"):
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
    one, again, other = (dict(load_tensors(tmp_path / name / "model.pt")) for name in ("one", "again", "other"))
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
    workflow = make_workflow(tmp_path, crop_size=512, iterations=1)
    assert len(run(workflow)) == 1
    batch = workflow.parser.get_parsed_content("train::trainer").state.batch
    assert [batch[key].shape for key in ("image", "label", "target_image")] == [
        (2, 3, 64, 64),
        (2, 1, 64, 64),
        (2, 3, 64, 64),
    ]
