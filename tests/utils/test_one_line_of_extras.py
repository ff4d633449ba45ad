"""A package that an extra brings and that is missing is said in one line, with the extra."""

from __future__ import annotations

import ast
import re
import sys

import pytest
import tomllib
from bundle_files import REPOSITORY

from mani_monai.__main__ import main
from mani_monai.utils.one_line import EXTRAS, missing_extra

DISTRIBUTIONS = {
    "PIL": "pillow", "ignite": "pytorch-ignite", "openslide": "openslide-python", "pydicom": "highdicom",
    "skimage": "scikit-image", "yaml": "pyyaml",
}  # fmt: skip
"""What a module is installed by, where its name is another or another package brings it."""
ELSEWHERE = {"monailabel", "nrrd"}
"""Packages of an environment of their own, and those that the package does without."""
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def installed_with(dependencies):
    return {re.split(r"[\[>=]", dependency)[0] for dependency in dependencies}


def imported():
    """Names of the modules of other packages that the package imports anywhere."""
    for path in (REPOSITORY / "mani_monai").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.partition(".")[0]


def test_every_extra_brings_what_it_is_named_for():
    for module, extra in EXTRAS.items():
        assert DISTRIBUTIONS.get(module, module) in installed_with(PROJECT["optional-dependencies"][extra])


def test_the_package_alone_brings_all_else_that_it_imports():
    base = installed_with(PROJECT["dependencies"])
    others = set(imported()) - set(sys.stdlib_module_names) - {"mani_monai", *EXTRAS, *ELSEWHERE}
    assert {"torch", "matplotlib", "onnxruntime"} <= others
    assert {name for name in others if DISTRIBUTIONS.get(name, name) not in base} == set()


def test_other_errors_are_not_taken_for_it():
    assert missing_extra(ModuleNotFoundError("No module named 'x'", name="x")) is None
    assert missing_extra(ModuleNotFoundError("some module")) is None
    assert missing_extra(ImportError("cannot import name", name="pyarrow")) is None
    found = missing_extra(ModuleNotFoundError("No module named 'pyarrow.parquet'", name="pyarrow.parquet"))
    assert found == 'the package pyarrow is missing; pip install "mani-monai[slides]".'


def test_a_command_without_its_packages_ends_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for name in [name for name in sys.modules if name.startswith("mani_monai.apps.slides")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit, match=r'^the package pyarrow is missing; pip install "mani-monai\[slides\]"\.$'):
        main(["slides", "--bundle", "pretrained/mani_unet", "--slides", str(tmp_path), "--out", str(tmp_path / "out")])
