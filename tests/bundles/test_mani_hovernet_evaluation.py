"""The HoVer-Net bundle's evaluation of a finished run: instances scored, images upright, AdaBN."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from refusals import refusing
from trainings import FEW_BATCHES, run

from mani_monai.metrics import FIGURES, compute_instance_metrics
from mani_monai.utils.files import load_tensors


@pytest.fixture(scope="module")
def finished(make_workflow, tmp_path_factory) -> Path:
    """A run long enough to predict nuclei."""
    folder = tmp_path_factory.mktemp("finished")
    settings = {"iterations": 80, "warmup": 40, "val_interval": 40, "learning_rate": 0.02, "rate_epochs": 80}
    run(make_workflow(folder, bundle="mani_hovernet", **settings))
    return folder


def test_evaluation_scores_instances(make_hovernet, finished, tmp_path, capsys):
    workflow = make_hovernet(finished, "evaluate", evaluation_dir=str(tmp_path))
    workflow.run()
    printed = capsys.readouterr().out
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    evaluator = workflow.parser.get_parsed_content("evaluate::test")
    items = workflow.parser.get_parsed_content("evaluate::test_items")
    state = load_tensors(finished / "models/model.pt")
    workflow.parser.get_parsed_content("network").load_state_dict(state)
    evaluator.run()
    instances = evaluator.state.output[0]["instances"][0].numpy()
    label = np.asarray(Image.open(items[0]["label"])).astype(int)
    assert instances.shape == label.shape
    expected = compute_instance_metrics(instances, label)
    name = Path(items[0]["image"]).stem
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "predictions" / f"{name}_instances.tif"), instances)
    for figure in FIGURES:
        assert metrics["selections"]["last"][figure][name] == pytest.approx(expected[figure], abs=1e-6)
    assert expected["dice"] > 0.1, "the network predicts nothing: the comparison is empty"
    assert metrics["tissues"] == {name: "unknown"}
    assert "bPQ" in printed
    assert "skip_gt_empty" in printed


def test_images_and_labels_lie_as_their_files_do(make_hovernet, data_copy, tmp_path):
    """Height first, where MONAI's reader would put width first: squares hide it."""
    folder = data_copy / "toy_target"
    item = json.loads((folder / "target_split_0.json").read_text())["test"][0]
    for part in ("image", "label"):
        Image.open(folder / item[part]).crop((0, 0, 64, 40)).save(folder / item[part])
    make_hovernet(tmp_path, dataset_dir=str(data_copy))  # a run begins: its configs are there
    parser = make_hovernet(tmp_path, "evaluate", dataset_dir=str(data_copy)).parser
    sample = parser.get_parsed_content("evaluate::test_dataset")[0]
    pixels = np.asarray(Image.open(folder / item["image"]), np.float32).transpose(2, 0, 1)
    assert pixels.shape == (3, 40, 64)
    np.testing.assert_allclose(sample["image"], pixels / 255, atol=1e-6)
    np.testing.assert_array_equal(sample["label"][0], np.asarray(Image.open(folder / item["label"])))
    prediction = parser.get_parsed_content("validate::inferer")(
        sample["image"][None], parser.get_parsed_content("network")
    )
    assert prediction["nucleus_prediction"].shape == (1, 2, 40, 64)


def test_mirrored_windows_are_not_scored(make_hovernet, data_copy, tmp_path):
    path = data_copy / "toy_target" / "dataset.json"
    windows = {"size": 540, "step": 164, "mirror": True, "of_images": 1, "of_nuclei": 1}
    path.write_text(json.dumps({**json.loads(path.read_text()), "windows": windows}))
    make_hovernet(tmp_path, dataset_dir=str(data_copy))
    with refusing(r"toy_target: its windows repeat nuclei"):
        make_hovernet(tmp_path, "evaluate", dataset_dir=str(data_copy))


def test_a_network_is_not_shown_other_images_than_it_was_trained_on(make_hovernet, finished):
    with refusing("was trained with another preprocessing"):
        make_hovernet(finished, "stain_normalisation", "evaluate").run()


def test_adabn_scores_other_statistics(make_hovernet, finished, tmp_path):
    for overlays, folder in ((["evaluate"], "plain"), (["evaluate", "adabn"], "adabn")):
        make_hovernet(finished, *overlays, evaluation_dir=str(tmp_path / folder), **FEW_BATCHES).run()
    plain, adabn = (
        json.loads((tmp_path / folder / "metrics.json").read_text())["selections"]["last"]["dice"]
        for folder in ("plain", "adabn")
    )
    assert plain.keys() == adabn.keys()
    assert plain != adabn


def test_snapshots_are_chosen_on_crops_of_unlabelled_images_where_it_is_asked_for(make_hovernet, finished, tmp_path):
    asked = {"label_free_images": 2, "label_free_crop": 24, "evaluation_dir": str(tmp_path)}
    workflow = make_hovernet(finished, "evaluate", **asked)
    images = workflow.parser.get_parsed_content("evaluate::unlabelled_dataset")
    assert [tuple(item["image"].shape) for item in images] == [(3, 24, 24)] * 2
    assert all(set(item) == {"image"} for item in images.data)
    workflow.run()
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    chosen = metrics["selections"]["label_free"]["weights"]
    assert chosen in {one["weights"] for one in metrics["snapshots"] if "snapshots/" in one["weights"]}
