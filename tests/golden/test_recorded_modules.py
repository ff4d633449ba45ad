"""The record of an export has the carried modules as they are, so that a change of one is seen without a training."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import mani_monai
from mani_monai.apps.export.carried_modules import renamed

SCRIPTS = "mani_unet/scripts/"


def test_carried_modules_are_as_recorded():
    record = json.loads((Path(__file__).parent / "export.json").read_text(encoding="utf-8"))
    names = [name for name in record if name.startswith(SCRIPTS) and not name.endswith("__init__.py")]
    assert len(names) > 10
    project = Path(mani_monai.__file__).parent
    texts = {name: renamed((project / name[len(SCRIPTS) :]).read_text(encoding="utf-8")) for name in names}
    assert {name: sha256(text.encode()).hexdigest() for name, text in texts.items()} == {
        name: record[name] for name in names
    }
