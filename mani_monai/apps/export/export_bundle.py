"""One self-contained, versioned bundle of a finished training."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mani_monai.apps.export.carried_modules import carry_modules, names_in, renamed
from mani_monai.apps.export.documents import FORMS, data_license, description, model_card
from mani_monai.apps.export.trained_run import TrainedRun
from mani_monai.declaration import KEY, Declaration
from mani_monai.inference_config import inference_config, with_channels
from mani_monai.provenance import TRAINING
from mani_monai.utils import InputError
from mani_monai.utils.archive import HASHES, write_archive, write_hashes
from mani_monai.utils.built_folder import building, move_to
from mani_monai.utils.files import load_network, raise_unwritten, write_state
from mani_monai.utils.json_files import config_text

FREE_SIDE = 64  # px, of the example for a network that takes any size


@dataclass(frozen=True)
class Exported:
    """Where an export lies.

    Attributes:
        folder: the bundle.
        archive: the same as a zip.
        difference: of TorchScript and ONNX from PyTorch, by file.
        written: False where the same export was there already.
    """

    folder: Path
    archive: Path
    difference: Mapping[str, float]
    written: bool


def export_bundle(
    bundle: str | Path,
    run: TrainedRun,
    out: str | Path,
    version: str | None = None,
    change: str | None = None,
    overwrite: bool = False,
    forms: Sequence[str] = FORMS,
    compared: bool = True,
) -> Exported:
    """Writes ``<out>/<bundle>/`` and ``<out>/<bundle>_v<version>.zip``.

    The same run gives the same bytes. It is built beside its place and moved there at the end: an export that fails
    leaves nothing. ``train.json`` is left out: training needs this project, an export runs with MONAI alone.

    Args:
        bundle: the bundle's folder in the repository.
        run: what to export.
        out: the folder for exports.
        version: of three numbers; the bundle's own by default.
        change: the version's entry in the changelog.
        overwrite: replace another export of that name.
        forms: of the weights that are kept: "pt" and, of choice, "ts" and "onnx".
        compared: make and compare all forms, also those that are not kept.

    Raises:
        ValueError: when other forms than "pt" are kept without being compared.
        InputError: when there is no such form or "pt" is not among them, the weights are of another network, the three
            forms of the weights differ, or ``out`` holds another export.
    """
    if not {"pt"} <= {*forms} <= {*FORMS}:
        raise InputError(f"--forms {','.join(forms)}: choose pt, and others of {','.join(FORMS)}.")
    if not compared and {*forms} != {"pt"}:
        raise ValueError(f"forms must be pt alone where they are not compared, got {', '.join(forms)}.")
    bundle, out = Path(bundle), Path(out)
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    version = check_version(version or metadata["version"])
    folder, archive = out / bundle.name, out / f"{bundle.name}_v{version}.zip"
    _check_place(folder, version, overwrite)
    try:
        with building(folder) as new:
            new.mkdir(parents=True)
            difference = _build(new, bundle, run, metadata, version, change, forms, compared)
            hashes = write_hashes(new)
            if not overwrite and folder.exists() and json.loads((folder / HASHES).read_text()) != hashes:
                remedy = "raise --version and pass --overwrite, or choose another --out"
                raise InputError(f"{folder}: holds other weights, configs or scores of version {version}; {remedy}.")
            written = overwrite or not folder.exists()
            if written:
                move_to(folder, new)
        write_archive(folder, archive)
    except Exception as error:
        raise_unwritten(error, out)
        raise
    return Exported(folder, archive, difference, written)


def _build(
    folder: Path,
    bundle: Path,
    run: TrainedRun,
    metadata: Mapping[str, Any],
    version: str,
    change: str | None,
    forms: Sequence[str],
    compared: bool,
) -> dict[str, float]:
    declaration = run.declaration
    text = config_text(inference_config(declaration, "."))
    network = declaration.build_network().eval()
    load_network(network, run.state, run.weights)
    multiple, sides = _input_size(metadata, declaration)
    example = torch.rand(2, 3, *sides, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        output = network(example)

    for part in ("configs", "models", "docs"):
        (folder / part).mkdir()
    adapted = f", adapted to {run.unlabelled}" if run.unlabelled else ""
    default = f"weights trained on {run.named('source')}{adapted}: {run.facts['method']}"
    said = {"description": description(metadata["description"], run), "data_source": _data_source(run)}
    added = {**said, **_measured(run), **({} if run.mpp is None else {"mpp": run.mpp})}
    added |= {KEY: declaration.as_dict(), TRAINING: {**run.facts, "domains": [asdict(one) for one in run.domains]}}
    metadata = {**metadata, "changelog": {**metadata["changelog"], **run.changes}}
    further = declaration.further_channels
    metadata = exported_metadata(metadata, version, change or default, sides, output, further, added)
    _write_json(folder / "configs" / "metadata.json", metadata)
    (folder / "configs" / "inference.json").write_text(renamed(text), encoding="utf-8")
    carry_modules(names_in(text), folder)
    shutil.copyfile(bundle / "configs" / "logging.conf", folder / "configs" / "logging.conf")
    shutil.copyfile(bundle / "LICENSE", folder / "LICENSE")
    card = (bundle / "docs" / "README.md").read_text(encoding="utf-8")
    text = model_card(card, metadata, bundle.name, run, forms, compared)
    (folder / "docs" / "README.md").write_text(text, encoding="utf-8")
    (folder / "docs" / "data_license.txt").write_text(data_license(run.domains), encoding="utf-8")
    if run.scores is not None:
        _write_json(folder / "metrics.json", run.scores)
    write_state(run.state, folder / "models" / "model.pt")
    if not compared:
        return {}
    from mani_monai.apps.export.formats import write_further_forms  # an adaptation makes none

    difference = write_further_forms(folder, network, example, multiple)
    for form in {*FORMS} - {*forms}:
        (folder / "models" / f"model.{form}").unlink()
    return difference


def _input_size(metadata: Mapping[str, Any], declaration: Declaration) -> tuple[int | None, tuple[int, int]]:
    """Of what the network's height and width are multiples, None where they are fixed, and an example of them."""
    side = metadata["network_data_format"]["inputs"]["image"]["spatial_shape"][0]
    if isinstance(side, int):
        return None, (declaration.window, declaration.window)
    return int(side.partition("*")[0]), (FREE_SIDE, FREE_SIDE + FREE_SIDE // 2)


def _data_source(run: TrainedRun) -> str:
    sources = {domain.name for domain in run.domains if domain.role == "source"}
    parts = {"source": "source, labelled", "target": "target, unlabelled"}
    named = [
        f"{domain.name} ({parts.get(domain.role, domain.role)}; {domain.licence})"
        for domain in run.domains
        if domain.role != "target" or domain.name not in sources
    ]
    return f"Trained on {' and '.join(named)}. No data come with the bundle."


def _measured(run: TrainedRun) -> dict[str, Any]:
    if run.scores is None:
        return {}
    return {"eval_metrics": {k: v for k, v in run.scores["figures"].items() if k.endswith("_mean") and v is not None}}


def _check_place(folder: Path, version: str, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not (folder / HASHES).is_file():
        raise InputError(f"{folder}: holds something that was not exported here; choose another --out.")
    held = json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))["version"]
    if held != version and not overwrite:
        raise InputError(f"{folder}: holds version {held}, not {version}; choose another --out, or pass --overwrite.")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4, allow_nan=False) + "\n", encoding="utf-8")


def exported_metadata(
    metadata: Mapping[str, Any],
    version: str,
    change: str,
    input_sides: Sequence[int],
    output: Tensor,
    further: Sequence[str],
    added: Mapping[str, Any],
) -> dict[str, Any]:
    """``metadata.json`` of an export.

    Args:
        metadata: the bundle's own.
        version: the export's.
        change: what is new in it.
        input_sides: height and width that the network takes, where the metadata name numbers.
        output: what it gives for such an input, BCHW.
        further: what its last channels tell, behind those that every network of the bundle has.
        added: further entries.

    Returns:
        a new dictionary, whose formats are those of this very network.
    """
    described = with_channels(metadata, output.shape[1], further)
    formats = described["network_data_format"]
    image, pred = formats["inputs"]["image"], formats["outputs"]["pred"]
    if all(isinstance(side, int) for side in image["spatial_shape"]):
        image["spatial_shape"], pred["spatial_shape"] = list(input_sides), list(output.shape[2:])
    changelog = {**metadata["changelog"], version: change}
    return {**described, "version": version, "changelog": changelog, **added}


def check_version(version: str) -> str:
    """The version itself.

    Raises:
        InputError: when it is not of the form 1.2.3.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", str(version)):
        raise InputError(f"--version {version}: write three numbers, e.g. 1.0.0.")
    return str(version)
