"""A training that starts from given weights, and the teacher that is copied from it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from bundle_files import REPOSITORY
from monai.networks.nets import BasicUNet
from small_bundles import FEATURES, small_declaration, with_third

from mani_monai.apps.adapt.given_model import GivenModel
from mani_monai.apps.adapt.methods import METHODS, base_of, read_configs
from mani_monai.apps.adapt.start import choose_start, declared_steps, start_settings, started_from
from mani_monai.utils import InputError
from mani_monai.utils.json_files import save_json


def test_network_and_teacher_start_from_the_weights(make_workflow, tmp_path):
    """The overlay goes last, as in an adaptation; the name of a file outside of the bundle's configs is absolute."""
    torch.manual_seed(5)
    given = BasicUNet(2, 3, 2, [4] * 6, act="RELU", norm="BATCH").state_dict()
    torch.save(given, tmp_path / "model.pt")
    path = tmp_path / "start.json"
    save_json(path, start_settings(tmp_path / "model.pt", []))
    workflow = make_workflow(tmp_path / "run", "mean_teacher_stain_augmentation", str(path.with_suffix("")))
    parser = workflow.parser
    for name in ("network", "deployed"):
        state = parser.get_parsed_content(name).state_dict()
        assert all(torch.equal(state[key], given[key]) for key in given), name
    taught = {id(parameter) for group in workflow.trainer.optimizer.param_groups for parameter in group["params"]}
    assert {id(parameter) for parameter in parser.get_parsed_content("network").parameters()} <= taught


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(BasicUNet(2, 3, 2, [4] * 6, norm="BATCH").state_dict(), tmp_path / "model.pt")
    with pytest.raises(InputError, match="holds another network"):
        started_from(BasicUNet(2, 3, 2, [8] * 6, norm="BATCH"), str(tmp_path / "model.pt"))


STAINS = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}
BLUR = {"_target_": "GaussianSmoothd", "keys": "image", "sigma": 0.5}


def given_model(folder, *steps):
    declaration = small_declaration(preprocessing=steps)
    model = SimpleNamespace(declaration=declaration)
    return GivenModel("given.zip", model, folder / "model.pt")


@pytest.mark.parametrize("third", ["contour", "distance"])
def test_a_model_with_a_third_channel_brings_its_overlay(tmp_path, make_workflow, third):
    torch.manual_seed(5)
    given = BasicUNet(2, 3, 3, [4] * 6, act="RELU", norm="BATCH").state_dict()
    torch.save(given, tmp_path / "model.pt")
    model = SimpleNamespace(declaration=with_third(small_declaration(), third))
    start = choose_start(
        GivenModel("given.zip", model, tmp_path / "model.pt"), tuple(FEATURES), [], tmp_path / "start.json"
    )
    assert start.overlays == (f"{third}.json", str(tmp_path / "start.json"))
    overlays = ("stain_adabn", third, str(tmp_path / "start"))
    state = make_workflow(tmp_path / "run", *overlays).parser.get_parsed_content("network").state_dict()
    assert all(torch.equal(state[key], given[key]) for key in given)


def test_a_model_of_another_width_is_no_start(tmp_path):
    for steps in ((), (STAINS,)):
        start = choose_start(given_model(tmp_path, *steps), (4, 4, 4), [STAINS], tmp_path / "start.json")
        assert start.overlays == ()
        assert not (tmp_path / "start.json").exists()
        assert start.note.startswith(
            "Before is given.zip. The training did not start from it but from new weights: its"
        )


@pytest.mark.parametrize(
    ("own", "method", "added", "said"),
    [
        ((), [], None, ""),
        ((STAINS,), [STAINS], None, ""),
        ((STAINS, BLUR), [], [STAINS, BLUR], "They were trained on images after NormaliseStainsd and GaussianSmoothd"),
        ((), [STAINS], None, "They were trained on images as they are, and went on with images after Normal"),
        ((BLUR,), [STAINS], None, "They were trained on images after GaussianSmoothd, and went on with images after"),
    ],
)
def test_weights_go_on_with_their_own_preprocessing(tmp_path, own, method, added, said):
    """Whatever it is: a step is named once, in the declaration."""
    path = tmp_path / "start.json"
    start = choose_start(given_model(tmp_path, *own), tuple(FEATURES), method, path)
    assert start.overlays == (str(path),)
    settings = json.loads(path.read_text())
    assert settings["start_weights"] == str(tmp_path / "model.pt")
    assert settings.get("preprocessing") == added
    first = "Before is given.zip, and the training started from its weights."
    assert start.note.startswith(f"{first} {said}" if said else first)
    assert bool(said) or start.note == first


def test_one_method_has_preprocessing_of_its_own():
    table = base_of(REPOSITORY / "bundles" / "mani_unet", "small")
    steps = {name: declared_steps(read_configs(table, name, {})) for name in METHODS}
    assert {name: found for name, found in steps.items() if found} == {"stain_adabn": [STAINS]}
