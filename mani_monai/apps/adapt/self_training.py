"""A short training of a model on the target's own sure nuclei: no source image, no label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax
from tqdm import tqdm

from mani_monai.apps.adapt.adaptation_training import TrainingMaker, train
from mani_monai.apps.adapt.carried_certainty import with_carried_certainty
from mani_monai.apps.adapt.methods import Method, Training, base_of
from mani_monai.apps.adapt.request import SELF_TRAINING, SOURCE_FREE, TooFewSure
from mani_monai.apps.adapt.start import head_of, start_settings
from mani_monai.apps.adapt.target_images import TargetImage
from mani_monai.data.writers import write_instance_map
from mani_monai.evaluation.label_free_scorer import evenly_taken
from mani_monai.model import Model
from mani_monai.run.launching import Launcher
from mani_monai.run.run_folder import read_train_config
from mani_monai.transforms.sure_nuclei import UNSURE_ID, sure_label
from mani_monai.utils.errors import counted
from mani_monai.utils.files import load_network, weights_file, write_state
from mani_monai.utils.folders import replacing
from mani_monai.utils.json_files import save_json
from mani_monai.utils.whole_tensors import load_whole

FIELDS = 48
"""Fields that train, at most, each of an image of its own."""
LEAST_SURE = 50
"""Sure nuclei that a training needs."""
CROP = 160
"""Side of the crops, in pixels; the smallest field's where that is less."""
TURNS = ((1, False), (2, False), (0, True))
"""Quarter turns and reflections of the other views."""
_STEP = 16


@dataclass(frozen=True)
class SelfTraining:
    """Where and how it trains.

    Attributes:
        out: receives ``self_training``: fields with their labels, and the run.
        bundles: folder of the bundles, with ``mani_unet``.
        name: of the target.
        options: further overrides of the configs, name and value.
        prototypes: vectors of the source's nuclei and background, for MaNi's bound beside the sure nuclei.
        device: where it trains; the GPU by default, where there is one.
        launcher: what starts the training; a child process by default.
        progress: show bars.
    """

    out: Path
    bundles: Path
    name: str = "target"
    options: Mapping[str, str] = field(default_factory=dict)
    prototypes: Mapping[str, Any] | None = None
    device: str | None = None
    launcher: Launcher | None = None
    progress: bool = True


@dataclass(frozen=True)
class SelfTrained:
    """What a self-training gives.

    Attributes:
        model: the trained one.
        iterations: how long it was trained.
        said: how many nuclei of its fields were sure, in words.
        fields: how many fields it was trained on, each of an image of its own.
    """

    model: Model
    iterations: int
    said: str
    fields: int = 0

    @property
    def learned_from(self) -> str:
        """Nuclei and fields, for a reader of counts of whole images."""
        return f"{self.said}, in one field of each of {counted(self.fields, 'image')}"


def self_train(model: Model, images: Sequence[TargetImage], job: SelfTraining) -> SelfTrained:
    """Trains a model on the nuclei that it is sure of.

    The teacher is the model as it is, on clean views. A nucleus is sure where size, shape, certainty and its agreement
    with turned views say so (``SureRule``). The rest takes no part. The student sees other stains. A calibration of the
    teacher is carried over (``with_carried_certainty``).

    Args:
        model: with two output channels, which sees rows first.
        images: those that may speak for the tissue, with their fields.
        job: where and how.

    Raises:
        TooFewSure: when too few nuclei are sure.
        InputError: when the training failed.
    """
    folder = job.out / SELF_TRAINING
    taken = evenly_taken(images, FIELDS)
    sure, nuclei, side = write_sure_labels(model, taken, folder / job.name, job.progress)
    said = f"{sure} of {nuclei} nuclei were sure"
    if sure < LEAST_SURE:
        raise TooFewSure(f"{said}, and a training needs {LEAST_SURE}; take --method statistics.")
    training = _training(model, folder, side, job)
    make = TrainingMaker(str(folder), folder, launcher=job.launcher or Launcher(), device=job.device)
    train(make, [training])
    run, network = make.folder(training), model.declaration.build_network()
    load_network(network, load_whole(weights_file(run)), weights_file(run))
    trained = with_carried_certainty(replace(model, network=network), model, [image.field for image in taken])
    return SelfTrained(trained, int(read_train_config(run)["iterations"]), said, len(taken))


def _training(model: Model, folder: Path, side: int, job: SelfTraining) -> Training:
    """The run: the model's network and steps, its weights, its own sure nuclei."""
    write_state(model.network.state_dict(), folder / "start.pt")
    steps = [dict(step) for step in model.declaration.preprocessing]
    vectors = {} if job.prototypes is None else {"prototypes": dict(job.prototypes)}
    save_json(folder / "start.json", {**start_settings(folder / "start.pt", ()), "preprocessing": steps, **vectors})
    features = list(model.declaration.network["features"])
    options = {"split": "adapt", "features": str(features), "crop_size": str(min(CROP, side // _STEP * _STEP))}
    bound = () if job.prototypes is None else ("source_free.json",)
    overlays = (*head_of(model.declaration), "self_training.json", *bound, str((folder / "start.json").absolute()))
    name = SELF_TRAINING if job.prototypes is None else SOURCE_FREE
    method = Method(name, "self-training on sure nuclei", overlays, tuple({**options, **job.options}.items()))
    return Training(base_of(job.bundles / model.name, "small"), job.name, job.name, method, 0)


def write_sure_labels(
    model: Model, images: Sequence[TargetImage], folder: Path, progress: bool = True
) -> tuple[int, int, int]:
    """Writes fields and the labels of their sure nuclei as a prepared data set.

    Args:
        model: the teacher, which sees rows first.
        images: with their fields, at the network's pixel size.
        folder: of the data set.
        progress: show a bar.

    Returns:
        how many nuclei are sure, how many there are, and the smallest side of a field.
    """
    found = []
    for image in tqdm(images, "sure nuclei", unit="image", disable=not progress):
        maps, *turned = [_seen(model, image.field, *view) for view in ((0, False), *TURNS)]
        probability = np.mean([softmax(view[:2], axis=0)[1] for view in (maps, *turned)], axis=0)
        found.append((model.parted(maps), probability, [model.parted(view) for view in turned]))
    areas = [np.bincount(ids.ravel())[1:] for ids, _, _ in found]
    typical = float(np.median(np.concatenate(areas))) if any(map(len, areas)) else None
    items, sure = [], 0
    for number, (image, answer) in enumerate(zip(images, found, strict=True)):
        label = sure_label(*answer, median_area=typical)
        sure += len(np.unique(label)) - len({0, UNSURE_ID} & {*np.unique(label).tolist()})
        names = {"image": f"images/{number}.png", "label": f"labels/{number}.png"}
        with replacing(folder / names["image"]) as partial:
            Image.fromarray(image.field).save(partial)
        write_instance_map(folder / names["label"], label)
        items.append(names)
    name = folder.name
    save_json(folder / "dataset.json", {"name": name, "licence": "unknown", "mpp": model.mpp})
    save_json(folder / "source_adapt.json", {"name": name, "training": items, "validation": items[:1]})
    unlabelled = [{"image": item["image"]} for item in items]
    save_json(folder / "target_adapt.json", {"name": name, "training": unlabelled})
    return sure, sum(map(len, areas)), min(min(image.field.shape[:2]) for image in images)


def _seen(model: Model, picture: NDArray[np.uint8], turns: int, reflected: bool) -> NDArray[np.float32]:
    """The answer for a turned or reflected picture, turned back."""
    view = np.rot90(picture[:, ::-1] if reflected else picture, turns)
    back = np.rot90(model.maps(np.ascontiguousarray(view)), -turns, (1, 2))
    return np.ascontiguousarray(back[:, :, ::-1] if reflected else back)
