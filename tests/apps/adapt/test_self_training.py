"""A short training on sure nuclei: what is written, what changes, and what refuses it."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from adapted import InProcessLauncher
from bundle_files import REPOSITORY
from exports import picture
from painted_model import red_model
from PIL import Image
from skimage.draw import disk
from small_bundles import third_weights, with_third, write_unet_bundle

from mani_monai.apps.adapt import carried_certainty, self_training
from mani_monai.apps.adapt.adaptation_training import TrainingMaker
from mani_monai.apps.adapt.request import TooFewSure
from mani_monai.apps.adapt.self_training import SelfTraining, self_train, write_sure_labels
from mani_monai.apps.adapt.source_free import SourceFree, adapt_statistics
from mani_monai.apps.adapt.statistics_choice import upright_model
from mani_monai.apps.adapt.target_images import survey
from mani_monai.declaration import Declaration
from mani_monai.model import Model
from mani_monai.transforms.sure_nuclei import UNSURE_ID
from mani_monai.utils import InputError
from mani_monai.utils.archive import write_hashes

SHORT = {"iterations": "2", "batch_size": "2", "num_workers": "0", "quiet": "True", "precision": "float32"}
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    folder = tmp_path_factory.mktemp("target") / "colon"
    folder.mkdir()
    for number in range(3):
        Image.fromarray((80 + picture(96, 112, number) * 0.6).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    bundle = write_unet_bundle(tmp_path_factory.mktemp("given") / "mani_unet", mpp=0.25)
    return upright_model(Model.open(bundle, "cpu", "float32"))


class SharpModel(Model):
    """Is certain of what it says."""

    @classmethod
    def of(cls, model):
        return cls(model.network, model.declaration, model.device, model.precision)

    def maps(self, picture, whole=None):
        return super().maps(picture, whole) * 30


@pytest.fixture
def images(target):
    return survey(sorted(target.iterdir()), None, None, progress=False)[0]


def job(out, **changes):
    settings = {"options": SHORT, "launcher": InProcessLauncher(), "progress": False, **changes}
    return SelfTraining(out, REPOSITORY / "bundles", "colon", **settings)


def test_labels_hold_the_sure_nuclei_of_the_field(images, tmp_path):
    """Discs are sure in every view; an angle has a low solidity."""
    field = np.full((64, 96, 3), (110, 60, 120), np.uint8)
    nuclei = [disk((20, 20), 8), disk((20, 70), 8), np.s_[40:44, 20:60], np.s_[40:60, 20:24]]
    for nucleus in nuclei:
        field[nucleus] = (200, 100, 180)
    image = replace(images[0], field=field)
    sharp = SharpModel.of(red_model(window=-1, precision="float32"))
    sure, found, side = write_sure_labels(sharp, [image], tmp_path / "colon", progress=False)
    assert (sure, found, side) == (2, 3, 64)
    with Image.open(tmp_path / "colon" / "labels" / "0.png") as opened:
        label = np.asarray(opened)
    assert sorted({label[20, 20], label[20, 70]}) == [1, 2]
    assert label[42, 40] == UNSURE_ID
    assert label[5, 45] == 0
    items = json.loads((tmp_path / "colon" / "source_adapt.json").read_text())["training"]
    assert items == [{"image": "images/0.png", "label": "labels/0.png"}]
    assert "label" not in (tmp_path / "colon" / "target_adapt.json").read_text()


def test_weights_learn_and_batch_statistics_stay(model, images, tmp_path, monkeypatch):
    monkeypatch.setattr(self_training, "LEAST_SURE", 0)
    before = {name: value.clone() for name, value in model.state.items()}
    done = self_train(model, images, job(tmp_path))
    changed = {name for name, value in done.model.state.items() if not torch.equal(value, before[name])}
    assert changed
    assert not {name for name in changed if name.endswith(STATISTICS)}
    assert all(torch.equal(before[name], value) for name, value in model.state.items()), "the teacher is left alone"
    assert done.iterations == 2
    assert done.said.endswith("nuclei were sure")


def test_a_training_that_is_stopped_loses_a_tenth_at_most(images, model, tmp_path):
    """Its ``start the same command again to go on`` is no promise without a checkpoint on the way."""
    training = self_training._training(model, tmp_path, 64, job(tmp_path, options={}))
    settings = TrainingMaker(str(tmp_path), tmp_path)._bundle(training).parser()
    assert settings.get_parsed_content("checkpoint_interval") * 10 == settings.get_parsed_content("iterations") == 300


@pytest.mark.parametrize("third", ["contour", "distance"])
def test_a_model_with_a_third_channel_keeps_it(model, images, tmp_path, monkeypatch, third):
    monkeypatch.setattr(self_training, "LEAST_SURE", 0)
    declaration = with_third(model.declaration, third)
    network = declaration.build_network()
    network.load_state_dict(third_weights(model.state))
    model = replace(model, network=network, declaration=declaration)
    done = self_train(model, images, job(tmp_path))
    assert done.model.declaration.third == third
    run = Declaration.from_metadata(json.loads(next(tmp_path.rglob("configs/metadata.json")).read_text()))
    assert run.third == third
    before, after = (one.state["final_conv.weight"] for one in (model, done.model))
    assert not torch.equal(before[:2], after[:2])
    torch.testing.assert_close(before[2], after[2], msg="nothing is known of borders")


def test_a_calibrated_teacher_gives_its_certainties(model, images, tmp_path, monkeypatch):
    """Two large steps change the scores, and two numbers with them; nobody gives any where the teacher has none."""
    monkeypatch.setattr(self_training, "LEAST_SURE", 0)
    monkeypatch.setattr(carried_certainty, "FEWEST_NUCLEI", 1)
    numbers = {"temperature": 0.5, "bias": -1.0}
    calibrated = replace(model, declaration=model.declaration.calibrated(numbers))
    options = {**SHORT, "learning_rate": "0.5"}
    done = self_train(SharpModel.of(calibrated), images, job(tmp_path / "calibrated", options=options))
    assert done.model.declaration.calibration == pytest.approx(numbers, rel=0.5)
    assert done.model.declaration.calibration != numbers
    assert self_train(model, images, job(tmp_path / "plain")).model.declaration.calibration == {}


def test_too_few_sure_nuclei(model, images, tmp_path, monkeypatch):
    monkeypatch.setattr(self_training, "LEAST_SURE", 10**6)
    said = r"nuclei were sure, and a training needs 1000000; take --method statistics\.$"
    with pytest.raises(TooFewSure, match=said):
        self_train(model, images, job(tmp_path))


def test_the_whole_way_from_a_folder(target, tmp_path, monkeypatch):
    monkeypatch.setattr(self_training, "LEAST_SURE", 0)
    bundle = write_unet_bundle(tmp_path / "mani_unet", mpp=0.25)
    places = (str(target), tmp_path / "out", str(bundle), REPOSITORY / "bundles")
    said, settings = [], {"options": SHORT, "launcher": InProcessLauncher(), "device": "cpu"}
    done = adapt_statistics(SourceFree(*places, method="self_training", say=said.append, **settings))
    assert [command["device"] for command in settings["launcher"].commands] == ["$torch.device('cpu')"]
    assert [line[:4] for line in said if line[1:2] == "/"] == ["1/5 ", "2/5 ", "3/5 ", "4/5 ", "5/5 "]
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    name = next(name for name in record["candidates"] if name.endswith(", then self-training"))
    assert record["settings"]["statistics"] == name
    assert "self-training on its sure nuclei" in record["settings"]["method"]
    assert not record["kept"]
    training = json.loads((done.adapted.folder / "configs" / "metadata.json").read_text())["training"]
    assert training["iterations"] == 2
    learned_from = record["settings"]["training"]
    assert re.fullmatch(r"\d+ of \d+ nuclei were sure, in one field of each of 3 images", learned_from)
    assert f"{learned_from}." in said
    fields = {path.name for path in (tmp_path / "out" / "least_certain").iterdir()}
    named = record["least_certain"]
    assert fields == {f"{Path(f['image']).stem}_row{f['row']}_column{f['column']}.tif" for f in named} != set()
    with pytest.raises(InputError, match="holds an adaptation of another method"):
        adapt_statistics(SourceFree(*places, say=said.append))


@pytest.mark.parametrize("missing", [False, True])
def test_by_default_it_trains_only_where_it_can(missing, target, tmp_path, monkeypatch):
    """A user who asks for it gets a refusal in place of less than what was asked for."""
    bundle = write_unet_bundle(tmp_path / "mani_unet", mpp=0.25)
    if missing:
        monkeypatch.setitem(sys.modules, "tensorboard", None)
        reason, remedy = (
            "the package tensorboard is missing",
            r"; install mani-monai again, or take --method statistics\.$",
        )
    else:
        monkeypatch.setattr(self_training, "LEAST_SURE", 10**6)
        reason, remedy = r"\d+ of \d+ nuclei were sure, and a training needs 1000000", "; take --method statistics"
    places, said = (str(target), tmp_path / "out", str(bundle), REPOSITORY / "bundles"), []
    asked = SourceFree(*places, method=None, say=said.append, device="cpu")
    with pytest.raises(InputError, match=f"^--method self_training: {reason}{remedy}"):
        adapt_statistics(replace(asked, method="self_training"))
    adapt_statistics(asked)
    assert any(re.fullmatch(f"no self-training: {reason}\\.", line) for line in said)
    phases = 4 if missing else 5
    numbers = [f"{k}/{phases} " for k in range(1, phases + 1)]
    assert [line[:4] for line in said if line[1:2] == "/"][-phases:] == numbers
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "self-training" not in record["settings"]["statistics"]
    assert record["settings"]["method"].startswith("batch statistics of the target, no weight trained")


def test_by_default_it_trains(target, tmp_path, monkeypatch):
    """The same command goes on, and so does one that says what the default is."""
    monkeypatch.setattr(self_training, "LEAST_SURE", 0)
    bundle = write_unet_bundle(tmp_path / "mani_unet", mpp=0.25)
    places = (str(target), tmp_path / "out", str(bundle), REPOSITORY / "bundles")
    settings = {"options": SHORT, "launcher": InProcessLauncher(), "device": "cpu", "say": lambda line: None}
    adapt_statistics(SourceFree(*places, method=None, **settings))
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert record["settings"]["statistics"].endswith(", then self-training")
    adapt_statistics(SourceFree(*places, method="self_training", **settings))


def test_vectors_of_the_source_are_asked_for(target, tmp_path, monkeypatch):
    """Source-free MaNi trains with those of the bundle, and refuses one without."""
    monkeypatch.setattr(self_training, "LEAST_SURE", 0)
    bundle = write_unet_bundle(tmp_path / "mani_unet", mpp=0.25)
    places = (str(target), tmp_path / "out", str(bundle), REPOSITORY / "bundles")
    launcher = InProcessLauncher()
    asked = SourceFree(*places, method="source_free_mani", say=lambda line: None, options=SHORT, launcher=launcher)
    with pytest.raises(InputError, match="holds no vectors of its source; note them in its run with mani prototypes"):
        adapt_statistics(asked)
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    channels = metadata["model"]["network"]["features"][-1]
    vectors = {"nuclei": [[1.0] * channels], "background": [[0.0] * channels]}
    metadata["training"] = {**(metadata.get("training") or {}), "prototypes": vectors}
    (bundle / "configs" / "metadata.json").write_text(json.dumps(metadata))
    write_hashes(bundle)
    adapt_statistics(asked)
    assert launcher.commands[0]["files"][-3:] == ["self_training.json", "source_free.json", "start.json"]
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert record["settings"]["statistics"].endswith(", then source-free MaNi")
