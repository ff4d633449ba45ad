"""Modules that an installation compiled in the bundle that came along are no danger; in a stranger's they are."""

from __future__ import annotations

import compileall
import shutil

from mani_monai.apps.inspect.inspection import inspect_bundle, is_dangerous
from mani_monai.utils.places import VARIABLE, place_of


def test_pip_compiles_what_came_along(tmp_path, monkeypatch):
    kept = place_of("pretrained") / "mani_unet"
    ignored = shutil.ignore_patterns("__pycache__")
    own = shutil.copytree(kept, tmp_path / "home" / "pretrained" / "mani_unet", ignore=ignored)
    strange = shutil.copytree(kept, tmp_path / "strange", ignore=ignored)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    monkeypatch.setattr("sys.pycache_prefix", None)
    for folder in (own, strange):
        assert compileall.compile_dir(folder / "scripts", quiet=1)
        assert list(folder.rglob("*.pyc"))
    assert not is_dangerous(inspect_bundle(own))
    assert {finding.what for finding in inspect_bundle(strange) if finding.dangerous} == {
        "is a program or a compiled library",
        "has no hash",
    }
