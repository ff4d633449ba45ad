"""Records what the code computes: short trainings, nuclei of the sample image, an export and an adaptation.

``OMP_NUM_THREADS=1 PYTHONPATH=.:tests/support python tests/golden/record.py OUT [SUBJECT ...]`` writes one JSON file a
subject: trainings, export, adaptation, inference; all of them where none is named.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from golden_commands import (
    REPOSITORY,
    TRAININGS,
    adaptation_command,
    config_files,
    data_command,
    export_command,
    inference_command,
    training_options,
)
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from PIL import Image

from mani_monai.apps.infer.folder_result import FORM
from mani_monai.utils import InputError
from mani_monai.utils.files import fingerprint
from mani_monai.utils.folders import file_hash
from mani_monai.utils.json_files import read_object

SUBJECTS = ("trainings", "export", "adaptation", "inference")
DERIVED = ("hashes.json", ".zip")


def machine() -> dict[str, str]:
    """What bit-exact sums depend on: the processor's kind, the instructions in use and the libraries' versions."""
    kind = {"model name", "cpu family", "model", "stepping"}
    information = Path("/proc/cpuinfo")
    lines = information.read_text().split("\n\n")[0].splitlines() if information.exists() else []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    processor = ", ".join(f"{key} {fields[key]}" for key in sorted(kind & fields.keys()))
    capability = torch.backends.cpu.get_cpu_capability()
    versions = {"torch": torch.__version__, "monai": monai.__version__, "numpy": np.__version__}
    return {"processor": processor, "capability": capability, **versions}


def record_training(bundle: str, overlay: str, data: Path, run: Path) -> dict[str, Any]:
    """Trains as ``monai.bundle run`` does, in this process.

    Returns:
        the fingerprint of ``model.pt``, the mean loss of the iterations, and the norm of each tensor by name.
    """
    options = training_options(bundle, overlay, data, run)
    workflow = ConfigWorkflow(config_file=config_files(bundle, overlay), logging_file=False, **options)
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train::trainer")
    losses: list[float] = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: losses.append(trainer.state.output["loss"].item()))
    workflow.run()
    workflow.finalize()
    state = torch.load(run / "models" / "model.pt", weights_only=True)
    norms = {name: float(value.double().norm()) for name, value in state.items()}
    return {
        "fingerprint": fingerprint(state),
        "iterations": len(losses),
        "mean_loss": float(np.mean(losses)),
        "norms": norms,
    }


def record_inference(folder: Path) -> dict[str, Any]:
    """Finds nuclei of the sample that comes along: FORM, hashes of weights and files, the mask's share, the count."""
    (folder / "images").mkdir(parents=True)
    Image.open(REPOSITORY / "pretrained" / "sample" / "skin.tif").save(folder / "images" / "skin.png")
    out = folder / "nuclei"
    _run(inference_command(folder / "images", out))
    mask = np.asarray(Image.open(next(out.glob("*_mask.png"))))
    with open(next(out.glob("*_nuclei.csv")), newline="", encoding="utf-8") as stream:
        count = sum(1 for _ in csv.DictReader(stream))
    hashes = {path.name: file_hash(path) for path in sorted(out.iterdir()) if path.name.startswith("skin")}
    weights = file_hash(REPOSITORY / "pretrained" / "mani_unet" / "models" / "model.pt")
    figures = {"nuclei": count, "area_share": float((mask > 0).mean())}
    return {"form": FORM, "weights": weights, "files": hashes, **figures}


def record_export(data: Path, run: Path, out: Path) -> dict[str, str]:
    """Exports a run, which it trains where there is none: a digest of every file, of JSON by its content.

    It leaves out what is derived from the other files.
    """
    if not run.exists():
        record_training("mani_unet", "source_only", data, run)
    _run(export_command(run, out))
    paths = {path.relative_to(out).as_posix(): path for path in sorted(out.rglob("*")) if path.is_file()}
    return {name: "" if name.endswith(DERIVED) else _digest(path) for name, path in paths.items()}


def record_adaptation(data: Path, out: Path) -> dict[str, Any]:
    """Adapts to toy images: the content of ``report.json``."""
    _run(adaptation_command(data, out))
    text = (out / "report.json").read_text(encoding="utf-8")
    return json.loads(text.replace(str(out.parent), "<folder>"))


def record_trainings(data: Path, runs: Path) -> dict[str, Any]:
    """Trains all of ``TRAININGS``, each into a folder of its name."""
    names = [(bundle, overlay) for bundle, overlays in TRAININGS.items() for overlay in overlays]
    return {"/".join(name): record_training(*name, data, runs / Path(*name)) for name in names}


def record(out: Path, subjects: Sequence[str] = SUBJECTS) -> None:
    """Writes a JSON file a subject, and machine.json: what each was recorded on.

    A subject that is not named stays as it is, with the machine that it was recorded on.

    Args:
        out: the folder for them.
        subjects: some of ``SUBJECTS``.

    Raises:
        InputError: when the inference gives other files than those of this machine there, by the same weights and
            under the same ``FORM``.
    """
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    machines = _read(out / "machine.json")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, runs = folder / "data", folder / "runs"
        _run(data_command(data))
        makers = {
            "trainings": lambda: record_trainings(data, runs),
            "export": lambda: record_export(data, runs / "mani_unet" / "source_only", folder / "dist"),
            "adaptation": lambda: record_adaptation(data, folder / "adapted"),
            "inference": lambda: record_inference(folder),
        }
        for subject in subjects:
            content = makers[subject]()
            if subject == "inference" and machines.get(subject) == machine():
                check_form(out / "inference.json", content)
            _write(out / f"{subject}.json", content)
            machines[subject] = machine()
            _write(out / "machine.json", machines)


def check_form(path: Path, content: dict[str, Any]) -> None:
    """Refuses other files by the same weights under the same ``FORM``: folders that were half done would mix both.

    Args:
        path: of the record before, which may not be there.
        content: the record of now, of the same machine.

    Raises:
        InputError: when the files' hashes differ, and weights and form do not.
    """
    kept = _read(path)
    same = all(kept.get(name) == content[name] for name in ("form", "weights"))
    if same and kept["files"] != content["files"]:
        names = kept["files"].keys() | content["files"].keys()
        first = min(name for name in names if kept["files"].get(name) != content["files"].get(name))
        raise InputError(
            f"{path}: has another {first} under FORM {content['form']}; raise FORM in "
            "mani_monai/apps/infer/folder_result.py, then record again."
        )


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, "delete it and record again")


def _digest(path: Path) -> str:
    if path.suffix != ".json":
        return file_hash(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _run(command: list[str]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-3000:]}")


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    folder, *named = sys.argv[1:] or [str(Path(__file__).parent)]
    record(Path(folder), named or SUBJECTS)
