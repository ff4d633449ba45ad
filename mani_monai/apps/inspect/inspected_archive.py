"""A zip that may be hostile: what is wrong with it, told from its directory before anything is written."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PureWindowsPath

from mani_monai.apps.inspect.findings import Finding
from mani_monai.utils import InputError
from mani_monai.utils.folders import is_leftover
from mani_monai.utils.one_line import NO_PLACE

LARGEST = 16 * 2**30  # bytes of all files unpacked
RATIO, SMALL = 200, 2**20  # a file this much smaller packed, and larger than this unpacked, is a bomb
MOST_FILES = 10_000


ZIP_ERRORS = (zipfile.BadZipFile, EOFError, RuntimeError, OSError, ValueError, OverflowError, struct.error, zlib.error)
"""What zipfile raises of damaged files; an unknown version is a NotImplementedError, which is a RuntimeError."""


def archive_findings(path: Path) -> list[Finding]:
    """Entries that would leave the folder, follow a link, or fill the disk.

    Args:
        path: the zip.

    Raises:
        InputError: when it is no zip.
    """
    with _opened(path) as archive:
        entries = archive.infolist()
    findings = [Finding(entry.filename, "archive", fault, True) for entry in entries for fault in _faults(entry)]
    names = Counter(entry.filename.lower() for entry in entries)
    findings += [Finding(name, "archive", "stands twice", True) for name, count in names.items() if count > 1]
    total = sum(entry.file_size for entry in entries)
    if total > LARGEST or len(entries) > MOST_FILES:
        what = f"unpacks to {len(entries)} files of {total / 2**30:.1f} GiB in all"
        findings.append(Finding(path.name, "archive", what, True))
    return findings


def unpack(path: Path, folder: Path) -> None:
    """Unpacks a zip of which :func:`archive_findings` found nothing.

    Raises:
        InputError: when it is damaged, or holds more than its directory says, or the folder takes no more.
    """
    with _opened(path) as archive:
        for entry in archive.infolist():
            target = folder / entry.filename
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with archive.open(entry) as stream, open(target, "wb") as into:
                    left = entry.file_size
                    while chunk := stream.read(2**20):
                        left -= len(chunk)
                        if left < 0:
                            raise zipfile.BadZipFile("more in it than said")
                        into.write(chunk)
            except ZIP_ERRORS as error:
                if isinstance(error, OSError) and error.errno in NO_PLACE:
                    remedy = "free some space there, or name another folder in TMPDIR"
                    raise InputError(f"{path}: cannot be unpacked to {folder} ({error.strerror}); {remedy}.") from error
                raise InputError(f"{path}: {entry.filename} cannot be unpacked ({error}).") from error


def top_of(place: Path) -> Path:
    """The bundle in a folder that a zip was unpacked to: the one folder beside leftovers, or the folder itself."""
    tops = [path for path in place.iterdir() if not is_leftover(path)]
    return tops[0] if len(tops) == 1 and tops[0].is_dir() else place


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except ZIP_ERRORS as error:
        raise InputError(f"{path}: is no zip ({error}); name a bundle's folder or zip.") from error


def _faults(entry: zipfile.ZipInfo) -> list[str]:
    faults = []
    windows = PureWindowsPath(entry.filename)
    if windows.drive or windows.root:
        faults.append("has an absolute path")
    if ".." in windows.parts:
        faults.append("leaves its folder")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        faults.append("is a link or a device" if kind != stat.S_IFLNK else "is a link")
    if entry.file_size > SMALL and entry.file_size > RATIO * max(entry.compress_size, 1):
        faults.append(f"grows from {entry.compress_size} to {entry.file_size} bytes")
    if entry.flag_bits & 1:
        faults.append("is encrypted: it cannot be looked at")
    return faults
