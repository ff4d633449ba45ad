"""Hashes of files."""

from __future__ import annotations

import hashlib

from mani_monai.utils.hashes import file_hash


def test_a_files_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
