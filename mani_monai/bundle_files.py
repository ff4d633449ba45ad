"""A bundle's files, once inspected, and what they hold of a trained network; nothing of them is executed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from mani_monai.declaration import CALIBRATED, KEY, Declaration
from mani_monai.provenance import PROTOTYPES, training_of
from mani_monai.utils import InputError
from mani_monai.utils.archive import is_hashed
from mani_monai.utils.files import load_network
from mani_monai.utils.folders import file_hash
from mani_monai.utils.json_files import read_object
from mani_monai.utils.places import shipped
from mani_monai.utils.whole_tensors import load_whole

if TYPE_CHECKING:
    from mani_monai.apps.inspect.findings import Finding

LICENCE = "docs/data_license.txt"
_AGAIN = "export the bundle again"
_WEIGHTS = (".pt", ".pth", ".ts", ".onnx", ".ckpt", ".safetensors")


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
            declaration = Declaration.from_metadata(metadata)
            if not is_hashed(folder, "configs/inference.json"):  # whose export wrote both, perhaps another version's
                from mani_monai.config_difference import check_same_steps

                check_same_steps(folder, declaration)
            declaration = declaration.of_weights(weights)
        else:
            from mani_monai.older_exports import older_declaration

            declaration = older_declaration(read_object(folder / "configs" / "inference.json", _AGAIN), metadata)
        state = load_whole(file := folder / "models" / weights)
        with torch.device("meta"):  # random weights would take seconds, and are replaced
            network = declaration.build_network()
        load_network(network, state, file, assign=True, remedy=_AGAIN)
        training = training_of(metadata, "configs/metadata.json", _AGAIN)
        domains = tuple(training.get("domains") or ())
        prototypes = training.get(PROTOTYPES) if weights == CALIBRATED else None  # vectors are of those weights alone
        licence = "; ".join(f"{domain.get('name')}: {domain.get('licence')}" for domain in domains) or None
        if (terms := folder / LICENCE).is_file():
            licence = terms.read_text(encoding="utf-8", errors="replace")
        facts = ModelFacts(file_hash(file), str(metadata.get("version")), licence, domains, prototypes)
        return network, declaration, facts


REPORT = "report.json"
"""Of an adaptation, in its folder."""


@contextmanager
def opened_bundle(path: str | Path) -> Iterator[Path]:
    """Gives a bundle's folder: its own, or for a zip a temporary one that lasts as long as the block.

    What is inspected is what is given: a zip is unpacked once. Of a run's folder, which has a ``train.json``, the
    metadata alone are: its configs name this project, and nothing that opens it reads them. An ``InputError`` of the
    block names the bundle as the user did, never a file of the temporary folder, unless it is about an option.

    Args:
        path: a bundle's folder or zip, or the folder of an adaptation that holds one.

    Raises:
        InputError: when there is none, an adaptation's report says to keep the source model, or the inspection finds
            danger: an archive that leaves its folder, files that differ from their hashes, weights that hold more than
            tensors, configs or code that may do harm.
    """
    from mani_monai.apps.inspect.inspection import check_is_one, inspect_bundle, metadata_findings

    path = bundle_within(Path(path))
    check_is_one(path)
    if path.is_dir():
        trains = (path / "configs" / "train.json").is_file()
        _refuse(path, metadata_findings(path) if trains else inspect_bundle(path))
        with _named(path, path):
            yield path
        return
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder; name a bundle's folder or zip.")
    if path.suffix.lower() in _WEIGHTS:
        raise InputError(f"{path}: is a file of weights alone; name the folder or zip of its bundle.")
    from mani_monai.apps.inspect.inspected_archive import archive_findings, top_of, unpack

    _refuse(path, archive_findings(path))
    with tempfile.TemporaryDirectory() as place:
        unpack(path, Path(place))
        folder = top_of(Path(place))
        with _named(path, folder):
            _refuse(path, inspect_bundle(folder))
            yield folder


def bundle_within(path: Path) -> Path:
    """The adapted bundle in an adaptation's folder, where its report names it, or weights that came along.

    Args:
        path: a bundle's folder or zip, or what ``mani adapt --out`` named.

    Returns:
        the bundle; any other path as it is.

    Raises:
        InputError: when the report says to keep the source model: which of the two is meant has to be said; or when
            the report's key "next" is no object.
    """
    path = shipped(path)
    if not (path / REPORT).is_file() or (path / "configs").exists():
        return path
    bundles = sorted(place.parents[1] for place in path.glob("adapted/*/configs/metadata.json"))
    if len(bundles) != 1:
        return path
    commands = read_object(path / REPORT, "adapt again").get("next")
    if commands is None:
        commands = {}
    if not isinstance(commands, dict):
        raise InputError(
            f"{path / REPORT}: its key 'next' holds no object but {type(commands).__name__}; adapt again, or name "
            f"{bundles[0]} to use the adapted model."
        )
    if "adapted model" not in commands:
        kept = commands.get("source model") or "the source model"
        raise InputError(
            f"{path}: its report says to keep the source model ({kept}); name {bundles[0]} to use the adapted one."
        )
    return bundles[0]


@contextmanager
def _named(path: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        if str(error).startswith(("--", f"{path}: ")):
            raise
        words = str(error).removeprefix(f"{folder}: ").replace(f"{folder}/", "")
        raise InputError(f"{path}: {words}") from error


def _refuse(path: Path, findings: Sequence[Finding]) -> None:
    dangerous = [finding for finding in findings if finding.dangerous]
    if dangerous:
        first, more = dangerous[0], len(dangerous) - 1
        what = " ".join(f"{first.place}: {first.what}".split())[:300]
        also = f" (and {more} more)" if more else ""
        raise InputError(f"{path}: is refused: {what}{also}; look at it with mani inspect.")
