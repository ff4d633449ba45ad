"""The site of pages: it builds strictly, no link is dead, nothing of this machine is in it."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

REPOSITORY = Path(__file__).parents[1]

NO_REFERENCE = ("mani_monai.utils", "mani_monai.run")
"""Packages that others need no name of, but for InputError."""
HEADING = r'<h\d id="(mani_monai[^"]+)" class="doc doc-heading"'

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(line, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def links_of(page: Path) -> list[str]:
    found = re.findall(r'(?:href|src)="([^"#]+)(?:#[^"]*)?"', page.read_text(encoding="utf-8"))
    return [unquote(link) for link in found if not re.match(r"[a-z]+:|//|/", link)]


def test_every_link_within_it_leads_somewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    dead = {
        f"{page.relative_to(site)} -> {link}"
        for page in pages
        for link in links_of(page)
        if not Path(os.path.normpath(page.parent / link)).exists()
    }
    assert dead == set()


def test_results_configs_and_the_readme_are_in_it(site):
    assert (site / "studies" / "results" / "table1.html").is_file()
    assert (site / "bundles" / "mani_unet" / "configs" / "methods" / "stain_adabn.json").is_file()
    assert "Count nuclei in your images" in (site / "front.html").read_text(encoding="utf-8")


def public_names() -> set[str]:
    """Functions and classes that a package of the reference gives to others, and all that a config names."""
    names = set()
    for path in (REPOSITORY / "mani_monai").rglob("__init__.py"):
        package = ".".join(path.parent.relative_to(REPOSITORY).parts)
        if package in NO_REFERENCE or package.startswith("mani_monai.apps"):
            continue
        module = importlib.import_module(package)
        given = {name: getattr(module, name) for name in getattr(module, "__all__", [])}
        names |= {name for name, value in given.items() if inspect.isclass(value) or inspect.isfunction(value)}
    for path in (REPOSITORY / "bundles").rglob("*.json"):
        targets = re.findall(r'"_target_": "mani_monai\.([\w.]+)"', path.read_text(encoding="utf-8"))
        names |= {target.rpartition(".")[2] for target in targets}
    return names


def test_docstrings_are_the_reference_of_every_public_name(site):
    pages = (site / "api").glob("*.html")
    headings = [name for page in pages for name in re.findall(HEADING, page.read_text(encoding="utf-8"))]
    assert public_names() - {name.rpartition(".")[2] for name in headings} == set()
    assert {"Model.open", "Nuclei.save", "Declaration.from_metadata"} <= {
        ".".join(name.split(".")[-2:]) for name in headings
    }


def test_nothing_of_this_machine_is_in_it(site):
    assert [page for page in site.rglob("*.html") if str(REPOSITORY) in page.read_text(encoding="utf-8")] == []
