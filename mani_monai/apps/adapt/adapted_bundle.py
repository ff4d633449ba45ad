"""The adapted model as a bundle: what it says of its training, and its export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mani_monai.apps.adapt.given_model import bound_by
from mani_monai.apps.adapt.request import SELF_TRAINING, SOURCE_FREE
from mani_monai.apps.export.export_bundle import Exported, export_bundle
from mani_monai.apps.export.trained_run import Domain, TrainedRun
from mani_monai.model import Model

METHOD = "batch statistics of the target, no weight trained"
TRAINED = {
    SELF_TRAINING: "batch statistics of the target, then self-training on its sure nuclei",
    SOURCE_FREE: "batch statistics of the target, then self-training with MaNi's bound on stored vectors of the source",
}
"""What a bundle says of its method."""
ADAPTED = "adapted"
"""Folder of the export in that of the adaptation."""


def trained_run(
    model: Model, name: str, given: str | Path, target: str, licence: str, facts: Mapping[str, Any]
) -> TrainedRun:
    """The chosen model for its export.

    Args:
        model: the adapted one.
        name: of its batch statistics.
        given: folder or zip of the model that was adapted.
        target: what to call the target's data.
        licence: of the target's images.
        facts: of a training, which replace those of the statistics alone.
    """
    known = Path(given).stem
    records = bound_by(model, known)
    sources = [str(record["name"]) for record in records if record.get("role") == "source"]
    domains = [Domain.of(record) for record in records]
    target = f"{target}_target" if target in sources else target
    domains.append(Domain(target, "target", licence))
    told = {
        "source": ",".join(sources) or f"the data of {known} {model.version}",
        "target": target,
        "split": "all",
        "seed": 0,
        "iterations": 0,
        "method": f"{METHOD} ({name})",
        **facts,
        "adapted_from": {"weights": model.weights, "version": model.version, "statistics": name},
    }
    return TrainedRun(Path(given), model.network.state_dict(), model.declaration, tuple(domains), told, None)


def export_adapted(trained: TrainedRun, bundles: Path, out: Path) -> Exported:
    """Writes the adapted model as a bundle, with its weights as tensors alone.

    Args:
        trained: the chosen model.
        bundles: folder of the bundles, with that of its network.
        out: the adaptation's folder, whose ``ADAPTED`` receives it.
    """
    bundle = bundles / trained.declaration.bundle
    return export_bundle(bundle, trained, out / ADAPTED, overwrite=True, forms=("pt",), compared=False)
