"""The documents: their commands exist, methods.md is the overlays', licences lie beside what they are for."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import shlex
import sys
from functools import cache
from pathlib import Path

import pytest
from monai.bundle import ConfigParser

from mani_monai.__main__ import COMMANDS, command
from mani_monai.apps.configs.configs_command import methods_page
from mani_monai.config_index import bundle_folders
from studies.__main__ import COMMANDS as STUDIES

REPOSITORY = Path(__file__).parents[1]
BUNDLES = bundle_folders()
DOCUMENTS = [
    REPOSITORY / "README.md",
    *(bundle / "docs" / "README.md" for bundle in BUNDLES),
    REPOSITORY / "pretrained" / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "studies").rglob("*.md")),
]
ABOUT = [REPOSITORY / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]


NO_COMMANDS = (
    "architecture.md",
    "glossary.md",
    "index.md",
    "strong_stain_plan.md",
    "teacher_plan.md",
    "contour_plan.md",
    "verdict_plan.md",
    "trained_plan.md",
    "weights_plan.md",
)
"""Pages that give none."""


LAUNCHER = re.compile(r"^torchrun .*?(?=-m )|^docker run .* (?=mani )")
"""What starts a command elsewhere, in processes or in an image; its options are its own."""


def commands_of(text):
    """The commands in a document's fenced blocks, each split into words; a backslash continues a line."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S)
    lines = [LAUNCHER.sub("", line) for line in "\n".join(blocks).replace("\\\n", " ").splitlines()]
    return [
        shlex.split(line, comments=True)
        for line in lines
        if re.search(r"(\bpython3? |^)(-m monai|-m studies \w|scripts/|benchmarks/)|^\s*mani ", line)
    ]


def options_of(words):
    options = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            options[name] = value if equals else following
    return options


@cache
def module_of(path):
    spec = importlib.util.spec_from_file_location(f"documented_{path.stem}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)  # as where it is run: benchmarks import one another
        spec.loader.exec_module(module)
    return module


def of_bundles(file):
    """A file of the repository; in place of one in a run's folder, those of the bundles that a run may be of."""
    run = file and re.fullmatch(r"(?:runs/[^/]+|bundles/(\w+)/run(?:_finetuned)?)/configs/(\w+\.json)", file)
    if not run:
        return [file] if file else []
    return [f"bundles/{name}/configs/{run[2]}" for name in ([run[1]] if run[1] else [b.name for b in BUNDLES])]


def faults_of(words):
    """What of a command does not exist: a file of the repository, an option, a bundle command, a script's command."""
    options = options_of(words)
    faults = []
    if "monai.bundle" in words:
        command = getattr(importlib.import_module("monai.bundle"), words[words.index("monai.bundle") + 1], None)
        if command is None:
            return [" ".join(words)]
        known = set(inspect.signature(command).parameters)
        text = options.get("config_file", "[]")
        files = ast.literal_eval(text) if text.startswith("[") else [text]
        files = [part for file in files for part in of_bundles(file)]
        for file in [*files, *(part for name in ("meta_file",) for part in of_bundles(options.get(name)))]:
            if not (REPOSITORY / file).is_file():
                faults.append(file)
        parser = ConfigParser(config={})
        for file in [file for file in files if file not in faults]:
            for key, value in json.loads((REPOSITORY / file).read_text()).items():
                parser[key.removeprefix("+")] = value
        return faults + [name for name in options if name not in known and name not in parser]
    if "studies" in words:
        name = words[words.index("studies") + 1]
        if name not in STUDIES:
            return [name]
        function = getattr(importlib.import_module(f"studies.{STUDIES[name][0]}"), name)
        return [option for option in options if option not in inspect.signature(function).parameters]
    if "mani" in words:
        return faults_of_mani(words[words.index("mani") + 1 :], options)
    script = next(word for word in words if word.startswith(("scripts/", "benchmarks/")))
    if not (REPOSITORY / script).is_file():
        return [script]
    if script.startswith("scripts/"):
        first = re.search(r'main\(first="(\w+)"\)', (REPOSITORY / script).read_text())[1]
        return faults_of_mani([first, *words[words.index(script) + 1 :]], options)
    module = module_of(REPOSITORY / script)
    functions = {
        name: function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
    }
    command = words[words.index(script) + 1 :][:1]
    named = [functions[command[0]]] if command and command[0] in functions else list(functions.values())
    known = {name for function in named for name in inspect.signature(function).parameters}
    return [name for name in options if name.replace("-", "_") not in known | {"help"}]


def faults_of_mani(words, options):
    """What of a command of ``mani`` does not exist: the command, its part, an option."""
    if not words or words[0] not in COMMANDS:
        return words[:1] if words and words[0] not in ("--help", "--version") else []
    found = command(words[0])
    if isinstance(found, dict):
        if len(words) < 2 or words[1] not in found:
            return words[1:2]
        found = found[words[1]]
    known = set(inspect.signature(found).parameters) | {"help"}
    return [name for name in options if name.replace("-", "_") not in known]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_commands_in_documents_exist(path):
    commands = commands_of(path.read_text())
    assert commands or path.name in NO_COMMANDS or path.parent.name == "api"
    assert {" ".join(words): faults for words in commands if (faults := faults_of(words))} == {}


@pytest.mark.parametrize(
    ("command", "faults"),
    [
        ("python -m monai.bundle run --config_file bundles/mani_unet/configs/none.json", 1),
        ("python -m monai.bundle run --config_file bundles/mani_unet/configs/train.json --warm_up 3", 1),
        ("python -m monai.bundle run --config_file bundles/mani_unet/configs/train.json --warmup=3", 0),
        ("python -m monai.bundle runn --config_file bundles/mani_unet/configs/train.json", 1),
        ("python -m monai.bundle run \\\n --config_file \"['bundles/mani_unet/configs/train.json','x.json']\"", 1),
        ("python -m monai.bundle run --config_file bundles/mani_unet/configs/train.json --train::trainer::epochs 3", 1),
        ("python -m monai.bundle verify_metadata --meta_fil bundles/mani_unet/configs/metadata.json", 1),
        ("python scripts/prepare_data.py tnbc --root path --out data", 0),
        ("python scripts/prepare_data.py tnbc --organ kidney", 1),
        ("python scripts/prepare_data.py consep --root path --window 540 --step 164", 0),
        ("python -m monai.bundle run --config_file runs/x/configs/inference.json --image_dir x", 0),
        ("python -m monai.bundle run --config_file runs/x/configs/none.json", 2),
        ("python scripts/none.py", 1),
        ("mani infer --bundle b --mppp 1", 1),
        ("mani prepare folder --images i --name n", 0),
        ("mani prepares", 1),
        ('docker run --rm -v "$PWD:/data" mani \\\n  infer --bundle b --images i', 0),
        ("docker run --rm mani infer --bundle b --imagez i", 1),
        ("torchrun --nproc_per_node 2 -m monai.bundle run --config_file bundles/mani_unet/configs/train.json", 0),
        ("torchrun --nproc_per_node 2 -m monai.bundle run --config_file bundles/mani_unet/configs/none.json", 1),
        ("mani --help", 0),
        ("python -m studies tabel --seeds 1", 1),
        ("python -m studies table --seeds 1 --jbos 2", 1),
        ("python benchmarks/iteration_cost.py --size 128 --pairz 4", 1),
    ],
)
def test_wrong_commands_would_be_noticed(command, faults):
    (words,) = commands_of(f"```\n{command}\n```\n")
    assert len(faults_of(words)) == faults


@pytest.mark.parametrize("path", [*DOCUMENTS, *ABOUT], ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_blocks_in_lists_are_indented_by_four(path):
    """Less ends the list in the site, whose numbers then begin anew."""
    assert not re.search(r"^ {1,3}```", path.read_text(), re.M)


def test_files_shown_in_documents_are_those_of_the_repository():
    """A link that ends a line with a colon, then a block: the block is the file."""
    shown = []
    for path in DOCUMENTS:
        for link, block in re.findall(r"\]\((\S+)\):\n\n```\w+\n(.*?)^```", path.read_text(), re.M | re.S):
            shown.append(link)
            assert block == (path.parent / link).read_text(), f"{path.name}: {link}"
    assert len(shown) >= 3


def test_the_row_shown_is_that_of_the_table():
    shown = re.search(r'^("entropy_minimisation": .*)$', (REPOSITORY / "docs" / "adding_a_method.md").read_text(), re.M)
    methods = json.loads((REPOSITORY / "studies" / "plans" / "table1.json").read_text())["methods"]
    assert json.loads(f"{{{shown[1]}}}")["entropy_minimisation"] == methods["entropy_minimisation"]


@pytest.mark.parametrize("path", [*DOCUMENTS, *ABOUT], ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_to_files(path):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", [*DOCUMENTS, *ABOUT], ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_into_pages_lead_to_headings_or_anchors(path):
    lost = []
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", path.read_text()):
        page = (path.parent / link if link else path).read_text()
        headings = re.findall(r"^#+ (.*)$", page, re.M)
        slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        if anchor not in slugs | set(re.findall(r'<a id="([^"]+)">', page)):
            lost.append(f"{link}#{anchor}")
    assert lost == []


def test_the_page_of_methods_is_that_of_the_overlays():
    page = REPOSITORY / "docs" / "methods.md"
    assert page.read_text() == methods_page(BUNDLES, page.parent), "write it anew: mani configs --page docs/methods.md"


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_licences_are_there(bundle):
    for path in (REPOSITORY / "LICENSE", bundle / "LICENSE"):
        text = path.read_text()
        assert "Apache License" in text
        assert "END OF TERMS AND CONDITIONS" in text
    assert "toy" in (bundle / "docs" / "data_license.txt").read_text().lower()
