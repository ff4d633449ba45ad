"""An exported bundle as what it was exported from, so that it can be exported anew."""

from __future__ import annotations

from pathlib import Path

from mani_monai.apps.export.trained_run import FACTS, Domain, TrainedRun
from mani_monai.bundle_files import opened_bundle
from mani_monai.declaration import ROWS
from mani_monai.model import Model
from mani_monai.run.trained_domains import TRAINING
from mani_monai.utils import InputError
from mani_monai.utils.files import load_tensors
from mani_monai.utils.json_files import read_object


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
            state = load_tensors(folder / "models" / "model.pt")
        metadata = read_object(folder / "configs" / "metadata.json", remedy)
        scores = read_object(folder / "metrics.json", remedy) or None
    training = metadata.get(TRAINING) or {}
    lacking = [name for name in (*FACTS, "method", "domains") if name not in training]
    if lacking:
        raise InputError(f"{path}: does not say the {lacking[0]} of its training; {remedy}.")
    declaration = model.declaration.trained(axes=ROWS)
    if temperature is not None or bias is not None:
        if temperature is None or bias is None or not temperature > 0:
            raise InputError("--temperature, --bias: name both, a temperature above 0 and a bias.")
        numbers = {"temperature": float(temperature), "bias": float(bias)}
        declaration = declaration.trained(parting={**declaration.parting, **numbers})
    domains = [Domain(one["name"], one["role"], one["licence"], one.get("types", {})) for one in training["domains"]]
    facts = {name: value for name, value in training.items() if name != "domains"}
    return TrainedRun(
        Path(path) / "models" / "model.pt",
        state,
        declaration,
        tuple(domains),
        facts,
        scores,
        metadata.get("changelog") or {},
    )
