"""Bundles that were tampered with: each is a change of a good one's folder, and whether it may still be taken."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hostile import Evil

from mani_monai.utils.archive import write_hashes

Tamper = Callable[[Path, Path, np.random.Generator], None]
"""Changes a bundle's folder; the second path is the witness that its code would write."""

ODD: list[Any] = [
    None, True, 0, -1, 2**70, 10**400, 1e400, float("nan"), "", "x", "\0", "../../etc/passwd", [], {}, [[]],
    {"_target_": "os.system"},
    "$__import__('pathlib').Path('WITNESS').touch()", "@network_def", "%configs/x", ["a"] * 1000, "ü\ud800",
]  # fmt: skip


def _odd(random: np.random.Generator, witness: Path) -> Any:
    value = ODD[int(random.integers(len(ODD)))]
    return value.replace("WITNESS", str(witness)) if isinstance(value, str) else value


def _json(name: str, hashed: bool = True) -> Tamper:
    """Another value somewhere in a config."""

    def tamper(folder: Path, witness: Path, random: np.random.Generator) -> None:
        path = folder / "configs" / name
        content = json.loads(path.read_text())
        place, keys = content, list(content)
        for _ in range(int(random.integers(1, 5))):
            key = keys[int(random.integers(len(keys)))]
            inner = place[key]
            if isinstance(inner, (dict, list)) and inner and random.random() < 0.7:
                place, keys = inner, list(inner) if isinstance(inner, dict) else list(range(len(inner)))
                continue
            break
        else:
            key = keys[int(random.integers(len(keys)))]
        if random.random() < 0.2 and isinstance(place, dict):
            del place[key]
        else:
            place[key] = _odd(random, witness)
        path.write_text(json.dumps(content, ensure_ascii=True))
        if hashed:
            write_hashes(folder)

    return tamper


def _bytes(name: str, hashed: bool) -> Tamper:
    """Other bytes, or fewer."""

    def tamper(folder: Path, witness: Path, random: np.random.Generator) -> None:
        content = bytearray((folder / name).read_bytes())
        if random.random() < 0.4:
            del content[int(random.integers(len(content))) :]
        for place in random.integers(0, max(len(content), 1), int(random.integers(1, 20))):
            if len(content):
                content[int(place)] = int(random.integers(256))
        (folder / name).write_bytes(content)
        if hashed:
            write_hashes(folder)

    return tamper


def _weights(folder: Path, witness: Path, random: np.random.Generator) -> None:
    """Tensors of other shapes, kinds and names, or something else."""
    path = folder / "models" / "model.pt"
    state = torch.load(path, weights_only=True)
    name = list(state)[int(random.integers(len(state)))]
    odd = [
        {**state, name: state[name].reshape(-1)[:0]}, {**state, name: 3}, {**state, "more": torch.zeros(2)}, [], {}, 3,
        {key: value for key, value in state.items() if key != name}, {**state, name: state[name] * float("nan")},
        {**state, name: state[name].to(torch.complex64)}, {"state": state},
    ]  # fmt: skip
    torch.save(odd[int(random.integers(len(odd)))], path)
    write_hashes(folder)


def _evil_weights(folder: Path, witness: Path, random: np.random.Generator) -> None:
    path = folder / "models" / "model.pt"
    if random.random() < 0.5:
        torch.save({"weight": Evil(witness)}, path)
    else:
        path.write_bytes(pickle.dumps(Evil(witness)))
    write_hashes(folder)


def _evil_code(folder: Path, witness: Path, random: np.random.Generator) -> None:
    code = f"open({str(witness)!r}, 'w')\n"
    for name in ("scripts/__init__.py", "scripts/transforms/__init__.py", "sitecustomize.py", "conftest.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    write_hashes(folder)


def _strangers(folder: Path, witness: Path, random: np.random.Generator) -> None:
    """Files that nobody named, links out of the folder, programs."""
    (folder / "run.sh").write_text(f"#!/bin/sh\ntouch {witness}\n")
    (folder / "link").symlink_to("/etc/passwd")


def _leftovers(folder: Path, witness: Path, random: np.random.Generator) -> None:
    for name in (".DS_Store", "Thumbs.db", "__MACOSX/._model.pt", "predictions/a_mask.png", "desktop.ini"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0\1")


def _pointer(folder: Path, witness: Path, random: np.random.Generator) -> None:
    (folder / "models" / "model.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")


BUNDLES: dict[str, tuple[Tamper, bool | None]] = {
    "metadata of another kind": (_json("metadata.json"), None),
    "inference of another kind": (_json("inference.json"), None),
    "a value changed without its hash": (_json("metadata.json", hashed=False), False),
    "metadata damaged": (_bytes("configs/metadata.json", True), None),
    "weights damaged": (_bytes("models/model.pt", True), None),
    "weights damaged without their hash": (_bytes("models/model.pt", False), False),
    "hashes damaged": (_bytes("hashes.json", False), None),
    "weights of another network": (_weights, None),
    "weights that are a program": (_evil_weights, False),
    "code of its own": (_evil_code, None),
    "strangers": (_strangers, False),
    "leftovers": (_leftovers, True),
    "a pointer of Git LFS": (_pointer, False),
}
"""By name: what is done to it, and whether it is still taken; None where that depends."""


def write_zip(folder: Path, path: Path, random: np.random.Generator) -> None:
    """A zip of a bundle that may climb out of its folder, hold a file twice, or be cut short."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{folder.name}/{file.relative_to(folder)}")
        odd = int(random.integers(5))
        if odd == 1:
            archive.writestr("../../climbed", "x")
        elif odd == 2:
            archive.writestr("/tmp/climbed_by_a_bundle", "x")
        elif odd == 3:
            archive.writestr(f"{folder.name}/models/model.pt", b"x")
    if odd == 4:
        path.write_bytes(path.read_bytes()[: int(random.integers(path.stat().st_size))])
