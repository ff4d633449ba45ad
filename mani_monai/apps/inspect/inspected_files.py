"""Weights, code and hashes of a bundle, looked at without running any of it."""

from __future__ import annotations

import ast
import json
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PureWindowsPath

from mani_monai.apps.inspect.compiled_modules import CACHE, compiled_modules
from mani_monai.apps.inspect.findings import Finding
from mani_monai.apps.inspect.inspected_archive import ZIP_ERRORS
from mani_monai.apps.inspect.inspected_names import LIBRARIES, OWN, PARTLY, READERS, STANDARD, imports_of
from mani_monai.utils.archive import HASHES, files_of
from mani_monai.utils.folders import FETCH, file_hash, is_lfs_pointer, is_system_file

STATES = (".pt", ".pth", ".ckpt", ".bin")
PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".mar")
EXECUTABLES = (".so", ".dll", ".dylib", ".pyd", ".pyc", ".exe", ".sh", ".bat", ".cmd", ".ps1", ".whl", ".egg")
NO_HASH = "has no hash"
OUTPUTS = ("predictions/", (".png", ".tif", ".tiff", ".geojson", ".csv"))
"""Folder and endings of what a bundle writes into itself where no other folder is named: nothing reads it."""
ADDED_BY_HUBS = {"README.md", ".gitattributes"}
"""Files that Hugging Face's hub, and MONAI's push to it, put at a bundle's top; nothing reads them."""
HARMFUL_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint", "input", "globals", "vars"}


def files_to_inspect(folder: Path) -> dict[str, Path]:
    """A bundle's files by their names, without modules that Python compiled of others of them.

    Args:
        folder: the bundle's.
    """
    files = files_of(folder)
    compiled = compiled_modules(files)
    return {name: file for name, file in files.items() if name not in compiled}


def weight_findings(name: str, path: Path) -> list[Finding]:
    """Whether a file of weights holds tensors only.

    Args:
        name: the file's name in the bundle.
        path: where it lies.
    """
    suffix = path.suffix.lower()
    if is_lfs_pointer(path):
        return [Finding(name, "weights", FETCH, True)]
    if suffix in STATES:
        return [_state_finding(name, path)]
    if suffix == ".ts":
        what = "TorchScript: a program, which torch.jit.load would run"
        return [Finding(name, "weights", what if _is_script(path) else "no TorchScript", not _is_script(path))]
    if suffix == ".onnx":
        return list(_onnx_findings(name, path))
    if suffix in PICKLES:
        return [Finding(name, "weights", "a pickle: loading it runs code", True)]
    import numpy as np

    try:
        np.load(path, allow_pickle=False)
    except ValueError as error:
        return [Finding(name, "weights", f"not an array alone ({str(error).splitlines()[0]})", True)]
    return [Finding(name, "weights", "an array")]


def _state_finding(name: str, path: Path) -> Finding:
    if _is_script(path):
        return Finding(name, "weights", "TorchScript under the name of weights: a program", True)
    import torch  # not above: it takes longer than all the rest

    try:
        with warnings.catch_warnings():  # torch's words of a file that is refused
            warnings.simplefilter("ignore")
            torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = next((line for line in str(error).splitlines() if "GLOBAL" in line or "Unsupported" in line), None)
        what = "loading it may run code" if reason else "it is damaged, or loading it may run code"
        reason = (reason or type(error).__name__).strip()[:200]
        return Finding(name, "weights", f"not tensors only: {what} ({reason})", True)
    return Finding(name, "weights", "tensors only")


def _is_script(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(entry.endswith("/constants.pkl") for entry in archive.namelist())
    except ZIP_ERRORS:
        return False


def _onnx_findings(name: str, path: Path) -> Iterator[Finding]:
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        yield Finding(name, "weights", f"no ONNX model ({str(error).splitlines()[0]})", True)
        return
    yield Finding(name, "weights", f"ONNX, {len(model.graph.node)} nodes")
    locations = [e.value for t in model.graph.initializer for e in t.external_data if e.key == "location"]
    for location in sorted(set(locations)):
        parts = PureWindowsPath(location)
        outside = bool(parts.root or parts.drive or ".." in parts.parts)
        yield Finding(name, "weights", f"reads {location}", outside)


def code_findings(name: str, path: Path) -> Iterator[Finding]:
    """A module of the bundle's own: that it is there, and what in it is not harmless on its face."""
    try:
        tree = ast.parse(path.read_bytes())  # which minds a declared encoding, as an import does
    except (SyntaxError, ValueError, RecursionError) as error:
        yield Finding(name, "code", f"cannot be parsed ({error})", True)
        return
    yield Finding(name, "code", "runs when a config names it")
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level):
            bound |= imports_of(ast.unparse(node))
            for module in _modules_of(node):
                if module.split(".")[0] not in LIBRARIES | STANDARD | PARTLY.keys() | {OWN}:
                    what = f"imports {module}, which is not of monai, torch, ignite or harmless parts of Python"
                    yield Finding(f"{name} line {node.lineno}", "code", what, True)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            root = called.split(".")[0]
            dotted = bound.get(root, root) + called.removeprefix(root)
            if _is_harmful(dotted, {k.arg: getattr(k.value, "value", None) for k in node.keywords}):
                yield Finding(f"{name} line {node.lineno}", "code", f"calls {dotted}", True)


def _modules_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules that an import reaches into, unless for functions alone that are known to be harmless."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [str(node.module)] if any(f"{node.module}.{alias.name}" not in READERS for alias in node.names) else []


def _is_harmful(called: str, keywords: Mapping[str | None, object]) -> bool:
    """Whether a call by its name runs what it is given, or starts a program."""
    first, _, rest = called.partition(".")
    if called == "torch.load":
        return keywords.get("weights_only") is not True
    if called == "numpy.load":
        return keywords.get("allow_pickle", False) is not False
    if first == "os":
        return rest.startswith(("system", "popen", "exec", "spawn", "fork", "posix_spawn", "startfile"))
    return called in HARMFUL_CALLS or called.startswith(("torch.hub", "torch.utils.cpp_extension", "monai.bundle.run"))


def hash_findings(folder: Path, files: Mapping[str, Path]) -> list[Finding]:
    """Files that differ from ``hashes.json``, are missing or are not in it. It tells of damage, not of who made it.

    What a hub adds to a bundle and what the bundle wrote itself, which nothing runs, is not dangerous.

    Args:
        folder: the bundle's.
        files: those of :func:`files_to_inspect`.
    """
    path = folder / HASHES
    if not path.is_file():
        return [Finding(HASHES, "hash", "is not there: nothing says whether files were changed")]
    try:
        expected = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        return [Finding(HASHES, "hash", f"cannot be read ({error})", True)]
    found = {name: file_hash(file) for name, file in files.items() if name != HASHES and file.is_file()}
    faults = {name: "is missing" for name in expected.keys() - found.keys()}
    faults |= {name: NO_HASH for name in found.keys() - expected.keys()}
    faults |= {name: "was changed" for name in found.keys() & expected.keys() if found[name] != expected[name]}
    added = {name for name, what in faults.items() if what == NO_HASH and _is_added(name)}
    findings = [Finding(name, "hash", what, name not in added) for name, what in sorted(faults.items())]
    if not faults.keys() - added:
        findings.append(Finding(HASHES, "hash", f"all {len(expected)} files match"))
    return findings


def _is_added(name: str) -> bool:
    return name in ADDED_BY_HUBS or is_system_file(Path(name).name) or _is_output(name)


def _is_output(name: str) -> bool:
    folder, endings = OUTPUTS
    return name.startswith(folder) and name.lower().endswith(endings)


def executable_kind(path: Path) -> str | None:
    """What a program or a library is, by its name; None for any other file."""
    name = path.name.lower()
    if name.endswith(".pyc") and path.parent.name == CACHE:
        return f"compiled code, not seen to be that of a module beside it: delete every {CACHE}, Python writes it anew"
    return "is a program or a compiled library" if name.endswith(EXECUTABLES) else None
