"""What an expression or a target may name: tables of harmless and of hostile ones."""

from __future__ import annotations

import pytest

from mani_monai.apps.inspect.inspected_names import expression_fault, import_fault, imports_of, target_fault

IMPORTS = ("from pathlib import Path", "import os", "import sys as s", "from operator import methodcaller, attrgetter")
IMPORTED = {name: dotted for statement in IMPORTS for name, dotted in imports_of(statement).items()}


@pytest.mark.parametrize(
    "expression",
    [
        "@network.to(@device)",
        "@network::a#0 and len(@images) % @batch",
        "torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "sorted(str(p) for p in Path(@image_dir).glob('[!.]*') if p.suffix.lower() in @suffixes)",
        "os.path.join(@bundle_root, 'models')",
        "s.exit('no images')",
        "setattr(torch.backends.cudnn, 'benchmark', True)",
        "methodcaller('convert', 'RGB')",
        "lambda x: np.asarray(x)[..., :3]",
        "@evaluator.run() or @network.eval()",
    ],
)
def test_harmless_expressions(expression):
    assert expression_fault(expression, IMPORTED) is None


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("__import__('os')", "function of Python that may do anything"),
        ("eval('1')", "function of Python"),
        ("open('/etc/passwd').read()", "function of Python"),
        ("os.system('id')", "reaches into Python itself or changes files"),
        ("os.kill(1, 9)", "may do anything to the machine"),
        ("print(os)", "may do anything to the machine"),
        ("torch.os.system('id')", "reaches"),
        ("torch.os.kill(1, 9)", "reaches"),
        ("s.modules['os']", "may do anything"),
        ("torch.load('model.pt')", "loads, saves or starts"),
        ("torch.hub.load('a/b', 'c')", "loads, saves or starts"),
        ("map(torch.load, ['a'])", "loads, saves or starts"),
        ("np.load('a.npy', allow_pickle=True)", "loads, saves or starts"),
        ("getattr(torch, 'load')('a')", "getattr of 'load'"),
        ("getattr(torch, 'lo' + 'ad')('a')", "only a run would tell"),
        ("attrgetter('os.system')(torch)", "attrgetter of 'os.system'"),
        ("methodcaller('unlink')(Path('a'))", "methodcaller of 'unlink'"),
        ("().__class__.__base__.__subclasses__()", "reaches into Python"),
        ("@network.__class__", "reaches into Python"),
        ("Path('a').write_text('b')", "changes files"),
        ("(eval('1'), [0 for eval in [1]])", "function of Python"),
        ("(lambda exec: 1, exec('1'))", "function of Python"),
        ("unknown(1)", "not defined in this config"),
        ("import os; os.system('id')", "cannot be parsed"),
        ("monai.bundle.run(config_file='x')", "loads, saves or starts"),
    ],
)
def test_hostile_expressions(expression, reason):
    assert reason in expression_fault(expression, IMPORTED)


@pytest.mark.parametrize(
    "target", ["Compose", "monai.transforms.Compose", "torch.optim.Adam", "@train::step", "scripts.a.B"]
)
def test_harmless_targets(target):
    assert target_fault(target) is None


@pytest.mark.parametrize(
    "target",
    ["os.system", "builtins.eval", "eval", "subprocess.run", "torch.load", "torch.hub.load", "mani_monai.losses.XLoss",
     "monai.utils.os.kill", "torch.nn.Module.__init__", "pathlib.Path.unlink", "monai.apps.download_url"],
)  # fmt: skip
def test_hostile_targets(target):
    assert target_fault(target)


@pytest.mark.parametrize(
    "statement",
    ["import os", "from os import path", "from monai.utils import set_determinism",
     "from fire.parser import DefaultParseValue"],
)  # fmt: skip
def test_harmless_imports(statement):
    assert import_fault(statement) is None


@pytest.mark.parametrize(
    "statement",
    [
        "import subprocess",
        "from os import system",
        "import torch.hub",
        "from sys import modules",
        "from fire import Fire",
        "from fire.parser import sys as s",
        "import fire.parser",
        "from argparse import _sys",
    ],
)
def test_hostile_imports(statement):
    assert import_fault(statement)


def test_imports_bind_their_names():
    assert imports_of("import torch.nn as n, os.path") == {"n": "torch.nn", "os": "os"}
    assert imports_of("from a.b import c as d") == {"d": "a.b.c"}
