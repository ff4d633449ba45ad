"""A finished training, or the bundle that was exported of one, as what is exported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mani_monai.apps.export.trained_run import FACTS, ORACLE, Domain, TrainedRun
from mani_monai.bundle_files import opened_bundle
from mani_monai.config_difference import check_same_steps
from mani_monai.data.pixel_size import alike, given_pixel_size
from mani_monai.declaration import CALIBRATED, ROWS, Declaration
from mani_monai.model import Model
from mani_monai.provenance import training_of
from mani_monai.run.measured_facts import MEASURED
from mani_monai.run.run_folder import metadata_file, read_train_config
from mani_monai.utils import InputError
from mani_monai.utils.files import fingerprint, weights_file
from mani_monai.utils.json_files import read_object
from mani_monai.utils.whole_tensors import load_whole

REESTIMATED = "_adabn"  # what reestimate.json adds to the name of the weights that it began with
STATISTICS, OF_TARGET = "statistics", "target"
"""What an evaluation says of the batch statistics that it scored with, and what adabn.json has it say."""
AGAIN = "write it again"


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
    training = _training_of(metadata, metadata_file(folder), "train anew")
    path = folder / weights if weights.startswith("snapshots/") else weights_file(folder, weights)
    state = load_whole(path)
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dictionary of tensors alone; name model.pt or a snapshot.")
    declaration = Declaration.from_metadata(metadata, str(metadata_file(folder)))
    check_same_steps(folder, declaration)
    declaration = declaration.of_weights(weights)
    if size is not None and declaration.mpp is not None and not alike(size.um, declaration.mpp):
        said = f"was trained at {declaration.mpp:g} micrometres per pixel, as its data sets say"
        raise InputError(f"--mpp {mpp:g}: the run {said}; leave it out.")
    if size is not None:
        declaration = declaration.trained(mpp=size.um)
    scored = _metrics_file(folder, evaluation)
    metrics = read_object(scored, AGAIN)
    measured = MEASURED if weights == CALIBRATED else ()  # of those weights, as a calibration is
    facts = {name: training[name] for name in FACTS} | {name: training[name] for name in measured if name in training}
    return TrainedRun(
        path,
        state,
        declaration,
        tuple(map(Domain.of, training["domains"])),
        {**facts, "method": method or training["method"]},
        _scores(metrics, path, state, selection, scored, evaluation is not None),
    )


def _training_of(metadata: Mapping[str, Any], place: str | Path, remedy: str) -> dict[str, Any]:
    """What metadata say of a training, every one of its facts among it."""
    training = training_of(metadata, place, remedy)
    lacking = [name for name in (*FACTS, "method", "domains") if name not in training]
    if lacking:
        raise InputError(f"{place}: does not say the {lacking[0]} of its training; {remedy}.")
    return training


def _metrics_file(folder: Path, evaluation: str | None) -> Path:
    path = Path(evaluation or folder / "evaluation") / "metrics.json"
    if evaluation is not None and not path.is_file():
        raise InputError(f"{path}: no such file; score the run with mani evaluate, or leave --evaluation out.")
    return path


def _scores(
    metrics: Mapping[str, Any],
    weights: Path,
    state: Mapping[str, Tensor],
    selection: str | None,
    path: Path,
    named: bool,
) -> dict[str, Any] | None:
    """The scores of a selection, by default of one that is these very weights, best without target labels.

    An evaluation of an earlier version does not say its batch statistics: one that was ``named`` is believed.
    """
    selections = metrics.get("selections", {})
    if not isinstance(selections, Mapping) or not all(isinstance(found, Mapping) for found in selections.values()):
        raise InputError(f"{path}: its 'selections' are no objects; {AGAIN}.")
    if selection is None:
        matching = [key for key, found in selections.items() if _is_of(found, weights.name, state)]
        selection = next((key for key in matching if key != ORACLE), matching[0] if matching else None)
        if selection is None:
            return None
    if selection not in selections:
        held = ", ".join(selections) or "none"
        raise InputError(f"{path}: has no selection {selection!r} (it has {held}); name another --selection.")
    if weights.stem.endswith(REESTIMATED):  # an evaluation with AdaBN loads what these were made from
        if metrics.get(STATISTICS, OF_TARGET if named else None) != OF_TARGET:
            remedy = "score the run with mani evaluate --overlays adabn, and name that --evaluation"
            raise InputError(f"{path}: was not made with {weights.name}'s batch statistics; {remedy}.")
        state = load_whole(weights.with_stem(weights.stem.removesuffix(REESTIMATED)))
    if "digest" in selections[selection] and not _is_of(selections[selection], weights.name, state):
        remedy = "score them with mani evaluate, or name another --selection"
        raise InputError(f"{path}: its selection {selection!r} is of other weights than {weights}; {remedy}.")
    figures = {key: value for key, value in selections[selection].items() if key not in ("weights", "digest")}
    facts = {key: metrics[key] for key in FACTS if key in metrics}
    return {**facts, "selection": selection, "uses_target_labels": selection == ORACLE, "figures": figures}


def _is_of(selection: Mapping[str, Any], name: str, state: Mapping[str, Tensor]) -> bool:
    """Whether a selection's scores are those of some weights; the oldest evaluations recorded their name alone."""
    return selection["digest"] == fingerprint(state) if "digest" in selection else selection.get("weights") == name


def read_exported(
    path: str | Path, temperature: float | None = None, bias: float | None = None, remedy: str = "export its run again"
) -> TrainedRun:
    """Reads an exported bundle, which says by itself what was trained, how, on what, and what it scored.

    Args:
        path: the folder or zip.
        temperature: of its certainty, which replaces the one that it has; both numbers, or none.
        bias: of its certainty, likewise.
        remedy: what to do about a bundle that says too little, the end of a sentence.

    Returns:
        the training, for a network that sees rows first.

    Raises:
        InputError: when it is no bundle that ``Model`` opens, it does not say what it was trained on, or of temperature
            and bias one is missing or the temperature is not above 0.
    """
    model = Model.open(path, device="cpu", precision="float32")
    state = model.state
    with opened_bundle(path) as folder:
        if model.declaration.axes == ROWS:  # the file's own bytes
            state = load_whole(folder / "models" / "model.pt")
        metadata = read_object(folder / "configs" / "metadata.json", remedy)
        scores = read_object(folder / "metrics.json", remedy) or None
    training = _training_of(metadata, path, remedy)
    declaration = model.declaration.trained(axes=ROWS)
    if temperature is not None or bias is not None:
        if temperature is None or bias is None or not temperature > 0:
            raise InputError("--temperature, --bias: name both, a temperature above 0 and a bias.")
        numbers = {"temperature": float(temperature), "bias": float(bias)}
        declaration = declaration.trained(parting={**declaration.parting, **numbers})
    facts = {name: value for name, value in training.items() if name != "domains"}
    return TrainedRun(
        Path(path) / "models" / "model.pt",
        state,
        declaration,
        tuple(map(Domain.of, training["domains"])),
        facts,
        scores,
        metadata.get("changelog") or {},
    )
