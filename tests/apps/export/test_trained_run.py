"""What is read of a run's folder, and what is refused in one line."""

from __future__ import annotations

import json

import pytest
import torch
from finished_runs import finished_run

from mani_monai.apps.export.documents import data_license, performance, section, terms_of_use
from mani_monai.apps.export.read_run import read_run
from mani_monai.apps.export.trained_run import Domain
from mani_monai.utils import InputError
from mani_monai.utils.files import fingerprint, weights_file

LICENCES = {"tnbc": "CC BY 4.0", "monuseg": "CC BY-NC-SA 4.0 (non-commercial)", "mine": "unknown"}
STAINS = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}


@pytest.fixture
def data(tmp_path):
    """Data sets of three licences."""
    for name, licence in LICENCES.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        summary = {"licence": licence, "types": {"1": "epithelial"}}
        (tmp_path / "data" / name / "dataset.json").write_text(json.dumps(summary))
    return tmp_path / "data"


@pytest.fixture
def run(data, tmp_path):
    """A finished run's folder."""
    folder = finished_run(tmp_path / "run", {"weight": torch.zeros(2)}, data, source="tnbc", target="monuseg")
    torch.save({"weight": torch.ones(2)}, weights_file(folder, "model_source_val.pt"))
    return folder


def write(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


SELECTIONS = {
    "oracle": {"weights": "model.pt", "dice_mean": 0.9, "dice_std": 0.1, "dice": {"a": 0.9}},
    "last": {"weights": "model.pt", "dice_mean": 0.5, "dice_std": None, "dice": {"a": 0.5, "b": None}},
    "average": {"weights": "a to b", "dice_mean": 0.7, "dice_std": 0.1, "dice": {"a": 0.7}},
}


def test_a_temperature_goes_along_with_the_calibrated_weights_alone(run):
    file = run / "configs" / "metadata.json"
    metadata = json.loads(file.read_text())
    metadata["model"]["parting"]["temperature"] = 1.5
    file.write_text(json.dumps(metadata))
    assert read_run(run).declaration.parting["temperature"] == 1.5
    assert "temperature" not in read_run(run, "model_source_val.pt").declaration.parting


def test_the_folder_says_it_all(run):
    found = read_run(run)
    assert torch.equal(found.state["weight"], torch.zeros(2))
    assert [(d.name, d.role, d.licence) for d in found.domains] == [
        ("tnbc", "source", "CC BY 4.0"),
        ("monuseg", "target", "CC BY-NC-SA 4.0 (non-commercial)"),
    ]
    assert found.domains[0].types == {"1": "epithelial"}
    assert (found.facts["source"], found.facts["seed"], found.facts["method"]) == ("tnbc", 0, "mutual information")
    assert (found.declaration.bundle, found.declaration.window, found.mpp) == ("mani_unet", 512, None)
    assert found.declaration.preprocessing == ()
    assert found.scores is None
    assert read_run(run, method="GRL").facts["method"] == "GRL"
    assert read_run(run, mpp=0.5).mpp == 0.5


def test_its_steps_and_pixel_size_go_along(data, tmp_path):
    facts = {"source": "tnbc", "target": "mine", "mpp": 0.25, "preprocessing": [STAINS], "window": -1}
    run = finished_run(tmp_path / "run", {"weight": torch.zeros(2)}, data, **facts)
    found = read_run(run)
    assert found.declaration.preprocessing == (STAINS,)
    assert (found.declaration.window, found.mpp) == (-1, 0.25)
    assert read_run(run, mpp=0.26).mpp == 0.26, "up to a tenth apart is one magnification"
    with pytest.raises(InputError, match=r"--mpp 0\.5: the run was trained at 0\.25 micrometres per pixel"):
        read_run(run, mpp=0.5)


def test_scores_are_those_of_the_very_weights(run):
    metrics = {"source": "tnbc", "target": "monuseg", "split": "split_0", "seed": 0, "selections": SELECTIONS}
    write(run / "evaluation" / "metrics.json", metrics)
    scores = read_run(run).scores
    assert (scores["selection"], scores["uses_target_labels"], scores["split"]) == ("last", False, "split_0")
    assert scores["figures"] == {"dice_mean": 0.5, "dice_std": None, "dice": {"a": 0.5, "b": None}}
    assert read_run(run, weights="model_source_val.pt").scores is None
    assert read_run(run, selection="average").scores["figures"]["dice_mean"] == 0.7
    only = {"oracle": SELECTIONS["oracle"]}
    write(run / "other" / "metrics.json", {"selections": only})
    assert read_run(run, evaluation=str(run / "other")).scores["uses_target_labels"] is True


def test_scores_of_earlier_weights_are_not_taken_for_these(run):
    state = {"weight": torch.ones(2)}
    selections = {name: {**found, "digest": fingerprint(state)} for name, found in SELECTIONS.items()}
    write(run / "evaluation" / "metrics.json", {"selections": selections})
    assert read_run(run).scores is None
    with pytest.raises(InputError, match=r"its selection 'last' is of other weights than .*model\.pt; score them"):
        read_run(run, selection="last")
    torch.save(state, weights_file(run))
    assert read_run(run).scores["selection"] == "last"
    assert "digest" not in read_run(run).scores["figures"]
    torch.save({"weight": torch.zeros(2)}, weights_file(run, "model_adabn.pt"))
    assert read_run(run, weights="model_adabn.pt").scores is None


def test_scores_without_its_statistics_are_not_those_of_reestimated_weights(run):
    """An evaluation with AdaBN, too, loads the weights as they were: its digests are those of the plain one."""
    selections = {
        name: {**found, "digest": fingerprint({"weight": torch.zeros(2)})} for name, found in SELECTIONS.items()
    }
    torch.save({"weight": torch.ones(2)}, weights_file(run, "model_adabn.pt"))
    asked = {"weights": "model_adabn.pt", "selection": "last"}
    for place, statistics in {"evaluation": {}, "plain": "source", "half": "half", "adabn": "target"}.items():
        said = {"statistics": statistics} if statistics else {}
        write(run / place / "metrics.json", {"selections": selections, **said})
    for options in ({}, {"evaluation": str(run / "plain")}, {"evaluation": str(run / "half")}):
        said = r"not made with model_adabn\.pt.s batch statistics; score the run with mani evaluate --overlays adabn, "
        with pytest.raises(InputError, match=said):
            read_run(run, **asked, **options)
    for place in ("adabn", "evaluation"):
        scores = read_run(run, **asked, evaluation=str(run / place)).scores
        assert scores["figures"]["dice_mean"] == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "model_adabn.pt"}, r"models/model_adabn\.pt: no such file"),
        ({"weights": "state.pt"}, r"state\.pt: holds no state dictionary of tensors alone"),
        ({"weights": "snapshots/iteration_000500.pt"}, r"run/snapshots/iteration_000500\.pt: no such file"),
        ({"evaluation": "elsewhere"}, r"elsewhere/metrics\.json: no such file"),
        ({"selection": "best"}, "has no selection 'best' .it has none."),
        ({"mpp": 40}, "--mpp 40: write micrometres per pixel"),
    ],
)
def test_what_is_missing_is_named_in_one_line(run, options, message):
    torch.save({"network": {"weight": torch.zeros(2)}}, weights_file(run, "state.pt"))
    with pytest.raises(InputError, match=message) as refusal:
        read_run(run, **options)
    assert "\n" not in str(refusal.value)


def test_no_run(tmp_path):
    with pytest.raises(InputError, match="no such folder; name the output_dir of a training"):
        read_run(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no training's configs/train\.json"):
        read_run(tmp_path / "empty")


def test_a_run_of_the_version_before(tmp_path):
    for name in ("model.pt", "training.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match="was trained by an earlier version") as refusal:
        read_run(tmp_path)
    assert "\n" not in str(refusal.value)


# documents


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("tnbc", "tnbc"), "The licences of the images allow commercial use."),
        (("tnbc", "monuseg"), "NON-COMMERCIAL USE ONLY: the licence of monuseg says so."),
        (("mine", "monuseg"), "NON-COMMERCIAL USE ONLY: the licence of monuseg says so."),
        (("tnbc", "mine"), "What the weights may be used for is not known: nobody named the licence of mine."),
    ],
)
def test_terms_follow_from_the_licences(names, sentence):
    roles = ("source", "target")
    domains = [Domain(name, role, LICENCES[name]) for name, role in zip(names, roles, strict=True)]
    assert terms_of_use(domains) == sentence
    text = data_license(domains)
    assert sentence in text
    assert all(name in text and LICENCES[name] in text for name in names)


def test_a_data_set_whose_licence_changed_binds_by_both():
    domains = [Domain("tnbc", "source", licence) for licence in ("CC BY-NC 4.0", "CC BY 4.0")]
    text = data_license(domains)
    assert "CC BY-NC 4.0" in text
    assert "CC BY 4.0" in text
    assert terms_of_use(domains).startswith("NON-COMMERCIAL USE ONLY")


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
