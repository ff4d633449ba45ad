"""A training that starts from given weights, and the teacher that is copied from it."""

from __future__ import annotations

import json

import pytest
import torch
from bundle_files import REPOSITORY
from monai.networks.nets import BasicUNet

from mani_monai.apps.adapt.given_model import GivenModel
from mani_monai.apps.adapt.methods import METHODS, base_of, read_configs
from mani_monai.apps.adapt.start import choose_start, normalises_stains, started_from, write_start
from mani_monai.utils import InputError


def test_network_and_teacher_start_from_the_weights(make_workflow, tmp_path):
    """The overlay goes last, as in an adaptation; the name of a file outside of the bundle's configs is absolute."""
    torch.manual_seed(5)
    given = BasicUNet(2, 3, 2, [4] * 6, act="RELU", norm="BATCH").state_dict()
    torch.save(given, tmp_path / "model.pt")
    path = write_start(tmp_path / "model.pt", tmp_path / "start.json")
    assert (REPOSITORY / "bundles" / "mani_unet" / "configs" / path) == path
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


def given_model(folder, normalised=False):
    return GivenModel("given.zip", folder / "model.pt", (4, 4, 8), "unknown", normalised)


def test_a_model_of_another_width_is_no_start(tmp_path):
    for normalised in (False, True):
        start = choose_start(given_model(tmp_path, normalised), (4, 4, 4), True, tmp_path / "start.json")
        assert start.overlays == ()
        assert not (tmp_path / "start.json").exists()
        assert start.note.startswith(
            "Before is given.zip. The training did not start from it but from new weights: its"
        )


@pytest.mark.parametrize(
    ("normalised", "normalises", "added", "said"),
    [
        (False, False, (), ""),
        (True, True, (), ""),
        (
            True,
            False,
            ("stain_normalisation.json",),
            "They were trained on normalised stains, so stains were normalised",
        ),
        (False, True, (), "They were trained on stains as they are, and here went on with normalised ones"),
    ],
)
def test_weights_of_normalised_stains_go_on_with_them(tmp_path, normalised, normalises, added, said):
    path = tmp_path / "start.json"
    start = choose_start(given_model(tmp_path, normalised), (4, 4, 8), normalises, path)
    assert start.overlays == (*added, str(path))
    assert json.loads(path.read_text())["start_weights"] == str(tmp_path / "model.pt")
    first = "Before is given.zip, and the training started from its weights."
    assert start.note.startswith(f"{first} {said}" if said else first)
    assert bool(said) or start.note == first


def test_one_method_normalises_by_itself():
    table = base_of(REPOSITORY / "bundles" / "mani_unet", "small")
    assert [name for name in METHODS if normalises_stains(read_configs(table, name, {}))] == ["stain_adabn"]
