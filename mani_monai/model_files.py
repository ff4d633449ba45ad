"""What a bundle's files hold of a trained network; nothing of them is executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from mani_monai.apps.inspect.opened_bundle import opened_bundle
from mani_monai.declaration import KEY, Declaration
from mani_monai.utils.files import load_network, load_tensors
from mani_monai.utils.folders import file_hash
from mani_monai.utils.json_files import read_object

LICENCE = "docs/data_license.txt"
_AGAIN = "export the bundle again"


class ModelFacts(NamedTuple):
    """SHA-256 of the weights, version, terms of the data, data sets and source vectors: as ``Model`` has them."""

    weights: str
    version: str
    licence: str | None
    domains: Sequence[Mapping[str, Any]]
    prototypes: Mapping[str, Any] | None


def read_bundle(path: str | Path, weights: str) -> tuple[nn.Module, Declaration, ModelFacts]:
    """Reads a run's folder, an exported folder or an exported zip, which is inspected first.

    Args:
        path: the folder or zip.
        weights: a file in its ``models``.

    Raises:
        InputError: as of ``Model.open``.
    """
    with opened_bundle(path) as folder:
        metadata = read_object(folder / "configs" / "metadata.json", _AGAIN)
        if KEY in metadata:
            declaration = Declaration.from_metadata(metadata).of_weights(weights)
        else:
            from mani_monai.older_exports import older_declaration

            declaration = older_declaration(read_object(folder / "configs" / "inference.json", _AGAIN), metadata)
        state = load_tensors(file := folder / "models" / weights)
        with torch.device("meta"):  # random weights would take seconds, and are replaced
            network = declaration.build_network()
        load_network(network, state, file, assign=True)
        training = metadata.get("training") or {}
        domains, prototypes = tuple(training.get("domains") or ()), training.get("prototypes")
        licence = "; ".join(f"{domain.get('name')}: {domain.get('licence')}" for domain in domains) or None
        if (terms := folder / LICENCE).is_file():
            licence = terms.read_text(encoding="utf-8", errors="replace")
        facts = ModelFacts(file_hash(file), str(metadata.get("version")), licence, domains, prototypes)
        return network, declaration, facts
