"""Selection without labels in the bundles: what it may read, and in which state a network is scored."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from trainings import FEW_BATCHES, run

from mani_monai.evaluation.label_free_criteria import CRITERIA, SHARE, best_weights
from mani_monai.utils.files import load_tensors


@pytest.fixture(scope="module")
def metrics_of(make_workflow, finished, tmp_path_factory):
    """Evaluates the run with overlays and overrides and gives what was written."""

    def evaluate(*overlays, **overrides):
        folder = tmp_path_factory.mktemp("evaluation")
        make_workflow(finished, "evaluate", *overlays, evaluation_dir=str(folder), **overrides).run()
        return json.loads((folder / "metrics.json").read_text())

    return evaluate


@pytest.fixture(scope="module")
def plain(metrics_of) -> dict:
    """The evaluation as it is."""
    return metrics_of()


def test_every_snapshot_is_scored_and_the_best_is_a_selection(plain, finished):
    metrics = plain
    snapshots = [str(path.relative_to(finished)) for path in sorted(finished.glob("snapshots/*.pt"))]
    assert [one["weights"] for one in metrics["snapshots"]] == ["model.pt", "model_source_val.pt", *snapshots]
    assert all(list(one["label_free"]) == [*CRITERIA, SHARE] for one in metrics["snapshots"])
    scores = {one["weights"]: one["label_free"] for one in metrics["snapshots"]}
    assert scores["model.pt"] == scores[snapshots[-1]]
    assert len({json.dumps(scores[name]) for name in snapshots}) == 4
    best = best_weights({name: scores[name] for name in snapshots})
    assert metrics["selections"]["label_free"]["weights"] == best
    test = {one["weights"]: one["test"] for one in metrics["snapshots"]}
    assert test[best]["dice"] == metrics["selections"]["label_free"]["dice_mean"]
    assert test["model.pt"]["dice"] == metrics["selections"]["last"]["dice_mean"]
    assert metrics["label_free"]["images"] == 4, "all that the toy target has"


def test_labels_have_no_part_in_it(metrics_of, plain, toy_dir, tmp_path):
    before = plain
    data = shutil.copytree(toy_dir, tmp_path / "data")
    rng = np.random.default_rng(0)
    for path in (data / "toy_target" / "labels").iterdir():
        Image.fromarray(rng.integers(0, 2, (64, 64)).astype(np.uint16)).save(path)
    after = metrics_of(dataset_dir=str(data))
    assert before["selections"]["last"]["dice"] != after["selections"]["last"]["dice"], "the labels are others"
    choices = [metrics["selections"]["label_free"]["weights"] for metrics in (before, after)]
    assert choices[0] == choices[1]
    assert [one["label_free"] for one in before["snapshots"]] == [one["label_free"] for one in after["snapshots"]]


def test_only_training_images_are_looked_at(make_workflow, finished):
    parser = make_workflow(finished, "evaluate", label_free_images=2, label_free_crop=40).parser
    images = parser.get_parsed_content("evaluate::unlabelled_dataset")
    items = images.data
    training = parser.get_parsed_content("train::target_items")
    assert items == [training[0], training[-1]]
    assert all(set(item) == {"image"} for item in items)
    whole = parser.get_parsed_content("validate::preprocessing")(items[0])["image"]
    assert whole.shape == (3, 64, 64)
    assert torch.equal(images[0]["image"], whole[:, 12:52, 12:52])


def test_decoded_pictures_go_along_untouched(make_workflow, finished):
    """A picture's stains are changed before its normalisation."""
    normalised = make_workflow(finished, "stain_normalisation", "evaluate", initialize=[]).parser
    plain = make_workflow(finished, "evaluate", initialize=[]).parser
    decoded = normalised.get_parsed_content("evaluate::unlabelled_dataset")[0]["decoded"]
    assert decoded.dtype == torch.uint8
    assert torch.equal(decoded / 255, plain.get_parsed_content("evaluate::unlabelled_dataset")[0]["image"])


def test_the_criterion_is_a_setting(metrics_of):
    metrics = metrics_of(**{"evaluate::label_free::criterion": "entropy"})
    scores = {one["weights"]: one["label_free"] for one in metrics["snapshots"] if "snapshots/" in one["weights"]}
    assert metrics["selections"]["label_free"]["weights"] == best_weights(scores, "entropy")
    assert metrics["label_free"]["criterion"] == "entropy"


def test_none_where_it_is_switched_off(metrics_of):
    metrics = metrics_of(label_free_images=0)
    assert list(metrics["selections"]) == ["last", "source_validation", "average", "oracle"]
    assert "snapshots" not in metrics


def test_scores_are_of_reestimated_statistics(metrics_of, plain, make_workflow, finished, tmp_path):
    """Those that the evaluation's own re-estimation gives, once a snapshot for the test and the scores together."""
    folder = shutil.copytree(finished, tmp_path / "run")
    make_workflow(folder, "reestimate", **FEW_BATCHES).run()
    adabn = metrics_of("adabn", **FEW_BATCHES)
    parser = make_workflow(folder, "evaluate").parser
    scorer = parser.get_parsed_content("evaluate::label_free")
    for name, metrics in {"model.pt": plain, "model_adabn.pt": adabn}.items():
        parser.get_parsed_content("network").load_state_dict(load_tensors(folder / "models" / name))
        assert scorer() == pytest.approx(metrics["snapshots"][0]["label_free"], abs=1e-5)
    assert plain["snapshots"][0]["label_free"] != adabn["snapshots"][0]["label_free"]


def test_hovernet_scores_its_nuclei_branch_where_it_is_asked_to(make_workflow, tmp_path):
    run(make_workflow(tmp_path, bundle="mani_hovernet", iterations=4))
    for images in (0, 2):
        workflow = make_workflow(tmp_path, "evaluate", bundle="mani_hovernet", label_free_images=images)
        workflow.run()
        metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
        assert ("snapshots" in metrics) == ("label_free" in metrics["selections"]) == (images > 0)
    assert metrics["snapshots"][0]["test"].keys() >= {"pq", "dice"}
    image = workflow.parser.get_parsed_content("evaluate::unlabelled_dataset")[0]["image"]
    with torch.no_grad():
        network = workflow.parser.get_parsed_content("network").eval()
        logits = workflow.parser.get_parsed_content("validate::inferer")(image[None], network)["nucleus_prediction"]
    scorer = workflow.parser.get_parsed_content("evaluate::label_free")
    torch.testing.assert_close(scorer._nuclei(image[None]), logits.softmax(dim=1)[:, 1:])


def test_hovernet_is_not_scored_unless_asked_to(make_workflow, tmp_path):
    """Its tiles are slow on a CPU; the preset for a GPU asks."""
    for overlays, images in (([], 0), (["small"], 0), (["medium"], 8)):
        folder = tmp_path / "_".join(["run", *overlays])
        make_workflow(folder, *overlays, bundle="mani_hovernet")  # a run begins: its configs are there
        parser = make_workflow(folder, *overlays, "evaluate", bundle="mani_hovernet").parser
        assert parser.get_parsed_content("label_free_images") == images
