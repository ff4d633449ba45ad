"""What a finished training left: weights, what they are, the data they were trained on, and what they scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from mani_monai.data.pixel_size import alike, given_pixel_size
from mani_monai.declaration import Declaration
from mani_monai.run.run_folder import metadata_file, read_train_config
from mani_monai.run.trained_domains import TRAINING
from mani_monai.utils import InputError
from mani_monai.utils.files import fingerprint, load_tensors, weights_file
from mani_monai.utils.json_files import read_object

FACTS = ("source", "target", "split", "seed", "iterations")
FURTHER = ("prototypes",)
"""Facts that a training need not have."""
REESTIMATED = "_adabn"  # what reestimate.json adds to the name of the weights that it began with
AGAIN = "write it again"
ORACLE = "oracle"  # the selection that target labels chose


@dataclass(frozen=True)
class Domain:
    """A data set and its part in a training.

    Attributes:
        name: the prepared data set's.
        role: "source" or "target".
        licence: what preparation recorded of it.
        types: names of its cell types by number; empty where it has none.
    """

    name: str
    role: str
    licence: str
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainedRun:
    """What is exported of a training.

    Attributes:
        weights: the file that the weights came from.
        state: the network's state dictionary.
        declaration: the network and the steps around it.
        domains: every data set that the weights were ever trained on.
        facts: source, target, split, seed, iterations and the method in words.
        scores: of these weights on labelled test images; None where there are none.
        changes: what was new in earlier versions, by version.
    """

    weights: Path
    state: Mapping[str, Tensor]
    declaration: Declaration
    domains: tuple[Domain, ...]
    facts: Mapping[str, Any]
    scores: Mapping[str, Any] | None
    changes: Mapping[str, str] = field(default_factory=dict)

    @property
    def mpp(self) -> float | None:
        """Micrometres per pixel of the images that it was trained on; None where that is not known."""
        return self.declaration.mpp

    def named(self, role: str) -> str:
        """Names of the data sets of a role in the last training, for a sentence."""
        return " and ".join(str(self.facts[role]).split(","))


def read_run(
    folder: str | Path,
    weights: str = "model.pt",
    evaluation: str | None = None,
    selection: str | None = None,
    method: str | None = None,
    mpp: float | None = None,
) -> TrainedRun:
    """Reads a run's folder, which says by itself what was trained, how, and on what.

    Args:
        folder: the training's ``output_dir``.
        weights: a file in its ``models``, or a snapshot such as ``snapshots/iteration_000500.pt``.
        evaluation: folder of the scores; ``evaluation`` in the run's folder by default.
        selection: whose scores; by default those of the file itself. Of ``model_adabn.pt``, name an evaluation with
            AdaBN and the selection ``last``, of ``model_average_adabn.pt`` the same and ``average``.
        method: how it was adapted, in words; the names of its adaptation losses by default.
        mpp: micrometres per pixel of the images that it was trained on, where the data sets do not say so.

    Raises:
        InputError: when the folder is no run of this version, weights or a named evaluation are missing, a named
            selection is of other weights, the weights are no state dictionary, the network is not known here, or the
            pixels are of another size than the data sets say.
    """
    size = given_pixel_size(mpp)
    folder = Path(folder)
    read_train_config(folder)
    metadata = read_object(metadata_file(folder), "train anew")
    training = metadata.get(TRAINING) or {}
    path = folder / weights if weights.startswith("snapshots/") else weights_file(folder, weights)
    state = load_tensors(path)
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dictionary of tensors alone; name model.pt or a snapshot.")
    declaration = Declaration.from_metadata(metadata, str(metadata_file(folder))).of_weights(weights)
    if size is not None and declaration.mpp is not None and not alike(size.um, declaration.mpp):
        said = f"was trained at {declaration.mpp:g} micrometres per pixel, as its data sets say"
        raise InputError(f"--mpp {mpp:g}: the run {said}; leave it out.")
    if size is not None:
        declaration = declaration.trained(mpp=size.um)
    scored = _metrics_file(folder, evaluation)
    metrics = read_object(scored, AGAIN)
    facts = {name: training[name] for name in FACTS} | {name: training[name] for name in FURTHER if name in training}
    domains = [Domain(one["name"], one["role"], one["licence"], one.get("types", {})) for one in training["domains"]]
    return TrainedRun(
        path,
        state,
        declaration,
        tuple(domains),
        {**facts, "method": method or training["method"]},
        _scores(metrics, path, state, selection, scored),
    )


def _metrics_file(folder: Path, evaluation: str | None) -> Path:
    path = Path(evaluation or folder / "evaluation") / "metrics.json"
    if evaluation is not None and not path.is_file():
        raise InputError(f"{path}: no such file; score the run with evaluate.json, or leave --evaluation out.")
    return path


def _scores(
    metrics: Mapping[str, Any], weights: Path, state: Mapping[str, Tensor], selection: str | None, path: Path
) -> dict[str, Any] | None:
    """The scores of a selection, by default of one that is these very weights, best without target labels."""
    selections = metrics.get("selections", {})
    if selection is None:
        matching = [key for key, found in selections.items() if _is_of(found, weights.name, state)]
        selection = next((key for key in matching if key != ORACLE), matching[0] if matching else None)
        if selection is None:
            return None
    if selection not in selections:
        held = ", ".join(selections) or "none"
        raise InputError(f"{path}: has no selection {selection!r} (it has {held}); name another --selection.")
    if weights.stem.endswith(REESTIMATED):  # an evaluation with AdaBN loads what these were made from
        state = load_tensors(weights.with_stem(weights.stem.removesuffix(REESTIMATED)))
    if "digest" in selections[selection] and not _is_of(selections[selection], weights.name, state):
        remedy = "score them with evaluate.json, or name another --selection"
        raise InputError(f"{path}: its selection {selection!r} is of other weights than {weights}; {remedy}.")
    figures = {key: value for key, value in selections[selection].items() if key not in ("weights", "digest")}
    facts = {key: metrics[key] for key in FACTS if key in metrics}
    return {**facts, "selection": selection, "uses_target_labels": selection == ORACLE, "figures": figures}


def _is_of(selection: Mapping[str, Any], name: str, state: Mapping[str, Tensor]) -> bool:
    """Whether a selection's scores are those of some weights; the oldest evaluations recorded their name alone."""
    return selection["digest"] == fingerprint(state) if "digest" in selection else selection.get("weights") == name
