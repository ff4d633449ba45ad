"""The U-Net bundle's finished runs: overlays that score them, scores by hand, selections, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.networks.nets import BasicUNet
from PIL import Image
from refusals import refusing
from scipy.special import expit
from trainings import FEW_BATCHES, equal, weights_equal
from unet_overlays import OF_EVALUATIONS, OF_FINISHED_RUNS

from mani_monai import Model
from mani_monai.data.readers import tissue_reader
from mani_monai.metrics import compute_instance_metrics
from mani_monai.transforms import PartNucleid, part_nuclei
from mani_monai.transforms.tissue import tissue_mask
from mani_monai.utils.files import load_tensors

UNSCORED = {"label_free_images": 0}
"""Override: snapshots get no label-free scores, which take most of an evaluation's time."""


@pytest.mark.parametrize("overlay", OF_FINISHED_RUNS + OF_EVALUATIONS)
def test_every_overlay_of_finished_runs_runs(make_workflow, finished, tmp_path, overlay):
    folder = shutil.copytree(finished, tmp_path / "run")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    overlays = ["evaluate", overlay] if overlay in OF_EVALUATIONS else [overlay]
    make_workflow(folder, *overlays, **FEW_BATCHES).run()
    assert all(path.read_bytes() == content for path, content in before.items()), "it touched the run"
    assert any(path not in before for path in folder.rglob("*") if path.is_file()), "it wrote nothing"


def logits_of(path: Path, items: list[dict[str, str]]) -> list[np.ndarray]:
    """What the weights in a file give for each image, without transforms and inferers of MONAI."""
    network = BasicUNet(2, 3, 2, features=[4] * 6, act="RELU", norm="BATCH")
    network.load_state_dict(torch.load(path, weights_only=True))
    images = [np.asarray(Image.open(item["image"]), np.float32).transpose(2, 0, 1) / 255 for item in items]
    with torch.no_grad():
        return [network.eval()(torch.tensor(image)[None])[0].numpy() for image in images]


def dice_by_hand(path: Path, items: list[dict[str, str]]) -> list[float]:
    """Dice of the weights in a file, from pixels."""
    scores = []
    for logits, item in zip(logits_of(path, items), items, strict=True):
        predicted, nuclei = logits[1] > logits[0], np.asarray(Image.open(item["label"])) > 0
        scores.append(2 * (predicted & nuclei).sum() / (predicted.sum() + nuclei.sum()))
    return scores


def nuclei_by_hand(path: Path, items: list[dict[str, str]]) -> list[dict[str, float]]:
    """Figures of the nuclei that the weights in a file give."""
    scores = []
    for logits, item in zip(logits_of(path, items), items, strict=True):
        found = part_nuclei(expit(logits[1] - logits[0]))
        label = np.asarray(Image.open(item["label"])).astype(int)
        true = len(np.unique(label[label > 0]))
        scores.append({**compute_instance_metrics(found, label), "count_error": abs(found.max() - true) / true})
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
        "last": finished / "models/model.pt",
        "source_validation": finished / "models/model_source_val.pt",
        "oracle": oracle,
    }
    average = metrics["selections"].pop("average")
    assert average["weights"] == "snapshots/iteration_000009.pt to snapshots/iteration_000012.pt"
    expected["label_free"] = finished / metrics["selections"]["label_free"]["weights"]
    assert sorted(metrics["selections"]) == sorted(expected)
    for name, path in expected.items():
        selection = metrics["selections"][name]
        assert selection["weights"] == str(path.relative_to(finished)).removeprefix("models/")
        scores = dice_by_hand(path, test)
        assert list(selection["dice"].values()) == pytest.approx(scores, abs=1e-5)
        assert list(selection["dice"]) == [Path(item["image"]).stem for item in test]
        by_hand = nuclei_by_hand(path, test)
        for figure in ("pq", "aji", "dq", "sq", "count_error"):
            assert list(selection[figure].values()) == pytest.approx([one[figure] for one in by_hand], abs=1e-5)
    best = max(selection["dice_mean"] for selection in metrics["selections"].values())
    assert best > 0.2, "the network predicts nothing: the comparison is empty"
    assert {key: metrics[key] for key in ("source", "target", "split", "seed")} == {
        "source": "toy_source",
        "target": "toy_target",
        "split": "split_0",
        "seed": 0,
    }
    assert "oracle (uses target labels: not adaptation)" in capsys.readouterr().out


@pytest.mark.parametrize("third", ["contour", "distance"])
def test_nuclei_are_scored_as_the_run_parts_them(make_workflow, tmp_path, third):
    make_workflow(tmp_path, "source_only", third)
    maps = torch.nn.functional.avg_pool2d(torch.randn(1, 3, 90, 101, generator=torch.Generator().manual_seed(0)), 9)[0]
    maps = torch.nn.functional.interpolate(20 * maps[None], (90, 101), mode="bilinear")[0]
    parting = make_workflow(tmp_path, third, "evaluate", initialize=[]).parser.get_parsed_content("evaluate::parting")
    found, expected = (part({"pred": maps})["instances"] for part in (parting, PartNucleid(third=third)))
    assert torch.equal(found, expected)
    other = {"contour": "distance", "distance": "contour"}[third]
    assert not torch.equal(found, PartNucleid(third=other)({"pred": maps})["instances"])


def test_tissue_is_marked_once_for_runs_of_today(make_workflow, finished, tmp_path, monkeypatch):
    """Runs of before have no mark of their own: the evaluation's is theirs."""
    seen = []
    monkeypatch.setattr(tissue_reader, "tissue_mask", lambda picture: seen.append(1) or tissue_mask(picture))
    parser = make_workflow(finished, "evaluate", evaluation_dir=str(tmp_path), initialize=[]).parser
    (item,) = parser.get_parsed_content("evaluate::test_items")
    parser.get_parsed_content("evaluate::labelled_preprocessing")(item)
    assert len(seen) == 2, "by the mark and by the decoder"


def test_the_last_iterates_masks_lie_as_the_images_do(make_workflow, finished, data_copy, tmp_path):
    """The file against the label's file gives the score that was reported, on an image that is not square."""
    folder = data_copy / "toy_target"
    item = json.loads((folder / "target_split_0.json").read_text())["test"][0]
    for part in ("image", "label"):
        Image.open(folder / item[part]).crop((0, 0, 64, 40)).save(folder / item[part])
    places = {"dataset_dir": str(data_copy), "evaluation_dir": str(tmp_path / "scores")}
    make_workflow(finished, "evaluate", **places, **UNSCORED).run()
    name = Path(item["image"]).stem
    assert [path.name for path in (tmp_path / "scores" / "predictions").iterdir()] == [f"{name}_mask.png"]
    mask = np.asarray(Image.open(tmp_path / "scores" / "predictions" / f"{name}_mask.png"))
    assert set(np.unique(mask)) == {0, 255}
    nuclei = np.asarray(Image.open(folder / item["label"])) > 0
    dice = 2 * ((mask > 0) & nuclei).sum() / ((mask > 0).sum() + nuclei.sum())
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert metrics["selections"]["last"]["dice"] == {name: pytest.approx(dice, abs=1e-5)}


def test_masks_are_those_of_infer_where_there_is_no_tissue(make_workflow, finished, data_copy, tmp_path):
    folder = data_copy / "toy_target"
    path = folder / json.loads((folder / "target_split_0.json").read_text())["test"][0]["image"]
    picture = np.array(Image.open(path).convert("RGB"))
    noise = np.random.default_rng(0).normal(0, 5, picture[:, 40:].shape)
    picture[:, 40:] = np.clip(noise + np.array([30, 28, 34]), 0, 255)
    Image.fromarray(picture).save(path)
    places = {"dataset_dir": str(data_copy), "evaluation_dir": str(tmp_path / "scores")}
    make_workflow(finished, "evaluate", **places, **UNSCORED).run()
    mask = np.asarray(Image.open(tmp_path / "scores" / "predictions" / f"{path.stem}_mask.png")) > 0
    maps = Model.open(finished, "cpu", "float32").maps(picture)
    np.testing.assert_array_equal(mask, maps[1] > maps[0])
    assert mask[:, :40].any()
    assert not mask[:, 40:].any()


def test_best_on_the_source_is_the_best_snapshot(make_workflow, finished):
    parser = make_workflow(finished, "evaluate").parser
    items = parser.get_parsed_content("validate::dataset").data
    scores = {path: np.mean(dice_by_hand(path, items)) for path in sorted(finished.glob("snapshots/*.pt"))}
    best = max(scores, key=scores.get)
    assert len(set(scores.values())) > 1
    assert equal(dict(load_tensors(best)), dict(load_tensors(finished / "models/model_source_val.pt")))
    assert load_tensors(finished / "checkpoint.pt")["best"]["score"] == pytest.approx(scores[best], abs=1e-5)


@pytest.mark.parametrize(("name", "selection"), [("model", "last"), ("model_average", "average")])
def test_reestimated_weights_score_as_the_adabn_evaluation(make_workflow, finished, tmp_path, name, selection):
    folder = shutil.copytree(finished, tmp_path / "run")
    make_workflow(folder, "average").run()
    make_workflow(folder, "reestimate", weights=f"{name}.pt", **FEW_BATCHES).run()
    make_workflow(folder, "evaluate", "adabn", **FEW_BATCHES, **UNSCORED).run()
    model, adabn = (
        dict(load_tensors(folder / "models" / f"{name}.pt")),
        dict(load_tensors(folder / "models" / f"{name}_adabn.pt")),
    )
    assert weights_equal(model, adabn)
    assert not equal(model, adabn, "running_mean")
    items = make_workflow(folder, "evaluate").parser.get_parsed_content("evaluate::test_items")
    assert dice_written(folder / "evaluation_adabn", selection) == pytest.approx(
        dice_by_hand(folder / "models" / f"{name}_adabn.pt", items), abs=1e-5
    )


def dice_written(evaluation: Path, selection: str) -> list[float]:
    metrics = json.loads((evaluation / "metrics.json").read_text())
    return list(metrics["selections"][selection]["dice"].values())


def test_averaged_weights_score_as_the_average(make_workflow, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    make_workflow(folder, "average").run()
    average = dict(load_tensors(folder / "models/model_average.pt"))
    assert not weights_equal(dict(load_tensors(folder / "models/model.pt")), average)
    make_workflow(folder, "evaluate", **UNSCORED).run()
    items = make_workflow(folder, "evaluate").parser.get_parsed_content("evaluate::test_items")
    assert dice_written(folder / "evaluation", "average") == pytest.approx(
        dice_by_hand(folder / "models/model_average.pt", items), abs=1e-5
    )


def test_what_has_no_average(make_workflow, finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    (folder / "models/model.pt").rename(tmp_path / "model.pt")
    with refusing(r"run: holds no finished training to average; train there first"):
        make_workflow(folder, "average").run()
    (tmp_path / "model.pt").rename(folder / "models/model.pt")
    shutil.rmtree(folder / "snapshots")
    with refusing(r"run: has 0 snapshots to average"):
        make_workflow(folder, "average").run()
    assert not (folder / "models/model_average.pt").exists()


def strip_labels(data_dir: Path, part: str) -> None:
    path = data_dir / "toy_target" / "target_split_0.json"
    content = json.loads(path.read_text())
    content[part] = [{"image": item["image"]} for item in content[part]]
    path.write_text(json.dumps(content))


def test_a_target_without_tissue_gives_no_statistics(make_workflow, finished, data_copy, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "run")
    for path in (data_copy / "toy_target" / "images").iterdir():
        Image.fromarray(np.full_like(np.asarray(Image.open(path)), 255)).save(path)
    with refusing("no batch of its images has 1% of tissue, .*; name images that show tissue"):
        make_workflow(folder, "reestimate", dataset_dir=str(data_copy), **FEW_BATCHES).run()
    assert not (folder / "models" / "model_adabn.pt").exists()


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
    with refusing("the target's test list has no labels to score"):
        make_workflow(finished, "evaluate", dataset_dir=str(data_copy)).run()


def test_another_networks_run_is_refused(make_workflow, finished):
    with refusing(r"was trained with another features than these configs have; name .*train\.json"):
        make_workflow(finished, "evaluate", features=[8] * 6).run()


@pytest.mark.parametrize("overlay", ["evaluate", "reestimate"])
def test_a_network_is_not_shown_other_images_than_it_was_trained_on(make_workflow, finished, tmp_path, overlay):
    folder = shutil.copytree(finished, tmp_path / "run")
    before = sorted(folder.rglob("*"))
    with refusing(r"was trained with another .* than these configs have; name .*train\.json"):
        make_workflow(folder, "stain_normalisation", overlay).run()
    assert sorted(folder.rglob("*")) == before
    make_workflow(folder, overlay, **FEW_BATCHES, **(UNSCORED if overlay == "evaluate" else {})).run()
    assert sorted(folder.rglob("*")) != before
