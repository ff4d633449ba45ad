"""What the MONAI model zoo asks of a bundle before it takes it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from monai.bundle import ConfigParser, ckpt_export, create_workflow, verify_metadata, verify_net_in_out

from mani_monai.apps.export.carried_modules import CARRIED

NECESSARY = ("configs/metadata.json", "LICENSE")
PREFERRED = ("models/model.pt", "configs/inference.json", "docs/README.md")
KEYS = ("bundle_root", "device", "network_def", "inferer", "output_dir")


def zoo_faults(folder: str | Path, schema: str | Path, only: Collection[str] | None = None) -> list[str]:
    """What the zoo's verification would find fault with, with no exclusion.

    Its necessary and preferred files, the version in the changelog, the metadata's schema, the keys and properties of
    inference, the network's input and output, TorchScript made anew and the one provided. It runs the bundle's code.

    Args:
        folder: the bundle's.
        schema: file of the metadata's schema; it is downloaded to that place where it does not exist.
        only: names of some checks beside the files' own; all of them where None.

    Returns:
        one line a fault; none where the zoo would take it.
    """
    folder = Path(folder).resolve()
    faults = [f"{name}: is missing" for name in (*NECESSARY, *PREFERRED) if not (folder / name).is_file()]
    checks: dict[str, Callable[[Path], list[str] | None]] = {
        "version": _version_faults,
        "metadata": lambda bundle: verify_metadata(meta_file=_metadata(bundle), filepath=str(schema)),
        "keys": _key_faults,
        "properties": _property_faults,
        "network": _check_network,
        "TorchScript": _check_torchscript,
    }
    with importable(folder):
        for name, check in checks.items():
            if only is not None and name not in only:
                continue
            try:
                faults += [f"{name}: {fault}" for fault in check(folder) or []]
            except Exception as error:  # whatever a stranger's bundle does is a fault of it
                faults.append(f"{name}: {(str(error) or type(error).__name__).strip().splitlines()[0]}")
    return faults


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """While it lasts, a bundle's own ``scripts`` are what ``import scripts`` finds, and nobody else's."""
    held = {name: module for name, module in sys.modules.items() if name.split(".")[0] == CARRIED}
    for name in held:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == CARRIED]:
            del sys.modules[name]
        sys.modules.update(held)


def _metadata(folder: Path) -> str:
    return str(folder / "configs" / "metadata.json")


def _inference(folder: Path) -> str:
    return str(folder / "configs" / "inference.json")


def _version_faults(folder: Path) -> list[str]:
    metadata = ConfigParser.load_config_file(_metadata(folder))
    missing = [
        f"'{key}' is missing in metadata.json" for key in ("name", "version", "changelog") if key not in metadata
    ]
    if not missing and metadata["version"] not in metadata["changelog"]:
        return [f"{metadata['version']} is missing in the changelog"]
    return missing


def _key_faults(folder: Path) -> list[str]:
    config = ConfigParser.load_config_file(_inference(folder))
    return [f"'{key}' is missing in inference.json" for key in KEYS if key not in config]


def _property_faults(folder: Path) -> list[str]:
    workflow = create_workflow(
        config_file=_inference(folder),
        workflow_type="infer",
        bundle_root=str(folder),
        meta_file=_metadata(folder),
        logging_file=False,
    )
    return [f"'{name}' is missing" for name in workflow.check_properties() or []]


def _check_network(folder: Path) -> None:
    verify_net_in_out(
        net_id="network_def",
        meta_file=_metadata(folder),
        config_file=_inference(folder),
        bundle_root=str(folder),
        device="cpu",
    )


def _check_torchscript(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        ckpt_export(
            net_id="network_def",
            filepath=f"{place}/verify_model.ts",
            ckpt_file=str(folder / "models" / "model.pt"),
            meta_file=_metadata(folder),
            config_file=_inference(folder),
            bundle_root=str(folder),
        )
    if (folder / "models" / "model.ts").exists():
        torch.jit.load(folder / "models" / "model.ts")
