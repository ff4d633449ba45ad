"""What a bundle would execute, found out without executing or importing any of it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from mani_monai.apps.inspect.findings import Finding
from mani_monai.apps.inspect.inspected_archive import archive_findings, top_of, unpack
from mani_monai.apps.inspect.inspected_configs import CONFIGS, config_findings, config_imports, logging_findings
from mani_monai.apps.inspect.inspected_files import (
    PICKLES,
    STATES,
    code_findings,
    executable_kind,
    files_to_inspect,
    hash_findings,
    weight_findings,
)
from mani_monai.data.readers.rasters import IMAGE_ENDINGS
from mani_monai.utils import InputError
from mani_monai.utils.errors import counted
from mani_monai.utils.folders import is_system_file

WEIGHTS = (*STATES, *PICKLES, ".ts", ".onnx", ".npy", ".npz")
LOGGING = (".conf", ".ini", ".cfg")


def inspect_bundle(path: str | Path) -> list[Finding]:
    """Looks through a bundle before anything of it runs.

    A zip is judged by its directory first and unpacked, to a temporary folder, only where nothing is wrong with it.

    Args:
        path: the bundle's folder or zip.

    Returns:
        what it holds and would do, file by file, what is wrong with the archive first, hashes last.

    Raises:
        InputError: when there is no such folder or zip, or it holds bundles or images and is none itself.
    """
    path = Path(path)
    check_is_one(path)
    if path.is_dir():
        return list(_folder_findings(path))
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder; name a bundle's folder or zip.")
    findings = archive_findings(path)
    if findings:
        return [*findings, Finding(path.name, "archive", "not unpacked: nothing else was looked at", True)]
    with tempfile.TemporaryDirectory() as place:
        unpack(path, Path(place))
        return list(_folder_findings(top_of(Path(place))))


def check_is_one(path: Path) -> None:
    """Refuses a folder that is plainly something else than a bundle.

    Raises:
        InputError: when it holds bundles, or images.
    """
    if not path.is_dir() or (path / "configs").exists():
        return
    bundles = sorted(place.parents[1].name for place in path.glob("*/configs/metadata.json"))
    if bundles:
        raise InputError(f"{path}: holds bundles and is none ({', '.join(bundles[:5])}); name {path / bundles[0]}.")
    if any(file.suffix.lower() in IMAGE_ENDINGS for file in path.iterdir()):
        raise InputError(f"{path}: holds images and is no bundle; name a bundle's folder or zip.")


def metadata_findings(folder: Path) -> list[Finding]:
    """What is wrong with ``configs/metadata.json`` of a folder of which nothing else but tensors is read."""
    path = folder / "configs" / "metadata.json"
    if not path.is_file():
        return [Finding("configs/metadata.json", "config", "is not there: this is no bundle", dangerous=True)]
    return config_findings("configs/metadata.json", path, {})


def is_dangerous(findings: list[Finding]) -> bool:
    """Whether any finding is."""
    return any(finding.dangerous for finding in findings)


def format_findings(findings: list[Finding], full: bool = True) -> str:
    """The findings as text: the verdict, what is dangerous, then the rest.

    Args:
        findings: of a bundle.
        full: list the rest, and not only how many there are of each kind.
    """
    dangerous = [finding for finding in findings if finding.dangerous]
    rest = [finding for finding in findings if not finding.dangerous]
    if dangerous:
        verdict = (
            f"DANGER: of {counted(len(findings), 'finding')}, {len(dangerous)} may do harm; understand them before you "
            "run this bundle."
        )
    elif any(finding.kind == "code" for finding in findings):
        verdict = "Nothing dangerous found. The bundle has code of its own: read it, as no check is complete."
    else:
        verdict = "Nothing dangerous found, and no code of its own."
    shown = [*dangerous, *rest] if full else dangerous
    lines = [f"{'DANGER ' if f.dangerous else '       '}{f.kind:<11}{f.place}: {f.what}" for f in shown]
    if rest and not full:
        kinds = ", ".join(f"{kind} {count}" for kind, count in Counter(finding.kind for finding in rest).items())
        lines.append(f"{'Harmless' if dangerous else 'It holds'}: {kinds}; --full lists them.")
    return "\n".join([verdict, *lines])


def _folder_findings(folder: Path) -> Iterator[Finding]:
    files = files_to_inspect(folder)
    imported: dict[str, str] = {}
    for name, file in files.items():
        if _is_config(name, file):
            imported |= config_imports(file)
    for name, file in files.items():
        yield from _file_findings(name, file, imported)
    if "configs/metadata.json" not in files:
        yield Finding("configs/metadata.json", "config", "is not there: this is no bundle", dangerous=True)
    yield from hash_findings(folder, files)


def _is_config(name: str, file: Path) -> bool:
    return name.startswith("configs/") and file.suffix.lower() in CONFIGS and not file.is_symlink()


def _file_findings(name: str, file: Path, imported: Mapping[str, str]) -> Iterator[Finding]:
    suffix = file.suffix.lower()
    if file.is_symlink():
        yield Finding(name, "archive", f"is a link to {file.readlink()}", True)
    elif kind := executable_kind(file):
        yield Finding(name, "code", kind, True)
    elif is_system_file(file.name):
        yield Finding(name, "leftover", "of a system, which nothing reads")
    elif file.stem == "large_files" and suffix in CONFIGS:
        yield Finding(name, "config", "downloads files, which nobody has looked at", True)
    elif suffix == ".py":
        yield from code_findings(name, file)
    elif _is_config(name, file):
        yield from config_findings(name, file, imported)
    elif suffix in LOGGING:
        yield from logging_findings(name, file)
    elif suffix in WEIGHTS:
        yield from weight_findings(name, file)
