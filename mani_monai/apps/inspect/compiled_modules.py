"""Modules that Python compiled beside their source, told from others without running any."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CACHE = "__pycache__"
SECONDS = 60
_NAME = re.compile(rf"(?P<folder>(.*/)?){CACHE}/(?P<module>\w+)\.[\w-]+(\.opt-(?P<level>[12]))?\.pyc")
_COMPARE = """
import json, marshal, sys
from importlib.util import MAGIC_NUMBER

def fields(code):
    names = [name for name in dir(code) if name.lstrip("_").startswith("co_")]
    names = [name for name in names if name not in ("co_consts", "co_filename", "co_lnotab")]
    own = [value for name in names if not callable(value := getattr(code, name))]
    return own, [fields(each) for each in code.co_consts if isinstance(each, type(code))]

same = []
for name, compiled, source, optimize in json.load(sys.stdin):
    try:
        with open(compiled, "rb") as stream:
            magic, code = stream.read(16)[:4], stream.read()
        with open(source, "rb") as stream:
            text = stream.read()
        if magic != MAGIC_NUMBER:
            continue
        held, meant = marshal.loads(code), compile(text, source, "exec", 0, True, optimize)
        if held == meant and fields(held) == fields(meant):
            same.append(name)
    except Exception:
        pass
print(json.dumps(same))
"""
"""Compares code as values: none is run. It runs in a process of its own, since bytes made to be hostile may end it.

``==`` compares constants with their types. It leaves out the stack's size and what specialised instructions hold, by
which equal code may do anything: ``fields`` are all that Python shows."""


def compiled_modules(files: Mapping[str, Path]) -> set[str]:
    """Names of compiled modules that hold what the source beside them says, so that whoever read that has read them.

    Python writes them beside a bundle's modules as soon as MONAI runs it, and pip once it installs one.

    Args:
        files: of a bundle, by their names in it.

    Returns:
        those that this version of Python compiles to the same code; it cannot tell for another version's.
    """
    pairs = []
    for name, file in files.items():
        parts = _NAME.fullmatch(name)
        source = files.get(f"{parts['folder']}{parts['module']}.py") if parts else None
        if parts and source and not file.is_symlink():
            pairs.append((name, str(file), str(source), int(parts["level"] or 0)))
    if not pairs:
        return set()
    command = [sys.executable, "-I", "-S", "-c", _COMPARE]
    try:
        done = subprocess.run(
            command, input=json.dumps(pairs), capture_output=True, text=True, timeout=SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return set()
    return set(json.loads(done.stdout))
