"""What a finished training left: weights, the data they were trained on, and what they scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from mani_monai.data.datalists import data_set_names
from mani_monai.data.pixel_size import given_pixel_size
from mani_monai.evaluation.training_record import NORMALISATION, STEPS, read_training_record
from mani_monai.utils import InputError
from mani_monai.utils.files import fingerprint, load_tensors
from mani_monai.utils.json_files import read_object

FACTS = ("source", "target", "split", "seed", "iterations")
REESTIMATED = "_adabn"  # what reestimate.json adds to the name of the weights that it began with
AGAIN = "write it again"
ORACLE = "oracle"  # the selection that target labels chose
READING = ("LoadImaged", "EnsureChannelFirstd", "AsDiscreted", "CastToTyped", "EnsureTyped", "MarkSeamsd")
"""Steps that read images, which an export's inference does in its own way, or change labels alone."""
SETTINGS = ("features", "mode", "out_classes", "window")


@dataclass(frozen=True)
class Domain:
    """A data set and its part in a training.

    Attributes:
        name: the prepared data set's; of several, all names.
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
        domains: source and target.
        facts: source, target, split, seed, iterations, as far as they are known, and the method in words.
        settings: those of the network and its windows that the run's record or overlays name.
        scores: of these weights on labelled test images; None where there are none.
        mpp: micrometres per pixel of the images that it was trained on; None where that is not known.
        normalised_stains: whether it was trained on images whose stains were normalised, as they have to be in use.
    """

    weights: Path
    state: Mapping[str, Tensor]
    domains: tuple[Domain, ...]
    facts: Mapping[str, Any]
    settings: Mapping[str, Any]
    scores: Mapping[str, Any] | None
    mpp: float | None = None
    normalised_stains: bool = False


def read_run(
    folder: str | Path,
    weights: str = "model.pt",
    source: str | None = None,
    target: str | None = None,
    dataset_dir: str | None = None,
    evaluation: str | None = None,
    selection: str | None = None,
    method: str | None = None,
    overlay: Mapping[str, Any] | None = None,
    mpp: float | None = None,
) -> TrainedRun:
    """Reads a run's folder.

    What is not given is taken from the training's own record, ``training.json``, from the run's ``config.json``, which
    ``python -m studies table`` writes, or from the scores that ``evaluate.json`` wrote.

    Args:
        folder: the training's ``output_dir``.
        weights: a file in it.
        source: the data set with labels that it was trained on, or several with commas.
        target: the one without.
        dataset_dir: the folder of all prepared data sets.
        evaluation: folder of the scores; ``evaluation`` in the run's folder by default.
        selection: whose scores; by default those of the file itself. Of ``model_adabn.pt``, name an evaluation with
            AdaBN and the selection ``last``, of ``model_average_adabn.pt`` the same and ``average``.
        method: how it was adapted, in words; the names of its adaptation losses by default.
        overlay: configs that the run was trained with, such as ``small.json``, for what its record does not say.
        mpp: micrometres per pixel of the images that it was trained on.

    Raises:
        InputError: when weights, data sets or a named evaluation are missing, a named selection is of other weights,
            the weights are no state dictionary, the network saw images changed by a step that an export's inference
            lacks, or no microscope gives such pixels.
    """
    size = given_pixel_size(mpp)
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the output_dir of a finished training with --run.")
    path = folder / weights
    state = load_tensors(path)
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dictionary of tensors alone; name model.pt or a snapshot.")
    config, trained = read_object(folder / "config.json", AGAIN), read_training_record(folder)
    overlay = overlay or {}
    _check_overlay(folder, trained, overlay)
    normalised_stains = _normalised(folder, trained.get(STEPS, _image_steps(config, overlay)))
    scored = _metrics_file(folder, evaluation)
    metrics = read_object(scored, AGAIN)
    facts = {name: found[name] for name in FACTS for found in (metrics, config, trained) if _plain(found.get(name))}
    facts |= {role: name for role, name in (("source", source), ("target", target)) if name is not None}
    facts |= {role: ",".join(data_set_names(facts[role])) for role in ("source", "target") if role in facts}
    for role in ("source", "target"):
        if role not in facts:
            raise InputError(f"{folder}: does not say what its {role} was; name the data set with --{role}.")
    facts["method"] = method or _losses(config.get("adaptation_losses")) or "unsupervised domain adaptation"
    place = Path(dataset_dir or config.get("dataset_dir") or "data")
    known = {name: found[name] for found in (config, overlay, trained) for name in SETTINGS if _plain(found.get(name))}
    return TrainedRun(
        path,
        state,
        tuple(read_domain(place, facts[role], role) for role in ("source", "target")),
        facts,
        known,
        _scores(metrics, path, state, selection, scored),
        size and size.um,
        normalised_stains,
    )


def read_domain(dataset_dir: Path, name: str, role: str) -> Domain:
    """Reads what preparation recorded of a data set, or of several with commas, whose licences all bind.

    Raises:
        InputError: when there is no such data set: weights without the licences of their images are not exported.
    """
    names = data_set_names(name)
    summaries = []
    for each in names:
        path = dataset_dir / each / "dataset.json"
        summaries.append(read_object(path, AGAIN))
        if not summaries[-1].get("licence"):
            raise InputError(
                f"{path}: is missing or names no licence; name the folder of the data sets with --dataset_dir."
            )
    licences = dict.fromkeys(summary["licence"] for summary in summaries)
    return Domain(" and ".join(names), role, "; ".join(licences), summaries[0].get("types", {}))


def _check_overlay(folder: Path, trained: Mapping[str, Any], overlay: Mapping[str, Any]) -> None:
    """
    Raises:
        InputError: when overlays that are named say anything else than the training's own record.
    """
    for name in SETTINGS:
        if _plain(overlay.get(name)) and trained.get(name, overlay[name]) != overlay[name]:
            what = f"was trained with {name} {trained[name]}, and --overlays say {overlay[name]}"
            raise InputError(f"{folder}: {what}; leave --overlays out: the run knows its own.")
    unknown = [step for step in _image_steps({}, overlay) if step not in trained.get(STEPS, [step])]
    if unknown:
        what = f"was not trained on images that went through {unknown[0]}, as --overlays say"
        raise InputError(f"{folder}: {what}; leave --overlays out: the run knows its own.")


def _image_steps(config: Mapping[str, Any], overlay: Mapping[str, Any]) -> list[str]:
    """Names of the steps that images went through, of a training which has no record of them."""
    steps = [*config.get("transforms", {}).get("load", []), *overlay.get("+preprocessing", [])]
    return [str(step["_target_"]).rpartition(".")[2] for step in steps if isinstance(step, dict) and "_target_" in step]


def _normalised(folder: Path, steps: Sequence[str]) -> bool:
    """Whether images reached the network with normalised stains.

    Raises:
        InputError: when they reached it changed in another way, which an export does not do.
    """
    changing = [step for step in steps if step not in READING]
    others = [step for step in changing if step != NORMALISATION] or changing[1:]
    if others:
        raise InputError(
            f"{folder}: was trained on images that {others[0]} had changed, which an export's inference.json would not "
            "do: its masks would be wrong. Infer in this project."
        )
    return bool(changing)


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


def _losses(losses: Any) -> str:
    return ", ".join(name.replace("_", " ") for name in losses) if isinstance(losses, dict) else ""


def _plain(value: Any) -> bool:
    return value is not None and not str(value).startswith("$")
