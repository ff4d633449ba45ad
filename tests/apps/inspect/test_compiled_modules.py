"""Modules that Python compiled beside their source are no danger; those that hold other code are."""

from __future__ import annotations

import compileall
import marshal
import shutil
import struct
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType

import pytest

from mani_monai import Model
from mani_monai.apps.inspect.compiled_modules import CACHE, compiled_modules
from mani_monai.apps.inspect.inspection import inspect_bundle, is_dangerous
from mani_monai.utils import InputError
from mani_monai.utils.archive import files_of, write_archive
from mani_monai.utils.places import place_of


@pytest.fixture
def taken(tmp_path, monkeypatch) -> Path:
    """An export that MONAI ran once, so that its modules are compiled."""
    monkeypatch.setattr("sys.pycache_prefix", None)
    kept, ignored = place_of("pretrained") / "mani_unet", shutil.ignore_patterns(CACHE)
    folder = shutil.copytree(kept, tmp_path / "mani_unet", ignore=ignored)
    assert compileall.compile_dir(folder / "scripts", quiet=1)
    assert list(folder.rglob("*.pyc"))
    return folder


def dangers(path: Path) -> list[str]:
    return [f"{finding.place}: {finding.what}" for finding in inspect_bundle(path) if finding.dangerous]


def compiled(folder: Path) -> Path:
    return next((folder / "scripts" / "utils" / CACHE).glob("errors.*.pyc"))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_was_compiled_of_its_source(taken, level):
    assert compileall.compile_dir(taken / "scripts", quiet=1, optimize=level)
    assert not is_dangerous(inspect_bundle(taken))
    assert Model.open(taken, "cpu", "float32").name == "mani_unet"


def test_in_a_zip(taken):
    write_archive(taken, taken.with_suffix(".zip"))
    assert not dangers(taken.with_suffix(".zip"))


def test_other_code_under_the_name_of_a_module(taken):
    """Python would run it in the module's place, since its header names the module's time and size."""
    innocent, path = taken / "scripts" / "utils" / "errors.py", compiled(taken)
    text = innocent.read_text()
    innocent.write_text(text.replace("isfinite(number)", "isfinite(9.0)"))
    hostile = taken.parent / "hostile"
    assert compileall.compile_dir(innocent.parent, quiet=1, force=True)
    innocent.write_text(text)
    header = path.read_bytes()[:8] + struct.pack("<II", int(innocent.stat().st_mtime), len(text))
    hostile.write_bytes(header + path.read_bytes()[16:])
    hostile.replace(path)
    place = path.relative_to(taken).as_posix()
    assert [line.split(":")[0] for line in dangers(taken)] == [place, place]
    with pytest.raises(InputError, match=f"delete every {CACHE}"):
        Model.open(taken)


@pytest.mark.parametrize("cut", [0, 3, 16, 40])
def test_damaged(taken, cut):
    path = compiled(taken)
    path.write_bytes(path.read_bytes()[:cut])
    assert dangers(taken)[0].startswith(path.relative_to(taken).as_posix())


def test_of_another_python_and_without_source(taken):
    path = compiled(taken)
    other = path.with_name("errors.cpython-31.pyc")
    other.write_bytes(b"\0\0\0\0" + path.read_bytes()[4:])
    alone = path.with_name(f"gone.{sys.implementation.cache_tag}.pyc")
    shutil.copy(path, alone)
    told = compiled_modules(files_of(taken))
    assert path.relative_to(taken).as_posix() in told
    assert not {other.relative_to(taken).as_posix(), alone.relative_to(taken).as_posix()} & told


TEXT = "def total(items):\n    found = 0\n    for each in items:\n        found = found + len(each)\n    return found\n"


def written(folder: Path, code: bytes) -> set[str]:
    """What is told of a module whose compiled form holds some code."""
    source = folder / "total.py"
    source.write_text(TEXT)
    path = folder / CACHE / f"total.{sys.implementation.cache_tag}.pyc"
    path.parent.mkdir()
    path.write_bytes(MAGIC_NUMBER + bytes(12) + code)
    return compiled_modules({"total.py": source, f"{CACHE}/{path.name}": path})


def compiled_text(name: str = "total.py") -> CodeType:
    return compile(TEXT, name, "exec", dont_inherit=True)


def function_of(code: CodeType) -> CodeType:
    return next(each for each in code.co_consts if isinstance(each, CodeType))


def test_code_as_it_was_compiled(tmp_path):
    assert written(tmp_path, marshal.dumps(compiled_text("elsewhere.py")))


def test_a_stack_of_another_size_is_other_code(tmp_path):
    """Python takes both for equal, and writes beyond a stack that is too small."""
    code = compiled_text()
    function = function_of(code)
    small = code.replace(co_consts=(function.replace(co_stacksize=0), *code.co_consts[1:]))
    assert not written(tmp_path, marshal.dumps(small))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python specialises no instruction")
def test_specialised_instructions_are_other_code(tmp_path):
    """They look names up where their operands say, and Python takes them for the plain ones."""
    names: dict = {}
    exec(compiled_text(), names)
    for _ in range(100):
        names["total"](["a", "bc"])
    plain = function_of(compiled_text()).co_code
    special = names["total"].__code__._co_code_adaptive
    assert special != plain
    assert not written(tmp_path, marshal.dumps(compiled_text()).replace(plain, special))
