"""A training that starts from given weights, and the teacher that is copied from it."""

from __future__ import annotations

import pytest
import torch
from bundle_files import REPOSITORY
from monai.networks.nets import BasicUNet

from mani_monai.adapt.given_model import GivenModel
from mani_monai.adapt.start import choose_start, started_from, write_start
from mani_monai.utils import InputError


def test_network_and_teacher_start_from_the_weights(make_workflow, tmp_path):
    """The overlay goes last, as in an adaptation; the name of a file outside of the bundle's configs is absolute."""
    torch.manual_seed(5)
    given = BasicUNet(2, 3, 2, [4] * 6, act="RELU", norm="BATCH").state_dict()
    torch.save(given, tmp_path / "model.pt")
    path = write_start(tmp_path / "model.pt", tmp_path / "start.json")
    assert (REPOSITORY / "bundles" / "mani_unet" / "configs" / path) == path
    workflow = make_workflow(tmp_path / "run", "recommended", str(path.with_suffix("")))
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


def test_a_model_of_another_width_is_no_start(tmp_path):
    given = GivenModel("given.zip", tmp_path / "model.pt", (4, 4, 8), "unknown")
    overlay, note = choose_start(given, (4, 4, 8), tmp_path / "start.json")
    assert overlay == tmp_path / "start.json"
    assert note == "Before is given.zip, and the training started from its weights."
    overlay, note = choose_start(given, (4, 4, 4), tmp_path / "other.json")
    assert overlay is None
    assert not (tmp_path / "other.json").exists()
    assert note.startswith("Before is given.zip. The training did not start from it but from new weights: its U-Net")
