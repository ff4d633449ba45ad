"""What is read of a run's folder, and what is refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from exports import REPOSITORY
from monai.networks.nets import BasicUNet, HoVerNet

from mani_monai.apps.export.documents import data_license, performance, section, terms_of_use
from mani_monai.apps.export.exported_configs import read_overlays
from mani_monai.apps.export.network_settings import settings_of
from mani_monai.apps.export.trained_run import Domain, read_run
from mani_monai.utils import InputError
from mani_monai.utils.files import fingerprint
from studies import Method, Table
from studies.run_config import resolved_config

UNET = REPOSITORY / "bundles" / "mani_unet" / "configs"
LICENCES = {"tnbc": "CC BY 4.0", "monuseg": "CC BY-NC-SA 4.0 (non-commercial)", "mine": "unknown"}


@pytest.fixture
def run(tmp_path):
    """A run's folder, and beside it data sets of three licences."""
    folder = tmp_path / "run"
    folder.mkdir()
    torch.save({"weight": torch.zeros(2)}, folder / "model.pt")
    torch.save({"weight": torch.ones(2)}, folder / "model_source_val.pt")
    for name, licence in LICENCES.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        summary = {"licence": licence, "types": {"1": "epithelial"}}
        (tmp_path / "data" / name / "dataset.json").write_text(json.dumps(summary))
    return folder


def read(run, **options):
    defaults = {"source": "tnbc", "target": "monuseg", "dataset_dir": str(run.parent / "data")}
    return read_run(run, **{**defaults, **options})


def write(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


SELECTIONS = {
    "oracle": {"weights": "model.pt", "dice_mean": 0.9, "dice_std": 0.1, "dice": {"a": 0.9}},
    "last": {"weights": "model.pt", "dice_mean": 0.5, "dice_std": None, "dice": {"a": 0.5, "b": None}},
    "average": {"weights": "a to b", "dice_mean": 0.7, "dice_std": 0.1, "dice": {"a": 0.7}},
}


def test_options_alone(run):
    found = read(run, method="GRL", overlay={"window": -1, "iterations": 3, "features": [1], "other": 2})
    assert torch.equal(found.state["weight"], torch.zeros(2))
    assert [(d.name, d.role, d.licence) for d in found.domains] == [
        ("tnbc", "source", "CC BY 4.0"),
        ("monuseg", "target", "CC BY-NC-SA 4.0 (non-commercial)"),
    ]
    assert found.domains[0].types == {"1": "epithelial"}
    assert found.settings == {"window": -1, "features": [1]}
    assert found.facts["method"] == "GRL"
    assert found.scores is None


def test_the_runs_record_tells_the_rest_and_options_go_before_it(run):
    record = {"source": "mine", "target": "tnbc", "dataset_dir": str(run.parent / "data"), "seed": 3}
    record |= {"window": 256, "mode": "$'fast'", "adaptation_losses": {"mutual_information": {}, "adversarial": {}}}
    write(run / "config.json", record)
    found = read_run(run, source="monuseg")
    assert [domain.name for domain in found.domains] == ["monuseg", "tnbc"]
    assert found.settings == {"window": 256}
    assert (found.facts["seed"], found.facts["method"]) == (3, "mutual information, adversarial")


def test_scores_are_those_of_the_very_weights(run):
    metrics = {"source": "tnbc", "target": "monuseg", "split": "split_0", "seed": 0, "selections": SELECTIONS}
    write(run / "evaluation" / "metrics.json", metrics)
    scores = read_run(run, dataset_dir=str(run.parent / "data")).scores
    assert (scores["selection"], scores["uses_target_labels"], scores["split"]) == ("last", False, "split_0")
    assert scores["figures"] == {"dice_mean": 0.5, "dice_std": None, "dice": {"a": 0.5, "b": None}}
    assert read(run, weights="model_source_val.pt").scores is None
    assert read(run, selection="average").scores["figures"]["dice_mean"] == 0.7
    only = {"oracle": SELECTIONS["oracle"]}
    write(run / "other" / "metrics.json", {"selections": only})
    assert read(run, evaluation=str(run / "other")).scores["uses_target_labels"] is True


def test_scores_of_earlier_weights_are_not_taken_for_these(run):
    state = {"weight": torch.ones(2)}
    selections = {name: {**found, "digest": fingerprint(state)} for name, found in SELECTIONS.items()}
    write(run / "evaluation" / "metrics.json", {"selections": selections})
    assert read(run).scores is None
    with pytest.raises(InputError, match=r"its selection 'last' is of other weights than .*model\.pt; score them"):
        read(run, selection="last")
    torch.save(state, run / "model.pt")
    assert read(run).scores["selection"] == "last"
    assert "digest" not in read(run).scores["figures"]
    torch.save({"weight": torch.zeros(2)}, run / "model_adabn.pt")
    assert read(run, weights="model_adabn.pt").scores is None
    assert read(run, weights="model_adabn.pt", selection="last").scores["figures"]["dice_mean"] == 0.5


def test_a_training_knows_best_what_it_was_trained_on(run):
    write(run / "evaluation" / "metrics.json", {"source": "monuseg", "target": "monuseg", "seed": 1, "selections": {}})
    write(run / "training.json", {"source": "tnbc", "target": "monuseg", "seed": 0})
    found = read_run(run, dataset_dir=str(run.parent / "data"))
    assert [domain.name for domain in found.domains] == ["tnbc", "monuseg"]
    assert found.facts["seed"] == 0


def test_a_trainings_own_record_needs_no_overlays_named(run):
    """A training by hand leaves no config.json; its record says which windows and which images its network takes."""
    record = {"source": "tnbc", "target": "monuseg", "window": 256, "image_steps": ["NormaliseStainsd"]}
    write(run / "training.json", record)
    found = read_run(run, dataset_dir=str(run.parent / "data"))
    assert found.normalised_stains
    assert found.settings == {"window": 256}
    assert read(run, overlay={"window": "$@other", "features": [1]}).settings == {"window": 256, "features": [1]}
    assert read(run, overlay=read_overlays(UNET, ["stain_normalisation"])).normalised_stains
    write(run / "training.json", {**record, "image_steps": ["LoadImaged", "EnsureTyped"]})
    assert not read(run).normalised_stains


@pytest.mark.parametrize(
    ("steps", "overlays", "line"),
    [
        ([], ["small"], "was trained with window 256, and --overlays say -1; leave --overlays out"),
        ([], ["stain_normalisation"], "was not trained on images that went through NormaliseStainsd, as --overlays"),
        (["Elsed"], [], "was trained on images that Elsed had changed"),
        (["LoadImaged", "NormalizeHEStainsd"], [], "was trained on images that NormalizeHEStainsd had changed"),
        (["NormaliseStainsd", "NormaliseStainsd"], [], "was trained on images that NormaliseStainsd had changed"),
    ],
)
def test_what_a_record_says_otherwise_is_refused(run, steps, overlays, line):
    write(run / "training.json", {"source": "tnbc", "target": "monuseg", "window": 256, "image_steps": steps})
    with pytest.raises(InputError, match=line):
        read(run, overlay={name: value for name, value in read_overlays(UNET, overlays).items() if name != "features"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "model_adabn.pt"}, r"model_adabn\.pt: no such file"),
        ({"weights": "checkpoint.pt"}, r"checkpoint\.pt: holds no state dictionary of tensors alone"),
        ({"source": "nothing"}, r"nothing/dataset\.json: is missing or names no licence"),
        ({"source": None}, "does not say what its source was; name the data set with --source"),
        ({"target": None}, "does not say what its target was"),
        ({"evaluation": "elsewhere"}, r"elsewhere/metrics\.json: no such file"),
        ({"selection": "best"}, "has no selection 'best' .it has none."),
        ({"mpp": 40}, "--mpp 40: write micrometres per pixel"),
    ],
)
def test_what_is_missing_is_named_in_one_line(run, options, message):
    torch.save({"network": {"weight": torch.zeros(2)}}, run / "checkpoint.pt")
    with pytest.raises(InputError, match=message) as refusal:
        read(run, **options)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("bundle", ["mani_unet", "mani_hovernet"])
def test_a_step_of_this_project_before_the_network_is_exported_or_refused(run, bundle):
    """By the run's own record, as the harness writes it, and by overlays that are named: normalisation goes along."""
    folder = REPOSITORY / "bundles" / bundle
    method = Method("normalised", "normalised", ("stain_normalisation.json",))
    table = Table("plan", folder, ("train.json", "small.json"), (("tnbc", "monuseg"),), {"normalised": method})
    (made,) = table.runs(1)
    assert read(run, overlay=read_overlays(folder, ["small", "stain_normalisation"])).normalised_stains
    config = resolved_config(table, made, "data", run)
    write(run / "config.json", config)
    assert read(run).normalised_stains
    config["transforms"]["load"].append({"_target_": "mani_monai.transforms.Elsed", "keys": "image"})
    write(run / "config.json", config)
    with pytest.raises(InputError, match="was trained on images that Elsed had changed"):
        read(run)
    for overlays in ((), ("stain_augmentation.json",)):
        plain = replace(made, method=replace(method, overlays=overlays))
        write(run / "config.json", resolved_config(table, plain, "data", run))
        assert read(run).facts["source"] == "tnbc"
        assert not read(run).normalised_stains


def test_no_run(tmp_path):
    with pytest.raises(InputError, match="no such folder; name the output_dir"):
        read_run(tmp_path / "nothing")


# settings


def test_settings_of_the_weights():
    features = [4, 5, 6, 7, 8, 3]
    assert settings_of(BasicUNet(2, 3, 2, features).state_dict(), "BasicUNet") == {"features": features}
    assert settings_of({"weight": torch.zeros(2)}, "BasicUNet") == {}
    assert settings_of({}, "elsewhere.Network") == {}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "original"])
@pytest.mark.parametrize("classes", [0, 5])
def test_settings_of_hovernet(mode, classes):
    state = HoVerNet(mode=mode, out_classes=classes).state_dict()
    expected = {"mode": mode, "out_classes": classes}
    assert settings_of(state, "mani_monai.networks.nets.ConcatHoVerNet") == expected


# documents


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("tnbc", "tnbc"), "The licences of the images allow commercial use."),
        (("tnbc", "monuseg"), "NON-COMMERCIAL USE ONLY: the licence of monuseg says so."),
        (("mine", "monuseg"), "NON-COMMERCIAL USE ONLY: the licence of monuseg says so."),
        (("tnbc", "mine"), "What the weights may be used for is not known: ask the owner of mine."),
    ],
)
def test_terms_follow_from_the_licences(names, sentence):
    roles = ("source", "target")
    domains = [Domain(name, role, LICENCES[name]) for name, role in zip(names, roles, strict=True)]
    assert terms_of_use(domains) == sentence
    text = data_license(domains)
    assert sentence in text
    assert all(name in text and LICENCES[name] in text for name in names)


def test_performance_as_a_table():
    scores = {"target": "monuseg", "selection": "last", "figures": SELECTIONS["last"] | {"pq_mean": 0.25, "pq_std": 0}}
    text = performance(scores)
    assert "| dice | 0.500 | - |" in text
    assert "| pq | 0.250 | 0.000 |" in text
    assert "2 labelled test images of monuseg" in text
    assert "without target labels" in text
    assert "with labels of the target" in performance({**scores, "selection": "oracle"})
    assert "not scored" in performance(None)


def test_sections_of_a_document():
    text = "# A\n\na\n\n## B\n\nb\n\n### C\n\nc\n\n## D\n\nd\n"
    assert section(text, "## B") == "## B\n\nb\n\n### C\n\nc"
    assert section(text, "### C") == "### C\n\nc"
    assert section(text, "## D") == "## D\n\nd"
    assert section(text, "## E") == ""
