from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from exports import picture
from finished_runs import finished_run
from monai.bundle import ConfigParser
from PIL import Image
from small_bundles import FEATURES, small_declaration, small_unet, with_third

from mani_monai.apps.export.read_run import read_run
from mani_monai.apps.label import server_training
from mani_monai.apps.label.labelled_domains import Labelled
from mani_monai.apps.label.server_training import BUNDLE, default_options, read_options, train
from mani_monai.declaration import COLUMNS, Declaration
from mani_monai.model import Model
from mani_monai.utils import InputError
from mani_monai.utils.files import load_tensors

STAINS = {"_target_": "mani_monai.transforms.NormaliseStainsd", "keys": "image"}
SHORT = {"iterations": 2, "batch_size": 1, "crop_size": 32, "learning_rate": 1e-6, "device": "cpu"}


@pytest.fixture
def images(tmp_path):
    """A labelled pair, and an image without a label."""
    mask = np.zeros((40, 56), np.uint8)
    mask[8:20, 10:30] = 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    for seed, name in enumerate(("labelled", "unlabelled")):
        Image.fromarray(picture(40, 56, seed)).save(tmp_path / f"{name}.png")
    return [Labelled(tmp_path / "labelled.png", tmp_path / "mask.png")], [tmp_path / "unlabelled.png"]


def model(seed=0, window=64, **changes):
    return Model(small_unet(seed), small_declaration(window, **changes), "cpu", "float32")


def options(**request):
    return read_options({**SHORT, **request}, default_options(BUNDLE))


def read_configs(configs, out):
    """Stands for the training: reads the configs as it does, and keeps what matters of them."""
    parser = ConfigParser()
    parser.read_config([str(path) for path in configs])
    values = {
        name: parser[name]
        for name in ("source", "target", "iterations", "window", "crop_size", "features", "preprocessing")
    }
    network = parser.get_parsed_content("network")
    folder = Path(parser["output_dir"])
    facts = {name: parser[name] for name in ("source", "target", "preprocessing")}
    facts["network"] = {"features": FEATURES}
    made = finished_run(folder / "made", network.state_dict(), Path(parser["dataset_dir"]), **facts)
    for part in ("configs", "models"):
        (made / part).rename(folder / part)
    made.rmdir()
    out.append((values, network.state_dict(), [path.name for path in configs]))


@pytest.fixture
def trainings(monkeypatch):
    """What trainings were asked for; none runs."""
    found = []
    monkeypatch.setattr(server_training, "_run", lambda configs: read_configs(configs, found))
    return found


@pytest.mark.parametrize("third", [None, "contour", "distance"])
def test_a_model_with_a_third_channel_trains_it(images, tmp_path, trainings, third):
    declaration = with_third(small_declaration(), third) if third else small_declaration()
    start = Model(declaration.build_network(), declaration, "cpu", "float32")
    train(start, images[0], None, options(), tmp_path / "run")
    ((_, _, configs),) = trainings
    assert {"contour.json", "distance.json"} & {*configs} == ({f"{third}.json"} if third else set())


def test_it_starts_from_the_model_with_its_widths(images, tmp_path, trainings):
    start = model(3)
    weights = train(start, images[0], None, options(), tmp_path / "runs" / "x")
    ((values, state, configs),) = trainings
    assert values["features"] == [4, 4, 8, 8, 8, 4]
    assert (values["window"], values["crop_size"], values["source"], values["target"]) == (
        64,
        32,
        "labelled",
        "labelled",
    )
    assert all(torch.equal(state[name], value) for name, value in start.network.state_dict().items())
    assert configs == ["train.json", "small.json", "source_only.json", "label.json"]
    assert weights == tmp_path / "runs" / "x" / "models/model.pt"
    assert not list((tmp_path / "runs").glob(".*"))


def test_it_may_start_from_nothing(images, tmp_path, trainings):
    start = model(3)
    train(start, images[0], None, options(pretrained=False), tmp_path / "x")
    ((_, state, _),) = trainings
    assert not torch.equal(state["conv_0.conv_0.conv.weight"], start.network.state_dict()["conv_0.conv_0.conv.weight"])


def test_an_adaptation_is_the_recommended_one(images, tmp_path, trainings):
    train(model(), *images, options(), tmp_path / "x")
    ((values, _, configs),) = trainings
    assert configs == ["train.json", "small.json", "stain_adabn.json", "label.json"]
    assert values["target"] == "unlabelled"


def test_a_model_is_trained_on_images_that_go_through_its_own_steps(images, tmp_path, trainings):
    steps = [STAINS, {"_target_": "GaussianSmoothd", "keys": "image", "sigma": 0.5}]
    train(model(preprocessing=steps), images[0], None, options(), tmp_path / "x")
    train(model(preprocessing=[STAINS]), *images, options(), tmp_path / "y")
    assert [values["preprocessing"] for values, _, _ in trainings] == [steps, [STAINS]]
    left = [
        Declaration.from_metadata(json.loads((tmp_path / x / "configs" / "metadata.json").read_text()))
        for x in ("x", "y")
    ]
    assert [list(declared.preprocessing) for declared in left] == [steps, [STAINS]]


def test_an_older_model_is_trained_rows_first(images, tmp_path, trainings):
    start = model(3, axes=COLUMNS)
    train(start, images[0], None, options(), tmp_path / "x")
    ((_, state, _),) = trainings
    name = "conv_0.conv_0.conv.weight"
    assert torch.equal(state[name], start.network.state_dict()[name].transpose(2, 3))
    declared = Declaration.from_metadata(json.loads((tmp_path / "x" / "configs" / "metadata.json").read_text()))
    assert declared.axes == "rows_columns"


def test_what_it_leaves_can_be_exported(images, tmp_path, trainings):
    train(model(window=-1), *images, options(), tmp_path / "x")
    run = read_run(tmp_path / "x")
    assert [(domain.role, domain.licence) for domain in run.domains] == [("source", "unknown"), ("target", "unknown")]
    left = {str(path.relative_to(tmp_path / "x")) for path in (tmp_path / "x").rglob("*") if path.is_file()}
    assert left >= {"models/model.pt", "label.json", "configs/metadata.json", "data/labelled/dataset.json"}
    assert not any("images" in name or name == "start.pt" for name in left)


def test_a_failure_leaves_the_last_one(images, tmp_path, monkeypatch):
    def fail(configs):
        raise InputError("no luck")

    monkeypatch.setattr(server_training, "_run", fail)
    (tmp_path / "runs" / "x" / "models").mkdir(parents=True)
    (tmp_path / "runs" / "x" / "models/model.pt").write_bytes(b"last")
    with pytest.raises(InputError, match="no luck"):
        train(model(window=-1), images[0], None, options(), tmp_path / "runs" / "x")
    assert (tmp_path / "runs" / "x" / "models/model.pt").read_bytes() == b"last"
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_nothing_to_adapt_to(images, tmp_path):
    with pytest.raises(InputError, match="add images without one"):
        train(model(window=-1), images[0], [], options(), tmp_path / "x")


@pytest.fixture
def failing_configs(tmp_path, monkeypatch):
    """The bundle's configs, with a training that fails as MONAI wraps it."""
    shutil.copytree(BUNDLE.parent / "shared", tmp_path / "shared")
    configs = shutil.copytree(BUNDLE / "configs", tmp_path / "mani_unet" / "configs")
    config = json.loads((configs / "train.json").read_text())
    (configs / "train.json").write_text(json.dumps({**config, "run": ["$torch.zeros(2).reshape(3)"]}))
    monkeypatch.setattr(server_training, "BUNDLE", configs.parent)


@pytest.mark.slow
def test_a_real_training(images, tmp_path, capfd):
    start = model(3)
    trained = load_tensors(train(start, *images, options(warmup=1), tmp_path / "x"))
    before = start.network.state_dict()
    moved = [(trained[name] - value).abs().max() for name, value in before.items() if "conv.w" in name]
    assert 0 < max(moved) < 1e-4  # two steps at a rate of 1e-6 from the model's own weights
    assert json.loads((tmp_path / "x" / "label.json").read_text())["iterations"] == 2
    assert "training" in capfd.readouterr().out
    assert read_run(tmp_path / "x").declaration.preprocessing
    left = {path.name for path in (tmp_path / "x").iterdir()}
    assert left >= {"models", "configs"}
    assert not left & {"snapshots", "start.pt"}


@pytest.mark.slow
@pytest.mark.usefixtures("failing_configs")
def test_a_training_that_fails_says_why_in_one_line(images, tmp_path):
    with pytest.raises(InputError, match="the training failed with status 1: RuntimeError: ") as raised:
        train(model(), *images, options(), tmp_path / "x")
    assert "size" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "x").exists()
