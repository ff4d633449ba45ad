"""Zips that would leave their folder or fill the disk: told before anything of them is written."""

from __future__ import annotations

import errno
import re
import stat
import zipfile
from pathlib import Path

import pytest

from mani_monai.apps.inspect import inspected_archive
from mani_monai.apps.inspect.inspected_archive import archive_findings, unpack
from mani_monai.apps.inspect.inspection import inspect_bundle
from mani_monai.utils import InputError


def faults(path: Path) -> list[str]:
    return [f"{finding.place}: {finding.what}" for finding in inspect_bundle(path) if finding.dangerous]


def entry(name: str, mode: int = 0o644 | stat.S_IFREG) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


@pytest.mark.parametrize(
    ("info", "content", "danger"),
    [
        (entry("../outside.txt"), b"x", "leaves its folder"),
        (entry("a/../../outside.txt"), b"x", "leaves its folder"),
        (entry("..\\outside.txt"), b"x", "leaves its folder"),
        (entry("/outside.txt"), b"x", "absolute path"),
        (entry("C:\\outside.txt"), b"x", "absolute path"),
        (entry("a/link", 0o777 | stat.S_IFLNK), b"/etc", "is a link"),
        (entry("a/bomb"), bytes(2**22), "grows from"),
        (entry("a/pipe", 0o644 | stat.S_IFIFO), b"", "is a link or a device"),
    ],
)
def test_archives_that_leave_their_folder_or_fill_the_disk(tmp_path, info, content, danger):
    path = tmp_path / "in" / "bundle.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, content)
    found = faults(path)
    assert danger in found[0]
    assert "not unpacked" in found[-1]
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "bundle.zip"]


def test_an_archive_with_twins(tmp_path):
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x.txt", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a/x.txt", b"2")
    assert "a/x.txt: stands twice" in faults(path)


@pytest.mark.parametrize(("limit", "value"), [("LARGEST", 5), ("MOST_FILES", 1)])
def test_archives_that_hold_too_much(tmp_path, monkeypatch, limit, value):
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a/x.txt", "a/y.txt"):
            archive.writestr(name, b"123")
    assert archive_findings(path) == []
    monkeypatch.setattr(inspected_archive, limit, value)
    assert "unpacks to 2 files" in archive_findings(path)[0].what


def test_an_archive_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x.txt", b"plain words")
    path.write_bytes(path.read_bytes().replace(b"plain words", b"other words"))
    with pytest.raises(InputError, match=r"bundle\.zip: a/x\.txt cannot be unpacked"):
        unpack(path, tmp_path / "out")


def test_an_encrypted_archive_cannot_be_looked_at(tmp_path):
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x.txt", b"1")
    content = path.read_bytes()
    flags = content.index(b"PK\x01\x02") + 8
    path.write_bytes(content[:flags] + b"\x01" + content[flags + 1 :])
    assert "a/x.txt: is encrypted: it cannot be looked at" in faults(path)


def test_unpacking_gives_every_file(tmp_path):
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/empty/", b"")
        archive.writestr("a/b/x.txt", b"1")
    unpack(path, tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b" / "x.txt").read_bytes() == b"1"
    assert (tmp_path / "out" / "a" / "empty").is_dir()


def test_a_folder_that_takes_no_more_is_named_and_not_the_zip_blamed(tmp_path, monkeypatch):
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x.txt", b"1")

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(inspected_archive, "open", full, raising=False)
    where = re.escape(f"{path}: cannot be unpacked to {tmp_path / 'out'} (No space left on device); free some space")
    with pytest.raises(InputError, match=f"^{where} there, or name another folder in TMPDIR.$"):
        unpack(path, tmp_path / "out")
