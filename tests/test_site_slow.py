"""The site of pages: it builds strictly, no link is dead, nothing of this machine is in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

REPOSITORY = Path(__file__).parents[1]

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


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("model", ["Model.open", "Nuclei.save", "Declaration.from_metadata"]),
        ("losses", ["MutualInformationLoss", "TargetSupportsLoss"]),
        ("transforms", ["PartNucleid", "NormaliseStainsd"]),
        ("data", ["read_folder", "PairedDataset"]),
    ],
)
def test_docstrings_are_the_reference(site, page, names):
    headings = re.findall(r'<h\d id="([^"]+)" class="doc doc-heading"', (site / "api" / f"{page}.html").read_text())
    for name in names:
        assert any(heading.endswith(name) for heading in headings), name


def test_nothing_of_this_machine_is_in_it(site):
    assert [page for page in site.rglob("*.html") if str(REPOSITORY) in page.read_text(encoding="utf-8")] == []
